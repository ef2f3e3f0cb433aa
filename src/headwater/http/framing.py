"""How a stream of rows is laid out in a response: the framings of the query endpoints (sections 5.2 to 5.5).

Each frames a header, batches of rows, and an end that may carry a message or an error. Chunks of a push query end with
a complete line, so that a client that reads by line sees every row at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from headwater.core.names import quote
from headwater.core.schema import Column, Role, Schema
from headwater.core.surrogates import cleaned
from headwater.formats.api import SerdeOptions
from headwater.http.values import Row, compile_converter

DELIMITED = "application/vnd.ksqlapi.delimited.v1"
JSON = "application/json"
KSQL_JSON = "application/vnd.ksql.v1+json"
KSQL_PROTOBUF = "application/vnd.ksql.v1+protobuf"


class RowEncoder:
    """JSON, with lone surrogates written as Java writes them."""

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder()

    def encode(self, value: object) -> bytes:
        try:
            return self._encoder.encode(value)
        except UnicodeEncodeError:
            return self._encoder.encode(cleaned(value))

    def encode_lines(self, values: list[object]) -> bytes:
        try:
            return self._encoder.encode_lines(values)
        except UnicodeEncodeError:
            return self._encoder.encode_lines(cleaned(values))


_ENCODER = RowEncoder()


class Framing(Protocol):
    """One layout, for one response."""

    content_type: str

    def header(self, query_id: str | None) -> bytes:
        """What comes first."""
        ...

    def rows(self, rows: Sequence[Row]) -> bytes:
        """A batch of rows; b"" if there is nothing to send."""
        ...

    def token(self, token: str) -> bytes:
        """From where another query can go on."""
        ...

    def end(self, message: str | None) -> bytes:
        """The end; `message` is what the last line says (`Limit Reached`) where the layout has such a line."""
        ...

    def error(self, body: object) -> bytes:
        """The end after an error; `body` is the error as JSON knows it."""
        ...


def _header(query_id: str | None, columns: Sequence[Column]) -> bytes:
    names = [column.name for column in columns]
    return _ENCODER.encode({"queryId": query_id, "columnNames": names, "columnTypes": [str(c.type) for c in columns]})


class Delimited:
    """5.2: one JSON document per line. Tombstones are left out."""

    content_type = DELIMITED

    def __init__(self, schema: Schema) -> None:
        self._columns = schema.columns
        self._convert = compile_converter([column.type for column in schema.columns])

    def header(self, query_id: str | None) -> bytes:
        return _header(query_id, self._columns) + b"\n"

    def rows(self, rows: Sequence[Row]) -> bytes:
        return _ENCODER.encode_lines(self._convert(row for row in rows if not row[1]))

    def token(self, token: str) -> bytes:
        return _ENCODER.encode({"continuationToken": token}) + b"\n"

    def end(self, message: str | None) -> bytes:
        return b""

    def error(self, body: object) -> bytes:
        return _ENCODER.encode(body) + b"\n"


class JsonArray:
    """5.3: the same documents as elements of one array."""

    content_type = JSON

    def __init__(self, schema: Schema) -> None:
        self._columns = schema.columns
        self._convert = compile_converter([column.type for column in schema.columns])

    def header(self, query_id: str | None) -> bytes:
        return b"[" + _header(query_id, self._columns)

    def rows(self, rows: Sequence[Row]) -> bytes:
        text = _ENCODER.encode(self._convert(row for row in rows if not row[1]))
        return b"," + text[1:-1] if len(text) > 2 else b""

    def token(self, token: str) -> bytes:
        return b"," + _ENCODER.encode({"continuationToken": token})

    def end(self, message: str | None) -> bytes:
        return b"]"

    def error(self, body: object) -> bytes:
        return b"," + _ENCODER.encode(body) + b"]"


class StreamedRows:
    """5.4: an array of objects, one per line, each of one member.

    With `push`, every line ends with its comma and line break at once; that is possible because a final message always
    follows. Without, separators come before rows, since a pull query has nothing after its last row.
    """

    content_type = KSQL_JSON

    def __init__(self, schema: Schema, *, push: bool) -> None:
        self._push = push
        self._schema = schema
        self._convert = compile_converter([column.type for column in schema.columns])
        self._before, self._after = (b"", b",\n") if push else (b",\n", b"")

    def header(self, query_id: str | None) -> bytes:
        members = {"queryId": query_id, "schema": schema_text(self._schema, keys=not self._push)}
        return b"[" + _ENCODER.encode({"header": members}) + self._after

    def rows(self, rows: Sequence[Row]) -> bytes:
        if not rows:
            return b""
        lines = _ENCODER.encode_lines(self._convert(rows))[:-1]
        if any(row[1] for row in rows):
            return b"".join(map(self._row, lines.split(b"\n"), rows))
        # A line break in encoded JSON can only be the one between two rows.
        text = lines.replace(b"\n", b'}},\n{"row":{"columns":')
        return b"".join((self._before, b'{"row":{"columns":', text, b"}}", self._after))

    def _row(self, line: bytes, row: Row) -> bytes:
        mark = b',"tombstone":true' if row[1] else b""
        return b"".join((self._before, b'{"row":{"columns":', line, mark, b"}}", self._after))

    def token(self, token: str) -> bytes:
        return self._before + _ENCODER.encode({"continuationToken": {"continuationToken": token}}) + self._after

    def end(self, message: str | None) -> bytes:
        if message is None:
            return b"]"
        return self._before + _ENCODER.encode({"finalMessage": message}) + b"]"

    def error(self, body: object) -> bytes:
        return self._before + _ENCODER.encode({"errorMessage": body}) + b"]"


class ProtobufRows:
    """5.5: the envelope of 5.4 with each row as a Protobuf message; the header has the messages' schema.

    Raises `AnalysisError` for columns that Protobuf cannot name or hold.
    """

    content_type = KSQL_PROTOBUF

    def __init__(self, schema: Schema, *, push: bool) -> None:
        from headwater.formats.protobuf_nosr import FORMAT as PROTOBUF  # importing Protobuf would lengthen every start

        options = SerdeOptions(is_key=False)
        self._text = PROTOBUF.schema_text(schema.columns, options)
        self._message = PROTOBUF.writer(schema.columns, options, "rows", None).encode
        self._before, self._after = (b"", b",\n") if push else (b",\n", b"")

    def header(self, query_id: str | None) -> bytes:
        return b"[" + _ENCODER.encode({"header": {"queryId": query_id, "protoSchema": self._text}}) + self._after

    def rows(self, rows: Sequence[Row]) -> bytes:
        return b"".join(map(self._row, rows))

    def _row(self, row: Row) -> bytes:
        values, tombstone = row
        body: dict[str, object] = {"protobufBytes": self._message(*values)}
        if tombstone:
            body["tombstone"] = True
        return self._before + _ENCODER.encode({"row": body}) + self._after

    def token(self, token: str) -> bytes:
        return self._before + _ENCODER.encode({"continuationToken": {"continuationToken": token}}) + self._after

    def end(self, message: str | None) -> bytes:
        if message is None:
            return b"]"
        return self._before + _ENCODER.encode({"finalMessage": message}) + b"]"

    def error(self, body: object) -> bytes:
        return self._before + _ENCODER.encode({"errorMessage": body}) + b"]"


def schema_text(schema: Schema, *, keys: bool) -> str:
    """The columns of a header: `` `A` INTEGER KEY, `B` STRING``; key columns are only marked with `keys`."""
    return ", ".join(f"{quote(c.name)} {c.type}{' KEY' if keys and c.role is Role.KEY else ''}" for c in schema.columns)
