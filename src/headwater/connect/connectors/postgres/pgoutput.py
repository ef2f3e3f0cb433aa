"""The messages of PostgreSQL's logical replication: bytes to values, for protocol version 1 of the plugin `pgoutput`.

Source of the rules: PostgreSQL's documentation, "Logical Replication Message Formats" and "Streaming Replication
Protocol". Nothing here does I/O. Values of columns stay the bytes of their text form; `types.py` reads those.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from headwater.core.errors import DataError

_POSTGRES_EPOCH_US = 946_684_800_000_000
"""2000-01-01 in microseconds since 1970: PostgreSQL counts from there."""

_WAL_DATA = struct.Struct(">QQq")
_KEEPALIVE = struct.Struct(">QqB")
_STATUS = struct.Struct(">cQQQqB")
_BEGIN = struct.Struct(">QqI")
_COMMIT = struct.Struct(">BQQq")
_I16, _I32 = struct.Struct(">h"), struct.Struct(">I")
_unpack_length = _I32.unpack_from
_unpack_count = _I16.unpack_from
_NULL, _TEXT, _TOAST = b"nut"[0], b"nut"[2], b"nut"[1]


class ProtocolError(DataError):
    """The server sent something that is not a message of this protocol."""


class Unchanged(Enum):
    """A large value that an UPDATE did not touch: the server does not send it (TOAST)."""

    VALUE = "unchanged"


UNCHANGED = Unchanged.VALUE
Raw = bytes | None | Unchanged
"""A column's value as sent: text form, null, or not sent."""
Tuple = list[Raw]


class WalData(NamedTuple):
    """The envelope of one message: where it is in the log, and where the log ends by now."""

    start_lsn: int
    end_lsn: int
    sent_us: int


class Keepalive(NamedTuple):
    """The server is alive. Everything before `end_lsn` has been sent."""

    end_lsn: int
    sent_us: int
    reply_requested: bool


class Begin(NamedTuple):
    """A transaction follows. `commit_us` is microseconds since 1970."""

    final_lsn: int
    commit_us: int
    xid: int


class Commit(NamedTuple):
    """The transaction is complete; replication goes on from `end_lsn`."""

    commit_lsn: int
    end_lsn: int
    commit_us: int


class Origin(NamedTuple):
    """The transaction came to the server from another one."""

    commit_lsn: int
    name: str


@dataclass(frozen=True, slots=True)
class RelationColumn:
    """A column as rows have it from now on. `key`: part of the replica identity."""

    name: str
    type_oid: int
    modifier: int
    key: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """A table: sent before its first change, and again after its definition changed. `identity` is d, n, f or i."""

    oid: int
    schema: str
    table: str
    identity: str
    columns: tuple[RelationColumn, ...]


class TypeName(NamedTuple):
    """A type that is not built in."""

    oid: int
    schema: str
    name: str


class Insert(NamedTuple):
    """A new row."""

    relation: int
    new: Tuple


class Update(NamedTuple):
    """A changed row. `old` is the whole old row (`full`), the old key when it changed, or None."""

    relation: int
    old: Tuple | None
    full: bool
    new: Tuple


class Delete(NamedTuple):
    """A row that is gone. `old` is the whole row (`full`) or only its key, everything else null."""

    relation: int
    old: Tuple
    full: bool


class Truncate(NamedTuple):
    """Tables that are empty now."""

    relations: tuple[int, ...]
    cascade: bool
    restart_identity: bool


class LogicalMessage(NamedTuple):
    """What `pg_logical_emit_message` wrote."""

    transactional: bool
    lsn: int
    prefix: str
    content: bytes


Message = Begin | Commit | Origin | Relation | TypeName | Insert | Update | Delete | Truncate | LogicalMessage

HEADER = 25
"""Where a message begins in the bytes of a copy that carries WAL data."""


def read_wal_data(data: bytes) -> WalData:
    """The envelope of copy data that begins with `w`."""
    start, end, sent = _WAL_DATA.unpack_from(data, 1)
    return WalData(start, end, sent + _POSTGRES_EPOCH_US)


def read_keepalive(data: bytes) -> Keepalive:
    """Copy data that begins with `k`."""
    end, sent, reply = _KEEPALIVE.unpack_from(data, 1)
    return Keepalive(end, sent + _POSTGRES_EPOCH_US, bool(reply))


def status_update(written: int, flushed: int, now_us: int) -> bytes:
    """What tells the server how far we are: the positions after the last byte received, and made durable."""
    return _STATUS.pack(b"r", written, flushed, flushed, now_us - _POSTGRES_EPOCH_US, 0)


