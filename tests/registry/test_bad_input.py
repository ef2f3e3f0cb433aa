"""Nothing that a client sends gives a server error: tables of bad requests with the code each deserves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.registry.registry_door import RECORD, body, opened

V1 = "application/vnd.schemaregistry.v1+json"
VERSIONS = "/subjects/a/versions"


def nested(depth: int) -> str:
    """An Avro schema of arrays in arrays."""
    return '{"type":"array","items":' * depth + '"int"' + "}" * depth


def wide(size: int) -> str:
    """A record of about `size` bytes."""
    doc = "x" * size
    return json.dumps({"type": "record", "name": "Big", "doc": doc, "fields": [{"name": "a", "type": "int"}]})


BAD: list[tuple[str, str, Any, int, int]] = [
    ("POST", VERSIONS, b"{", 400, 400),
    ("POST", VERSIONS, b"\xff\xfe", 400, 400),
    ("POST", VERSIONS, b"[1, 2]", 400, 400),
    ("POST", VERSIONS, b'"text"', 400, 400),
    ("POST", VERSIONS, b"[" * 100_000, 400, 400),
    ("POST", VERSIONS, b'{"schema":' * 50_000, 400, 400),
    ("POST", VERSIONS, b"", 422, 422),
    ("POST", VERSIONS, b"null", 422, 422),
    ("POST", VERSIONS, {"schema": 1}, 400, 400),
    ("POST", VERSIONS, {"schema": {"type": "string"}}, 400, 400),
    ("POST", VERSIONS, {"schema": '"string"', "other": 1}, 422, 422),
    ("POST", VERSIONS, {"schema": '"string"', "id": 1 << 40}, 400, 400),
    ("POST", VERSIONS, {"schema": '"string"', "version": -7}, 400, 400),
    ("POST", VERSIONS, {"schema": '"string"', "references": [{"name": "a"}]}, 400, 400),
    ("POST", VERSIONS, {"schema": '"string"', "references": "a"}, 400, 400),
    ("POST", VERSIONS, {}, 422, 42201),
    ("POST", VERSIONS, {"schema": ""}, 422, 42201),
    ("POST", VERSIONS, {"schema": "   "}, 422, 42201),
    ("POST", VERSIONS, {"schema": "{"}, 422, 42201),
    ("POST", VERSIONS, {"schema": '{"type":"none"}'}, 422, 42201),
    ("POST", VERSIONS, {"schema": '{"type":"record","name":"R","fields":[{"name":"r","type":"S"}]}'}, 422, 42201),
    ("POST", VERSIONS, {"schema": '"\\ud800"'}, 422, 42201),
    ("POST", VERSIONS, {"schema": '{"type":"string","doc":"\\ud800"}'}, 422, 42201),
    ("POST", VERSIONS, {"schema": '{"type":"record","name":"R","doc":"\\ud800","fields":[]}'}, 422, 42201),
    ("POST", VERSIONS, {"schema": '{"title":"\\ud800"}', "schemaType": "JSON"}, 422, 42201),
    ("POST", VERSIONS, b'{"schema": "\\"\\ud800\\""}', 400, 400),
    ("POST", VERSIONS, {"schema": '"string"', "schemaType": "XML"}, 422, 42201),
    ("POST", VERSIONS, {"schema": "message {", "schemaType": "PROTOBUF"}, 422, 42201),
    ("POST", VERSIONS, {"schema": "not json", "schemaType": "JSON"}, 422, 42201),
    ("POST", VERSIONS, {"schema": nested(20_000)}, 422, 42201),
    ("POST", VERSIONS, {"schema": '{"type":"array","items":' * 20_000, "schemaType": "JSON"}, 422, 42201),
    ("POST", VERSIONS, {"schema": wide(1_100_000)}, 422, 42209),
    ("POST", VERSIONS, b'{"schema":"' + b"x" * (9 << 20) + b'"}', 413, 413),
    ("POST", "/subjects/%0A/versions", body(RECORD), 422, 42208),
    ("POST", "/subjects/:.c:/versions", body(RECORD), 422, 42208),
    ("GET", "/subjects/a/versions/1e3", None, 422, 42202),
    ("GET", "/subjects/a/versions/%E0%A4%A", None, 422, 42202),
    ("GET", "/subjects/a/versions/99999999999999999999", None, 422, 42202),
    ("GET", "/subjects/a/versions/%D9%A1", None, 422, 42202),
    ("GET", "/schemas/ids/x", None, 404, 404),
    ("GET", "/schemas/ids/99999999999999999999", None, 404, 404),
    ("GET", "/schemas/ids/-1", None, 404, 40403),
    ("GET", "/schemas/ids/0", None, 404, 40403),
    ("GET", "/schemas/ids/1.5", None, 404, 404),
    ("GET", "/subjects?offset=a", None, 404, 404),
    ("GET", "/subjects?limit=99999999999", None, 404, 404),
    ("GET", "/none", None, 404, 404),
    ("GET", "/subjects/a/b/c/d", None, 404, 404),
    ("PATCH", "/subjects", None, 405, 405),
    ("POST", "/subjects", body(RECORD), 405, 405),
    ("PUT", "/config", b"x", 400, 400),
    ("PUT", "/config", {"compatibility": 7}, 400, 400),
    ("PUT", "/config/a", {"defaultRuleSet": {"domainRules": [{"name": "a", "mode": "SOMETIMES"}]}}, 422, 42210),
    ("PUT", "/mode", {"mode": 7}, 400, 400),
    ("POST", "/compatibility/subjects/a/versions/1", b"", 422, 422),
    ("POST", "/compatibility/subjects/a/versions", {"schema": ""}, 422, 42201),
    ("DELETE", "/contexts/.none", None, 404, 40401),
]


@pytest.mark.parametrize(("method", "path", "content", "status", "code"), BAD)
async def test_a_bad_request_gets_its_code(method: str, path: str, content: Any, status: int, code: int) -> None:
    async with opened() as door:
        found = await door.ask(method, path, content)
        assert (found[0], found[1]["error_code"]) == (status, code), found
        assert found[1]["message"]


async def test_a_schema_may_be_almost_as_large_as_a_record() -> None:
    async with opened() as door:
        status, answer = await door.ask("POST", VERSIONS, {"schema": wide(900_000)})
        assert (status, answer) == (200, {"id": 1})


async def test_a_recursive_schema_is_a_schema() -> None:
    tree = {"type": "record", "name": "T", "fields": [{"name": "next", "type": ["null", "T"], "default": None}]}
    async with opened() as door:
        await door.register("a", tree)
        assert await door.register("a", tree) == 1


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({}, 200, V1),
        ({"accept": "application/json"}, 200, "application/json"),
        ({"accept": "application/vnd.schemaregistry+json"}, 200, "application/vnd.schemaregistry+json"),
        ({"accept": "text/html, application/json;q=0.5"}, 200, "application/json"),
        ({"accept": "application/*"}, 200, V1),
        ({"accept": "*/any"}, 200, V1),
        ({"accept": "text/html, *; q=.2, */*; q=.2"}, 200, V1),
        ({"accept": "text/html"}, 406, V1),
        ({"content-type": "application/octet-stream"}, 200, V1),
        ({"content-type": f"{V1}; charset=utf-8"}, 200, V1),
        ({"content-type": "text/plain"}, 415, V1),
    ],
)
async def test_media_types_are_negotiated(headers: dict[str, str], status: int, kind: str) -> None:
    async with opened() as door:
        answer = await door.client.post(VERSIONS, content=json.dumps(body(RECORD)), headers=headers)
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (status, kind)


async def test_a_body_may_be_in_another_charset() -> None:
    async with opened() as door:
        for charset, status in (("utf-16", 200), ("none", 415)):
            content = json.dumps(body(RECORD)).encode("utf-16")
            headers = {"content-type": f"application/json; charset={charset}"}
            answer = await door.client.post(VERSIONS, content=content, headers=headers)
            assert answer.status_code == status
