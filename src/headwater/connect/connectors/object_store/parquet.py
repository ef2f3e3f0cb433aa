"""Parquet files through pyarrow."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import IO, Any

from headwater.connect import schema as s
from headwater.connect.errors import ConnectError, MissingExtraError
from headwater.connect.record import SinkRecord
from headwater.connect.schema import ConnectSchema, Type
from headwater.core.errors import DataError


def arrow() -> Any:
    """The library. Raises `MissingExtraError`."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("Reading and writing Parquet files", "parquet") from None
    return pyarrow


def read_parquet(file: IO[bytes], size: int) -> Iterator[list[tuple[ConnectSchema | None, Any]]]:
    """Batches of rows with the schema of the file."""
    pa = arrow()
    opened = pa.parquet.ParquetFile(file)
    schema = s.struct([(f.name, _schema(pa, f.type)) for f in opened.schema_arrow], "schema")
    moments = [f.name for f in opened.schema_arrow if pa.types.is_timestamp(f.type)]
    for batch in opened.iter_batches(batch_size=size):
        rows = batch.to_pylist()
        for name in moments:
            for row in rows:
                row[name] = None if row[name] is None else s.timestamp_of_ms(s.ms_of_timestamp(row[name]))
        yield [(schema, row) for row in rows]


def _schema(pa: Any, kind: Any) -> ConnectSchema:
    types = pa.types
    if types.is_decimal(kind):
        return s.decimal(kind.scale, kind.precision, optional=True)
    if types.is_list(kind) or types.is_large_list(kind):
        return s.array(_schema(pa, kind.value_type), optional=True)
    if types.is_struct(kind):
        return s.struct([(f.name, _schema(pa, f.type)) for f in kind], optional=True)
    for test, schema in (
        (types.is_boolean, s.OPTIONAL_BOOLEAN), (types.is_int8, s.OPTIONAL_INT8), (types.is_int16, s.OPTIONAL_INT16),
        (types.is_int32, s.OPTIONAL_INT32), (types.is_integer, s.OPTIONAL_INT64),
        (types.is_float32, s.OPTIONAL_FLOAT32),
        (types.is_floating, s.OPTIONAL_FLOAT64), (types.is_date, s.DATE_SCHEMA.as_optional()),
        (types.is_timestamp, s.TIMESTAMP_SCHEMA.as_optional()), (types.is_string, s.OPTIONAL_STRING),
        (types.is_large_string, s.OPTIONAL_STRING), (types.is_binary, s.OPTIONAL_BYTES),
    ):  # fmt: skip
        if test(kind):
            return schema
    raise ConnectError(f"Parquet columns of type {kind} are not supported")


def write_parquet(records: Sequence[SinkRecord]) -> bytes:
    """A file with the records' values as rows; their schema's types, or those that Arrow sees in the values."""
    pa = arrow()
    schema = records[0].value_schema
    if (schema is not None and schema.type is not Type.STRUCT) or (schema is None and not _all_objects(records)):
        raise ConnectError("Parquet files need values that are structs or objects")
    rows = [record.value for record in records]
    fields = None if schema is None else pa.schema([(f.name, _type(pa, f.schema)) for f in schema.fields])
    try:
        table = pa.Table.from_pylist(rows, schema=fields)
    except pa.ArrowException as error:
        raise DataError(f"Records cannot be written as Parquet: {error}") from None
    out = io.BytesIO()
    pa.parquet.write_table(table, out, compression="snappy")
    return out.getvalue()


def _all_objects(records: Sequence[SinkRecord]) -> bool:
    return all(isinstance(record.value, dict) for record in records)


def _type(pa: Any, schema: ConnectSchema) -> Any:
    if schema.name == s.DECIMAL:
        return pa.decimal128(min(schema.precision or 38, 38), schema.scale)
    named = {s.DATE: pa.date32(), s.TIME: pa.time32("ms"), s.TIMESTAMP: pa.timestamp("ms", "UTC")}
    if schema.name in named:
        return named[schema.name]
    if schema.type is Type.STRUCT:
        return pa.struct([(f.name, _type(pa, f.schema)) for f in schema.fields])
    if schema.type is Type.ARRAY and schema.value_schema is not None:
        return pa.list_(_type(pa, schema.value_schema))
    if schema.type is Type.MAP and schema.value_schema is not None and schema.key_schema is not None:
        return pa.map_(_type(pa, schema.key_schema), _type(pa, schema.value_schema))
    return {
        Type.INT8: pa.int8(), Type.INT16: pa.int16(), Type.INT32: pa.int32(), Type.INT64: pa.int64(),
        Type.FLOAT32: pa.float32(), Type.FLOAT64: pa.float64(), Type.BOOLEAN: pa.bool_(),
        Type.STRING: pa.string(), Type.BYTES: pa.binary(),
    }[schema.type]  # fmt: skip
