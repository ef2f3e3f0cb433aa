"""The broker takes records only with a schema that is registered for the topic, where the topic says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from headwater.app.node import Node
from headwater.core.settings import KafkaSettings, NodeSettings, RegistrySettings, Settings
from headwater.formats.framing import header
from headwater.registry.records import SchemaValue
from headwater.registry.validation import record_name

RECORD = '{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":"int"}]}'
STRATEGY = "io.confluent.kafka.serializers.subject.{}Strategy"


@dataclass
class Running:
    """A node with its Kafka listener."""

    node: Node
    bootstrap: str

    async def topic(self, name: str, **configs: str) -> None:
        """Create it with `confluent.*` configs; underscores stand for dots."""
        named = {f"confluent.{key.replace('_', '.')}": value for key, value in configs.items()}
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        (made,) = admin.create_topics([NewTopic(name, 1, config=named)]).values()
        await asyncio.to_thread(made.result, 20)

    async def produced(self, topic: str, value: bytes | None, key: bytes | None = None) -> KafkaError | None:
        """The error of a record; None if it was taken."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "compression.type": "gzip"})
        errors: list[KafkaError | None] = []
        producer.produce(topic, value, key, on_delivery=lambda error, _: errors.append(error))
        await asyncio.to_thread(producer.flush, 20)
        return errors[0]


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    settings = Settings(node=NodeSettings(memory=True), kafka=KafkaSettings(port=0), registry=RegistrySettings(port=0))
    node = Node(settings, listeners=("kafka",))
    await node.start()
    yield Running(node, node.endpoints[0].address)
    await node.close()


def _register(running: Running, subject: str) -> int:
    assert running.node.engine.registry is not None
    return running.node.engine.registry.register(subject, "AVRO", RECORD)


async def test_values_without_a_registered_schema_are_rejected(running: Running) -> None:
    await running.topic("t", value_schema_validation="true")
    schema_id = _register(running, "t-value")
    other = running.node.engine.registry.register("other-value", "AVRO", '"string"')  # type: ignore[union-attr]
    assert await running.produced("t", header(schema_id) + b"\x02") is None
    assert await running.produced("t", None) is None
    assert await running.produced("t", header(schema_id) + b"\x02", key=b"any") is None
    for value in (b"bare", b"", header(999) + b"\x02", header(other) + b"\x02a"):
        error = await running.produced("t", value)
        assert error is not None, value
        assert error.code() == KafkaError.INVALID_RECORD
    await running.topic("free")
    assert await running.produced("free", b"bare") is None


async def test_keys_are_checked_where_the_topic_says_so(running: Running) -> None:
    await running.topic("t", key_schema_validation="true")
    schema_id = _register(running, "t-key")
    assert await running.produced("t", b"bare", key=header(schema_id) + b"\x02") is None
    assert await running.produced("t", b"bare", key=b"bare") is not None


@pytest.mark.parametrize(("strategy", "subject"), [("RecordName", "n.R"), ("TopicRecordName", "t-n.R")])
async def test_subjects_are_named_as_the_topic_says(running: Running, strategy: str, subject: str) -> None:
    await running.topic("t", value_schema_validation="true", value_subject_name_strategy=STRATEGY.format(strategy))
    schema_id = _register(running, "t-value")
    assert await running.produced("t", header(schema_id) + b"\x02") is not None
    assert _register(running, subject) == schema_id
    assert await running.produced("t", header(schema_id) + b"\x02") is None


@pytest.mark.parametrize(
    ("kind", "schema", "name"),
    [
        ("AVRO", RECORD, "n.R"),
        ("AVRO", '{"type":"record","name":"m.R","namespace":"n","fields":[]}', "m.R"),
        ("AVRO", '"string"', ""),
        ("JSON", '{"title":"T"}', "T"),
        ("PROTOBUF", 'syntax = "proto3";\npackage a.b;\nmessage M { int32 x = 1; }', "a.b.M"),
        ("PROTOBUF", 'syntax = "proto3";\nmessage M { int32 x = 1; }', "M"),
    ],
)
def test_a_schema_names_its_record(kind: str, schema: str, name: str) -> None:
    assert record_name(SchemaValue("s", 1, 1, schema, kind)) == name
