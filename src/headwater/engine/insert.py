"""Rows written by clients: INSERT VALUES and /inserts-stream. From values to a record in the source's topic."""

from __future__ import annotations

import base64
import binascii
import decimal
from collections.abc import Callable, Mapping, Sequence

from headwater.cluster.api import Cluster, Commit
from headwater.cluster.batches import Partitioner, appends
from headwater.core import types
from headwater.core.clock import Clock
from headwater.core.errors import AnalysisError, DataError, SerializationError, UnknownTopicError
from headwater.core.names import quote
from headwater.core.schema import Column
from headwater.core.types import SqlType
from headwater.engine.program import OutputRecord
from headwater.formats import registry as formats
from headwater.formats.api import SchemaRegistry, SerdeOptions, Writer
from headwater.plan import civil
from headwater.plan.catalog import DataSource
from headwater.plan.steps import FormatSpec

__all__ = ["InsertChannel", "InsertError", "OutputRecord", "check_insertable"]


class InsertError(DataError):
    """A row cannot be inserted; names the column."""


def check_insertable(source: DataSource) -> None:
    """Raises `AnalysisError` for a source that clients may not write to."""
    if source.window is not None:
        raise AnalysisError(f"Cannot insert values into windowed {source.kind_word}: {source.name}")
    if source.read_only:
        raise AnalysisError(f"Cannot insert values into read-only {source.kind_word}: {source.name}")


class InsertChannel:
    """Writes rows into one source. Made once per request; encoding is per row, appending per batch."""

    def __init__(self, source: DataSource, registry: SchemaRegistry | None, cluster: Cluster, clock: Clock) -> None:
        info = cluster.topic(source.topic)
        if info is None:
            raise UnknownTopicError(
                f"Topic '{source.topic}' of {source.kind_word} {quote(source.name)} does not exist."
            )
        self.source = source
        self._cluster = cluster
        self._clock = clock
        self._partitioner = Partitioner(info.partitions)
        self._key = _writer(source.schema.key, source.formats.key, source.topic, registry, is_key=True)
        self._value = _writer(source.schema.value, source.formats.value, source.topic, registry, is_key=False)

    def serves(self, source: DataSource) -> bool:
        """Whether the channel was made for this very definition of the source, and for its topic as it is now."""
        info = self._cluster.topic(source.topic)
        return source is self.source and info is not None and info.partitions == self._partitioner.partitions

    def encode(self, values: Mapping[str, object], timestamp: int) -> OutputRecord:
        """The record of a row; columns that are not in `values` are NULL. Raises `SerializationError`."""
        schema = self.source.schema
        key = self._key.encode(*[values.get(column.name) for column in schema.key]) if schema.key else None
        value = self._value.encode(*[values.get(column.name) for column in schema.value])
        return key, value, timestamp, ()

    def record(self, row: Mapping[str, object]) -> OutputRecord:
        """The record of a JSON object, at the present time. Names are matched as identifiers are: quoted ones exactly.

        Raises `InsertError` for a missing key column or a value that does not fit its column.
        """
        given = {_column_name(name): value for name, value in row.items()}
        for column in self.source.schema.key:
            if given.get(column.name) is None:
                raise InsertError(f"Key field must be specified: {column.name}")
        schema = self.source.schema
        values = {c.name: _coerce(given.get(c.name), c.type, c.name) for c in (*schema.key, *schema.value)}
        try:
            return self.encode(values, self._clock.now_ms())
        except SerializationError as error:
            raise InsertError(f"The row cannot be written: {error}") from error

    async def append(self, records: Sequence[OutputRecord]) -> None:
        """Write the records; they are durable when this returns. Raises `ClusterError`, `LogError`."""
        if records:
            parts = self._partitioner.split(records)
            work = [append for part, chunk in parts for append in appends(self.source.topic, part, chunk)]
            await self._cluster.commit(Commit(work))


def _writer(
    columns: tuple[Column, ...], spec: FormatSpec, topic: str, registry: SchemaRegistry | None, *, is_key: bool
) -> Writer:
    options = SerdeOptions(is_key, spec.wrap, spec.properties)
    return formats.get(spec.name).writer(columns, options, topic, registry)


def _column_name(name: str) -> str:
    """A JSON member as an identifier: upper-cased unless it is in backticks or double quotes."""
    if len(name) >= 2 and name[0] == name[-1] and name[0] in '`"':
        return name[1:-1].replace(name[0] * 2, name[0])
    return name.upper()


def _coerce(value: object, sql_type: SqlType, path: str) -> object:
    """A JSON value as the column's type; numbers may have come as int, float or Decimal."""
    if value is None:
        return None
    if isinstance(sql_type, types.Array) and isinstance(value, list):
        return [_coerce(item, sql_type.element, f"{path}[{i}]") for i, item in enumerate(value)]
    if isinstance(sql_type, types.Map) and isinstance(value, dict):
        return {
            _coerce(key, sql_type.key, f"{path} key"): _coerce(item, sql_type.value, f"{path}[{key!r}]")
            for key, item in value.items()
        }
    if isinstance(sql_type, types.Struct) and isinstance(value, dict):
        named = {_column_name(name): item for name, item in value.items()}
        return tuple(_coerce(named.get(field.name), field.type, f"{path}->{field.name}") for field in sql_type.fields)
    convert = _decimal_to(sql_type) if isinstance(sql_type, types.Decimal) else _SCALARS.get(sql_type)
    try:
        if convert is not None:
            return convert(value)
    except (ValueError, TypeError, ArithmeticError):
        pass  # the same refusal as for a value of the wrong kind
    raise InsertError(
        f"Can't coerce a field of type {_json_kind(value)} ({value!r:.80}) into type {sql_type}: column {path}"
    )


def _decimal_to(target: types.Decimal) -> Callable[[object], object]:
    def convert(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | str | decimal.Decimal):
            raise TypeError
        rounded = decimal.Decimal(value).quantize(decimal.Decimal(1).scaleb(-target.scale), decimal.ROUND_HALF_UP)
        if rounded and rounded.adjusted() >= target.precision - target.scale:
            raise ValueError
        return rounded

    return convert


def _boolean(value: object) -> object:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _whole(bits: int) -> Callable[[object], object]:
    def convert(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int) or not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise TypeError
        return value

    return convert


def _double(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal):
        raise TypeError
    return float(value)


def _string(value: object) -> object:
    if not isinstance(value, str):
        raise TypeError
    return value


def _parsed(parse: Callable[[str], object]) -> Callable[[object], object]:
    def convert(value: object) -> object:
        if not isinstance(value, str):
            raise TypeError
        return parse(value)

    return convert


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


_SCALARS: dict[SqlType, Callable[[object], object]] = {
    types.BOOLEAN: _boolean,
    types.INTEGER: _whole(32),
    types.BIGINT: _whole(64),
    types.DOUBLE: _double,
    types.STRING: _string,
    types.BYTES: _parsed(_bytes),
    types.DATE: _parsed(civil.parse_date),
    types.TIME: _parsed(civil.parse_time),
    types.TIMESTAMP: _parsed(civil.parse_timestamp),
}


def _json_kind(value: object) -> str:
    kinds = {bool: "boolean", int: "number", decimal.Decimal: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "unknown")
