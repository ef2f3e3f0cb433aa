"""The first reading of the tables: one consistent moment of the database, and never more than a batch in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headwater.connect.connectors.postgres.connection import load_psycopg, told
from headwater.connect.connectors.postgres.copying import CopyStream
from headwater.connect.connectors.postgres.envelope import TableRecords
from headwater.connect.connectors.postgres.literals import read_copy_row
from headwater.connect.connectors.postgres.lsn import parse_lsn
from headwater.connect.connectors.postgres.position import Position, Visible
from headwater.connect.connectors.postgres.records import RecordMaker
from headwater.connect.connectors.postgres.slots import NewSlot, Slot
from headwater.connect.record import SourceRecord
from headwater.core.errors import DataError

if TYPE_CHECKING:
    from headwater.connect.connectors.postgres.connection import Connection

_SLICE_ROWS = 256
"""Rows made into records before other tasks of the loop get their turn: one to three milliseconds."""
_FIRST, _FIRST_OF_TABLE, _LAST_OF_TABLE, _LAST, _OTHER = (
    "first", "first_in_data_collection", "last_in_data_collection", "last", "true"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """The moment that a snapshot shows. `position` is where streaming goes on after it."""

    lsn: int
    xid: int
    taken_us: int
    position: Position

    def offset(self, *, last: bool) -> Mapping[str, Any]:
        """What is stored with the snapshot's records."""
        offset: dict[str, Any] = {
            "last_snapshot_record": last, "lsn": self.lsn, "txId": self.xid, "ts_usec": self.taken_us,
            "snapshot": "INITIAL", "snapshot_completed": last, "lsn_commit": self.position.commit_lsn,
        }  # fmt: skip
        if self.position.visible is not None:
            visible = self.position.visible
            offset |= {"snapshot_visible": str(visible), "snapshot_lsn": visible.lsn}
        return offset


async def begin(connection: Connection, taken_us: int, new: NewSlot | None, slot: Slot | None) -> Moment:
    """Open the transaction that sees one moment: that of a slot just made, else now.

    A slot that exists tells again what the snapshot shows already: `Visible` says which transactions those are.
    """
    sql = load_psycopg().sql
    with told("beginning the snapshot"):
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if new is not None and new.snapshot is not None:
            await connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(new.snapshot)))
        cursor = await connection.execute(
            "SELECT pg_current_snapshot()::text, "
            "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text"
        )
        row = await cursor.fetchone()
    assert row is not None
    visible = Visible.parse(row[0], parse_lsn(row[1]))
    if new is not None and new.snapshot is not None:
        return Moment(new.consistent_lsn, visible.xmax, taken_us, Position(new.consistent_lsn))
    start = visible.lsn if slot is None else slot.confirmed_lsn
    return Moment(visible.lsn, visible.xmax, taken_us, Position(start, visible=visible if slot is not None else None))


@dataclass
class Snapshot:
    """The rows of all tables, in the order of the tables' names."""

    connection: Connection
    tables: Sequence[TableRecords]
    moment: Moment
    maker: RecordMaker
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Statements that read a table instead of all its rows, by `schema.table`."""
    done: bool = False
    records: list[SourceRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._copy = CopyStream(self.connection)
        self._left = deque(self.tables)
        self._table: TableRecords | None = None
        self._held: tuple[TableRecords, list[bytes | None]] | None = None
        """The row that was read last: only the next one tells whether it is the last of its table, or of all."""
        self._mark = _FIRST
        self._offset, self._last_offset = self.moment.offset(last=False), self.moment.offset(last=True)

    async def read(self) -> None:
        """Some more records into `records`; `done` when there are no more."""
        if self._table is None:
            if not self._left:
                self._finish()
                return
            await self._open(self._left[0])
            self._table = self._left.popleft()
        for _ in range(_SLICE_ROWS):
            line = self._copy.take()
            if line is None:
                break
            self._row(self._table, read_copy_row(line))
        else:
            return
        if not self._copy.open:
            self._copy.finish(f"reading table {self._table.table.id}")
            self._end_table()
        else:
            await self._copy.wait(None)

    async def _open(self, table: TableRecords) -> None:
        await self._copy.start(
            copy_statement(table, self.overrides.get(str(table.table.id))),
            f"reading table {table.table.id}",
            s42501=f"GRANT SELECT ON {table.table.id} TO the user of the connector",
        )

    def _row(self, table: TableRecords, raw: list[bytes | None]) -> None:
        if self._held is not None:
            self._emit(self._mark, last=False)
            same = self._held[0] is table
            self._mark = _OTHER if same else _FIRST_OF_TABLE
        self._held = (table, raw)

    def _end_table(self) -> None:
        if self._held is not None and self._held[0] is self._table and self._mark != _FIRST:
            self._mark = _LAST_OF_TABLE
        self._table = None

    def _finish(self) -> None:
        if self._held is not None:
            self._emit(_LAST, last=True)
        self._held = None
        self.done = True

    def _emit(self, mark: str, *, last: bool) -> None:
        assert self._held is not None
        table, raw = self._held
        id_, moment = table.table.id, self.moment
        source = self.maker.source(id_.schema, id_.name, moment.lsn, None, moment.xid, moment.taken_us, mark)
        offset = self._last_offset if last else self._offset
        try:
            row = table.row(raw)
        except (ValueError, DataError) as error:
            raise DataError(f"a row of {id_} cannot be read: {error}") from error
        self.records.append(self.maker.change(table, "r", None, row, source, None, offset))


def copy_statement(table: TableRecords, override: str | None) -> str:
    """The COPY that sends a table's rows: captured columns, null for others."""
    captured = {column.index for column in table.columns}
    columns = ", ".join(
        _quoted(column.name) if index in captured else f"NULL AS {_quoted(column.name)}"
        for index, column in enumerate(table.table.columns)
    )
    id_ = table.table.id
    rows = f"({override.strip().rstrip(';')}) AS chosen" if override else f"{_quoted(id_.schema)}.{_quoted(id_.name)}"
    return f"COPY (SELECT {columns} FROM {rows}) TO STDOUT"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
