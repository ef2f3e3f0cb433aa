"""The KAFKA format: one column in the bytes of Kafka's own serializers."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from headwater.core import types as t
from headwater.core.schema import Column
from headwater.formats import base, checks
from headwater.formats.api import Reader, SchemaRegistry, SerdeOptions, Writer
from headwater.formats.failures import unreadable, unwritable


@dataclass(frozen=True)
class _Fixed:
    """A fixed-size big-endian number."""

    codec: struct.Struct
    java_name: str


_FIXED: dict[t.SqlType, _Fixed] = {
    t.INTEGER: _Fixed(struct.Struct(">i"), "IntegerDeserializer"),
    t.BIGINT: _Fixed(struct.Struct(">q"), "LongDeserializer"),
    t.DOUBLE: _Fixed(struct.Struct(">d"), "DoubleDeserializer"),
}
_TYPES = (*_FIXED, t.STRING, t.BYTES)


class KafkaFormat(base.FormatBase):
    """Section 3 of the format rules."""

    name = "KAFKA"

    def reason_against(self, columns: tuple[Column, ...]) -> str | None:
        if len(columns) > 1:
            return f"The 'KAFKA' format only supports a single field. Got: {checks.columns_text(columns)}"
        for column in columns:
            if column.type not in _TYPES:
                return f"The 'KAFKA' format does not support type '{checks.base_name(column.type)}'"
        return None

    def column_reader(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Reader:
        sql_type = columns[0].type
        if sql_type == t.STRING:
            return Reader(columns, _decode_text, ("row",), lambda: bytes.decode, (UnicodeDecodeError,))
        if sql_type == t.BYTES:
            return Reader(columns, lambda payload: payload, ("row",))
        return _number_reader(columns, _FIXED[sql_type], topic, options.is_key)

    def column_writer(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Writer:
        sql_type = columns[0].type
        if sql_type == t.BYTES:
            return Writer(columns, lambda value: value, "{args}")
        pack: Callable[..., bytes] = str.encode if sql_type == t.STRING else _FIXED[sql_type].codec.pack

        def encode(value: object) -> bytes | None:
            try:
                return None if value is None else pack(value)
            except (struct.error, UnicodeEncodeError, TypeError) as error:
                raise unwritable(topic, options.is_key, str(error)) from error

        inline = "(None if (_bare := {args}) is None else pack(_bare))"
        return Writer(columns, encode, inline, {"pack": pack})


def _decode_text(payload: bytes) -> str:
    # Java's deserializer never fails: what is not UTF-8 becomes U+FFFD.
    return payload.decode("utf-8", "replace")


def _number_reader(columns: tuple[Column, ...], fixed: _Fixed, topic: str, is_key: bool) -> Reader:
    unpack, size = fixed.codec.unpack, fixed.codec.size

    def decode(payload: bytes) -> object:
        if len(payload) != size:
            reason = f"Size of data received by {fixed.java_name} is not {size}: it is {len(payload)} bytes"
            raise unreadable(topic, is_key, reason)
        return unpack(payload)

    return Reader(columns, decode, ("row[0]",), lambda: unpack, (struct.error,))


FORMAT = KafkaFormat()
