"""Between the records of test cases, whose JSON is format-neutral, and the bytes on topics."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec

from headwater.cases.matching import differing_lexeme, match, plain
from headwater.cases.model import DataRecord
from headwater.cases.stepping import FedRecord
from headwater.core import types
from headwater.core.errors import AnalysisError, HeadwaterError
from headwater.core.schema import Column
from headwater.core.types import SqlType
from headwater.formats import framing
from headwater.formats import registry as formats
from headwater.formats.api import Reader, RegisteredSchema, SchemaRegistry, SerdeOptions, Writer
from headwater.formats.capabilities import MATRIX, SCHEMA_ID
from headwater.formats.inference import columns_of
from headwater.formats.registered import subject
from headwater.formats.windowed import session_key, split_session_key, split_time_key, time_key
from headwater.plan.catalog import DataSource, MetaStore
from headwater.plan.steps import FormatSpec

_json = msgspec.json.Encoder(decimal_format="number").encode
_PROTOBUF = ("PROTOBUF", "PROTOBUF_NOSR")


class CaseDataError(HeadwaterError):
    """A case's record does not fit the format of its topic."""


class Codecs:
    """The codec of each topic that some source of the catalog is over."""

    def __init__(self, metastore: MetaStore, registry: SchemaRegistry) -> None:
        self._metastore = metastore
        self._registry = registry
        self._made: dict[str, TopicCodec | None] = {}

    def of(self, topic: str) -> TopicCodec | None:
        """The codec by the first source of the topic; None if there is none."""
        if topic not in self._made:
            source = next(iter(self._metastore.on_topic(topic)), None)
            self._made[topic] = None if source is None else TopicCodec(source, self._registry)
        return self._made[topic]

    @property
    def lexeme_difference(self) -> str:
        """The first number in any topic that is equal to the expected one but spelled differently."""
        sides = (side for codec in self._made.values() if codec is not None for side in (codec.key, codec.value))
        return next((side.lexeme_difference for side in sides if side.lexeme_difference), "")


class TopicCodec:
    """Writes and reads records of one topic in the formats that the catalog holds for it."""

    def __init__(self, source: DataSource, registry: SchemaRegistry) -> None:
        self.source = source
        self.key = Side(source.schema.key, source.formats.key, source.topic, registry, is_key=True)
        self.value = Side(source.schema.value, source.formats.value, source.topic, registry, is_key=False)

    def encode(self, record: DataRecord) -> tuple[bytes | None, bytes | None]:
        """(key, value) payloads. Raises `CaseDataError`."""
        key = self.key.encode(record.key)
        if record.window is not None:
            start, end, is_session = record.window
            key = session_key(key or b"", start, end) if is_session else time_key(key or b"", start)
        return key, self.value.encode(record.value)

    def difference(self, actual: FedRecord, expected: DataRecord, *, any_time: bool, with_headers: bool = True) -> str:
        """What is wrong with the record; the empty string if nothing is. With `any_time`, 0 means any timestamp."""
        key, problem = self._window(actual.key, expected)
        problem = problem or self.key.difference(key, expected.key)
        problem = problem or self.value.difference(actual.value, expected.value)
        if problem:
            return problem
        wanted = expected.timestamp
        if wanted is not None and wanted != actual.timestamp and not (any_time and wanted == 0):
            return f"timestamp: expected {wanted}, found {actual.timestamp}"
        if with_headers and list(actual.headers) != list(expected.headers):
            return f"headers: expected {list(expected.headers)!r}, found {list(actual.headers)!r}"
        return ""

    def split_window(self, key: bytes | None) -> tuple[bytes | None, tuple[int, int, bool] | None]:
        """The key without its window, and the window (start, end, is_session) of a windowed source."""
        window = self.source.window
        if window is None or key is None:
            return key, None
        if window.size_ms is None:
            inner, start, end = split_session_key(key)
            return inner, (start, end, True)
        inner, start, end = split_time_key(key, window.size_ms)
        return inner, (start, end, False)

    def _window(self, key: bytes | None, expected: DataRecord) -> tuple[bytes | None, str]:
        inner, found = self.split_window(key)
        if found == expected.window:
            return inner, ""
        return inner, f"window of the key: expected {expected.window}, found {found}"


