"""The contents of objects: Avro, Parquet, JSON lines, CSV, lines of text and bytes; read in batches, and written."""

from __future__ import annotations

import csv
import gzip
import io
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import IO, Any, cast

import fastavro
import msgspec

from headwater.connect import schema as s
from headwater.connect.connectors.object_store.parquet import read_parquet, write_parquet
from headwater.connect.converters import avro_schema, avro_values
from headwater.connect.converters.json_converter import JsonConverter
from headwater.connect.errors import ConnectError
from headwater.connect.record import SinkRecord
from headwater.connect.schema import ConnectSchema
from headwater.core.errors import DataError

Rows = list[tuple[ConnectSchema | None, Any]]
Read = Callable[[IO[bytes], int], Iterator[Rows]]
"""(file, rows per batch) to batches."""

_LONGEST = 64 << 20
"""Bytes of a line, or of an object that is one record."""
FORMATS = ("avro", "parquet", "json", "csv", "text", "bytes")
EXTENSIONS = {
    ".avro": "avro", ".parquet": "parquet", ".json": "json", ".jsonl": "json", ".ndjson": "json", ".csv": "csv",
    ".txt": "text", ".bin": "bytes",
}  # fmt: skip
_EXTENSION_OF = {"avro": ".avro", "parquet": ".parquet", "json": ".json", "csv": ".csv", "text": ".txt",
                 "bytes": ".bin"}  # fmt: skip
_CLASS_WORDS = (("Avro", "avro"), ("Parquet", "parquet"), ("Json", "json"), ("Csv", "csv"), ("String", "text"),
                ("ByteArray", "bytes"))  # fmt: skip


def format_of_class(name: str) -> str | None:
    """The format that a `format.class` means (`…CloudStorageAvroFormat`), or that it names itself (`AVRO`)."""
    last = name.rpartition(".")[2]
    if last.lower() in FORMATS:
        return last.lower()
    return next((found for word, found in _CLASS_WORDS if word in last), None)


def known_format(name: str) -> str | None:
    """What is wrong with a `format.class`."""
    if not name or format_of_class(name) is not None:
        return None
    return f"There is no format {name}; formats are {', '.join(FORMATS)}"


def format_of_file(path: str) -> str | None:
    """The format that a file's name tells."""
    for extension, found in EXTENSIONS.items():
        if path.removesuffix(".gz").endswith(extension):
            return found
    return None


def reader(format_name: str) -> Read:
    """How to read a format."""
    return _READERS[format_name]


def extension(format_name: str) -> str:
    """What a file of a format is called at the end."""
    return _EXTENSION_OF[format_name]


def _read_avro(file: IO[bytes], size: int) -> Iterator[Rows]:
    blocks: Any = fastavro.block_reader(file)
    document = blocks.metadata.get("avro.schema") or blocks.writer_schema
    if isinstance(document, str | bytes):
        document = json.loads(document)
    schema = avro_schema.from_avro(document)
    decode = avro_values.decoder(schema, document)
    rows: Rows = []
    for block in blocks:
        for _ in range(block.num_records):
            rows.append((schema, decode(block.bytes_)))
            if len(rows) >= size:
                yield rows
                rows = []
    if rows:
        yield rows


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Raises `DataError` for a line that no record could be: what comes out of an archive has no end in sight."""
    for line in iter(partial(file.readline, _LONGEST), b""):
        if len(line) == _LONGEST:
            raise DataError(f"a line has more than {_LONGEST >> 20} MiB")
        yield line


def _read_json(file: IO[bytes], size: int) -> Iterator[Rows]:
    decode = msgspec.json.Decoder().decode
    lines = (line for line in _lines(file) if line.strip())
    while batch := list(islice(lines, size)):
        yield [(None, decode(line)) for line in batch]


def _read_csv(file: IO[bytes], size: int) -> Iterator[Rows]:
    rows = csv.reader(line.decode("utf-8", "replace") for line in _lines(file))
    names = [name.removeprefix("\ufeff") for name in next(rows, [])]
    schema = s.struct([(name, s.OPTIONAL_STRING) for name in names], "csv")
    while batch := list(islice(rows, size)):
        yield [(schema, dict(zip(names, row, strict=False))) for row in batch if row]


def _read_text(file: IO[bytes], size: int) -> Iterator[Rows]:
    lines = _lines(file)
    while batch := list(islice(lines, size)):
        yield [(s.STRING, line.rstrip(b"\r\n").decode("utf-8", "replace")) for line in batch]


def _read_bytes(file: IO[bytes], size: int) -> Iterator[Rows]:
    content = file.read(_LONGEST)
    if len(content) == _LONGEST:
        raise DataError(f"it has more than {_LONGEST >> 20} MiB, which no record can hold")
    yield [(s.BYTES, content)]


_READERS: dict[str, Read] = {
    "avro": _read_avro, "parquet": read_parquet, "json": _read_json, "csv": _read_csv, "text": _read_text,
    "bytes": _read_bytes,
}  # fmt: skip


def write(format_name: str, records: Sequence[SinkRecord], *, zipped: bool = False) -> bytes:
    """The object that holds records' values, which have one schema. Raises `ConnectError`, `DataError`."""
    try:
        data = _WRITERS[format_name](records)
    except (DataError, ConnectError):
        raise
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, struct.error) as error:
        raise DataError(f"Records cannot be written as {format_name}: {error}") from error
    return gzip.compress(data, mtime=0) if zipped else data


