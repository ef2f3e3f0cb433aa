"""The connector over the node's own small table store (`database.hostname=embedded`): the same records, no server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from headwater.connect.config import Config
from headwater.connect.connectors.postgres.changes import configured_changes
from headwater.connect.connectors.postgres.columns import Column, Kind, PgType, Table, TableId
from headwater.connect.connectors.postgres.envelope import TableRecords, table_records
from headwater.connect.connectors.postgres.filters import filters
from headwater.connect.connectors.postgres.pgoutput import Begin, Commit, Delete, Insert, Relation, Truncate, Update
from headwater.connect.connectors.postgres.position import Position, read_position
from headwater.connect.connectors.postgres.records import record_maker
from headwater.connect.connectors.postgres.settings import options, snapshot_mode
from headwater.connect.connectors.postgres.snapshot import Moment
from headwater.connect.connectors.postgres.types import TypeMap
from headwater.connect.embedded.history import HistoryLostError
from headwater.connect.embedded.tables import RowChange, TableDefinition, TableStore, Texts
from headwater.connect.errors import ConnectError
from headwater.connect.record import SourceRecord
from headwater.connect.spi import SourceContext, SourceOffset

_IDLE_SECONDS = 0.02
"""Between two looks at the file: changes come from other processes, which cannot wake us."""

_OIDS = {
    "bool": 16, "bytea": 17, "name": 19, "int8": 20, "int2": 21, "int4": 23, "text": 25, "oid": 26, "json": 114,
    "xml": 142, "point": 600, "cidr": 650, "float4": 700, "float8": 701, "money": 790, "macaddr": 829, "inet": 869,
    "bpchar": 1042, "varchar": 1043, "date": 1082, "time": 1083, "timestamp": 1114, "timestamptz": 1184,
    "interval": 1186, "timetz": 1266, "bit": 1560, "varbit": 1562, "numeric": 1700, "uuid": 2950, "jsonb": 3802,
}  # fmt: skip
_ALIASES = {
    "integer": "int4", "int": "int4", "serial": "int4", "bigint": "int8", "bigserial": "int8", "smallint": "int2",
    "smallserial": "int2", "real": "float4", "double precision": "float8", "float": "float8", "boolean": "bool",
    "decimal": "numeric", "character varying": "varchar", "character": "bpchar", "char": "bpchar",
    "timestamp with time zone": "timestamptz", "timestamp without time zone": "timestamp",
    "time with time zone": "timetz", "time without time zone": "time", "bit varying": "varbit",
}  # fmt: skip
_COLUMN = re.compile(
    r"(?P<name>[a-z][a-z0-9 ]*?)\s*(?:\((?P<digits>\d+)(?:\s*,\s*(?P<scale>\d+))?\))?(?P<zone> with(?:out)? time zone)?"
    r"(?P<required>\s+not\s+null)?(?:\s+null)?(?:\s+default\s+(?P<default>.+?))?(?P<required2>\s+not\s+null)?\s*$",
    re.I,
)
TYPES = {oid: PgType(oid, "pg_catalog", name, Kind.BASE) for name, oid in _OIDS.items()}


def column(name: str, declared: str, *, key: bool) -> Column:
    """A column as SQL declares it: `numeric(10,2) not null default 0`. Raises `ConnectError` for an unknown type."""
    match = _COLUMN.match(declared.strip())
    kind = "" if match is None else (match["name"] + (match["zone"] or "")).lower()
    kind = _ALIASES.get(kind, kind)
    if match is None or kind not in _OIDS:
        raise ConnectError(f"Column {name}: '{declared}' has no type of PostgreSQL that embedded tables know")
    required = key or bool(match["required"] or match["required2"])
    return Column(name, _OIDS[kind], _modifier(kind, match["digits"], match["scale"]), not required, match["default"])


def _modifier(kind: str, digits: str | None, scale: str | None) -> int:
    if digits is None:
        return 1 if kind == "bit" else -1
    if kind == "numeric":
        return ((int(digits) << 16) | int(scale or 0)) + 4
    return int(digits) + 4 if kind in ("varchar", "bpchar") else int(digits)


class EmbeddedCapture:
    """Reads the changes of the store in the node's folder for services."""

    def __init__(self, config: Config, context: SourceContext) -> None:
        self._config, self._context, self._clock = config, context, context.clock
        self._options, self._filters = options(config), filters(config)
        self._mode = snapshot_mode(config)
        self._limit = config.integer("max.batch.size")
        self._maker = record_maker(config)
        self._changes = configured_changes(self._maker, Position(0), config)
        self._types = TypeMap(TYPES, self._options)
        self._tables: dict[tuple[str, str], tuple[int, TableRecords]] = {}
        self._definitions: list[TableDefinition] = []
        self._snapshot: list[SourceRecord] = []
        self._read_to = 0
        self._xid = self._at_us = 0

    async def start(self) -> None:
        """Open the store, and read the tables if that is due."""
        self._store = await asyncio.to_thread(TableStore, self._context.folder)
        await self._learn()
        position = await self._resumed()
        if self._mode == "always" or (position is None and self._mode != "no_data"):
            position = await self._begin_snapshot()
        elif position is None:
            position = Position((await asyncio.to_thread(self._store.snapshot, ()))[0])
        self._changes = configured_changes(self._maker, position, self._config)
        for oid, table in self._tables.values():
            self._changes.learn(_relation(oid, table), table if self._filters.takes_table(table.table.id) else None)
        self._read_to = position.commit_lsn

    async def poll(self) -> list[SourceRecord]:
        """The next records; none after `poll.interval.ms` without any."""
        if self._snapshot:
            batch, self._snapshot = self._snapshot[: self._limit], self._snapshot[self._limit :]
            return batch
        until = self._clock.monotonic() + self._config.integer("poll.interval.ms") / 1000
        while True:
            found: Sequence[RowChange] = ()
            if self._mode != "initial_only":
                found = await self._next()
            if found:
                await self._learn()
                self._maker.now_ms = self._clock.now_ms()
                self._apply(found)
            if self._changes.records or self._clock.monotonic() >= until:
                records, self._changes.records = self._changes.records, []
                return records
            if not found:
                await self._clock.sleep(_IDLE_SECONDS)

    async def _resumed(self) -> Position | None:
        """Where to go on; None where nothing is to be gone on from."""
        stored = self._context.offset(self._maker.partition)
        position = None if stored is None else read_position(stored)
        if stored is None or position is None or not position.snapshot_done:
            return None
        if not await self._has_all(position.commit_lsn):
            # What was delivered of the last transaction need not be there.
            position = Position(max(position.commit_lsn, int(stored.get("lsn") or 0)))
            if self._mode == "when_needed" and not await self._has_all(position.commit_lsn):
                return None
        return position

    async def _next(self) -> Sequence[RowChange]:
        """Changes behind what was read. Raises `ConnectError` if they are not kept any more."""
        try:
            return await asyncio.to_thread(self._store.changes, self._read_to, self._limit, self._taken())
        except HistoryLostError as error:
            raise ConnectError(
                f"Changes are lost: {error}. snapshot.mode=when_needed reads the tables again; or reset the "
                "connector's offsets"
            ) from error

    async def _has_all(self, place: int) -> bool:
        """Whether all changes behind a place are kept."""
        try:
            await asyncio.to_thread(self._store.changes, place, 1, self._taken())
        except HistoryLostError:
            return False
        return True

    def _taken(self) -> list[str]:
        """The tables that are captured."""
        return [str(table.table.id) for _, table in self._tables.values() if self._filters.takes_table(table.table.id)]

    def commit(self, offsets: Sequence[tuple[SourceOffset, SourceOffset]]) -> None:
        """Nothing to give back: the store keeps its changes."""

    async def stop(self) -> None:
        """Nothing is open."""

    async def _learn(self) -> None:
        """Take over definitions that are new or have changed."""
        definitions = await asyncio.to_thread(self._store.definitions)
        for definition in definitions:
            if definition in self._definitions:
                continue
            id_ = TableId(definition.namespace, definition.name)
            columns = tuple(column(n, kind, key=n in definition.key) for n, kind in definition.columns.items())
            prefix, delimiter = self._config.text("topic.prefix"), self._config.text("topic.delimiter")
            table = Table(id_, columns, definition.key)
            records = table_records(table, self._types, self._filters, self._options, prefix, delimiter)
            known = self._tables.get((id_.schema, id_.name))
            oid = len(self._tables) if known is None else known[0]
            self._tables[id_.schema, id_.name] = (oid, records)
            wanted = records if self._filters.takes_table(id_) else None
            self._changes.learn(_relation(oid, records), wanted)
        self._definitions = definitions

    async def _begin_snapshot(self) -> Position:
        names = [name for name, (_, table) in self._tables.items() if self._filters.takes_table(table.table.id)]
        lsn, rows = await asyncio.to_thread(self._store.snapshot, names)
        self._maker.now_ms = now = self._clock.now_ms()
        moment = Moment(lsn, 0, now * 1000, Position(lsn))
        for number, row in enumerate(rows):
            mark = _mark(rows, number)
            table = self._tables[row.namespace, row.name][1]
            source = self._maker.source(row.namespace, row.name, lsn, None, 0, now * 1000, mark)
            after = table.row(_raw(table, row.after))
            offset = moment.offset(last=mark == "last")
            self._snapshot.append(self._maker.change(table, "r", None, after, source, None, offset))
        return moment.position

    def _apply(self, found: Sequence[RowChange]) -> None:
        for number, change in enumerate(found):
            if not self._changes.in_transaction or change.xid != self._xid:
                self._end()
                self._xid = change.xid
                self._changes.handle(change.lsn, Begin(change.lsn, change.at_us, change.xid))
            self._one(change)
            self._read_to, self._at_us = change.lsn, change.at_us
            following = found[number + 1].xid if number + 1 < len(found) else None
            if following != change.xid and (following is not None or len(found) < self._limit):
                self._end()

    def _end(self) -> None:
        if self._changes.in_transaction:
            self._changes.handle(self._read_to, Commit(self._read_to, self._read_to, self._at_us))

    def _one(self, change: RowChange) -> None:
        oid, table = self._tables[change.namespace, change.name]
        kind = {"c": "I", "u": "U", "d": "D", "t": "T"}[change.operation]
        if self._changes.passes(ord(kind)):
            return
        before, after = _raw(table, change.before), _raw(table, change.after)
        if kind == "I":
            self._changes.handle(change.lsn, Insert(oid, [*after]))
        elif kind == "U":
            old = _key_only(table, before)
            moved = old != _key_only(table, after)
            self._changes.handle(change.lsn, Update(oid, [*old] if moved else None, False, [*after]))
        elif kind == "D":
            self._changes.handle(change.lsn, Delete(oid, [*_key_only(table, before)], False))
        else:
            self._changes.handle(change.lsn, Truncate((oid,), False, False))


def _mark(rows: Sequence[RowChange], number: int) -> str:
    """What a snapshot's record says about its place."""
    table = (rows[number].namespace, rows[number].name)
    if number + 1 == len(rows):
        return "last"
    if number == 0:
        return "first"
    if (rows[number + 1].namespace, rows[number + 1].name) != table:
        return "last_in_data_collection"
    return "true" if (rows[number - 1].namespace, rows[number - 1].name) == table else "first_in_data_collection"


def _raw(table: TableRecords, row: Texts | None) -> list[bytes | None]:
    """A row as the replication protocol would send it."""
    texts = [(row or {}).get(one.name) for one in table.table.columns]
    return [None if text is None else text.encode() for text in texts]


def _key_only(table: TableRecords, raw: Sequence[bytes | None]) -> list[bytes | None]:
    return [value if one.name in table.table.key else None for one, value in zip(table.table.columns, raw, strict=True)]


def _relation(oid: int, table: TableRecords) -> Relation:
    return Relation(oid, table.table.id.schema, table.table.id.name, "d", ())
