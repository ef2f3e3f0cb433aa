"""Between the records of test cases, whose JSON is format-neutral, and the bytes on topics."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from headwater.cases.matching import match, plain
from headwater.cases.model import DataRecord
from headwater.cases.stepping import FedRecord
from headwater.core import types
from headwater.core.errors import HeadwaterError
from headwater.core.schema import Column
from headwater.core.types import SqlType
from headwater.formats import registry as formats
from headwater.formats.api import Reader, SchemaRegistry, SerdeOptions, Writer
from headwater.formats.windowed import session_key, split_session_key, split_time_key, time_key
from headwater.plan.catalog import DataSource, MetaStore
from headwater.plan.steps import FormatSpec

_json = msgspec.json.Encoder(decimal_format="number").encode


class CaseDataError(HeadwaterError):
    """A case's record does not fit the format of its topic."""


class Codecs:
    """The codec of each topic that some source of the catalog is over."""

    def __init__(self, metastore: MetaStore, registry: SchemaRegistry | None) -> None:
        self._metastore = metastore
        self._registry = registry
        self._made: dict[str, TopicCodec | None] = {}

    def of(self, topic: str) -> TopicCodec | None:
        """The codec by the first source of the topic; None if there is none."""
        if topic not in self._made:
            source = next(iter(self._metastore.on_topic(topic)), None)
            self._made[topic] = None if source is None else TopicCodec(source, self._registry)
        return self._made[topic]


class TopicCodec:
    """Writes and reads records of one topic in the formats that the catalog holds for it."""

    def __init__(self, source: DataSource, registry: SchemaRegistry | None) -> None:
        self.source = source
        self._key = _Side(source.schema.key, source.formats.key, source.topic, registry, is_key=True)
        self._value = _Side(source.schema.value, source.formats.value, source.topic, registry, is_key=False)

    def encode(self, record: DataRecord) -> tuple[bytes | None, bytes | None]:
        """(key, value) payloads."""
        key = self._key.encode(record.key)
        if record.window is not None:
            start, end, is_session = record.window
            key = session_key(key or b"", start, end) if is_session else time_key(key or b"", start)
        return key, self._value.encode(record.value)

    def difference(self, actual: FedRecord, expected: DataRecord, *, any_time: bool) -> str:
        """What is wrong with the record; the empty string if nothing is. With `any_time`, 0 means any timestamp."""
        key, problem = self._window(actual.key, expected)
        problem = problem or self._key.difference(key, expected.key)
        problem = problem or self._value.difference(actual.value, expected.value)
        if problem:
            return problem
        wanted = expected.timestamp
        if wanted is not None and wanted != actual.timestamp and not (any_time and wanted == 0):
            return f"timestamp: expected {wanted}, found {actual.timestamp}"
        if list(actual.headers) != list(expected.headers):
            return f"headers: expected {list(expected.headers)!r}, found {list(actual.headers)!r}"
        return ""

    def _window(self, key: bytes | None, expected: DataRecord) -> tuple[bytes | None, str]:
        window = self.source.window
        if window is None:
            return key, "" if expected.window is None else "key: expected a windowed key"
        if key is None:
            return None, "key: the windowed key is null"
        is_session = window.size_ms is None
        inner, start, end = split_session_key(key) if is_session else split_time_key(key, window.size_ms or 0)
        if expected.window is None:
            return inner, f"key: expected no window, found [{start}, {end}]"
        if expected.window != (start, end, is_session):
            return inner, f"window: expected {expected.window}, found {(start, end, is_session)}"
        return inner, ""