class Side:
    """Key or value of a topic."""

    def __init__(
        self, columns: tuple[Column, ...], spec: FormatSpec, topic: str, registry: SchemaRegistry, *, is_key: bool
    ) -> None:
        self.columns = columns
        self.format = spec.name.upper()
        self._what = "key" if is_key else "value"
        self._options = SerdeOptions(is_key, spec.wrap, spec.properties)
        self._topic = topic
        self._registry = registry
        self._writer: tuple[Writer, tuple[Column, ...]] | None = None
        self._readers: dict[int | None, _RowReader] = {}
        self.lexeme_difference = ""
        """The first number that is equal to the expected one but spelled differently."""

    # --- to bytes -----------------------------------------------------------------------------------------------

    def encode(self, data: Any) -> bytes | None:
        """The payload of a case's JSON. Raises `CaseDataError`."""
        if data is None:
            return None
        if self.format == "JSON":
            return _json(data)
        if self.format in ("DELIMITED", "NONE") or not self.columns:
            return str(data).encode()
        try:
            return self._encode_columns(data)
        except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise CaseDataError(f"{self._what} {data!r} is not {self.format} of the columns: {error}") from error

    def _encode_columns(self, data: Any) -> bytes | None:
        if self._writer is None:
            columns, options = self._columns_to_write()
            self._writer = formats.get(self.format).writer(columns, options, self._topic, self._registry), columns
        writer, columns = self._writer
        if self._is_bare(columns):
            return writer.encode(from_data(data, columns[0].type, self.format))
        if not isinstance(data, Mapping):
            data = {columns[0].name: data}
        row = types.Struct(tuple(types.Field(c.name, c.type) for c in columns))
        return writer.encode(*from_data(data, row, self.format))

    def _columns_to_write(self) -> tuple[tuple[Column, ...], SerdeOptions]:
        """What the registered schema says, where there is one: records are written as their producers would."""
        given = self._options.properties.get(SCHEMA_ID)
        schema: RegisteredSchema | None = None
        if MATRIX[self.format].needs_registry:
            name = subject(self._topic, self._options.is_key)
            schema = self._registry.by_id(int(given)) if given is not None else self._registry.latest(name)
        if schema is None:
            return self.columns, self._options
        try:
            return self._columns_of(schema)
        except AnalysisError:
            return self.columns, self._options

    def _columns_of(self, schema: RegisteredSchema) -> tuple[tuple[Column, ...], SerdeOptions]:
        """The schema's columns, with their names as they are there."""
        properties = {**self._options.properties, SCHEMA_ID: str(schema.schema_id)}
        options = replace(self._options, properties=properties)
        return columns_of(schema, self.format, options.is_key, options, self._topic), options

    def _is_bare(self, columns: tuple[Column, ...]) -> bool:
        """Whether the data is the single column's value rather than an object of columns."""
        if len(columns) != 1 or self.format in _PROTOBUF:
            return False
        return self._options.is_key or self._options.wrap is False or self.format in ("KAFKA", "DELIMITED")

    # --- from bytes ---------------------------------------------------------------------------------------------

    def difference(self, payload: bytes | None, expected: Any) -> str:
        """What is wrong with the payload; the empty string if it holds what is expected."""
        if payload is None or (payload == b"" and expected is None):
            return "" if expected is None else f"{self._what}: expected {expected!r}, found null"
        if self.format == "DELIMITED":
            text = payload.decode()
            return "" if text == expected else f"{self._what}: expected {expected!r}, found {text!r}"
        actual, sql_type = self._decoded(payload)
        problem = match(actual, expected, sql_type, self._what)
        if self.format == "JSON" and not problem and not self.lexeme_difference:
            self.lexeme_difference = differing_lexeme(actual, expected)
        return problem

    def _decoded(self, payload: bytes) -> tuple[Any, SqlType]:
        """JSON-like data of the payload with its type: the column's own, or that of a struct of all columns."""
        if self.format == "JSON":
            return json.loads(payload, parse_float=Decimal), _row_type(self.columns, self._is_bare(self.columns))
        reader = self._reader(payload)
        data = plain(reader.value(payload), reader.type)
        if isinstance(data, bytes) and self.format == "KAFKA":
            data = data.decode(errors="replace")
        return data, reader.type

    def values(self, payload: bytes | None) -> tuple[Any, ...]:
        """The declared columns' values as the engine has them in memory; all NULL for a null payload."""
        if payload is None or not self.columns:
            return (None,) * len(self.columns)
        reader = formats.get(self.format).reader(self.columns, self._options, self._topic, self._registry)
        return _access(reader)(reader.decode(payload))

    def _reader(self, payload: bytes) -> _RowReader:
        """Reads every field of the payload's own schema, or the declared columns where there is no registry."""
        schema_id = framing.schema_id_of(payload, "") if MATRIX[self.format].needs_registry else None
        found = self._readers.get(schema_id)
        if found is None:
            columns, options = self.columns, self._options
            if schema_id is not None:
                columns, options = self._columns_of(self._registry.by_id(schema_id))
            reader = formats.get(self.format).reader(columns, options, self._topic, self._registry)
            found = self._readers[schema_id] = _RowReader(reader, bare=self._is_bare(columns))
        return found


class _RowReader:
    """A format's reader whose rows come as one value: of the bare column, or of a struct of all columns."""

    def __init__(self, reader: Reader, *, bare: bool) -> None:
        self.type = _row_type(reader.columns, bare)
        self._bare = bare
        self._decode = reader.decode
        self._values = _access(reader)

    def value(self, payload: bytes) -> Any:
        values = self._values(self._decode(payload))
        return values[0] if self._bare else values


def _access(reader: Reader) -> Callable[[object], tuple[Any, ...]]:
    """The columns' values out of what the reader returns."""
    made: Callable[[object], tuple[Any, ...]] = eval(  # noqa: S307 - source that the format made
        f"lambda row: ({''.join(f'{source}, ' for source in reader.access)})"
    )
    return made


def _row_type(columns: tuple[Column, ...], bare: bool) -> SqlType:
    return columns[0].type if bare else types.Struct(tuple(types.Field(c.name, c.type) for c in columns))


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
