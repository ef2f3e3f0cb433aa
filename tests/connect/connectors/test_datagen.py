"""Datagen: every quickstart runs, schemas of one's own are obeyed, a restart goes on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random

import pytest

from headwater.connect.connectors.datagen.generator import generator
from headwater.connect.connectors.datagen.quickstarts import QUICKSTARTS
from headwater.connect.converters.avro_schema import from_avro
from headwater.connect.converters.avro_values import encoder
from headwater.connect.errors import UsageError
from headwater.testing.connect_rig import ConnectRig


@pytest.mark.parametrize("name", sorted(QUICKSTARTS))
def test_a_quickstart_makes_records_of_its_schema(name: str) -> None:
    found = QUICKSTARTS[name]
    make = generator(found.schema, Random(1))
    schema = from_avro(found.schema)
    write = encoder(schema, found.schema, b"")
    for _ in range(20):
        value = make()
        assert list(value) == [field.name for field in schema.fields]
        assert found.key is None or value[found.key] is not None
        assert write(value)


def test_properties_of_a_schema_are_obeyed() -> None:
    def made(kind: str, **properties: object) -> list[object]:
        make = generator({"type": kind, "arg.properties": properties}, Random(1))
        return [make() for _ in range(50)]

    assert set(made("string", options=["a", "b"])) == {"a", "b"}
    assert made("int", iteration={"start": 5, "step": 2, "restart": 9})[:4] == [5, 7, 5, 7]
    assert all(3 <= int(str(value)) < 6 for value in made("long", range={"min": 3, "max": 6}))
    assert all(re.fullmatch("(a|bc)[0-9]{2,3}x?", str(value)) for value in made("string", regex="(a|bc)[0-9]{2,3}x?"))
    assert {len(str(value)) for value in made("string", length=4)} == {4}
    assert made("boolean", odds=0) == [False] * 50


async def test_a_topic_that_cannot_be_is_an_error_of_its_key(tmp_path: Path) -> None:
    async with ConnectRig(tmp_path) as rig:
        config = {"connector.class": "DatagenSource", "quickstart": "users", "kafka.topic": "no topic/at all"}
        with pytest.raises(UsageError, match=r"Invalid value no topic/at all for configuration kafka\.topic"):
            await rig.worker.create("d", config)


async def test_it_stops_after_its_iterations_and_does_not_begin_again(tmp_path: Path) -> None:
    async with ConnectRig(tmp_path) as rig:
        await rig.create("gen", {
            "connector.class": "io.confluent.kafka.connect.datagen.DatagenConnector", "kafka.topic": "orders",
            "quickstart": "ORDERS", "iterations": "25", "max.interval": "1",
        })  # fmt: skip

        async def ids() -> list[int]:
            return [value["orderid"] for value in await rig.values("orders")]

        async def complete() -> bool:
            return len(await ids()) == 25

        await rig.until(complete, "25 orders")
        await rig.restart()
        await rig.running("gen")
        assert await ids() == list(range(25))
        assert [json.loads(record.key or b"") for record in await rig.records("orders")] == list(range(25))


async def test_a_configuration_names_exactly_one_source_of_its_schema(tmp_path: Path) -> None:
    async with ConnectRig(tmp_path) as rig:
        config = {"connector.class": "DatagenSource", "kafka.topic": "orders"}
        for wrong in (
            {},
            {"quickstart": "nonsense"},
            {"schema.string": "{"},
            {"quickstart": "users", "schema.string": "x"},
        ):
            with pytest.raises(UsageError):
                await rig.worker.create("gen", config | wrong)
