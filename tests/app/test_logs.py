"""Log records of a node: lines or JSON, and never a secret."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from headwater.app.logs import JsonFormatter
from headwater.broker.auth import ApiKeys
from headwater.wire.messages import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
    SaslHandshakeRequest,
    SaslHandshakeResponse,
)
from tests.broker.server import RawClient, running_broker


def record(message: str, *arguments: object, failed: bool = False) -> logging.LogRecord:
    return logging.LogRecord(
        "headwater.x", logging.WARNING, "x.py", 1, message, arguments, sys.exc_info() if failed else None
    )


def test_a_record_is_an_object_on_one_line() -> None:
    made = record("one %s\ntwo", "ä")
    made.created = 1_700_000_000.5
    line = JsonFormatter().format(made)
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.500+00:00",
        "level": "warning",
        "logger": "headwater.x",
        "message": "one ä\ntwo",
    }


def test_an_exception_is_part_of_its_record() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        line = JsonFormatter().format(record("failed", failed=True))
    assert "ValueError: broken" in json.loads(line)["exception"]


@pytest.mark.parametrize("token", [b"\0key\0hunter2", b"\0hunter2\0x", b"hunter2"])
async def test_a_refused_login_is_logged_without_what_was_sent(token: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with running_broker(verifier=ApiKeys({"key": "secret"})) as running:
        client = await RawClient.connect(running.port)
        await client.ask(SaslHandshakeRequest(mechanism="PLAIN"), 1, SaslHandshakeResponse)
        request = SaslAuthenticateRequest(auth_bytes=token)
        assert (await client.ask(request, 2, SaslAuthenticateResponse)).error_code == 58
        await client.close()
    assert "Refused a login from 127.0.0.1" in caplog.text
    assert "hunter2" not in caplog.text
