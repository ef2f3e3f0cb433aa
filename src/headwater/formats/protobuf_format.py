"""The PROTOBUF format: messages under a schema of the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError

from headwater.core.errors import AnalysisError
from headwater.core.schema import Column
from headwater.core.types import Field
from headwater.formats import capabilities as caps
from headwater.formats import checks, framing, proto_codec, proto_file, registered
from headwater.formats.api import Reader, RegisteredSchema, SchemaRegistry, SerdeOptions, Writer
from headwater.formats.avro_encode import long_bytes
from headwater.formats.base import FormatBase
from headwater.formats.failures import Refused, SchemaError, unreadable, unwritable
from headwater.formats.proto_generate import schema_text

_HINT = "The data may not be Protobuf of a schema registry: for bare messages use the format PROTOBUF_NOSR."
_WRITE_ERRORS = (TypeError, ValueError, AttributeError, OverflowError)


class ProtobufFormat(FormatBase):
    """Section 8 of the format rules."""

    name = "PROTOBUF"
    schema_kind = "PROTOBUF"

    def reason_against(self, columns: tuple[Column, ...]) -> str | None:
        if checks.has_map_without_string_key(columns):
            return "PROTOBUF format only supports MAP types with STRING keys"
        try:
            schema_text(_fields(columns), None, None)
        except SchemaError as error:
            return f"Schema is not compatible with {self.name}: {error}"
        return None

    def schema_text(self, columns: tuple[Column, ...], options: SerdeOptions) -> str:
        """The schema to register for the columns. Raises `AnalysisError` for what Protobuf cannot say."""
        nullable = options.properties.get(caps.NULLABLE)
        full_name = options.properties.get(caps.SCHEMA_FULL_NAME)
        try:
            return schema_text(_fields(columns), full_name, nullable.upper() if nullable else None)
        except SchemaError as error:
            raise AnalysisError(f"Schema is not compatible with {self.name}: {error}") from None

    def column_reader(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Reader:
        port = registered.needed(registry, self.name)
        fields = [(c.name, c.type) for c in columns]

        def make(schema: RegisteredSchema) -> registered.Decode:
            if schema.kind != "PROTOBUF":
                raise SchemaError(f"it is a schema of kind {schema.kind}, not PROTOBUF")
            return _framed(proto_file.load(schema.schema, schema.references), fields)

        decode = registered.decode_by_id(port, make, topic, options.is_key, _HINT)
        return Reader(columns, decode, tuple(f"row[{i}]" for i in range(len(columns))))

    def column_writer(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Writer:
        port = registered.needed(registry, self.name)
        given = options.properties.get(caps.SCHEMA_ID)
        if given is None:
            text = self.schema_text(columns, options)
            file = proto_file.load(text)
            schema_id = port.register(registered.subject(topic, options.is_key), self.schema_kind, text)
        else:
            schema_id = int(given)
            held = port.by_id(schema_id)
            file = proto_file.load(held.schema, held.references)
        message = file.message(options.properties.get(caps.SCHEMA_FULL_NAME))
        header = framing.header(schema_id) + index_bytes(proto_file.indexes_of(message))
        return message_writer(columns, file, message, header, topic, options.is_key)


def message_writer(
    columns: tuple[Column, ...], file: proto_file.ProtoFile, message: Any, header: bytes, topic: str, is_key: bool
) -> Writer:
    """A writer of messages after a constant header."""
    try:
        quick = proto_codec.bytes_maker(file, message, [(c.name, c.type) for c in columns], header)
    except Refused as refused:
        raise AnalysisError(f"Schema is not compatible with the columns: {refused.reason}") from None

    def encode(*values: object) -> bytes | None:
        try:
            return quick(*values)
        except Refused as refused:
            raise unwritable(topic, is_key, refused.reason) from None
        except _WRITE_ERRORS as error:
            raise unwritable(topic, is_key, str(error)) from error

    return Writer(columns, encode, "encode_row({args})", {"encode_row": quick})


def message_reader(
    columns: tuple[Column, ...], file: proto_file.ProtoFile, message: Any, topic: str, is_key: bool
) -> Reader:
    """A reader of bare messages."""
    quick = proto_codec.row_maker(file, message, [(c.name, c.type) for c in columns])

    def decode(payload: bytes) -> object:
        try:
            return quick(payload)
        except Refused as refused:
            raise unreadable(topic, is_key, refused.reason) from None
        except (DecodeError, *_WRITE_ERRORS) as error:
            raise unreadable(topic, is_key, f"Not a message of the schema: {error}") from None

    return Reader(columns, decode, tuple(f"row[{i}]" for i in range(len(columns))))


def index_bytes(indexes: tuple[int, ...]) -> bytes:
    """Where the message stands in its file; the first message, by far the most frequent, is one zero byte."""
    if indexes == (0,):
        return b"\0"
    return long_bytes(len(indexes)) + b"".join(map(long_bytes, indexes))


def _framed(file: proto_file.ProtoFile, fields: proto_codec.Fields) -> registered.Decode:
    """A decoder that picks the message by the index list between the schema's id and the data."""
    makers: dict[tuple[int, ...], Callable[[bytes], Any]] = {}

    def maker(indexes: tuple[int, ...]) -> Callable[[bytes], Any]:
        found = makers.get(indexes)
        if found is None:
            try:
                found = makers[indexes] = proto_codec.row_maker(file, file.at(indexes), fields)
            except SchemaError as error:
                raise Refused(str(error)) from None
        return found

    def decode(payload: bytes, at: int) -> Any:
        indexes, at = read_indexes(payload, at)
        try:
            return maker(indexes)(payload[at:])
        except DecodeError as error:
            raise Refused(f"Not a message of the schema: {error}") from None

    return decode


def read_indexes(payload: bytes, at: int) -> tuple[tuple[int, ...], int]:
    """The message's place in its file as written at `at`, and where the message begins."""
    if payload[at] == 0:
        return (0,), at + 1
    count, at = _zigzag(payload, at)
    if not 0 < count <= len(payload):
        raise Refused(f"Invalid message index list of {count} entries")
    found = []
    for _ in range(count):
        index, at = _zigzag(payload, at)
        if index < 0:
            raise Refused(f"Invalid message index {index}")
        found.append(index)
    return tuple(found), at


def _zigzag(payload: bytes, at: int) -> tuple[int, int]:
    n = shift = 0
    while True:
        byte = payload[at]
        at += 1
        n |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (n >> 1) ^ -(n & 1), at
        shift += 7


def _fields(columns: tuple[Column, ...]) -> tuple[Field, ...]:
    return tuple(Field(c.name, c.type) for c in columns)


FORMAT = ProtobufFormat()
