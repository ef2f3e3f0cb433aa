"""The REST doors over https, with the certificate that the node makes: for clients of every kind."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import headwater
from headwater.core.errors import StartupError
from tests.app.processes import Running, headwater_up, run

DOORS = {"ksqldb": "/info", "registry": "/subjects", "connect": "/connectors", "console": "/metrics"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("node")


@pytest.fixture(scope="module")
def node(folder: Path) -> Iterator[Running]:
    env = {"HEADWATER_TLS_REST": "true"}
    with headwater_up("--data", str(folder), expect=("kafka", *DOORS), env=env) as running:
        yield running


@pytest.fixture
def ca(folder: Path) -> str:
    return str(folder / "tls" / "ca.pem")


@pytest.mark.parametrize("http2", [False, True])
def test_every_door_speaks_https_and_nothing_else(node: Running, ca: str, http2: bool) -> None:
    with httpx.Client(verify=ssl.create_default_context(cafile=ca), http1=not http2, http2=http2) as client:
        for door, path in DOORS.items():
            url = node.endpoints[door]
            assert url.startswith("https://")
            answer = client.get(url + path)
            assert (answer.status_code, answer.http_version) == (200, "HTTP/2" if http2 else "HTTP/1.1")
            with pytest.raises(httpx.TransportError):
                httpx.get(url.replace("https:", "http:") + path)


def test_the_command_line_trusts_the_authority_it_is_told_of(node: Running, ca: str) -> None:
    url = node.endpoints["ksqldb"]
    told = run("sql", "--server", url, "--ca-file", ca, "-e", "SHOW STREAMS;")
    assert (told.returncode, told.stderr) == (0, "")
    listed = run("connect", "list", "--server", node.endpoints["connect"], env={"HEADWATER_CA_FILE": ca})
    assert (listed.returncode, listed.stderr) == (0, "")
    for stranger in (("sql", "--server", url, "-e", "SHOW STREAMS;"), ("connect", "list", "--server", url)):
        refused = run(*stranger)
        assert refused.returncode == 2
        assert "certificate is not trusted" in refused.stderr
        assert "variable HEADWATER_CA_FILE, or with --ca-file for `headwater sql`" in " ".join(refused.stderr.split())
        assert "headwater up" not in refused.stderr


def test_who_speaks_http_to_an_https_door_is_told_of_https(node: Running) -> None:
    url = node.endpoints["ksqldb"]
    plain = url.replace("https:", "http:")
    for command in (("sql", "--server", plain, "-e", "SHOW STREAMS;"), ("connect", "list", "--server", plain)):
        refused = run(*command)
        assert refused.returncode == 2
        assert f"It may speak https: try {url}" in " ".join(refused.stderr.split())
        assert "headwater up" not in refused.stderr
    with pytest.raises(StartupError, match=f"It may speak https: try {url}"), headwater.remote(plain):
        pass


def test_programs_trust_the_authority_they_are_told_of(node: Running, ca: str) -> None:
    url = node.endpoints["ksqldb"]
    with headwater.remote(url, ca_file=ca) as remote:
        remote.execute(
            "CREATE STREAM IF NOT EXISTS s (a STRING) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');"
        )
        remote.insert("s", [("one",)])
        assert list(remote.query("SELECT a FROM s")) == [("one",)]
    with pytest.raises(StartupError, match="HEADWATER_CA_FILE"), headwater.remote(url):
        pass


def test_a_connection_that_never_shakes_hands_holds_up_nobody(node: Running, ca: str) -> None:
    port = int(node.endpoints["registry"].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)) as rude:
        rude.sendall(b"GET / HTTP/1.1\r\n\r\n")
        answer = httpx.get(node.endpoints["registry"] + "/subjects", verify=ssl.create_default_context(cafile=ca))
        assert answer.status_code == 200
