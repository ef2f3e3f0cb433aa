"""The serializers of `confluent-kafka` against the registry on a real socket, and SQL reading and writing the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry import record_subject_name_strategy as by_record
from confluent_kafka.schema_registry import topic_record_subject_name_strategy as by_topic_and_record
from confluent_kafka.schema_registry import topic_subject_name_strategy as by_topic
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2 as pb
from google.protobuf import descriptor_pool, message_factory

from tests.app.processes import Running, headwater_up

pytestmark = [pytest.mark.compat, pytest.mark.timeout(120), pytest.mark.xdist_group("registry-clients")]

AVRO = json.dumps(
    {
        "type": "record",
        "name": "Order",
        "namespace": "shop",
        "fields": [{"name": "ID", "type": "int"}, {"name": "ITEM", "type": "string"}],
    }
)
JSON = json.dumps(
    {
        "title": "shop.Order",
        "type": "object",
        "properties": {"ID": {"type": "integer"}, "ITEM": {"type": "string"}},
        "additionalProperties": False,
    }
)
VALUE = {"ID": 7, "ITEM": "tea"}


@pytest.fixture(scope="module")
def node() -> Iterator[Running]:
    with headwater_up("--memory", expect=("kafka", "ksqldb", "registry")) as running:
        yield running


@pytest.fixture
def registry(node: Running) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": node.endpoints["registry"]}) as client:
        yield client


def context(topic: str) -> SerializationContext:
    return SerializationContext(topic, MessageField.VALUE)


def order_class() -> Any:
    """The class of a message `shop.Order`, as protoc would generate it."""
    kinds = pb.FieldDescriptorProto
    file = pb.FileDescriptorProto(name="order.proto", package="shop", syntax="proto3")
    message = file.message_type.add(name="Order")
    message.field.add(name="ID", number=1, type=kinds.TYPE_INT32, label=kinds.LABEL_OPTIONAL)
    message.field.add(name="ITEM", number=2, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)  # type: ignore[no-untyped-call,unused-ignore]
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Order"))


def avro(registry: SchemaRegistryClient, **settings: Any) -> tuple[Any, Any]:
    return AvroSerializer(registry, AVRO, conf=settings or None), AvroDeserializer(registry)


def json_sr(registry: SchemaRegistryClient, **settings: Any) -> tuple[Any, Any]:
    return JSONSerializer(JSON, registry, conf=settings or None), JSONDeserializer(
        JSON, schema_registry_client=registry
    )


def protobuf(registry: SchemaRegistryClient, **settings: Any) -> tuple[Any, Any]:
    made = order_class()
    both = {"use.deprecated.format": False}
    serializer = ProtobufSerializer(made, registry, {**both, **settings})
    deserializer = ProtobufDeserializer(made, both, schema_registry_client=registry)
    return (
        lambda value, where: serializer(made(**value), where),
        lambda data, where: {"ID": (read := deserializer(data, where)).ID, "ITEM": read.ITEM},
    )


KINDS: dict[str, Callable[..., tuple[Any, Any]]] = {"AVRO": avro, "JSON_SR": json_sr, "PROTOBUF": protobuf}


@pytest.mark.parametrize(
    ("strategy", "subject"),
    [(by_topic, "{topic}-value"), (by_record, "shop.Order"), (by_topic_and_record, "{topic}-shop.Order")],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_value_comes_back_under_every_subject_strategy(
    registry: SchemaRegistryClient, kind: str, strategy: Any, subject: str
) -> None:
    topic = f"strategies-{kind}-{subject.count('{')}-{len(subject)}"
    subject = subject.format(topic=topic)
    registry.set_compatibility(subject, level="NONE")
    write, read = KINDS[kind](registry, **{"subject.name.strategy": strategy})
    assert read(write(VALUE, context(topic)), context(topic)) == VALUE
    assert subject in registry.get_subjects()


@pytest.mark.parametrize("kind", KINDS)
def test_the_latest_version_is_used_without_registering(registry: SchemaRegistryClient, kind: str) -> None:
    topic = f"latest-{kind}"
    KINDS[kind](registry)[0](VALUE, context(topic))
    write, read = KINDS[kind](registry, **{"auto.register.schemas": False, "use.latest.version": True})
    assert read(write(VALUE, context(topic)), context(topic)) == VALUE
    assert registry.get_versions(f"{topic}-value") == [1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_normalised_when_a_client_asks(registry: SchemaRegistryClient, kind: str) -> None:
    topic = f"normalised-{kind}"
    for _ in range(2):
        write, read = KINDS[kind](registry, **{"normalize.schemas": True})
        assert read(write(VALUE, context(topic)), context(topic)) == VALUE
    assert registry.get_versions(f"{topic}-value") == [1]


def test_references_are_followed(registry: SchemaRegistryClient) -> None:
    item = json.dumps(
        {"type": "record", "name": "Item", "namespace": "shop", "fields": [{"name": "N", "type": "string"}]}
    )
    registry.register_schema("item", Schema(item, "AVRO"))
    cart = json.dumps({"type": "record", "name": "Cart", "fields": [{"name": "ITEM", "type": "shop.Item"}]})
    schema = Schema(cart, "AVRO", [SchemaReference("shop.Item", "item", 1)])
    write, read = AvroSerializer(registry, schema), AvroDeserializer(registry)
    data = write({"ITEM": {"N": "tea"}}, context("carts"))
    assert read(data, context("carts")) == {"ITEM": {"N": "tea"}}


def test_an_incompatible_schema_is_refused_with_the_rule(registry: SchemaRegistryClient) -> None:
    registry.register_schema("strict", Schema(AVRO, "AVRO"))
    changed = Schema(AVRO.replace('"int"', '"boolean"'), "AVRO")
    assert not registry.test_compatibility("strict", changed)
    with pytest.raises(SchemaRegistryError, match="TYPE_MISMATCH") as refused:
        registry.register_schema("strict", changed)
    assert (refused.value.http_status_code, refused.value.error_code) == (409, 409)


def test_a_context_has_subjects_of_its_own(registry: SchemaRegistryClient) -> None:
    first = registry.register_schema(":.branch:orders-value", Schema(AVRO, "AVRO"))
    assert first == 1
    assert ":.branch:orders-value" in registry.get_subjects()


@pytest.mark.parametrize("kind", KINDS)
def test_sql_reads_what_a_serializer_wrote(node: Running, registry: SchemaRegistryClient, kind: str) -> None:
    topic = f"sql-{kind}".lower().replace("_", "-")
    write, _ = KINDS[kind](registry)
    producer = Producer({"bootstrap.servers": node.endpoints["kafka"]})
    producer.produce(topic, key=b"k", value=write(VALUE, context(topic)))
    assert producer.flush(30) == 0
    name = f"READ_{kind}"
    sql(node, f"CREATE STREAM {name} (K STRING KEY) WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='{kind}');")
    answer = httpx.post(
        f"{node.endpoints['ksqldb']}/query-stream",
        json={
            "sql": f"SELECT ID, ITEM FROM {name} EMIT CHANGES LIMIT 1;",
            "properties": {"ksql.streams.auto.offset.reset": "earliest"},
        },
        headers={"Accept": "application/vnd.ksqlapi.delimited.v1"},
        timeout=30,
    )
    assert json.loads(answer.text.splitlines()[1]) == [7, "tea"], answer.text


@pytest.mark.parametrize("kind", KINDS)
def test_a_deserializer_reads_what_sql_wrote(node: Running, registry: SchemaRegistryClient, kind: str) -> None:
    name = f"WRITTEN_{kind}"
    sql(
        node,
        f"CREATE STREAM {name} (ID INT, ITEM STRING) WITH (KAFKA_TOPIC='{name}', PARTITIONS=1, VALUE_FORMAT='{kind}');",
    )
    sql(node, f"INSERT INTO {name} VALUES (7, 'tea');")
    consumer = Consumer(
        {"bootstrap.servers": node.endpoints["kafka"], "group.id": name, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([name])
    message = consumer.poll(30)
    consumer.close()
    assert message is not None
    assert message.error() is None
    if kind == "PROTOBUF":
        latest = registry.get_latest_version(f"{name}-value")
        assert latest.schema.schema_type == "PROTOBUF"
        return
    read = AvroDeserializer(registry) if kind == "AVRO" else JSONDeserializer(None, schema_registry_client=registry)
    assert read(message.value(), context(name)) == VALUE


def sql(node: Running, statement: str) -> None:
    answer = httpx.post(f"{node.endpoints['ksqldb']}/ksql", json={"ksql": statement}, timeout=30)
    assert answer.status_code == 200, answer.text
