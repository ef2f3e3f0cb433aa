"""JsonConverter: JSON with its schema in an envelope, or without."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from headwater.connect import schema as s
from headwater.connect.config import Config, ConfigDef, Key, Type
from headwater.connect.converters.api import NULL, Converted, Converter
from headwater.connect.converters.json_schema import parse_schema, schema_json
from headwater.connect.converters.json_values import from_json, plain, to_json
from headwater.core.errors import DeserializationError

_ENCODE = msgspec.json.Encoder(decimal_format="number").encode
_DECODE = msgspec.json.Decoder().decode
_ENVELOPE_NEEDED = (
    'JsonConverter with schemas.enable requires "schema" and "payload" fields and may not contain additional fields. '
    "If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration."
)


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    schema: msgspec.Raw
    payload: msgspec.Raw


_OPEN = msgspec.json.Decoder(_Envelope).decode


class JsonConverter(Converter):
    """`{"schema":…,"payload":…}`, or the payload alone with `schemas.enable=false`."""

    names = ("org.apache.kafka.connect.json.JsonConverter",)
    config = ConfigDef(
        Key("schemas.enable", Type.BOOLEAN, "Whether the schema stands beside each value.", default=True),
        Key("schemas.cache.size", Type.INT, "Schemas that are remembered.", default=1000, minimum=0),
        Key("decimal.format", Type.STRING, "How Decimals are written.", default="BASE64",
            choices=("BASE64", "NUMERIC")),
        Key("replace.null.with.default", Type.BOOLEAN, "Whether a field's default replaces its null.", default=True),
        Key("schema.content", Type.STRING, "One schema for all values, which then come alone (KIP-1054).", default=""),
    )  # fmt: skip

    def configure(self, config: Config) -> None:
        self._with_schemas = config.flag("schemas.enable")
        self._numeric = config.text("decimal.format") == "NUMERIC"
        self._defaults = config.flag("replace.null.with.default")
        size = config.integer("schemas.cache.size") or 1
        self._writer_of = lru_cache(size)(self._make_writer)
        self._reader_of = lru_cache(size)(self._make_reader)
        self._last: tuple[s.ConnectSchema | None, Callable[[Any], bytes]] = (None, self._encode_plain)
        content = config.text("schema.content")
        self._fixed = self._make_reader(content.encode()) if content else None

    def encode(self, topic: str, schema: s.ConnectSchema | None, value: Any) -> bytes | None:
        if schema is None:
            return None if value is None else self._encode_plain(value)
        last, write = self._last
        if last is not schema:
            write = self._writer_of(schema)
            self._last = (schema, write)
        return write(value)

    def decode(self, topic: str, payload: bytes | None) -> Converted:
        if payload is None:
            return NULL
        try:
            if self._fixed is not None:
                schema, read = self._fixed
                return Converted(schema, read(payload))
            if not self._with_schemas:
                return Converted(None, _DECODE(payload))
            envelope = _OPEN(payload)
        except msgspec.ValidationError:
            raise DeserializationError(f"{_ENVELOPE_NEEDED} (topic {topic})") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DeserializationError(f"Converting bytes to JSON failed, topic {topic}: {error}") from None
        schema, read = self._reader_of(bytes(envelope.schema))
        return Converted(schema, read(bytes(envelope.payload)))

    def _encode_plain(self, value: Any) -> bytes:
        payload = _ENCODE(plain(value))
        return b'{"schema":null,"payload":' + payload + b"}" if self._with_schemas else payload

    def _make_writer(self, schema: s.ConnectSchema) -> Callable[[Any], bytes]:
        convert = to_json(schema, self._numeric, self._defaults)
        if not self._with_schemas:
            return lambda value: _ENCODE(convert(value))
        document = schema_json(schema, lambda part: to_json(part, self._numeric, self._defaults)(part.default))
        head = b'{"schema":' + _ENCODE(document) + b',"payload":'
        return lambda value: head + _ENCODE(convert(value)) + b"}"

    def _make_reader(self, text: bytes) -> tuple[s.ConnectSchema | None, Callable[[bytes], Any]]:
        schema = parse_schema(_DECODE(text), lambda part, default: from_json(part, self._defaults)(default))
        if schema is None:
            return None, _DECODE
        convert = from_json(schema, self._defaults)
        if _has_decimal(schema):
            return schema, lambda payload: convert(json.loads(payload, parse_float=Decimal))
        return schema, lambda payload: convert(_DECODE(payload))


def _has_decimal(schema: s.ConnectSchema | None) -> bool:
    """Whether a number's digits must be kept as they are."""
    if schema is None:
        return False
    inner = (schema.key_schema, schema.value_schema, *(f.schema for f in schema.fields))
    return schema.name == s.DECIMAL or any(map(_has_decimal, inner))