class _Side:
    """Key or value."""

    def __init__(
        self,
        columns: tuple[Column, ...],
        spec: FormatSpec,
        topic: str,
        registry: SchemaRegistry | None,
        *,
        is_key: bool,
    ) -> None:
        self.columns = columns
        self.format = spec.name.upper()
        self._what = "key" if is_key else "value"
        self._make = (columns, SerdeOptions(is_key, spec.wrap, spec.properties), topic, registry)
        self._reader: Reader | None = None
        self._writer: Writer | None = None

    @property
    def bare(self) -> bool:
        """Whether the data is the single column's value rather than an object of columns."""
        if len(self.columns) != 1:
            return False
        _, options, _, _ = self._make
        if self.format in ("PROTOBUF", "PROTOBUF_NOSR"):
            return False
        return options.is_key or options.wrap is False or self.format in ("KAFKA", "DELIMITED")

    def encode(self, data: Any) -> bytes | None:
        if data is None:
            return None
        if self.format == "JSON":
            return _json(data)
        if self.format == "DELIMITED":
            return str(data).encode()
        if self.format == "NONE":
            raise CaseDataError(f"The {self._what} must be null, its format is NONE: {data!r}")
        return self._encode_columns(data)

    def _encode_columns(self, data: Any) -> bytes | None:
        if self._writer is None:
            self._writer = formats.get(self.format).writer(*self._make)
        if not self.columns:
            return str(data).encode()
        if self.bare:
            return self._writer.encode(from_data(data, self.columns[0].type, self.format))
        if not isinstance(data, Mapping):
            data = {self.columns[0].name: data}
        members = {str(name).upper(): value for name, value in data.items()}
        exact = dict(data)
        values = [from_data(exact.get(c.name, members.get(c.name.upper())), c.type, self.format) for c in self.columns]
        return self._writer.encode(*values)

    def difference(self, payload: bytes | None, expected: Any) -> str:
        """What is wrong with the payload; the empty string if it holds what is expected."""
        if payload is None or (payload == b"" and expected is None):
            return "" if expected is None else f"{self._what}: expected {expected!r}, found null"
        if self.format == "DELIMITED":
            text = payload.decode()
            return "" if text == expected else f"{self._what}: expected {expected!r}, found {text!r}"
        actual, sql_type = self._decoded(payload)
        problem = match(actual, expected, sql_type)
        return f"{self._what}: {problem}" if problem else ""

    def _decoded(self, payload: bytes) -> tuple[Any, SqlType]:
        """JSON-like data of the payload with its type: the column's own, or that of a struct of all columns."""
        row_type: SqlType = types.Struct(tuple(types.Field(c.name, c.type) for c in self.columns))
        if self.bare:
            row_type = self.columns[0].type
        if self.format == "JSON":
            return json.loads(payload, parse_float=Decimal), row_type
        if self._reader is None:
            self._reader = formats.get(self.format).reader(*self._make)
        row = self._reader.decode(payload)
        values = [eval(access, {"row": row}) for access in self._reader.access]  # noqa: S307 - source made by the format
        value = values[0] if self.bare else tuple(values)
        data = plain(value, row_type)
        if isinstance(data, bytes) and self.format == "KAFKA":
            data = data.decode(errors="replace")
        return data, row_type


def from_data(data: Any, sql_type: SqlType, format_name: str) -> Any:
    """JSON data of a case as an in-memory value; names match whatever their case, what is missing is NULL."""
    if data is None:
        return None
    match sql_type:
        case types.Struct(fields):
            members = {str(name).upper(): value for name, value in data.items()}
            return tuple(from_data(data.get(f.name, members.get(f.name.upper())), f.type, format_name) for f in fields)
        case types.Array(element):
            return [from_data(item, element, format_name) for item in data]
        case types.Map(_, value):
            return {str(k): from_data(v, value, format_name) for k, v in data.items()}
        case types.Decimal(_, scale):
            return Decimal(str(data)).quantize(Decimal(1).scaleb(-scale))
        case types.BYTES:
            return data.encode() if format_name == "KAFKA" else base64.b64decode(data)
        case types.DOUBLE:
            return float(data)
        case types.STRING:
            return data if isinstance(data, str) else _json(data).decode()
        case types.BOOLEAN:
            return data
        case _:
            return int(data)
