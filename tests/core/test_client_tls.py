"""What people are told to do about a server that they do not reach."""

from __future__ import annotations

import ssl
from http.client import BadStatusLine, RemoteDisconnected

import pytest

from headwater.core.client_tls import why_not

START = "Start one with `headwater up`"


@pytest.mark.parametrize(
    ("server", "error", "advice"),
    [
        ("http://h:1", ConnectionRefusedError(111, "Connection refused"), f"Connection refused. {START}"),
        ("https://h:1", ConnectionRefusedError(111, "Connection refused"), f"Connection refused. {START}"),
        ("http://h:1", TimeoutError(), f"TimeoutError. {START}"),
        ("http://h:1", RemoteDisconnected("it left"), "it left. It may speak https: try https://h:1"),
        ("http://h:1", BadStatusLine("\x15\x03"), "it does not speak HTTP. It may speak https: try https://h:1"),
        ("http://h:1", "it closed the connection", "it closed the connection. It may speak https: try https://h:1"),
        ("https://h:1", ssl.SSLError(1, "wrong version"), "wrong version. It may not speak https: try http://h:1"),
        ("https://h:1", "it closed the connection", f"it closed the connection. {START}"),
    ],
)
def test_the_advice_follows_from_what_happened(server: str, error: Exception | str, advice: str) -> None:
    assert why_not(server, error) == advice
