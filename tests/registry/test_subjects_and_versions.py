"""Subjects and versions at the door: tables of requests and answers, each table in a registry of its own."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.registry.registry_door import CHANGED, RECORD, WIDER, body, opened

Step = tuple[str, str, object, int, Any]
"""Method, path, body, status; and the answer, its error code, or what it contains (a set of names)."""

NEVER: Any = object()

RECORD_TEXT = '{"type":"record","name":"R","fields":[{"name":"f","type":"string"}]}'
USER = {"type": "record", "name": "U", "fields": [{"name": "r", "type": "R"}]}
USED = {"name": "R", "subject": "used", "version": 1}
USER_WITH_ALL_IN_PLACE = {"type": "record", "name": "U", "fields": [{"name": "r", "type": RECORD}]}
JSON_SCHEMA = {"schema": '{"type":"object","title":"a"}', "schemaType": "JSON"}
JSON_SCHEMA_IN_ANOTHER_ORDER = {"schema": '{"title":"a","type":"object"}', "schemaType": "JSON"}
ODD_DEFAULT = {**RECORD, "fields": [{"name": "f", "type": ["null", "string"], "default": 1}]}
ODD_NAME = {**RECORD, "namespace": "my-company"}
RESERVED = {"properties": {"confluent:reserved": "f, x"}}


def version(number: str) -> dict[str, Any]:
    """Metadata that says a version."""
    return {"properties": {"confluent:version": number}}


TABLES: dict[str, list[Step]] = {
    "the same schema has one id, whatever the subject": [
        ("POST", "/subjects/a/versions", body(RECORD), 200, {"id": 1}),
        ("POST", "/subjects/a/versions", body(RECORD), 200, {"id": 1}),
        ("POST", "/subjects/b/versions", body(RECORD), 200, {"id": 1}),
        ("POST", "/subjects/a/versions", body(WIDER), 200, {"id": 2}),
        ("GET", "/subjects", None, 200, ["a", "b"]),
        ("GET", "/subjects/a/versions", None, 200, [1, 2]),
        ("GET", "/subjects/b/versions", None, 200, [1]),
        ("GET", "/schemas/ids/1/subjects", None, 200, ["a", "b"]),
        ("GET", "/schemas/ids/1/versions", None, 200, [{"subject": "a", "version": 1}, {"subject": "b", "version": 1}]),
        ("GET", "/schemas/ids/1/versions?subject=b", None, 200, [{"subject": "b", "version": 1}]),
    ],
    "a softly deleted subject comes back with the next version and its id": [
        ("POST", "/subjects/a/versions", body(RECORD), 200, {"id": 1}),
        ("DELETE", "/subjects/a", None, 200, [1]),
        ("GET", "/subjects", None, 200, []),
        ("GET", "/subjects?deleted=true", None, 200, ["a"]),
        ("GET", "/subjects?deletedOnly=true", None, 200, ["a"]),
        ("GET", "/subjects/a/versions", None, 404, 40401),
        ("GET", "/subjects/a/versions?deleted=true", None, 200, [1]),
        ("GET", "/subjects/a/versions/1", None, 404, 40401),
        ("GET", "/subjects/a/versions/1?deleted=true", None, 200, {"deleted"}),
        ("GET", "/schemas/ids/1", None, 200, {"schema"}),
        ("GET", "/schemas/ids/1/subjects", None, 200, []),
        ("GET", "/schemas/ids/1/subjects?deleted=true", None, 200, ["a"]),
        ("POST", "/subjects/a", body(RECORD), 404, 40401),
        ("POST", "/subjects/a?deleted=true", body(RECORD), 200, {"version"}),
        ("DELETE", "/subjects/a", None, 404, 40404),
        ("POST", "/subjects/a/versions", body(RECORD), 200, {"id": 1}),
        ("GET", "/subjects/a/versions?deleted=true", None, 200, [2]),
    ],
    "what is deleted for good was deleted softly before": [
        ("POST", "/subjects/a/versions", body(RECORD), 200, {"id": 1}),
        ("DELETE", "/subjects/a?permanent=true", None, 404, 40405),
        ("DELETE", "/subjects/a/versions/1?permanent=true", None, 404, 40407),
        ("DELETE", "/subjects/a/versions/1", None, 200, 1),
        ("DELETE", "/subjects/a/versions/1", None, 404, 40406),
        ("DELETE", "/subjects/a/versions/1?permanent=true", None, 200, 1),
        ("DELETE", "/subjects/a/versions/1?permanent=true", None, 404, 40401),
        ("GET", "/schemas/ids/1", None, 404, 40403),
        ("POST", "/subjects/a/versions", body(WIDER), 200, {"id": 2}),
        ("DELETE", "/subjects/a", None, 200, [1]),
        ("DELETE", "/subjects/a?permanent=true", None, 200, [1]),
        ("DELETE", "/subjects/a?permanent=true", None, 404, 40401),
    ],
    "versions are numbers, or latest": [
        ("GET", "/subjects/a/versions/1", None, 404, 40401),
        ("POST", "/subjects/a/versions", body(RECORD), 200, {"id": 1}),
        ("GET", "/subjects/a/versions/latest", None, 200, {"subject", "version", "id", "schema"}),
        ("GET", "/subjects/a/versions/-1", None, 200, {"subject", "version", "id", "schema"}),
        ("GET", "/subjects/a/versions/1/schema", None, 200, RECORD),
        ("GET", "/subjects/a/versions/2", None, 404, 40402),
        ("GET", "/subjects/a/versions/0", None, 422, 42202),
        ("GET", "/subjects/a/versions/-2", None, 422, 42202),
        ("GET", "/subjects/a/versions/2147483648", None, 422, 42202),
        ("GET", "/subjects/a/versions/newest", None, 422, 42202),
        ("DELETE", "/subjects/a/versions/newest", None, 422, 42202),
        ("DELETE", "/subjects/a/versions/7", None, 404, 40402),
        ("DELETE", "/subjects/b/versions/1", None, 404, 40401),
        ("DELETE", "/subjects/a/versions/latest", None, 200, 1),
    ],
    "a schema is looked up under its subject": [
        ("POST", "/subjects/a", body(RECORD), 404, 40401),
        ("POST", "/subjects/a/versions", body(RECORD), 200, {"id": 1}),
        ("POST", "/subjects/a", body(RECORD), 200, {"subject", "version", "id", "schema"}),
        ("POST", "/subjects/a", body(WIDER), 404, 40403),
        ("POST", "/subjects/a", {"schema": "{"}, 422, 42201),
        ("POST", "/subjects/a", {"schema": ""}, 404, 40403),
    ],
    "a schema that is referred to stays": [
        ("POST", "/subjects/a/versions", body(RECORD), 200, {"id": 1}),
        (
            "POST", "/subjects/b/versions",
            body(
                {"type": "record", "name": "B", "fields": [{"name": "r", "type": "R"}]},
                references=[{"name": "R", "subject": "a", "version": 1}],
            ),
            200, {"id": 2},
        ),
        ("GET", "/subjects/b/versions/1", None, 200, {"references"}),
        ("GET", "/subjects/a/versions/1/referencedby", None, 200, [2]),
        ("DELETE", "/subjects/a/versions/1", None, 422, 42206),
        ("DELETE", "/subjects/a", None, 422, 42206),
        ("DELETE", "/subjects/b", None, 200, [1]),
        ("GET", "/subjects/a/versions/1/referencedby", None, 200, []),
        ("DELETE", "/subjects/a", None, 200, [1]),
        (
            "POST", "/subjects/c/versions",
            body({"type": "string"}, references=[{"name": "R", "subject": "none", "version": 1}]), 422, 42201,
        ),
    ],
    "names of subjects may have any character": [
        ("POST", "/subjects/a%2Fb%20c%3F/versions", body(RECORD), 200, {"id": 1}),
        ("GET", "/subjects", None, 200, ["a/b c?"]),
        ("GET", "/subjects/a%2Fb%20c%3F/versions/1", None, 200, {"schema"}),
        ("GET", "/config/a%2Fb%20c%3F?defaultToGlobal=true", None, 200, {"compatibilityLevel": "BACKWARD"}),
        ("POST", "/subjects/a%00b/versions", body(RECORD), 422, 42208),
        ("POST", "/subjects/%7F/versions", body(RECORD), 422, 42208),
        ("DELETE", "/subjects/a%2Fb%20c%3F", None, 200, [1]),
    ],
    "lists are cut into pages": [
        ("POST", "/subjects/a/versions", body(RECORD), 200, {"id": 1}),
        ("POST", "/subjects/b/versions", body(RECORD), 200, {"id": 1}),
        ("POST", "/subjects/bc/versions", body(RECORD), 200, {"id": 1}),
        ("GET", "/subjects?offset=1&limit=1", None, 200, ["b"]),
        ("GET", "/subjects?offset=1&limit=-1", None, 200, ["b", "bc"]),
        ("GET", "/subjects?subjectPrefix=b", None, 200, ["b", "bc"]),
        ("GET", "/subjects?limit=x", None, 404, 404),
        ("GET", "/schemas?subjectPrefix=a", None, 200, NEVER),
        ("POST", "/subjects/a/versions", body(WIDER), 200, {"id": 2}),
    ],
    "an incompatible schema is refused, and what would be can be asked": [
        ("POST", "/subjects/a/versions", body(RECORD), 200, {"id": 1}),
        ("POST", "/compatibility/subjects/a/versions/1", body(WIDER), 200, {"is_compatible": True}),
        ("POST", "/compatibility/subjects/a/versions/latest", body(CHANGED), 200, {"is_compatible": False}),
        ("POST", "/compatibility/subjects/a/versions", body(CHANGED), 200, {"is_compatible": False}),
        ("POST", "/compatibility/subjects/a/versions/latest?verbose=true", body(CHANGED), 200, {"messages"}),
        ("POST", "/compatibility/subjects/a/versions/9", body(WIDER), 404, 40402),
        ("POST", "/compatibility/subjects/x/versions/latest", body(WIDER), 200, {"is_compatible": True}),
        ("POST", "/compatibility/subjects/a/versions/x", body(WIDER), 422, 42202),
        ("POST", "/compatibility/subjects/a/versions/1", {"schema": "{"}, 422, 42201),
        ("POST", "/compatibility/subjects/a/versions/1?verbose=true", {"schema": "{"}, 200, {"messages"}),
        ("POST", "/subjects/a/versions", body(CHANGED), 409, 409),
        ("PUT", "/config/a", {"compatibility": "NONE"}, 200, {"compatibility": "NONE"}),
        ("POST", "/subjects/a/versions", body(CHANGED), 200, {"id": 2}),
    ],
    "a given version must be the next": [
        ("POST", "/subjects/a/versions", body(RECORD, version=2), 422, 42201),
        ("POST", "/subjects/a/versions", body(RECORD, version=1), 200, {"id", "metadata"}),
        ("POST", "/subjects/a/versions", body(RECORD, id=7), 422, 42205),
    ],
    "a schema is found however it is written": [
        ("POST", "/subjects/used/versions", body(RECORD), 200, {"id": 1}),
        ("POST", "/subjects/a/versions", body(USER, references=[USED]), 200, {"id": 2}),
        ("POST", "/subjects/a", body(USER, references=[USED]), 200, {"version"}),
        ("POST", "/subjects/a", body(USER_WITH_ALL_IN_PLACE), 200, {"version"}),
        ("POST", "/subjects/a/versions", body(USER_WITH_ALL_IN_PLACE), 200, {"id": 2}),
        ("POST", "/subjects/a", body({**RECORD, "name": "U"}), 404, 40403),
        ("POST", "/subjects/j/versions", JSON_SCHEMA, 200, {"id": 3}),
        ("POST", "/subjects/j/versions", JSON_SCHEMA_IN_ANOTHER_ORDER, 200, {"id": 3}),
    ],
    "the metadata may say the version": [
        ("POST", "/subjects/a/versions", body(RECORD), 200, {"id": 1}),
        ("POST", "/subjects/a/versions", body(RECORD, version=-1), 200, {"id": 1}),
        ("POST", "/subjects/a/versions", body(RECORD, version=2), 200, {"id", "metadata"}),
        ("POST", "/subjects/a/versions", body(RECORD, version=-1), 200, {"id": 2}),
        ("POST", "/subjects/a/versions", body(RECORD, version=2), 422, 42201),
        ("POST", "/subjects/a", body(RECORD), 200, {"subject": "a", "version": 1, "id": 1, "schema": RECORD_TEXT}),
        ("POST", "/subjects/a", body(RECORD, metadata=version("1")), 200, {"version"}),
        ("POST", "/subjects/a", body(RECORD, metadata=version("2")), 200, {"version", "metadata"}),
        ("POST", "/subjects/a", body(RECORD, metadata=version("3")), 404, 40403),
        ("DELETE", "/subjects/a/versions/1", None, 200, 1),
        ("POST", "/subjects/a", body(RECORD), 200, {"version", "metadata"}),
        ("POST", "/subjects/a/versions", body(RECORD, metadata=version("-1")), 200, {"id", "metadata"}),
        ("GET", "/subjects/a/versions", None, 200, [2, 3]),
        ("POST", "/subjects/a/versions", body(RECORD, metadata={"properties": {"k": "v"}}), 200, {"id"}),
        ("POST", "/subjects/a/versions", body(RECORD, version=-1), 200, {"id", "metadata"}),
        ("POST", "/subjects/a", body(RECORD, metadata={"properties": {"k": "v"}}), 200, {"version", "metadata"}),
        ("GET", "/subjects/a/versions", None, 200, [2, 3, 4, 5]),
    ],
    "a new schema cannot refer to a deleted one": [
        ("POST", "/subjects/used/versions", body(RECORD), 200, {"id": 1}),
        ("DELETE", "/subjects/used/versions/1", None, 200, 1),
        ("POST", "/subjects/a/versions", body(USER, references=[USED]), 422, 42201),
    ],
    "fields may be reserved": [
        ("PUT", "/config", {"validateFields": True}, 200, {"validateFields": True}),
        ("POST", "/subjects/a/versions", body(RECORD, metadata=RESERVED), 409, 409),
        ("POST", "/subjects/a/versions", body("string", metadata=RESERVED), 200, {"id"}),
        ("POST", "/subjects/a/versions", body("bytes", metadata={"properties": {}}), 409, 409),
        ("PUT", "/config", {"validateFields": False}, 200, {"validateFields": False}),
        ("POST", "/subjects/b/versions", body(RECORD, metadata=RESERVED), 200, {"id"}),
    ],
    "defaults and names are checked as far as Confluent's registry does": [
        ("POST", "/subjects/a/versions?normalize=true", body(ODD_DEFAULT), 422, 42201),
        ("POST", "/subjects/a/versions", body(ODD_DEFAULT), 200, {"id": 1}),
        ("POST", "/subjects/b/versions", body(ODD_NAME), 422, 42201),
        ("POST", "/compatibility/subjects/b/versions", body(ODD_NAME), 422, 42201),
        ("PUT", "/config/b", {"validateNames": False}, 200, {"validateNames": False}),
        ("POST", "/subjects/b/versions", body(ODD_NAME), 200, {"id": 2}),
        ("GET", "/subjects/b/versions/1?format=resolved", None, 200, {"schema"}),
    ],
    "guids name schemas in every registry": [
        ("POST", "/subjects/a/versions", body("string"), 200, {"id": 1}),
        ("GET", "/schemas/guids/7c1d21d9-6d0f-4f5e-bc2b-51f1ed6e7e0e", None, 404, 40403),
        ("GET", "/schemas/guids/none", None, 404, 40403),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
async def test_answers_are_those_of_the_table(name: str) -> None:
    async with opened() as door:
        for method, path, content, status, expected in TABLES[name]:
            found = await door.ask(method, path, content)
            assert found[0] == status, (method, path, found)
            if isinstance(expected, set):
                assert expected <= found[1].keys(), (method, path, found)
            elif isinstance(expected, int) and status != 200:
                assert found[1]["error_code"] == expected, (method, path, found)
            elif expected is not NEVER:
                assert found[1] == expected, (method, path, found)


async def test_a_version_is_shown_as_confluents_registry_shows_it() -> None:
    async with opened() as door:
        await door.register("a", RECORD)
        shown = {"subject": "a", "version": 1, "id": 1, "schema": RECORD_TEXT}
        assert await door.ask("GET", "/subjects/a/versions/1") == (200, shown)
        assert await door.ask("POST", "/subjects/a", body(RECORD)) == (200, shown)
        assert await door.ask("GET", "/schemas/ids/1") == (200, {"schema": RECORD_TEXT})
        assert await door.ask("GET", "/schemas/ids/1?fetchMaxId=true") == (200, {"schema": RECORD_TEXT, "maxId": 1})
        assert await door.ask("GET", "/schemas") == (200, [shown])


TAKES_MORE = {"confluent_accept_unknown_properties": "true"}


async def test_who_takes_unknown_members_is_shown_what_confluents_registry_8_has() -> None:
    """Without guids in answers, its clients cannot put them into headers of records."""
    async with opened() as door:
        status, made = await door.ask("POST", "/subjects/a/versions", body(RECORD), **TAKES_MORE)
        more = {"guid": made["guid"], "ts": door.registry.clock.now_ms(), "deleted": False}
        assert (status, made) == (200, {"version": 1, "id": 1, **more})
        shown = {"subject": "a", "schema": RECORD_TEXT, "schemaType": "AVRO", **made}
        assert await door.ask("POST", "/subjects/a/versions", body(RECORD), **TAKES_MORE) == (200, made)
        assert await door.ask("GET", "/subjects/a/versions/1", **TAKES_MORE) == (200, shown)
        assert await door.ask("POST", "/subjects/a", body(RECORD), **TAKES_MORE) == (200, shown)
        assert await door.ask("GET", "/schemas", **TAKES_MORE) == (200, [shown])
        shown.pop("id")
        for path in ("/schemas/ids/1", f"/schemas/guids/{made['guid']}"):
            assert await door.ask("GET", path, **TAKES_MORE) == (200, shown)
        async with opened(door.registry.cluster) as again:  # type: ignore[arg-type]
            assert await again.ask("GET", "/schemas/ids/1", **TAKES_MORE) == (200, shown)


async def test_bytes_of_a_subject_that_are_no_text_stand_for_the_replacement_character() -> None:
    """As Confluent's registry takes them on Jetty 9."""
    async with opened() as door:
        address = httpx.URL("http://registry").copy_with(raw_path=b"/subjects/a%ff%feb/versions")
        answer = await door.client.post(address, json=body(RECORD))
        assert answer.status_code == 200
        assert await door.ask("GET", "/subjects") == (200, ["a\ufffd\ufffdb"])
        assert await door.ask("GET", "/subjects/a%EF%BF%BD%EF%BF%BDb/versions") == (200, [1])


async def test_subjects_of_references_are_shown_with_their_contexts_where_that_is_asked_for() -> None:
    async with opened() as door:
        await door.register(":.c:used", RECORD)
        await door.register(":.c:user", USER, references=[{"name": "R", "subject": "used", "version": 1}])
        for path in ("/subjects/:.c:user/versions/1?a=b", "/schemas/ids/2?subject=:.c:user"):
            for wanted, subject in (("", "used"), ("&referenceFormat=qualified", ":.c:used")):
                _, shown = await door.ask("GET", path + wanted)
                assert shown["references"] == [{"name": "R", "subject": subject, "version": 1}]
