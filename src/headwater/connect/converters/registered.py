"""The converters whose schemas are in the schema registry: Avro, JSON Schema, Protobuf."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from typing import Any

from headwater.connect import schema as s
from headwater.connect.config import Config, ConfigDef, Key, Type
from headwater.connect.converters import avro_schema, avro_values, sql_bridge
from headwater.connect.converters.api import NULL, Converted, Converter
from headwater.connect.schema import ConnectSchema
from headwater.core import types as t
from headwater.core.errors import DeserializationError, SerializationError
from headwater.core.schema import Column
from headwater.formats import framing, json_schema, proto_file, proto_types, registered
from headwater.formats import registry as formats
from headwater.formats.api import Format, RegisteredSchema, SchemaRegistry, SerdeOptions
from headwater.formats.failures import Refused
from headwater.formats.protobuf_format import read_indexes

_HINT = "The data was not written by a serializer of the schema registry: check the converter of this topic."
_STRATEGIES = ("TopicNameStrategy", "RecordNameStrategy", "TopicRecordNameStrategy")


def _strategy(value: str) -> str | None:
    return None if value.rpartition(".")[2] in _STRATEGIES else f"must be one of {', '.join(_STRATEGIES)}"


class RegistryConverter(Converter):
    """What the three share: subjects, framing, and functions kept per schema."""

    kind: str
    config = ConfigDef(
        Key("auto.register.schemas", Type.BOOLEAN, "Register the schema of what is written.", default=True),
        Key("use.latest.version", Type.BOOLEAN, "Write with the subject's latest schema.", default=False),
        Key("use.schema.id", Type.INT, "Write with the schema of this id.", default=-1),
        Key("schemas.cache.config", Type.INT, "Schemas that are remembered.", default=1000, minimum=1),
        Key("key.subject.name.strategy", Type.CLASS, "How keys' subjects are named.", default="TopicNameStrategy",
            validator=_strategy),
        Key("value.subject.name.strategy", Type.CLASS, "How values' subjects are named.", default="TopicNameStrategy",
            validator=_strategy),
    )  # fmt: skip

    def configure(self, config: Config) -> None:
        size = config.integer("schemas.cache.config")
        self._writer_of = lru_cache(size)(self._make_writer)
        self._reader_of = lru_cache(size)(self._make_reader)
        self._registers = config.flag("auto.register.schemas") and not config.flag("use.latest.version")
        self._id = config.integer("use.schema.id")
        side = "key" if self.is_key else "value"
        self._strategy = config.text(f"{side}.subject.name.strategy").rpartition(".")[2]

    def encode(self, topic: str, schema: ConnectSchema | None, value: Any) -> bytes | None:
        if value is None:
            return None
        found = schema if schema is not None else self._guessed(topic, value)
        return self._writer_of(topic, found)(value)

    def decode(self, topic: str, payload: bytes | None) -> Converted:
        if payload is None:
            return NULL
        try:
            schema_id = framing.schema_id_of(payload, f"{_HINT} (topic {topic})")
            return self._reader_of(schema_id)(payload)
        except Refused as refused:
            raise DeserializationError(
                f"Failed to deserialize data for topic {topic} to {self.kind}: {refused.reason}"
            ) from None
        except (EOFError, *registered.MALFORMED, ValueError) as error:
            raise DeserializationError(
                f"Failed to deserialize data for topic {topic} to {self.kind}: malformed data: {error}"
            ) from None

    def _guessed(self, topic: str, value: Any) -> ConnectSchema:
        """Single values without a schema have an obvious one; objects have none."""
        for kinds, schema in _OBVIOUS:
            if type(value) is kinds:
                return schema
        raise SerializationError(
            f"{type(self).__name__} needs a schema to write {type(value).__name__} values to topic {topic}, but these "
            "have none: read them with a converter that has schemas, or write them with JsonConverter"
        )

    def _subject(self, topic: str, schema: ConnectSchema) -> str:
        name = schema.name or avro_schema.DEFAULT_NAME
        if self._strategy == "RecordNameStrategy":
            return name
        return (
            f"{topic}-{name}" if self._strategy == "TopicRecordNameStrategy" else registered.subject(topic, self.is_key)
        )

    @property
    def _port(self) -> SchemaRegistry:
        return registered.needed(self.registry, self.kind)

    def _registered(self, topic: str, schema: ConnectSchema, text: Callable[[], str]) -> tuple[int, str]:
        """(id, text) of the schema to write with."""
        subject = self._subject(topic, schema)
        if self._id >= 0:
            held: RegisteredSchema | None = self._port.by_id(self._id)
        elif self._registers:
            made = text()
            return self._port.register(subject, self.kind, made), made
        else:
            held = self._port.latest(subject)
        if held is None:
            raise SerializationError(f"Subject {subject} has no schema, and auto.register.schemas is false")
        return held.schema_id, held.schema

    @abstractmethod
    def _make_writer(self, topic: str, schema: ConnectSchema) -> Callable[[Any], bytes | None]: ...

    @abstractmethod
    def _make_reader(self, schema_id: int) -> Callable[[bytes], Converted]: ...


_OBVIOUS: tuple[tuple[type, ConnectSchema], ...] = (
    (str, s.STRING), (bool, s.BOOLEAN), (int, s.INT64), (float, s.FLOAT64), (bytes, s.BYTES),
)  # fmt: skip


class AvroConverter(RegistryConverter):
    """Avro, with Connect's own attributes (`connect.name`, `connect.version`, …) in the schema."""

    names = ("io.confluent.connect.avro.AvroConverter",)
    kind = "AVRO"

    def _make_writer(self, topic: str, schema: ConnectSchema) -> Callable[[Any], bytes | None]:
        required = replace(schema, optional=False, default=None)
        schema_id, text = self._registered(topic, schema, lambda: json.dumps(avro_schema.to_avro(required)))
        return avro_values.encoder(required, json.loads(text), framing.header(schema_id))

    def _make_reader(self, schema_id: int) -> Callable[[bytes], Converted]:
        held = self._port.by_id(schema_id)
        document = _resolved(held)
        schema = avro_schema.from_avro(document)
        read = avro_values.decoder(schema, document)

        def decode(payload: bytes) -> Converted:
            data = BytesIO(payload)
            data.seek(framing.SIZE)
            return Converted(schema, read(data))

        return decode


