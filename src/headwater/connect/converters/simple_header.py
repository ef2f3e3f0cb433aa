"""SimpleHeaderConverter: headers as readable text, whose type is guessed when read."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from headwater.connect import schema as s
from headwater.connect.converters.api import NULL, Converted, Converter
from headwater.connect.converters.java_values import java_text, moment_text

_INTEGER = re.compile(r"[+-]?\d{1,18}\Z")
_NUMBER = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?\Z")
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")
_TIME = re.compile(r"\d\d:\d\d:\d\d\.\d{3}Z\Z")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")


class SimpleHeaderConverter(Converter):
    """Texts as they are, numbers and booleans as text, lists and maps as JSON."""

    names = ("org.apache.kafka.connect.storage.SimpleHeaderConverter",)

    def encode(self, topic: str, schema: s.ConnectSchema | None, value: Any) -> bytes | None:
        return None if value is None else _text(value).encode()

    def decode(self, topic: str, payload: bytes | None) -> Converted:
        if payload is None:
            return NULL
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            return Converted(s.OPTIONAL_BYTES, payload)
        return Converted(s.STRING, "") if not text else _guess(text)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_inner)
    return java_text(value) if isinstance(value, bool | float) else moment_text(value)


def _inner(value: Any) -> Any:
    return _text(value)


def _guess(text: str) -> Converted:
    trimmed = text.strip()
    if trimmed == "null":
        return NULL
    if trimmed in ("true", "false"):
        return Converted(s.BOOLEAN, trimmed == "true")
    if _INTEGER.match(trimmed):
        return Converted(_narrowest(int(trimmed)), int(trimmed))
    if _NUMBER.match(trimmed):
        return Converted(s.FLOAT64, float(trimmed))
    return _moment(trimmed) or _structure(trimmed) or Converted(s.STRING, text)


def _narrowest(number: int) -> s.ConnectSchema:
    for schema, bits in ((s.INT8, 8), (s.INT16, 16), (s.INT32, 32)):
        if -(1 << bits - 1) <= number < 1 << bits - 1:
            return schema
    return s.INT64


def _moment(text: str) -> Converted | None:
    try:
        if _TIMESTAMP.match(text):
            moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
            return Converted(s.TIMESTAMP_SCHEMA, moment)
        if _DATE.match(text):
            return Converted(s.DATE_SCHEMA, datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date())
        if _TIME.match(text):
            return Converted(s.TIME_SCHEMA, time.fromisoformat(text[:-1]))
    except ValueError:
        return None
    return None


def _structure(text: str) -> Converted | None:
    """A JSON list or object whose items have one type has that schema; else it has none."""
    if text[0] not in "[{":
        return None
    try:
        value = json.loads(text, parse_float=Decimal)
    except ValueError:
        return None
    value = _floats(value)
    if isinstance(value, list):
        return Converted(_of_all(value, is_map=False), value)
    return Converted(_of_all(list(value.values()), is_map=True), value)


def _floats(value: Any) -> Any:
    if isinstance(value, list):
        return [_floats(item) for item in value]
    if isinstance(value, dict):
        return {key: _floats(item) for key, item in value.items()}
    return float(value) if isinstance(value, Decimal) else value


def _of_all(items: list[Any], is_map: bool) -> s.ConnectSchema | None:
    kinds = {type(item) for item in items}
    if len(kinds) != 1:
        return None
    kind = kinds.pop()
    scalars = {str: s.STRING, bool: s.BOOLEAN, float: s.FLOAT64}
    item = _narrowest(max(items, key=abs)) if kind is int else scalars.get(kind)
    if item is None:
        return None
    return s.map_of(s.STRING, item) if is_map else s.array(item)
