"""Whatever is sent to any route, the answer is no server error, and the registry goes on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.http.registry.routes import ROUTES
from headwater.http.routes import Route, segments
from headwater.registry.configuring import LEVELS, MODES
from tests.registry.registry_door import CHANGED, RECORD, WIDER, opened

NAMES = st.one_of(
    st.sampled_from(
        ["a", "b", ":.c:a", ":.c:", ":.:a", ":*:", ":.__GLOBAL:", "a%2Fb", "%00", "%ff", "latest", "-1", "1", "0"]
    ),
    st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=1, max_size=8).map(
        lambda text: text.replace("%", "%25").replace("/", "%2F").replace("?", "%3F").replace("#", "%23")
    ),
)
SCHEMAS = st.sampled_from(
    [
        *map(json.dumps, (RECORD, WIDER, CHANGED, "string", {"type": "R"}, [], 7, None, {"type": ["null"]})),
        "", "{", 'syntax = "proto3"; message M { int32 a = 1; }', "message M {", '{"$ref": "#"}', '{"$ref": "R"}',
    ]
)  # fmt: skip
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**65), 2**65), st.text(max_size=5), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
PROPERTIES = st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2)
PROPER = st.fixed_dictionaries(
    {},
    optional={
        "schema": SCHEMAS,
        "schemaType": st.sampled_from(["AVRO", "JSON", "PROTOBUF", "XML", "", None]),
        "references": st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(["R", "", "x"]), "subject": NAMES, "version": st.sampled_from([-1, 0, 1, 2])}
            ),
            max_size=2,
        ),
        "id": st.integers(-2, 5),
        "version": st.integers(-2, 5),
        "metadata": st.one_of(st.none(), st.fixed_dictionaries({"properties": PROPERTIES})),
        "ruleSet": st.one_of(st.none(), JSON),
        "compatibility": st.sampled_from([*LEVELS, "x", None]),
        "mode": st.sampled_from([*MODES, "x", None]),
    },
)  # fmt: skip
BODIES = st.one_of(PROPER.map(json.dumps), JSON.map(json.dumps), st.just(""), st.text(max_size=10)).map(str.encode)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, bytes | None]:
    route: Route = draw(st.sampled_from(ROUTES))
    path = "".join("/" + (draw(NAMES) if part[0] == "{" else part) for part in segments(route.path)) or "/"
    if draw(st.integers(0, 4)) == 0:
        path = f"/contexts/{draw(NAMES)}{path}"
    query = []
    for parameter in route.query:
        if draw(st.booleans()):
            values: Any = {
                "boolean": st.sampled_from(["true", "false", "x"]),
                "integer": st.sampled_from(["0", "1", "-1", "x", "99999999999"]),
                "string": NAMES,
            }
            query.append(f"{parameter.name}={draw(values[parameter.shape['type']])}")
    return route.method, f"{path}?{'&'.join(query)}", draw(BODIES) if route.body else None


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(requests(), min_size=5, max_size=25))
def test_no_request_is_a_server_error(sent: list[tuple[str, str, bytes | None]]) -> None:
    async def send() -> None:
        async with opened() as door:
            for method, path, content in sent:
                answer = await door.client.request(method, path, content=content)
                assert answer.status_code < 500, (method, path, content, answer.text)
                assert answer.status_code < 400 or answer.json()["error_code"]
            async with opened(door.registry.cluster) as again:  # type: ignore[arg-type]
                for path in ("/schemas?deleted=true", "/contexts", "/subjects?deleted=true"):
                    assert await again.ask("GET", path) == await door.ask("GET", path)

    asyncio.run(send())
