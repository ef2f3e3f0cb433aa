"""Large schemas are parsed and compared in another process: the answers are the same, and the loop goes on."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest

from headwater.app.node import Node
from headwater.core.settings import NodeSettings, Settings
from headwater.registry import workshop
from headwater.registry.errors import RegistryError
from headwater.registry.memory import Memory
from headwater.registry.parsing import Parsed, parse
from headwater.registry.workshop import LARGE_CHARS, Task, Text, Workshop, carry_out
from tests.registry.registry_door import Door, opened

FIELDS = LARGE_CHARS // 40


def avro(**changes: Any) -> str:
    """A record of more than `LARGE_CHARS`; `changes` are types of fields."""
    kinds = {f"a_long_name_of_a_field_{i}": "int" for i in range(FIELDS)} | changes
    fields = [{"name": name, "type": kind} for name, kind in kinds.items()]
    return json.dumps({"type": "record", "name": "Large", "fields": fields})


def json_schema(**changes: Any) -> str:
    kinds = {f"a_long_name_of_a_field_{i}": "integer" for i in range(FIELDS)} | changes
    properties = {name: {"type": kind} for name, kind in kinds.items()}
    return json.dumps({"type": "object", "properties": properties, "additionalProperties": False})


def protobuf(**changes: Any) -> str:
    kinds = {f"a_long_name_of_a_field_{i}": "int32" for i in range(FIELDS)} | changes
    fields = "".join(f"  {kind} {name} = {i + 1};\n" for i, (name, kind) in enumerate(kinds.items()))
    return f'syntax = "proto3";\nmessage Large {{\n{fields}}}\n'


MADE = {"AVRO": avro, "JSON": json_schema, "PROTOBUF": protobuf}
BREAKING = {"AVRO": "TYPE_MISMATCH", "JSON": "TYPE_CHANGED", "PROTOBUF": "FIELD_SCALAR_KIND_CHANGED"}


async def post(door: Door, path: str, kind: str, schema: str) -> tuple[int, Any]:
    return await door.ask("POST", path, {"schema": schema, "schemaType": kind})


@pytest.mark.parametrize("kind", MADE)
async def test_a_large_schema_is_registered_checked_and_looked_up(kind: str) -> None:
    first, changed = MADE[kind](), MADE[kind](a_long_name_of_a_field_7="string")
    async with opened() as door:
        for _ in range(2):
            assert await post(door, "/subjects/s/versions", kind, first) == (200, {"id": 1})
        assert (await post(door, "/subjects/s", kind, first))[1]["version"] == 1
        refused = await post(door, "/subjects/s/versions", kind, changed)
        assert (refused[0], refused[1]["error_code"]) == (409, 409)
        assert BREAKING[kind] in refused[1]["message"]
        answer = await post(door, "/compatibility/subjects/s/versions?verbose=true", kind, changed)
        assert (answer[1]["is_compatible"], BREAKING[kind] in answer[1]["messages"][0]) == (False, True)


@pytest.mark.parametrize("kind", MADE)
async def test_what_is_no_schema_is_told_as_for_a_small_one(kind: str) -> None:
    async with opened() as door:
        answer = await post(door, "/subjects/s/versions", kind, MADE[kind](a_long_name_of_a_field_7="none"))
        assert (answer[0], answer[1]["error_code"]) == (422, 42201)
        assert "none" in answer[1]["message"]


async def test_half_of_a_surrogate_pair_is_refused() -> None:
    async with opened() as door:
        schema = json_schema().replace("a_long_name_of_a_field_7", "\\ud800")
        answer = await post(door, "/subjects/s/versions", "JSON", schema)
        assert (answer[0], answer[1]["error_code"]) == (422, 42201), answer


async def test_a_large_schema_with_references_and_all_versions_before_it() -> None:
    async with opened() as door:
        await door.ask("PUT", "/config/s", {"compatibility": "FULL_TRANSITIVE"})
        await door.register("inner", {"type": "record", "name": "Inner", "fields": []})
        references = [{"name": "Inner", "subject": "inner", "version": 1}]
        for i in range(3):
            schema = avro(inner="Inner").replace('"Large"', f'"Large", "doc": "{i}"')
            content = {"schema": schema, "references": references}
            status, answer = await door.ask("POST", "/subjects/s/versions", content)
            assert status == 200, answer
        content["schema"] = avro(inner="Inner", a_long_name_of_a_field_7="string")
        status, answer = await door.ask("POST", "/subjects/s/versions", content)
        assert (status, "{oldSchemaVersion: 3}" in answer["message"]) == (409, True)


async def test_a_large_schema_is_given_in_the_format_asked_for() -> None:
    async with opened() as door:
        await post(door, "/subjects/s/versions", "PROTOBUF", protobuf())
        expected = parse("PROTOBUF", protobuf(), {}).formatted("serialized")
        for _ in range(2):
            assert (await door.ask("GET", "/schemas/ids/1?format=serialized"))[1]["schema"] == expected
            assert (await door.ask("GET", "/subjects/s/versions/1?format=other"))[1]["schema"] == protobuf_canonical()
            await door.registry.load()
            door.registry.schemas.memory = Memory()


def protobuf_canonical() -> str:
    return parse("PROTOBUF", protobuf(), {}).canonical()


async def test_the_loop_goes_on_meanwhile() -> None:
    """Small requests are answered while a large one is under way."""
    async with opened() as door:
        large = asyncio.create_task(post(door, "/subjects/s/versions", "PROTOBUF", protobuf()))
        small = 0
        while not large.done():
            assert (await door.ask("GET", "/subjects"))[0] == 200
            small += 1
            await asyncio.sleep(0)
        assert large.result() == (200, {"id": 1})
        assert small > 10


async def test_a_schema_larger_than_the_setting_is_refused_before_it_is_parsed() -> None:
    async with opened() as door:
        door.registry.schemas.largest_bytes = 2_000
        for path in ("/subjects/s/versions", "/subjects/s", "/compatibility/subjects/s/versions"):
            answer = await post(door, path, "AVRO", '"string"' + " " * 2_000)
            assert (answer[0], answer[1]["error_code"]) == (422, 42209)
            assert "registry.max_schema_bytes" in answer[1]["message"]
        assert (await post(door, "/subjects/s/versions", "AVRO", '"é"' + " " * 1_990))[1]["error_code"] == 42201


def test_the_process_does_what_is_done_here() -> None:
    task = Task(
        Text("AVRO", avro()), (Text("AVRO", avro(a_long_name_of_a_field_7="string")), Text("AVRO", "{")), "FULL"
    )
    assert asyncio.run(Workshop().do(task)) == carry_out(task)
    assert len(carry_out(task).compared) == 1


async def test_a_schema_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workshop, "LONGEST_SECONDS", 0.001)
    with pytest.raises(RegistryError, match="to parse and compare"):
        await Workshop().do(Task(Text("AVRO", avro())))


async def test_a_process_that_cannot_work_is_an_error_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RegistryError, match="ended with 1"):
        await Workshop().do(Task(Text("AVRO", avro())))


async def test_a_statement_has_its_large_schema_parsed_elsewhere_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process it is only found in the memory, by validation as well as when the statement is carried out."""
    node = Node(Settings(node=NodeSettings(memory=True)), listeners=())
    await node.start()
    try:
        monkeypatch.setattr(Text, "parse", _never)
        columns = ", ".join(f"a_long_name_of_a_column_{i} INT" for i in range(FIELDS))
        for name, kind in (("a", "AVRO"), ("b", "JSON_SR"), ("c", "PROTOBUF")):
            options = f"kafka_topic='{name}', partitions=1, value_format='{kind}'"
            await node.engine.execute(f"CREATE STREAM {name} (k INT KEY, {columns}) WITH ({options});")
        assert node.engine.registry is not None
        assert node.engine.registry.subjects() == ["a-value", "b-value", "c-value"]
    finally:
        await node.close()


def _never(text: Text) -> Parsed:
    raise AssertionError(f"a schema of {text.chars} characters is parsed on the loop")
