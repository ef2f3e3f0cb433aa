"""The life of a connector on a PostgreSQL server: plan, snapshot, stream, confirm, and connect again after a loss."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headwater.connect.config import Config
from headwater.connect.connectors.postgres import catalog, slots, snapshot
from headwater.connect.connectors.postgres.changes import Changes, configured_changes
from headwater.connect.connectors.postgres.columns import Column, Table, TableId
from headwater.connect.connectors.postgres.connection import connect, connection_parameters, told
from headwater.connect.connectors.postgres.copying import CopyStream
from headwater.connect.connectors.postgres.envelope import TableRecords, table_records
from headwater.connect.connectors.postgres.filters import filters, matches, patterns
from headwater.connect.connectors.postgres.lsn import lsn_text
from headwater.connect.connectors.postgres.pgoutput import Relation, read_keepalive, status_update
from headwater.connect.connectors.postgres.position import Position, read_position
from headwater.connect.connectors.postgres.publication import ensure_publication
from headwater.connect.connectors.postgres.records import record_maker
from headwater.connect.connectors.postgres.settings import options, snapshot_mode
from headwater.connect.connectors.postgres.types import TypeMap
from headwater.connect.errors import ConnectError, RetriableError
from headwater.connect.record import SourceRecord
from headwater.connect.spi import SourceContext, SourceOffset
from headwater.log.slices import next_turn

if TYPE_CHECKING:
    from headwater.connect.connectors.postgres.connection import Connection

_SLICE_MESSAGES = 256
"""Messages decoded before other tasks of the loop get their turn: one to three milliseconds."""
_FIRST_PAUSE = 0.1
"""Seconds before a slot that is in use is tried again; twice as long each time. A server takes a moment to notice that
the one who used it was killed."""


class Capture:
    """Reads the changes of one database."""

    def __init__(self, config: Config, context: SourceContext) -> None:
        self._config, self._context, self._clock = config, context, context.clock
        self._slot_name = config.text("slot.name")
        self._mode = snapshot_mode(config)
        self._options, self._filters = options(config), filters(config)
        self._limit = config.integer("max.batch.size")
        self._heartbeat_seconds = config.integer("heartbeat.interval.ms") / 1000
        self._maker = record_maker(config)
        self._query: Connection | None = None
        self._replication: Connection | None = None
        self._reading: Connection | None = None
        self._types = TypeMap({}, self._options)
        self._plan: slots.Plan | None = None
        self._snapshot: snapshot.Snapshot | None = None
        self._changes: Changes | None = None
        self._stream: CopyStream | None = None
        self._unknown: Relation | None = None
        """A table that has to be looked up before the next message."""
        self._failures = 0
        self._flushed = 0
        self._outstanding: tuple[Mapping[str, Any], int] | None = None
        """Offset of the last record handed over, and the end of the last transaction complete at that time."""
        self._next_status = self._next_heartbeat = self._clock.monotonic()

    async def start(self) -> None:
        """Connect, and plan. Raises `RetriableError` or `ConnectError`; may be called again after the former."""
        with self._counted():
            await self._begin()

    async def poll(self) -> list[SourceRecord]:
        """The next records; none after `poll.interval.ms` without any."""
        with self._counted():
            if self._plan is None:
                await self._begin()
            if self._snapshot is not None:
                if records := await self._snapshot_batch(self._snapshot):
                    self._failures = 0
                    return records
                await self._end_snapshot()
            if self._plan is not None and not self._plan.stream:
                await self._clock.sleep(self._config.integer("poll.interval.ms") / 1000)
                return []
            if self._stream is None:
                await self._open_stream()
            records = await self._stream_batch()
        self._failures = 0
        return records

    def commit(self, offsets: Sequence[tuple[SourceOffset, SourceOffset]]) -> None:
        """Records are durable: the server may forget what they tell of."""
        durable = [offset for _, offset in offsets]
        if self._outstanding is not None and self._outstanding[0] in durable:
            self._flushed = max(self._flushed, self._outstanding[1])
            self._outstanding = None

    async def stop(self) -> None:
        """Give up all connections, and the slot if that is wanted."""
        await self._disconnect(self._replication, self._reading)
        if self._config.flag("slot.drop.on.stop") and self._query is not None:
            with contextlib.suppress(ConnectError):  # stopping is no time to fail; the slot shows in the server's views
                await slots.drop_slot(self._query, self._slot_name)
        await self._disconnect(self._query)

    # Beginning

    async def _begin(self) -> None:
        parameters = connection_parameters(self._config)
        await self._disconnect(self._query, self._replication, self._reading)
        self._query = query = await connect(parameters)
        await self._check_server(query)
        self._types = TypeMap(await catalog.read_types(query), self._options)
        tables = [(oid, id_) for oid, id_ in await catalog.list_tables(query) if self._filters.takes_table(id_)]
        stored = self._context.offset(self._maker.partition)
        position = None if stored is None else read_position(stored)
        slot = await slots.find_slot(query, self._slot_name, self._config.text("database.dbname"))
        plan = slots.plan_start(self._mode, position, slot, self._slot_name)
        if plan.stream:
            name, mode = self._config.text("publication.name"), self._config.text("publication.autocreate.mode")
            await ensure_publication(query, name, mode, [id_ for _, id_ in tables])
        if plan.snapshot:
            await self._check_readable(query, tables)
            await self._delay()
        new = None
        if plan.create_slot:
            self._replication = await connect(parameters, replication=True)
            new = await slots.create_slot(self._replication, self._slot_name, export=plan.snapshot)
        if plan.snapshot:
            await self._begin_snapshot(parameters, tables, new, slot)
        else:
            start = plan.resume or Position(new.consistent_lsn if new else slot.confirmed_lsn if slot else 0)
            self._changes = self._new_changes(start)
        self._plan = plan

    async def _check_server(self, query: Connection) -> None:
        with told("asking the server for its settings"):
            cursor = await query.execute(
                "SELECT current_setting('wal_level'), current_setting('server_version_num')::int, "
                "r.rolreplication OR r.rolsuper OR EXISTS (SELECT FROM pg_catalog.pg_roles m "
                "WHERE m.rolname IN ('rds_replication', 'rds_superuser') AND pg_has_role(m.oid, 'member')), "
                "current_user::text FROM pg_catalog.pg_roles r WHERE r.rolname = current_user"
            )
            row = await cursor.fetchone()
        assert row is not None
        level, version, may_replicate, user = row
        if version < 100_000:
            raise ConnectError("PostgreSQL 10 or newer is needed: older ones have no plugin pgoutput")
        if level != "logical" and self._mode != "initial_only":
            raise ConnectError(
                f"The server has wal_level={level}, so its log does not tell of changes. Execute ALTER SYSTEM SET "
                "wal_level = logical as a superuser and restart the server"
            )
        if not may_replicate and self._mode != "initial_only":
            raise ConnectError(
                f"The user {user} may not replicate. Let a superuser execute ALTER ROLE {user} WITH REPLICATION"
            )

    async def _check_readable(self, query: Connection, tables: Sequence[tuple[int, TableId]]) -> None:
        refused = await catalog.unreadable(query, [id_ for _, id_ in tables])
        if refused:
            user, names = self._config.text("database.user"), ", ".join(str(id_) for id_ in refused)
            schemas = ", ".join(sorted({id_.schema for id_ in refused}))
            raise ConnectError(
                f"The user {user} may not read {names}. Let the owner execute GRANT USAGE ON SCHEMA {schemas} TO "
                f"{user}; GRANT SELECT ON {names} TO {user}; or leave them out with table.include.list"
            )

    async def _delay(self) -> None:
        milliseconds = self._config.integer("snapshot.delay.ms")
        if milliseconds:
            await self._clock.sleep(milliseconds / 1000)

    async def _begin_snapshot(
        self, parameters: Mapping[str, Any], tables: Sequence[tuple[int, TableId]], new: slots.NewSlot | None,
        slot: slots.Slot | None,
    ) -> None:  # fmt: skip
        assert self._query is not None
        self._reading = await connect(parameters)
        moment = await snapshot.begin(self._reading, self._clock.now_ms() * 1000, new, slot)
        wanted = patterns(self._config.text("snapshot.include.collection.list"))
        described = []
        for oid, id_ in tables:
            if not wanted or matches(wanted, str(id_)):
                table = await catalog.read_table(self._query, oid)
                if table is not None:
                    described.append(self._records_of(table))
        raw = self._config.raw
        overrides = {
            name: raw[f"snapshot.select.statement.overrides.{name}"]
            for name in self._config.texts("snapshot.select.statement.overrides")
            if f"snapshot.select.statement.overrides.{name}" in raw
        }
        self._snapshot = snapshot.Snapshot(self._reading, described, moment, self._maker, overrides)

    def _records_of(self, table: Table) -> TableRecords:
        prefix, delimiter = self._config.text("topic.prefix"), self._config.text("topic.delimiter")
        return table_records(table, self._types, self._filters, self._options, prefix, delimiter)

    # Reading

    async def _snapshot_batch(self, reading: snapshot.Snapshot) -> list[SourceRecord]:
        limit = min(self._limit, self._config.integer("snapshot.fetch.size"))
        while not reading.done and len(reading.records) < limit:
            self._maker.now_ms = self._clock.now_ms()
            await reading.read()
            await next_turn()
        if reading.done:  # at once: the transaction has a lock on each table, for which changes of its definition wait
            await self._disconnect(self._reading)
        records, reading.records = reading.records, []
        return records

    async def _end_snapshot(self) -> None:
        assert self._snapshot is not None
        position = self._snapshot.moment.position
        await self._disconnect(self._reading)
        self._snapshot = None
        self._changes = self._new_changes(position)

    def _new_changes(self, position: Position) -> Changes:
        self._flushed = max(self._flushed, position.commit_lsn)
        return configured_changes(self._maker, position, self._config)

    async def _open_stream(self) -> None:
        assert self._changes is not None
        parameters = connection_parameters(self._config)
        if self._replication is None or self._replication.closed:
            self._replication = await connect(parameters, replication=True)
        stream = CopyStream(self._replication)
        publication = self._config.text("publication.name").replace('"', '""')
        arguments = f"proto_version '1', publication_names '\"{publication}\"'"
        if self._replication.info.server_version >= 140_000 and "m" not in self._config.texts("skipped.operations"):
            arguments += ", messages 'true'"
        start = lsn_text(self._changes.position.commit_lsn)
        command = f'START_REPLICATION SLOT "{self._slot_name}" LOGICAL {start} ({arguments})'
        pause, retries = _FIRST_PAUSE, self._config.integer("slot.max.retries")
        while True:
            try:
                await stream.start(command, f"streaming from slot {self._slot_name}")
                break
            except RetriableError as error:
                if "is active for PID" not in str(error) or not retries:
                    raise
                retries -= 1
            await self._clock.sleep(min(pause, self._config.integer("slot.retry.delay.ms") / 1000))
            pause *= 2
        self._stream, self._unknown = stream, None
        self._next_status = self._clock.monotonic()

    async def _stream_batch(self) -> list[SourceRecord]:
        changes, stream = self._changes, self._stream
        assert changes is not None
        assert stream is not None
        until = self._clock.monotonic() + self._config.integer("poll.interval.ms") / 1000
        self._confirm()
        while True:
            if self._unknown is not None:
                changes.learn(self._unknown, await self._look_up(self._unknown))
                self._unknown = None
            more = self._decode(changes, stream)
            if len(changes.records) >= self._limit or (changes.records and not more):
                break
            if more:
                await next_turn()
                continue
            await self._keep_up(changes)
            left = until - self._clock.monotonic()
            if changes.records or left <= 0:
                break
            await stream.wait(left)
        if changes.records:
            self._outstanding = (changes.records[-1].source_offset, changes.received_lsn)
        records, changes.records = changes.records, []
        return records

    def _decode(self, changes: Changes, stream: CopyStream) -> bool:
        """Some messages; whether there may be more at once."""
        self._maker.now_ms = self._clock.now_ms()
        for _ in range(_SLICE_MESSAGES):
            data = stream.take()
            if data is None:
                if not stream.open:
                    stream.finish("streaming changes")
                    raise RetriableError(
                        "PostgreSQL has ended the stream of changes: it is shutting down, or was told to"
                    )
                stream.receive()
                data = stream.take()
                if data is None:
                    return False
            if data[0] == 0x77:  # w
                self._unknown = changes.apply(int.from_bytes(data[1:9], "big"), data)
                if self._unknown is not None:
                    return True
                if len(changes.records) >= self._limit:
                    break
            elif data[0] == 0x6B:  # k
                self._alive(changes, data)
        return True

    def _alive(self, changes: Changes, data: bytes) -> None:
        """A keepalive: where nothing is on its way, everything before it is done with, other tables' changes too."""
        keepalive = read_keepalive(data)
        if not changes.in_transaction and not changes.records and self._outstanding is None:
            self._flushed = max(self._flushed, keepalive.end_lsn)
        if keepalive.reply_requested:
            self._next_status = self._clock.monotonic()
            self._confirm()

    async def _keep_up(self, changes: Changes) -> None:
        """What is due now: tell the server how far we are, and our readers that we live."""
        now = self._clock.monotonic()
        self._confirm()
        if self._heartbeat_seconds and now >= self._next_heartbeat:
            self._next_heartbeat = now + self._heartbeat_seconds
            action = self._config.text("heartbeat.action.query")
            if action:
                query = await self._query_connection()
                with told("executing heartbeat.action.query"):
                    await query.execute(action.encode())
            changes.records.append(self._maker.heartbeat(changes.offset or {}))

    def _confirm(self) -> None:
        now = self._clock.monotonic()
        if self._stream is not None and now >= self._next_status:
            self._next_status = now + self._config.integer("status.update.interval.ms") / 1000
            self._stream.send(status_update(self._flushed, self._flushed, self._clock.now_ms() * 1000))

    # Tables

    async def _look_up(self, relation: Relation) -> TableRecords | None:
        """A table as rows have it from now on: names and types of the stream, the rest of the catalog as it is now."""
        id_ = TableId(relation.schema, relation.table)
        if not self._filters.takes_table(id_):
            return None
        query = await self._query_connection()
        if not all(self._types.knows(column.type_oid) for column in relation.columns):
            self._types = TypeMap(await catalog.read_types(query), self._options)
        known = await catalog.read_table(query, relation.oid)
        by_name = {} if known is None else {column.name: column for column in known.columns}
        columns = tuple(
            Column(
                column.name, column.type_oid, column.modifier,
                nullable=by_name[column.name].nullable if column.name in by_name else not column.key,
                default=by_name[column.name].default if column.name in by_name else None,
            )
            for column in relation.columns
        )  # fmt: skip
        names = {column.name for column in columns}
        key = known.key if known is not None and names.issuperset(known.key) else ()
        if not key and relation.identity != "f":
            key = tuple(column.name for column in relation.columns if column.key)
        return self._records_of(Table(id_, columns, key, relation.identity))

    async def _query_connection(self) -> Connection:
        if self._query is None or self._query.closed:
            self._query = await connect(connection_parameters(self._config))
        return self._query

    # Losing connections

    @contextlib.contextmanager
    def _counted(self) -> Any:
        """A loss of the connection is repaired at the next call, as often as `errors.max.retries` allows."""
        try:
            yield
        except RetriableError as error:
            self._failures += 1
            self._forget()
            most = self._config.integer("errors.max.retries")
            if 0 <= most < self._failures:
                raise ConnectError(f"{error} (given up after {most} retries: errors.max.retries)") from error
            raise

    def _forget(self) -> None:
        """Make the next call connect anew. What was decoded but not handed over stays."""
        self._stream, self._unknown = None, None
        if self._changes is not None:
            records = self._changes.records
            self._changes = self._new_changes(self._changes.position)
            self._changes.records = records
        else:
            self._plan, self._snapshot = None, None
        for connection in (self._replication, self._reading):
            if connection is not None:
                connection.pgconn.finish()
        self._replication = self._reading = None

    async def _disconnect(self, *connections: Connection | None) -> None:
        for connection in connections:
            if connection is not None and not connection.closed:
                await connection.close()
