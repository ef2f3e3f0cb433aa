"""Whatever is sent to Connect's door: no answer is a 500, and every refusal has the one shape."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.http.connect.door import ConnectDoor
from headwater.http.connect.routes import ROUTES
from headwater.http.routes import Route
from headwater.testing.connect_rig import ConnectRig
from tests.connect.toy import SINK, SOURCE, HeldConnector, NumbersConnector

_NAMES = st.sampled_from(["n", "h", "0", "Numbers", "Held", "offsets"]) | st.text(min_size=1, max_size=5)
_KEYS = st.sampled_from(
    ["name", "config", "connector.class", "topics", "topics.regex", "tasks.max", "transforms", "transforms.a.type",
     "predicates", "offsets", "partition", "offset", "kafka_topic", "kafka_partition", "kafka_offset", "initial_state",
     "value.converter", "errors.retry.timeout", "topic.creation.groups", "level"]
) | st.text(max_size=4)  # fmt: skip
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["Numbers", "Held", "a", "(", "-1", "99999999999999999999", "${env:X}", "${file:/:x}", "STOPPED"])
    | st.text(max_size=6)
)
_BODIES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=8
)


async def ask(requests: list[tuple[Route, str, bytes]]) -> list[tuple[str, httpx.Response]]:
    with tempfile.TemporaryDirectory() as folder:
        async with ConnectRig(Path(folder), (NumbersConnector, HeldConnector)) as rig:
            await rig.worker.create("n", SOURCE)
            await rig.worker.create("h", SINK)
            transport = httpx.ASGITransport(app=ConnectDoor(rig.worker))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8083") as client:
                return [(path, await client.request(r.method, path, content=body)) for r, path, body in requests]


@st.composite
def request(draw: st.DrawFn) -> tuple[Route, str, bytes]:
    route = draw(st.sampled_from([route for route in ROUTES if not route.path.startswith("/admin")]))
    path = re.sub(r"\{\w+\}", lambda _: quote(draw(_NAMES), safe=""), route.path)
    body: Any = draw(_BODIES)
    if isinstance(body, dict) and draw(st.booleans()):
        body = {"name": "new", "config": {"connector.class": "Numbers", "topic": "t", **body}}
    return route, path, draw(st.sampled_from([b"{", b"\xff"]) | st.just(json.dumps(body).encode()))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(request(), min_size=1, max_size=8))
def test_no_request_is_answered_with_a_server_error(requests: list[tuple[Route, str, bytes]]) -> None:
    for path, answer in asyncio.run(ask(requests)):
        assert answer.status_code < 500, (path, answer.text)
        if answer.status_code >= 400:
            assert answer.json().keys() == {"error_code", "message"}