@dataclass(frozen=True)
class Objects:
    """What records become: runs of them with their object, and those that no object can hold."""

    written: Sequence[tuple[Sequence[SinkRecord], bytes]]
    refused: Sequence[tuple[SinkRecord, DataError]] = ()


def objects(format_name: str, records: Sequence[SinkRecord], *, zipped: bool = False) -> Objects:
    """One object, or where that cannot be, as few as can. The same records always give the same objects.

    Raises `ConnectError` where the format needs other records altogether.
    """
    try:
        return Objects([(records, write(format_name, records, zipped=zipped))])
    except DataError:
        refused = [(one, error) for one in records if (error := _refusal(format_name, one)) is not None]
    bad = {id(one) for one, _ in refused}
    good = [one for one in records if id(one) not in bad]
    return Objects(_runs(format_name, good, zipped=zipped), refused)


def _refusal(format_name: str, record: SinkRecord) -> DataError | None:
    try:
        write(format_name, [record])
    except DataError as error:
        return error
    return None


def _runs(format_name: str, records: Sequence[SinkRecord], *, zipped: bool) -> list[tuple[Sequence[SinkRecord], bytes]]:
    """Records that are right one by one, but perhaps not together: a column of numbers that goes on with texts."""
    if not records:
        return []
    try:
        return [(records, write(format_name, records, zipped=zipped))]
    except DataError:
        half = len(records) // 2
        first, second = (_runs(format_name, part, zipped=zipped) for part in (records[:half], records[half:]))
        return [*first, *second]


def _write_avro(records: Sequence[SinkRecord]) -> bytes:
    schema = records[0].value_schema
    if schema is None:
        raise ConnectError(
            "Avro files need records with schemas, but these have none: use a converter that has them, or JSON files"
        )
    document = avro_schema.to_avro(s.ConnectSchema(**{**_parts(schema), "optional": False, "default": None}))
    out = io.BytesIO()
    convert = avro_values.writer_values(schema)
    fastavro.writer(out, fastavro.parse_schema(document), [convert(record.value) for record in records])
    return out.getvalue()


def _parts(schema: ConnectSchema) -> dict[str, Any]:
    return {name: getattr(schema, name) for name in ConnectSchema.__dataclass_fields__}


def _write_json(records: Sequence[SinkRecord]) -> bytes:
    converter = JsonConverter({"schemas.enable": "false", "decimal.format": "NUMERIC"}, is_key=False)
    lines = converter.encode_all(records[0].topic, [(r.value_schema, r.value) for r in records])
    for line in lines:
        if isinstance(line, DataError):
            raise line
    return b"".join(cast(bytes, line or b"null") + b"\n" for line in lines)


def _write_text(records: Sequence[SinkRecord]) -> bytes:
    return b"".join(f"{record.value}\n".encode() for record in records)


def _write_bytes(records: Sequence[SinkRecord]) -> bytes:
    for record in records:
        if not isinstance(record.value, bytes):
            raise ConnectError("Files of bytes need values that are bytes: use ByteArrayConverter")
    return b"\n".join(record.value for record in records)


def _write_csv(records: Sequence[SinkRecord]) -> bytes:
    names = list(dict.fromkeys(name for record in records for name in record.value))
    out = io.StringIO()
    rows = csv.DictWriter(out, names)
    rows.writeheader()
    rows.writerows([record.value for record in records])
    return out.getvalue().encode()


_WRITERS: dict[str, Callable[[Sequence[SinkRecord]], bytes]] = {
    "avro": _write_avro, "parquet": write_parquet, "json": _write_json, "csv": _write_csv, "text": _write_text,
    "bytes": _write_bytes,
}  # fmt: skip