def _resolved(held: RegisteredSchema) -> Any:
    """The schema's document with referenced schemas in the places where they are used first."""
    try:
        document = json.loads(held.schema)
    except ValueError:
        return held.schema.strip()
    named = {name: json.loads(text) for name, text in held.references}
    return _inlined(document, named) if named else document


def _inlined(document: Any, named: dict[str, Any]) -> Any:
    if isinstance(document, str):
        return _inlined(named.pop(document), named) if document in named else document
    if isinstance(document, list):
        return [_inlined(part, named) for part in document]
    made = dict(document)
    for key in ("type", "items", "values"):
        if key in made:
            made[key] = _inlined(made[key], named)
    if "fields" in made:
        made["fields"] = [_inlined(part, named) for part in made["fields"]]
    return made


class _ThroughSql(RegistryConverter):
    """Formats whose readers and writers are those of SQL."""

    def _format(self) -> Format:
        return formats.get({"JSON": "JSON_SR", "PROTOBUF": "PROTOBUF"}[self.kind])

    def _options(self, wrapped: bool, schema_id: int | None = None, name: str | None = None) -> SerdeOptions:
        properties = {} if schema_id is None else {"SCHEMA_ID": str(schema_id)}
        if name is not None:
            properties["SCHEMA_FULL_NAME"] = name
        return SerdeOptions(self.is_key, None if self.kind == "PROTOBUF" else wrapped, properties)

    def _make_writer(self, topic: str, schema: ConnectSchema) -> Callable[[Any], bytes | None]:
        wrapped = schema.type is s.Type.STRUCT
        if not wrapped and self.kind == "PROTOBUF":
            raise SerializationError(f"ProtobufConverter writes structs, not {schema.type} (topic {topic})")
        columns = _columns(schema)
        name = schema.name if wrapped and not self._id >= 0 else None
        schema_id, _ = self._registered(topic, schema, lambda: self._text(columns, wrapped, name))
        options = self._options(wrapped, schema_id, name if self.kind == "PROTOBUF" else None)
        encode = self._format().writer(columns, options, topic, self._port).encode
        convert = sql_bridge.to_row(schema)
        if wrapped:
            return lambda value: encode(*convert(value))
        return lambda value: encode(convert(value))

    def _text(self, columns: tuple[Column, ...], wrapped: bool, name: str | None) -> str:
        made: Any = self._format()
        text: str = made.schema_text(columns, self._options(wrapped, name=name))
        return text

    def _reader(self, sql: t.SqlType, topic: str, name: str | None = None) -> Callable[[bytes], Converted]:
        wrapped = isinstance(sql, t.Struct)
        schema = sql_bridge.connect_schema(sql, name)
        reader = self._format().reader(_columns(schema), self._options(wrapped), topic, self._port)
        convert = sql_bridge.from_row(sql)
        required = replace(schema, optional=False)

        def decode(payload: bytes) -> Converted:
            row = reader.decode(payload)
            return Converted(required, None if row is None else convert(row))

        return decode


def _columns(schema: ConnectSchema) -> tuple[Column, ...]:
    if schema.type is s.Type.STRUCT:
        return tuple(Column(f.name, sql_bridge.sql_type(f.schema)) for f in schema.fields)
    return (Column("value", sql_bridge.sql_type(schema)),)


class JsonSchemaConverter(_ThroughSql):
    """JSON under a JSON Schema of the registry."""

    names = ("io.confluent.connect.json.JsonSchemaConverter",)
    kind = "JSON"

    def _make_reader(self, schema_id: int) -> Callable[[bytes], Converted]:
        held = self._port.by_id(schema_id)
        node = json_schema.parse(held.schema, held.references)
        if node is None:
            raise DeserializationError(f"JSON Schema {schema_id} describes nothing that Connect has a type for")
        title = json.loads(held.schema).get("title")
        return self._reader(json_schema.sql_type(node, lambda name: name), held.subject, title)


class ProtobufConverter(_ThroughSql):
    """Protobuf messages under a schema of the registry."""

    names = ("io.confluent.connect.protobuf.ProtobufConverter",)
    kind = "PROTOBUF"

    def _make_reader(self, schema_id: int) -> Callable[[bytes], Converted]:
        held = self._port.by_id(schema_id)
        file = proto_file.load(held.schema, held.references)
        readers: dict[tuple[int, ...], Callable[[bytes], Converted]] = {}

        def decode(payload: bytes) -> Converted:
            indexes, _ = read_indexes(payload, framing.SIZE)
            found = readers.get(indexes)
            if found is None:
                message = file.at(indexes)
                fields = proto_types.fields_of(message, file.params, lambda name: name)
                found = readers[indexes] = self._reader(t.Struct(fields), held.subject, message.full_name)
            return found(payload)

        return decode
