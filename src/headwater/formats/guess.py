"""Guesses the format of a topic's keys or values for PRINT (section 15 of the format rules)."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from headwater.core import types as t
from headwater.core.errors import HeadwaterError
from headwater.core.javatext import decimal_text, double_text
from headwater.formats import framing, json_exact, windowed
from headwater.formats.api import RegisteredSchema, SchemaRegistry
from headwater.formats.failures import Refused

NO_DATA = "¯\\_(ツ)_/¯ - no data processed"
FAILED = "<Failed to deserialize>"
NULL = "<null>"
RAW = "UNRECOGNISED_BYTES"

_LATEST_START = 253_402_300_800_000
"""The year 10000 in ms: what comes after it is no window start but the tail of some other key."""

Text = Callable[[bytes], str]
"""The payload as text in one format; raises where the payload is not of the format."""

_FAILURES = (HeadwaterError, Refused, ValueError, IndexError, struct.error, RecursionError)


class Guesser:
    """Narrows down the format of one side of a topic, payload by payload.

    A format that fails on any payload is out for good; the first that is left is the one that `text` uses.
    """

    def __init__(self, registry: SchemaRegistry | None, is_key: bool) -> None:
        self._candidates = list(_candidates(registry, is_key))
        self._seen = False

    def learn(self, payloads: Iterable[bytes | None]) -> None:
        """Drop the formats that any of the payloads is not in. Null payloads say nothing."""
        for payload in payloads:
            if payload is not None:
                self._seen = True
                self._candidates = [c for c in self._candidates if _is_readable(c[1], payload)]

    @property
    def description(self) -> str:
        """The formats that are left, first guess first: `JSON or KAFKA_STRING`."""
        if not self._seen:
            return NO_DATA
        names = [name for name, _ in self._candidates]
        return " or ".join(names[:-1] if len(names) > 1 else names)

    def text(self, payload: bytes | None) -> str:
        """The payload in the format guessed so far."""
        if payload is None:
            return NULL
        try:
            return self._candidates[0][1](payload)
        except _FAILURES:
            return FAILED


def _is_readable(text: Text, payload: bytes) -> bool:
    try:
        text(payload)
    except _FAILURES:
        return False
    return True


def _candidates(registry: SchemaRegistry | None, is_key: bool) -> Iterator[tuple[str, Text]]:
    for name, text in _plain_candidates(registry):
        if is_key:
            yield f"SESSION({name})", _session(text)
            yield f"HOPPING({name})", _windowed(text)
            yield f"TUMBLING({name})", _windowed(text)
        yield name, text
    yield RAW, _raw


def _plain_candidates(registry: SchemaRegistry | None) -> Iterator[tuple[str, Text]]:
    if registry is not None:
        yield "AVRO", _registered(registry, "AVRO", _avro)
        yield "PROTOBUF", _registered(registry, "PROTOBUF", _protobuf)
    yield "JSON", _json
    if registry is not None:
        yield "JSON_SR", _registered(registry, "JSON", _json_sr)
    yield "KAFKA_INT", lambda payload: str(struct.unpack(">i", payload)[0])
    yield "KAFKA_BIGINT", lambda payload: str(struct.unpack(">q", payload)[0])
    yield "KAFKA_DOUBLE", lambda payload: double_text(struct.unpack(">d", payload)[0])
    yield "KAFKA_STRING", bytes.decode


def _registered(registry: SchemaRegistry, kind: str, make: Callable[[RegisteredSchema], Text]) -> Text:
    """The text of framed payloads; `make` is asked once per schema id."""
    made: dict[int, Text] = {}

    def registered(payload: bytes) -> str:
        schema_id = framing.schema_id_of(payload, "")
        text = made.get(schema_id)
        if text is None:
            schema = registry.by_id(schema_id)
            if schema.kind != kind:
                raise Refused(f"the schema is of kind {schema.kind}")
            text = made[schema_id] = make(schema)
        return text(payload)

    return registered


def _avro(schema: RegisteredSchema) -> Text:
    from headwater.formats import avro_decode, avro_schema, avro_types

    root = avro_schema.parse(schema.schema, schema.references)
    sql_type = avro_types.sql_type(root, str)
    if sql_type is None:
        raise Refused("nothing to show")
    decode = avro_decode.decoder(root, [("row", sql_type)], wrapped=False)
    return lambda payload: shown(decode(payload, framing.SIZE), sql_type)


def _protobuf(schema: RegisteredSchema) -> Text:
    from google.protobuf import text_format
    from google.protobuf.message import DecodeError

    from headwater.formats import proto_file, protobuf_format

    file = proto_file.load(schema.schema, schema.references)

    def text(payload: bytes) -> str:
        indexes, at = protobuf_format.read_indexes(payload, framing.SIZE)
        try:
            parsed = proto_file.message_class(file.at(indexes)).FromString(payload[at:])
        except DecodeError as error:
            raise Refused(str(error)) from None
        return text_format.MessageToString(parsed, as_one_line=True).strip()

    return text


def _json_sr(schema: RegisteredSchema) -> Text:
    return lambda payload: _json(payload[framing.SIZE :])


def _json(payload: bytes) -> str:
    node = json_exact.parse(payload)
    if not isinstance(node, dict | list):
        raise Refused("a bare value is better shown as text")
    return json_exact.compact(node)


def _windowed(text: Text) -> Text:
    def windowed_text(payload: bytes) -> str:
        key, start, _ = windowed.split_time_key(payload, 0)
        _check_window(key, start)
        return f"[{text(key)}@{start}/-]"

    return windowed_text


def _session(text: Text) -> Text:
    def session_text(payload: bytes) -> str:
        key, start, end = windowed.split_session_key(payload)
        _check_window(key, start, end)
        return f"[{text(key)}@{start}/{end}]"

    return session_text


def _check_window(key: bytes, start: int, end: int | None = None) -> None:
    if not key or not 0 <= start <= (start if end is None else end) < _LATEST_START:
        raise Refused("not a window")


def _raw(payload: bytes) -> str:
    return "".join(chr(b) if 32 <= b < 127 else f"\\x{b:02X}" for b in payload)


def shown(value: Any, sql_type: t.SqlType) -> str:
    """A value as JSON for people, with blanks after commas and colons."""
    if value is None:
        return "null"
    if isinstance(sql_type, t.Struct):
        members = zip(sql_type.fields, value, strict=True)
        return "{" + ", ".join(f"{json.dumps(f.name)}: {shown(v, f.type)}" for f, v in members) + "}"
    if isinstance(sql_type, t.Array):
        return "[" + ", ".join(shown(v, sql_type.element) for v in value) + "]"
    if isinstance(sql_type, t.Map):
        return "{" + ", ".join(f"{json.dumps(k)}: {shown(v, sql_type.value)}" for k, v in value.items()) + "}"
    if isinstance(value, float):
        return double_text(value)
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, bytes):
        value = base64.b64encode(value).decode("ascii")
    return json.dumps(value, ensure_ascii=False)