def read_message(data: bytes, at: int = HEADER) -> Message:
    """The message that begins at `at`. Raises `ProtocolError`."""
    try:
        reader = _READERS.get(data[at])
        if reader is not None:
            return reader(data, at + 1)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ProtocolError(f"a message of pgoutput is cut off or broken: {error}") from error
    raise ProtocolError(f"pgoutput sent a message of the unknown kind {data[at : at + 1]!r}")


def read_tuple(data: bytes, at: int) -> tuple[Tuple, int]:
    """A row's columns in order, and where it ends."""
    (count,) = _unpack_count(data, at)
    at += 2
    values: Tuple = []
    append = values.append
    for _ in range(count):
        kind = data[at]
        if kind == _TEXT:
            begin = at + 5
            at = begin + _unpack_length(data, at + 1)[0]
            append(data[begin:at])
        else:
            if kind == _NULL:
                append(None)
            elif kind == _TOAST:
                append(UNCHANGED)
            else:
                raise ProtocolError(f"a column has the unknown kind {kind}")
            at += 1
    if at > len(data):
        raise ProtocolError("a row is cut off")
    return values, at


def _string(data: bytes, at: int) -> tuple[str, int]:
    end = data.find(0, at)
    if end < 0:
        raise ProtocolError("a text has no end")
    return data[at:end].decode(), end + 1


def _begin(data: bytes, at: int) -> Begin:
    final, commit, xid = _BEGIN.unpack_from(data, at)
    return Begin(final, commit + _POSTGRES_EPOCH_US, xid)


def _commit(data: bytes, at: int) -> Commit:
    _, commit, end, moment = _COMMIT.unpack_from(data, at)
    return Commit(commit, end, moment + _POSTGRES_EPOCH_US)


def _origin(data: bytes, at: int) -> Origin:
    return Origin(int.from_bytes(data[at : at + 8], "big"), _string(data, at + 8)[0])


def _relation(data: bytes, at: int) -> Relation:
    (oid,) = _I32.unpack_from(data, at)
    schema, at = _string(data, at + 4)
    table, at = _string(data, at)
    identity = chr(data[at])
    (count,) = _I16.unpack_from(data, at + 1)
    at += 3
    columns = []
    for _ in range(count):
        key = bool(data[at] & 1)
        name, at = _string(data, at + 1)
        kind, modifier = struct.unpack_from(">Ii", data, at)
        columns.append(RelationColumn(name, kind, modifier, key))
        at += 8
    return Relation(oid, schema or "pg_catalog", table, identity, tuple(columns))


def _type(data: bytes, at: int) -> TypeName:
    (oid,) = _I32.unpack_from(data, at)
    schema, at = _string(data, at + 4)
    return TypeName(oid, schema, _string(data, at)[0])


def _insert(data: bytes, at: int) -> Insert:
    if data[at + 4] != b"N"[0]:
        raise ProtocolError("an INSERT without its row")
    return Insert(_unpack_length(data, at)[0], read_tuple(data, at + 5)[0])


def _update(data: bytes, at: int) -> Update:
    (relation,) = _unpack_length(data, at)
    old: Tuple | None = None
    kind = data[at + 4]
    full = kind == b"O"[0]
    at += 5
    if full or kind == b"K"[0]:
        old, at = read_tuple(data, at)
        kind = data[at]
        at += 1
    if kind != b"N"[0]:
        raise ProtocolError("an UPDATE without its row")
    return Update(relation, old, full, read_tuple(data, at)[0])


def _delete(data: bytes, at: int) -> Delete:
    kind = data[at + 4]
    if kind not in b"KO":
        raise ProtocolError("a DELETE without its row")
    return Delete(_unpack_length(data, at)[0], read_tuple(data, at + 5)[0], kind == b"O"[0])


def _truncate(data: bytes, at: int) -> Truncate:
    count, options = struct.unpack_from(">IB", data, at)
    relations = struct.unpack_from(f">{count}I", data, at + 5)
    return Truncate(relations, bool(options & 1), bool(options & 2))


def _message(data: bytes, at: int) -> LogicalMessage:
    transactional = bool(data[at] & 1)
    lsn = int.from_bytes(data[at + 1 : at + 9], "big")
    prefix, at = _string(data, at + 9)
    (length,) = _I32.unpack_from(data, at)
    return LogicalMessage(transactional, lsn, prefix, data[at + 4 : at + 4 + length])


_READERS: dict[int, Callable[[bytes, int], Message]] = {
    b"B"[0]: _begin, b"C"[0]: _commit, b"O"[0]: _origin, b"R"[0]: _relation, b"Y"[0]: _type, b"I"[0]: _insert,
    b"U"[0]: _update, b"D"[0]: _delete, b"T"[0]: _truncate, b"M"[0]: _message,
}  # fmt: skip
