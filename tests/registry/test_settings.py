"""Configuration, modes and contexts at the door."""

from __future__ import annotations

import json

import pytest

from tests.registry.registry_door import RECORD, WIDER, body, opened
from tests.registry.test_subjects_and_versions import NEVER, Step

RULES = {
    "domainRules": [
        {"name": "short", "kind": "CONDITION", "type": "CEL", "mode": "WRITE", "expr": "size(message.f) < 9"}
    ]
}

LISTED = {"subject": "a", "version": 1, "id": 1, "schema": json.dumps(RECORD, separators=(",", ":"))}

TABLES: dict[str, list[Step]] = {
    "compatibility is BACKWARD until it is configured": [
        ("GET", "/config", None, 200, {"compatibilityLevel": "BACKWARD"}),
        ("PUT", "/config", {"compatibility": "FULL"}, 200, {"compatibility": "FULL"}),
        ("GET", "/config", None, 200, {"compatibilityLevel": "FULL"}),
        ("PUT", "/config", {"compatibility": "forward"}, 200, {"compatibility": "forward"}),
        ("GET", "/config", None, 200, {"compatibilityLevel": "FORWARD"}),
        ("PUT", "/config", {"compatibility": "SOME"}, 422, 42203),
        ("PUT", "/config", {}, 422, 42203),
        ("DELETE", "/config", None, 200, {"compatibilityLevel": "FORWARD"}),
        ("GET", "/config", None, 200, {"compatibilityLevel": "BACKWARD"}),
    ],
    "a subject may have a configuration of its own, before it has a version": [
        ("GET", "/config/a", None, 404, 40408),
        ("GET", "/config/a?defaultToGlobal=true", None, 200, {"compatibilityLevel": "BACKWARD"}),
        ("PUT", "/config/a", {"compatibility": "NONE"}, 200, {"compatibility": "NONE"}),
        ("GET", "/config/a", None, 200, {"compatibilityLevel": "NONE"}),
        ("PUT", "/config/a", {"compatibility": "none of these"}, 422, 42203),
        ("DELETE", "/config/a", None, 200, {"compatibilityLevel": "NONE"}),
        ("DELETE", "/config/a", None, 404, 40401),
        ("PUT", "/config/a", {"normalize": True, "compatibilityGroup": "v"}, 200, {"normalize", "compatibilityGroup"}),
        ("GET", "/config/a", None, 200, {"normalize", "compatibilityGroup"}),
        ("PUT", "/config/a", {"normalize": None}, 200, {"compatibilityGroup": "v", "normalize": None}),
        ("GET", "/config/a", None, 200, {"compatibilityGroup": "v"}),
        ("PUT", "/config/a", {"compatibilityLevel": "full"}, 200, {"compatibility": "full", "compatibilityGroup": "v"}),
        ("PUT", "/config/a", {"normalize": True}, 200, {"compatibility", "compatibilityGroup", "normalize"}),
    ],
    "a subject that is deleted gives up its settings": [
        ("POST", "/subjects/a/versions", body(RECORD), 200, {"id": 1}),
        ("PUT", "/config/a", {"compatibility": "NONE"}, 200, NEVER),
        ("PUT", "/mode/a", {"mode": "READWRITE"}, 200, NEVER),
        ("DELETE", "/subjects/a", None, 200, [1]),
        ("GET", "/config/a", None, 404, 40408),
        ("GET", "/mode/a", None, 404, 40409),
    ],
    "an alias is another name": [
        ("POST", "/subjects/a/versions", body(RECORD), 200, {"id": 1}),
        ("PUT", "/config/other", {"alias": "a"}, 200, {"alias": "a"}),
        ("GET", "/subjects/other/versions", None, 200, [1]),
        ("GET", "/subjects/other/versions/latest", None, 200, {"schema"}),
        ("PUT", "/config/:.c:inner", {"alias": "a"}, 200, {"alias": "a"}),
        ("POST", "/subjects/:.c:a/versions", body(RECORD), 200, {"id": 1}),
        ("GET", "/schemas?subjectPrefix=a&aliases=true", None, 200, [LISTED | {"aliases": ["other"]}]),
        ("GET", "/schemas?subjectPrefix=:.c:&aliases=true", None, 200, [
            LISTED | {"subject": ":.c:a", "aliases": [":.c:inner"]},
        ]),
    ],
    "modes": [
        ("GET", "/mode", None, 200, {"mode": "READWRITE"}),
        ("GET", "/mode/a", None, 404, 40409),
        ("GET", "/mode/a?defaultToGlobal=true", None, 200, {"mode": "READWRITE"}),
        ("PUT", "/mode/a", {"mode": "READONLY"}, 200, {"mode": "READONLY"}),
        ("GET", "/mode/a", None, 200, {"mode": "READONLY"}),
        ("POST", "/subjects/a/versions", body(RECORD), 422, 42205),
        ("POST", "/subjects/b/versions", body(RECORD), 200, {"id": 1}),
        ("PUT", "/config/a", {"compatibility": "NONE"}, 422, 42205),
        ("DELETE", "/mode/a", None, 200, {"mode": "READONLY"}),
        ("DELETE", "/mode/a", None, 404, 40401),
        ("PUT", "/mode", {"mode": "readonly_override"}, 200, {"mode": "readonly_override"}),
        ("PUT", "/mode/b", {"mode": "READWRITE"}, 200, NEVER),
        ("POST", "/subjects/b/versions", body(WIDER), 422, 42205),
        ("DELETE", "/subjects/b", None, 422, 42205),
        ("PUT", "/mode", {"mode": "READWRITE"}, 200, NEVER),
        ("PUT", "/mode", {"mode": "SOME"}, 422, 42204),
        ("PUT", "/mode", {}, 422, 42204),
        ("PUT", "/mode", {"mode": None}, 200, {"mode": None}),
        ("PUT", "/mode/b", {"mode": None}, 200, {"mode": None}),
        ("GET", "/mode/b", None, 404, 40409),
    ],
    "ids and versions of another registry are taken in mode IMPORT": [
        ("POST", "/subjects/a/versions", body(RECORD), 200, {"id": 1}),
        ("PUT", "/mode", {"mode": "IMPORT"}, 422, 42205),
        ("PUT", "/mode/b", {"mode": "IMPORT"}, 200, {"mode": "IMPORT"}),
        ("POST", "/subjects/b/versions", body(WIDER), 422, 42205),
        ("POST", "/subjects/b/versions", body(WIDER, id=100, version=7), 200, {"id": 100}),
        ("GET", "/subjects/b/versions", None, 200, [7]),
        ("POST", "/subjects/b/versions", body("string", id=100, version=8), 422, 42205),
        ("PUT", "/mode/b", {"mode": "READWRITE"}, 200, NEVER),
        ("POST", "/subjects/c/versions", body("string"), 200, {"id": 101}),
        ("PUT", "/mode?force=true", {"mode": "IMPORT"}, 200, {"mode": "IMPORT"}),
    ],
    "behind the largest id, four bytes with a sign, there is none": [
        ("PUT", "/mode/b", {"mode": "IMPORT"}, 200, {"mode": "IMPORT"}),
        ("POST", "/subjects/b/versions", body(RECORD, id=(1 << 31) - 1, version=1), 200, {"id": (1 << 31) - 1}),
        ("POST", "/subjects/c/versions", body("string"), 422, 42205),
        ("POST", "/subjects/c/versions", body(RECORD), 200, {"id": (1 << 31) - 1}),
        ("POST", "/subjects/:.other:c/versions", body("string"), 200, {"id": 1}),
    ],
    "each context counts its own ids": [
        ("POST", "/subjects/a/versions", body(RECORD), 200, {"id": 1}),
        ("POST", "/subjects/a/versions", body(WIDER), 200, {"id": 2}),
        ("POST", "/subjects/:.c:a/versions", body(WIDER), 200, {"id": 1}),
        ("GET", "/contexts", None, 200, [".", ".c"]),
        ("GET", "/subjects", None, 200, [":.c:a", "a"]),
        ("GET", "/subjects?subjectPrefix=:.c:", None, 200, [":.c:a"]),
        ("GET", "/subjects?subjectPrefix=a", None, 200, ["a"]),
        ("GET", "/subjects?subjectPrefix=:*:a", None, 200, [":.c:a", "a"]),
        ("GET", "/contexts/.c/subjects", None, 200, [":.c:a"]),
        ("GET", "/contexts/:.:/subjects", None, 200, ["a"]),
        ("GET", "/contexts/c/subjects/a/versions", None, 200, [1]),
        ("GET", "/contexts/:.c:/subjects/a/versions/1", None, 200, {"id"}),
        ("POST", "/contexts/.c/subjects/b/versions", body("string"), 200, {"id": 2}),
        ("GET", "/schemas/ids/2?subject=:.c:", None, 200, {"schema": '"string"'}),
        ("GET", "/contexts/.c/schemas/ids/2", None, 200, {"schema": '"string"'}),
        ("GET", "/schemas/ids/2?subject=:.c:b", None, 200, {"schema": '"string"'}),
        ("POST", "/subjects/a/versions", body(WIDER), 200, {"id": 2}),
        ("GET", "/schemas/ids/2?subject=b", None, 200, {"schema": '"string"'}),
        ("GET", "/subjects/b/versions/1", None, 200, {"subject"}),
        ("PUT", "/config/:.c:", {"compatibility": "NONE"}, 200, NEVER),
        ("GET", "/config/:.c:b?defaultToGlobal=true", None, 200, {"compatibilityLevel": "NONE"}),
        ("GET", "/contexts/.c/config", None, 200, {"compatibilityLevel": "NONE"}),
        ("GET", "/contexts/.c/contexts", None, 200, [".", ".c"]),
        ("GET", "/contexts/.c/contexts/.c/contexts", None, 404, 404),
        ("GET", "/config/b?defaultToGlobal=true", None, 200, {"compatibilityLevel": "BACKWARD"}),
        ("GET", "/subjects/:.:a/versions", None, 200, [1, 2]),
        ("DELETE", "/contexts/.c", None, 422, 42211),
    ],
    "the default context is the registry": [
        ("PUT", "/config/:.:", {"compatibility": "FULL"}, 200, {"compatibility": "FULL"}),
        ("GET", "/config", None, 200, {"compatibilityLevel": "FULL"}),
        ("GET", "/config/:.:", None, 200, {"compatibilityLevel": "FULL"}),
        ("DELETE", "/config/:.:", None, 200, {"compatibilityLevel": "FULL"}),
        ("GET", "/config", None, 200, {"compatibilityLevel": "BACKWARD"}),
        ("PUT", "/mode/:.:", {"mode": "READONLY"}, 200, {"mode": "READONLY"}),
        ("GET", "/mode", None, 200, {"mode": "READONLY"}),
        ("DELETE", "/mode/:.:", None, 200, {"mode": "READONLY"}),
        ("GET", "/mode", None, 200, {"mode": "READWRITE"}),
    ],
    "modes of all subjects of a context are taken back at once": [
        ("PUT", "/mode/a", {"mode": "READONLY"}, 200, NEVER),
        ("PUT", "/mode/:.c:a", {"mode": "READONLY"}, 200, NEVER),
        ("PUT", "/mode/:.c:", {"mode": "IMPORT"}, 200, NEVER),
        ("DELETE", "/mode?recursive=true", None, 200, {"mode": "READWRITE"}),
        ("GET", "/mode/a", None, 404, 40409),
        ("GET", "/mode/:.c:a", None, 200, {"mode": "READONLY"}),
        ("DELETE", "/mode/:.c:?recursive=true", None, 200, {"mode": "IMPORT"}),
        ("GET", "/mode/:.c:a", None, 404, 40409),
        ("PUT", "/mode/:.c:a", {"mode": "READONLY"}, 200, NEVER),
        ("DELETE", "/mode/:.c:?recursive=true", None, 200, {"mode": None}),
        ("GET", "/mode/:.c:a", None, 404, 40409),
    ],
    "settings of the global context hold where there are no others": [
        ("PUT", "/mode/:.__GLOBAL:", {"mode": "READONLY"}, 200, NEVER),
        ("PUT", "/config/:.__GLOBAL:", {"compatibility": "FULL"}, 422, 42205),
        ("GET", "/mode", None, 200, {"mode": "READWRITE"}),
        ("GET", "/mode?defaultToGlobal=true", None, 200, {"mode": "READONLY"}),
        ("POST", "/subjects/a/versions", body(RECORD), 422, 42205),
        ("PUT", "/mode", {"mode": "READWRITE"}, 200, NEVER),
        ("GET", "/mode?defaultToGlobal=true", None, 200, {"mode": "READWRITE"}),
        ("DELETE", "/mode/:.__GLOBAL:", None, 200, {"mode": "READONLY"}),
        ("PUT", "/config/:.__GLOBAL:", {"compatibility": "FULL"}, 200, {"compatibility": "FULL"}),
        ("GET", "/config", None, 200, {"compatibilityLevel": "BACKWARD"}),
        ("GET", "/config?defaultToGlobal=true", None, 200, {"compatibilityLevel": "FULL"}),
        ("GET", "/config/a?defaultToGlobal=true", None, 200, {"compatibilityLevel": "FULL"}),
    ],
    "contexts are listed by what their names begin with": [
        ("POST", "/subjects/:.ca:s/versions", body(RECORD), 200, {"id": 1}),
        ("POST", "/subjects/:.cb:s/versions", body(RECORD), 200, {"id": 1}),
        ("GET", "/contexts?contextPrefix=.ca", None, 200, [".ca"]),
        ("GET", "/contexts?contextPrefix=:.c", None, 200, [".ca", ".cb"]),
    ],
    "metadata and rules are stored, inherited and merged": [
        ("PUT", "/config/a", {"defaultMetadata": {"properties": {"owner": "x", "team": "t"}}}, 200, NEVER),
        (
            "POST", "/subjects/a/versions", body(RECORD, metadata={"properties": {"owner": "me"}}, ruleSet=RULES), 200,
            {"id", "version", "metadata", "ruleSet"},
        ),
        ("GET", "/subjects/a/metadata?key=owner&value=me", None, 200, {"version", "metadata"}),
        ("GET", "/subjects/a/metadata?key=owner&value=me&key=team&value=t", None, 200, {"version", "metadata"}),
        ("GET", "/subjects/a/metadata?key=owner&value=you", None, 404, 40403),
        ("GET", "/subjects/none/metadata?key=owner&value=me", None, 404, 40401),
        ("POST", "/subjects/a/versions", body(WIDER), 200, {"metadata", "ruleSet"}),
        ("GET", "/schemas?ruleType=CEL&latestOnly=true", None, 200, NEVER),
        ("GET", "/schemas?ruleType=OTHER", None, 200, []),
        ("POST", "/subjects/a/versions", body(RECORD, ruleSet={"domainRules": [{"name": ""}]}), 422, 42210),
        (
            "POST", "/subjects/a/versions", body(RECORD, ruleSet={"domainRules": [{"name": "a", "kind": "X"}]}), 422,
            42210,
        ),
    ],
    "only schemas of the same compatibility group are compared": [
        ("PUT", "/config/a", {"compatibilityGroup": "major"}, 200, NEVER),
        ("POST", "/subjects/a/versions", body(RECORD, metadata={"properties": {"major": "1"}}), 200, {"id"}),
        ("POST", "/subjects/a/versions", body("string", metadata={"properties": {"major": "2"}}), 200, {"id"}),
        ("POST", "/subjects/a/versions", body("long", metadata={"properties": {"major": "2"}}), 409, 409),
    ],
    "what the registry says about itself": [
        ("GET", "/", None, 200, {}),
        ("GET", "/schemas/types", None, 200, ["JSON", "PROTOBUF", "AVRO"]),
        ("GET", "/v1/metadata/id", None, 200, {"scope", "id"}),
        ("GET", "/v1/metadata/version", None, 200, {"version", "commitId"}),
        ("GET", "/openapi.json", None, 200, {"openapi", "paths"}),
        ("GET", "/exporters", None, 404, 404),
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


async def test_the_configuration_adds_to_what_a_schema_says_and_overrides_it() -> None:
    async with opened() as door:
        config = {
            "defaultMetadata": {"properties": {"owner": "nobody", "team": "t"}},
            "overrideMetadata": {"properties": {"team": "always"}, "sensitive": ["owner"]},
        }
        await door.ask("PUT", "/config/a", config)
        await door.register("a", RECORD, metadata={"properties": {"owner": "me"}})
        _, shown = await door.ask("GET", "/subjects/a/versions/1")
        assert shown["metadata"] == {"properties": {"owner": "me", "team": "always"}, "sensitive": ["owner"]}


async def test_everything_is_there_again_after_a_restart() -> None:
    async with opened() as door:
        await door.register("a", RECORD, metadata={"properties": {"owner": "me"}}, ruleSet=RULES)
        await door.register(":.c:a", "string")
        await door.register("gone", RECORD)
        await door.ask("DELETE", "/subjects/gone")
        await door.ask("PUT", "/config/a", {"compatibility": "NONE", "alias": "b"})
        await door.ask("PUT", "/mode/a", {"mode": "READONLY"})
        paths = ("/schemas?deleted=true", "/contexts", "/config/a", "/mode/a", "/subjects?deletedOnly=true")
        before = [await door.ask("GET", path) for path in paths]
        assert all(status == 200 for status, _ in before)
        async with opened(door.registry.cluster) as again:  # type: ignore[arg-type]
            assert [await again.ask("GET", path) for path in paths] == before
