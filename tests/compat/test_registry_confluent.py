"""The serializers of `confluent-kafka` against the registry on a real socket, and SQL reading and writing the same."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import (
    Schema,
    SchemaReference,
    SchemaRegistryClient,
    header_schema_id_serializer,
)
from confluent_kafka.schema_registry import record_subject_name_strategy as by_record
from confluent_kafka.schema_registry import topic_record_subject_name_strategy as by_topic_and_record
from confluent_kafka.schema_registry import topic_subject_name_strategy as by_topic
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError
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
KIND = pb.FieldDescriptorProto


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
    return message_class("shop.Order", file("order.proto", "Order", ID=KIND.TYPE_INT32, ITEM=KIND.TYPE_STRING))


def file(name: str, message: str, **fields: Any) -> pb.FileDescriptorProto:
    """A file of package `shop` with one message; a field is of a scalar type or of a message's name."""
    made = pb.FileDescriptorProto(name=name, package="shop", syntax="proto3")
    described = made.message_type.add(name=message)
    for number, (field, kind) in enumerate(fields.items(), 1):
        added = described.field.add(name=field, number=number, label=KIND.LABEL_OPTIONAL)
        if isinstance(kind, str):
            added.type, added.type_name = KIND.TYPE_MESSAGE, kind
        else:
            added.type = kind
    return made


def message_class(name: str, *files: pb.FileDescriptorProto) -> Any:
    """The class of a message, as protoc would generate it from the files, those that others import first."""
    pool = descriptor_pool.DescriptorPool()
    for each in files:
        pool.Add(each)  # type: ignore[no-untyped-call,unused-ignore]
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


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
def test_the_schemas_guid_may_stand_in_a_header_instead_of_its_id_before_the_value(
    registry: SchemaRegistryClient, kind: str
) -> None:
    headers: list[tuple[str, str | bytes | None]] = []
    where = SerializationContext(f"guids-{kind}", MessageField.VALUE, headers)
    write, read = KINDS[kind](registry, **{"schema.id.serializer": header_schema_id_serializer})
    value = {**VALUE, "ITEM": "a pot of tea"}  # its deserializer takes shorter payloads for ones without an id
    assert read(write(value, where), where) == value
    assert [name for name, _ in headers] == ["__value_schema_id"]


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


def test_references_of_json_schemas_are_followed(registry: SchemaRegistryClient) -> None:
    item = json.dumps({"type": "object", "properties": {"N": {"type": "string"}}, "required": ["N"]})
    registry.register_schema("item-json", Schema(item, "JSON"))
    cart = {"title": "Cart", "type": "object", "properties": {"ITEM": {"$ref": "item.json"}}}
    schema = Schema(json.dumps(cart), "JSON", [SchemaReference("item.json", "item-json", 1)])
    write, read = JSONSerializer(schema, registry), JSONDeserializer(None, schema_registry_client=registry)
    data = write({"ITEM": {"N": "tea"}}, context("json-carts"))
    assert read(data, context("json-carts")) == {"ITEM": {"N": "tea"}}
    (held,) = registry.get_latest_version("json-carts-value").schema.references or []
    assert (held.name, held.subject, held.version) == ("item.json", "item-json", 1)
    with pytest.raises(SerializationError, match="N"):
        write({"ITEM": {}}, context("json-carts"))


def test_imports_of_protobuf_files_are_registered_and_followed(registry: SchemaRegistryClient) -> None:
    item = file("shop/item.proto", "Item", N=KIND.TYPE_STRING)
    cart = file("shop/cart.proto", "Cart", ITEM=".shop.Item")
    cart.dependency.append("shop/item.proto")
    made, settings = message_class("shop.Cart", item, cart), {"use.deprecated.format": False}
    write = ProtobufSerializer(made, registry, settings)
    read = ProtobufDeserializer(made, settings, schema_registry_client=registry)
    value = made(ITEM={"N": "tea"})
    assert read(write(value, context("proto-carts")), context("proto-carts")) == value
    (held,) = registry.get_latest_version("proto-carts-value").schema.references or []
    assert (held.name, held.subject, held.version) == ("shop/item.proto", "shop/item.proto", 1)
    other = ProtobufSerializer(made, registry, {**settings, "auto.register.schemas": False})
    assert other(value, context("proto-carts")) == write(value, context("proto-carts"))


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
def test_a_serializer_works_in_a_context(registry: SchemaRegistryClient, kind: str) -> None:
    """The strategy names it; ids of a context are its own, so the subject says where to look one up."""
    subject = f":.side-{kind}:t-value"
    strategy = {"subject.name.strategy": lambda ctx, record, *_: subject}
    write, _ = KINDS[kind](registry, **strategy)
    data = write(VALUE, context("t"))
    assert (data[0], int.from_bytes(data[1:5], "big")) == (0, 1)
    assert registry.get_subjects().count(subject) == 1
    assert registry.get_schema(1, subject).schema_type == {"JSON_SR": "JSON"}.get(kind, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_of_a_context_sees_it_as_a_registry_of_its_own(node: Running, kind: str) -> None:
    with SchemaRegistryClient({"url": f"{node.endpoints['registry']}/contexts/.own-{kind}"}) as registry:
        write, read = KINDS[kind](registry)
        assert read(write(VALUE, context("t")), context("t")) == VALUE
        assert registry.get_latest_version("t-value").schema_id == 1


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
        timeout=60,
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
        # The class is made from what the registry answers, as a user would generate it from there.
        held = httpx.get(f"{node.endpoints['registry']}/subjects/{name}-value/versions/1/schema?format=serialized")
        described = pb.FileDescriptorProto.FromString(base64.b64decode(held.text))
        made = message_class(described.message_type[0].name, described)
        decode = ProtobufDeserializer(made, {"use.deprecated.format": False}, schema_registry_client=registry)
        found = decode(message.value(), context(name))
        assert (found.ID, found.ITEM) == (7, "tea")
        return
    read = AvroDeserializer(registry) if kind == "AVRO" else JSONDeserializer(None, schema_registry_client=registry)
    assert read(message.value(), context(name)) == VALUE


def sql(node: Running, statement: str) -> None:
    answer = httpx.post(f"{node.endpoints['ksqldb']}/ksql", json={"ksql": statement}, timeout=60)
    assert answer.status_code == 200, answer.text
