"""The HTTP sink against a server of this test: bodies, batches, retries, refusals, authorisation."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from headwater.connect.errors import UsageError
from headwater.testing.connect_rig import ConnectRig
from headwater.testing.connector_suite import SinkConnectorSuite


class Target:
    """A server that notes requests; `answers` are statuses to give first."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status = target.answers.pop(0) if target.answers else 200
                if status == 200:
                    target.requests.append((self.command, self.path, dict(self.headers), body))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", target.url)
                self.end_headers()
                self.wfile.write(b'{"access_token": "given"}' if self.path == "/token" else b"why")

            do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815 - names of the base class

            def log_message(self, *arguments: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def target() -> Iterator[Target]:
    made = Target()
    yield made
    made.close()


class TestHttpSink(SinkConnectorSuite):
    required = "http.api.url"

    async def set_up(self) -> None:
        self.target = Target()

    async def tear_down(self) -> None:
        self.target.close()

    def config(self) -> dict[str, str]:
        return {
            "connector.class": "io.confluent.connect.http.HttpSinkConnector",
            "http.api.url": f"{self.target.url}/items",
            "batch.max.size": "7", "batch.json.as.array": "true", "auth.type": "BEARER", "auth.token": "secret word",
        }  # fmt: skip

    async def held(self) -> list[int]:
        return [item["id"] for request in list(self.target.requests) for item in json.loads(request[3])]


async def test_a_busy_server_is_asked_again_and_a_refused_record_is_left_out(target: Target, tmp_path: Path) -> None:
    target.answers = [503, 429, 400]
    async with ConnectRig(tmp_path) as rig:
        await rig.produce("t", [("a/b", {"n": n}) for n in range(3)])
        await rig.create("sink", {
            "connector.class": "HttpSink", "http.api.url": target.url + "/${topic}/${key}", "topics": "t",
            "request.method": "put", "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dead",
            "headers": "X-One:1|X-Two: b", "key.converter": "StringConverter", "errors.retry.delay.max.ms": "10",
        })  # fmt: skip
        await rig.until(lambda: len(target.requests) == 2, "two requests")
        assert [json.loads(request[3]) for request in target.requests] == [{"n": 1}, {"n": 2}]
        method, path, headers, _ = target.requests[0]
        assert (method, path, headers["X-One"], headers["X-Two"]) == ("PUT", "/t/%22a%2Fb%22", "1", "b")


async def test_a_token_is_fetched_for_oauth2(target: Target, tmp_path: Path) -> None:
    async with ConnectRig(tmp_path) as rig:
        await rig.produce("t", [(None, {"n": 1})])
        await rig.create("sink", {
            "connector.class": "HttpSink", "http.api.url": target.url + "/in", "topics": "t", "auth.type": "OAUTH2",
            "oauth2.token.url": target.url + "/token", "oauth2.client.id": "me", "oauth2.client.secret": "s",
        })  # fmt: skip
        await rig.until(lambda: len(target.requests) == 2, "two requests")
        assert target.requests[1][2]["Authorization"] == "Bearer given"


@pytest.mark.parametrize("status", [401, 403])
async def test_wrong_credentials_fail_the_task_at_once(target: Target, tmp_path: Path, status: int) -> None:
    target.answers = [status]
    async with ConnectRig(tmp_path) as rig:
        await rig.produce("t", [(None, {"n": 1})])
        await rig.worker.create("sink", {"connector.class": "HttpSink", "http.api.url": target.url, "topics": "t"})
        assert f"answered with {status}" in await rig.failed("sink")


async def test_a_server_that_is_away_is_waited_for_and_then_named(tmp_path: Path) -> None:
    async with ConnectRig(tmp_path) as rig:
        await rig.produce("t", [(None, {"n": 1})])
        await rig.worker.create("sink", {
            "connector.class": "HttpSink", "http.api.url": "http://127.0.0.1:1", "topics": "t",
            "errors.retry.timeout": "50", "errors.retry.delay.max.ms": "10",
        })  # fmt: skip
        assert "does not answer" in await rig.failed("sink")


async def test_an_address_has_no_credentials(tmp_path: Path) -> None:
    config = {"connector.class": "HttpSink", "http.api.url": "http://ada:hush-hush@127.0.0.1", "topics": "t"}
    async with ConnectRig(tmp_path) as rig:
        with pytest.raises(UsageError, match="must be without user:password@") as refusal:
            await rig.worker.create("sink", config)
    assert "hush-hush" not in str(refusal.value)


async def test_a_refusal_names_the_key_that_is_missing(tmp_path: Path) -> None:
    config = {"connector.class": "HttpSink", "http.api.url": "http://127.0.0.1", "topics": "t", "auth.type": "BASIC"}
    async with ConnectRig(tmp_path) as rig:
        with pytest.raises(UsageError, match=r"\nconnection\.user: Must be set with auth\.type=BASIC\n"):
            await rig.worker.create("sink", config)


async def test_a_redirect_is_no_delivery(target: Target, tmp_path: Path) -> None:
    """Followed, it would be a GET without the record, with the credentials, to an address of the answer's choice."""
    target.answers = [302]
    async with ConnectRig(tmp_path) as rig:
        await rig.produce("t", [(None, {"n": 1})])
        await rig.worker.create("sink", {"connector.class": "HttpSink", "http.api.url": target.url, "topics": "t"})
        assert "answered with 302" in await rig.failed("sink")


async def test_a_tombstone_is_sent_behind_what_was_there_before_it(target: Target, tmp_path: Path) -> None:
    async with ConnectRig(tmp_path) as rig:
        await rig.produce("t", [("k", {"n": 1}), ("k", None), ("k", {"n": 2})])
        await rig.create("sink", {
            "connector.class": "HttpSink", "http.api.url": target.url + "/${key}", "topics": "t",
            "batch.max.size": "10", "behavior.on.null.values": "delete",
        })  # fmt: skip
        await rig.until(lambda: len(target.requests) == 3, "three requests")
        assert [request[0] for request in target.requests] == ["POST", "DELETE", "POST"]


async def test_a_token_that_has_ended_is_fetched_anew(target: Target, tmp_path: Path) -> None:
    async with ConnectRig(tmp_path) as rig:
        await rig.produce("t", [(None, {"n": 1})])
        await rig.create("sink", {
            "connector.class": "HttpSink", "http.api.url": target.url + "/in", "topics": "t", "auth.type": "OAUTH2",
            "oauth2.token.url": target.url + "/token", "oauth2.client.id": "me", "oauth2.client.secret": "s",
        })  # fmt: skip
        await rig.until(lambda: len(target.requests) == 2, "the first record")
        target.answers = [401]
        await rig.produce("t", [(None, {"n": 2})])
        await rig.until(lambda: len(target.requests) == 4, "the second record")
        assert [request[1] for request in target.requests] == ["/token", "/in", "/token", "/in"]
