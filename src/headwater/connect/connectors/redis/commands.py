"""Which Redis commands a record becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from headwater.connect.converters.java_values import java_text, moment_text
from headwater.connect.converters.json_values import plain
from headwater.connect.record import SinkRecord
from headwater.core.errors import DataError

_ENCODE = msgspec.json.Encoder(decimal_format="number").encode
_KEY = "${key}"

Command = tuple[str | int, ...]
"""A command and its arguments: `("SET", "a", "1")`."""


@dataclass(frozen=True)
class Shape:
    """`kind` is STRING, HASH, STREAM or JSON; `pattern` has ${key} and ${topic}; keys live `ttl_s` long, -1: always."""

    kind: str
    pattern: str
    ttl_s: int

    def commands(self, record: SinkRecord) -> list[Command]:
        """Which carry a record out; a second time they change nothing but streams. Raises `DataError`."""
        if self.kind == "STREAM":
            fields = _fields(record.value if isinstance(record.value, dict) else {"value": record.value})
            if record.key is not None:
                fields = [*fields, "__key", _text(record.key)]
            return [("XADD", self._key(record, "${topic}" if self.pattern == _KEY else self.pattern), "*", *fields)]
        key = self._key(record, self.pattern)
        if record.value is None:
            return [("DEL", key)]
        if self.kind != "HASH":
            made: list[Command] = [("SET", key, _text(record.value))]
        elif isinstance(record.value, dict):
            made = [("DEL", key)]
            if fields := _fields(record.value):
                made.append(("HSET", key, *fields))
        else:
            raise DataError(f"redis.type=HASH needs values that are structs, found {type(record.value).__name__}")
        return [*made, ("EXPIRE", key, self.ttl_s)] if self.ttl_s >= 0 else made

    def _key(self, record: SinkRecord, pattern: str) -> str:
        if _KEY in pattern and record.key is None:
            raise DataError("The record has no key, which Redis needs")
        key = "" if record.key is None else _text(record.key)
        return pattern.replace(_KEY, key).replace("${topic}", record.topic)


def _fields(value: Mapping[str, Any]) -> list[str]:
    return [part for name, item in value.items() if item is not None for part in (str(name), _text(item))]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return _ENCODE(plain(value)).decode()
    return java_text(value) if isinstance(value, bool | float | bytes) else moment_text(value)
