"""The decoder of pgoutput: every kind of message, and hostile bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.connect.connectors.postgres.pgoutput import (
    HEADER,
    UNCHANGED,
    Begin,
    Commit,
    Delete,
    Insert,
    LogicalMessage,
    Message,
    Origin,
    ProtocolError,
    Raw,
    Relation,
    RelationColumn,
    Truncate,
    TypeName,
    Update,
    read_keepalive,
    read_message,
    read_wal_data,
    status_update,
)

EPOCH_US = 946_684_800_000_000


def row(*values: Raw) -> bytes:
    out = struct.pack(">h", len(values))
    for value in values:
        if isinstance(value, bytes):
            out += b"t" + struct.pack(">I", len(value)) + value
        else:
            out += b"u" if value is UNCHANGED else b"n"
    return out


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"B" + struct.pack(">QqI", 5, 7, 9), Begin(5, 7 + EPOCH_US, 9)),
        (b"C" + struct.pack(">BQQq", 0, 5, 6, 7), Commit(5, 6, 7 + EPOCH_US)),
        (b"O" + struct.pack(">Q", 3) + b"other\0", Origin(3, "other")),
        (b"Y" + struct.pack(">I", 3) + b"public\0mood\0", TypeName(3, "public", "mood")),
        (
            b"R" + struct.pack(">I", 3) + b"\0t\0d" + struct.pack(">h", 1) + b"\1id\0" + struct.pack(">Ii", 23, -1),
            Relation(3, "pg_catalog", "t", "d", (RelationColumn("id", 23, -1, True),)),
        ),
        (b"I" + struct.pack(">I", 3) + b"N" + row(b"1", None, b""), Insert(3, [b"1", None, b""])),
        (b"U" + struct.pack(">I", 3) + b"N" + row(b"1", UNCHANGED), Update(3, None, False, [b"1", UNCHANGED])),
        (b"U" + struct.pack(">I", 3) + b"K" + row(b"1") + b"N" + row(b"2"), Update(3, [b"1"], False, [b"2"])),
        (b"U" + struct.pack(">I", 3) + b"O" + row(b"1") + b"N" + row(b"2"), Update(3, [b"1"], True, [b"2"])),
        (b"D" + struct.pack(">I", 3) + b"K" + row(b"1"), Delete(3, [b"1"], False)),
        (b"T" + struct.pack(">IBII", 2, 1, 3, 4), Truncate((3, 4), True, False)),
        (b"M\1" + struct.pack(">Q", 8) + b"p\0" + struct.pack(">I", 2) + b"hi", LogicalMessage(True, 8, "p", b"hi")),
    ],
)
def test_every_message_is_read(data: bytes, expected: Message) -> None:
    assert read_message(data, 0) == expected


def test_envelopes_are_read_and_the_answer_is_as_the_server_reads_it() -> None:
    wal = read_wal_data(b"w" + struct.pack(">QQq", 1, 2, 3))
    assert (wal.start_lsn, wal.end_lsn, wal.sent_us) == (1, 2, 3 + EPOCH_US)
    alive = read_keepalive(b"k" + struct.pack(">QqB", 9, 0, 1))
    assert (alive.end_lsn, alive.reply_requested) == (9, True)
    assert status_update(5, 4, EPOCH_US) == b"r" + struct.pack(">QQQqB", 5, 4, 4, 0, 0)
    assert len(b"w" + struct.pack(">QQq", 1, 2, 3)) == HEADER


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_an_error_of_the_protocol(data: bytes) -> None:
    for kind in b"BCORYIUDTMx":
        try:
            read_message(bytes([kind]) + data, 0)
        except ProtocolError:
            continue


@given(st.lists(st.one_of(st.none(), st.binary(max_size=9), st.just(UNCHANGED)), max_size=8))
def test_any_row_comes_back_as_it_was_sent(values: list[Raw]) -> None:
    assert read_message(b"I" + struct.pack(">I", 1) + b"N" + row(*values), 0) == Insert(1, values)
