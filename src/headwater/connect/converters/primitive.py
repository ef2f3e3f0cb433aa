"""Converters of single values: texts, bytes and numbers, as Kafka's own serializers write them."""

from __future__ import annotations

import struct
from typing import Any, ClassVar

from headwater.connect import schema as s
from headwater.connect.config import Config, ConfigDef, Key
from headwater.connect.config import Type as ConfigType
from headwater.connect.converters.api import Converted, Converter
from headwater.connect.converters.java_values import java_text
from headwater.core.errors import DeserializationError, SerializationError


class StringConverter(Converter):
    """Texts. Anything else is written as Java prints it."""

    names = ("org.apache.kafka.connect.storage.StringConverter",)
    config = ConfigDef(
        Key("converter.encoding", ConfigType.STRING, "Character set.", default="UTF-8"),
    )

    def configure(self, config: Config) -> None:
        self._encoding = config.text("converter.encoding")

    def encode(self, topic: str, schema: s.ConnectSchema | None, value: Any) -> bytes | None:
        if value is None:
            return None
        return (value if type(value) is str else java_text(value, schema)).encode(self._encoding)

    def decode(self, topic: str, payload: bytes | None) -> Converted:
        if payload is None:
            return Converted(s.OPTIONAL_STRING, None)
        return Converted(s.OPTIONAL_STRING, payload.decode(self._encoding, "replace"))


class ByteArrayConverter(Converter):
    """Bytes as they are."""

    names = ("org.apache.kafka.connect.converters.ByteArrayConverter",)

    def encode(self, topic: str, schema: s.ConnectSchema | None, value: Any) -> bytes | None:
        if schema is not None and schema.type is not s.Type.BYTES:
            raise SerializationError(f"Invalid schema type for ByteArrayConverter: {schema.type} (topic {topic})")
        if value is not None and not isinstance(value, bytes | bytearray | memoryview):
            raise SerializationError(
                f"ByteArrayConverter is not compatible with objects of type {type(value).__name__} (topic {topic})"
            )
        return None if value is None else bytes(value)

    def decode(self, topic: str, payload: bytes | None) -> Converted:
        return Converted(s.OPTIONAL_BYTES, payload)


class _FixedConverter(Converter):
    """A number in so many bytes, big-endian."""

    layout: ClassVar[struct.Struct]
    schema: ClassVar[s.ConnectSchema]

    def encode(self, topic: str, schema: s.ConnectSchema | None, value: Any) -> bytes | None:
        if value is None:
            return None
        if schema is not None and schema.type is not self.schema.type:
            raise SerializationError(f"Invalid schema type for {self._name}: {schema.type} (topic {topic})")
        try:
            return self.layout.pack(value)
        except (struct.error, OverflowError) as error:
            raise SerializationError(f"{self._name} cannot write {value!r} to topic {topic}: {error}") from None

    def decode(self, topic: str, payload: bytes | None) -> Converted:
        if payload is None:
            return Converted(self.schema, None)
        try:
            return Converted(self.schema, self.layout.unpack(payload)[0])
        except struct.error:
            raise DeserializationError(
                f"Size of data received by {self._name} is not {self.layout.size} but {len(payload)} (topic {topic})"
            ) from None

    @property
    def _name(self) -> str:
        return type(self).__name__


class LongConverter(_FixedConverter):
    names = ("org.apache.kafka.connect.converters.LongConverter",)
    layout, schema = struct.Struct(">q"), s.OPTIONAL_INT64


class IntegerConverter(_FixedConverter):
    names = ("org.apache.kafka.connect.converters.IntegerConverter",)
    layout, schema = struct.Struct(">i"), s.OPTIONAL_INT32


class ShortConverter(_FixedConverter):
    names = ("org.apache.kafka.connect.converters.ShortConverter",)
    layout, schema = struct.Struct(">h"), s.OPTIONAL_INT16


class FloatConverter(_FixedConverter):
    names = ("org.apache.kafka.connect.converters.FloatConverter",)
    layout, schema = struct.Struct(">f"), s.OPTIONAL_FLOAT32


class DoubleConverter(_FixedConverter):
    names = ("org.apache.kafka.connect.converters.DoubleConverter",)
    layout, schema = struct.Struct(">d"), s.OPTIONAL_FLOAT64


class BooleanConverter(_FixedConverter):
    names = ("org.apache.kafka.connect.converters.BooleanConverter",)
    layout, schema = struct.Struct(">?"), s.OPTIONAL_BOOLEAN
