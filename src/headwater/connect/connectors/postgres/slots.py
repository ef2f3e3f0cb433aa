"""The replication slot: the server's memory of what we have not confirmed yet; and what to do at a start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headwater.connect.connectors.postgres.connection import load_psycopg, told
from headwater.connect.connectors.postgres.lsn import lsn_text, parse_lsn
from headwater.connect.connectors.postgres.position import Position
from headwater.connect.errors import ConnectError

if TYPE_CHECKING:
    from headwater.connect.connectors.postgres.connection import Connection


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot that exists. `confirmed_lsn` is where the server goes on; `lost`: it has removed the log before that."""

    name: str
    plugin: str
    database: str
    confirmed_lsn: int
    lost: bool = False


@dataclass(frozen=True, slots=True)
class NewSlot:
    """A slot just made: changes after `consistent_lsn` are in it, everything before is in the exported `snapshot`."""

    consistent_lsn: int
    snapshot: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do at a start."""

    snapshot: bool
    create_slot: bool
    resume: Position | None
    stream: bool = True


def plan_start(mode: str, position: Position | None, slot: Slot | None, name: str) -> Plan:
    """Whether to read the tables first, whether to make the slot, where to go on. Raises `ConnectError`."""
    create = slot is None
    finished = position if position is not None and position.snapshot_done else None
    if mode == "initial_only":
        return Plan(finished is None, False, finished, stream=False)
    if mode == "always" or (mode in ("initial", "when_needed") and finished is None):
        return Plan(True, create, None)
    if slot is not None and slot.lost and mode != "when_needed":
        raise ConnectError(
            f"The server has removed the part of its log that slot {name} needs (max_slot_wal_keep_size): changes are "
            f"lost. Drop the slot and start with snapshot.mode=when_needed, which reads the tables again"
        )
    if finished is not None and (create or (slot is not None and slot.lost)):
        if mode == "when_needed":
            return Plan(True, create, None)
        if mode == "initial":
            raise ConnectError(
                f"The connector wants to go on at {lsn_text(finished.commit_lsn)}, but the replication slot {name} "
                "does not exist any more, so changes since then are lost. snapshot.mode=when_needed reads the tables "
                "again; or reset the connector's offsets"
            )
    return Plan(False, create, finished)


async def find_slot(connection: Connection, name: str, database: str) -> Slot | None:
    """The slot of this name. Raises `ConnectError` for one that is another's."""
    with told("reading replication slots"):
        cursor = await connection.execute(
            "SELECT s.slot_name::text, s.plugin::text, s.database::text, s.confirmed_flush_lsn::text, "
            "coalesce(to_jsonb(s)->>'wal_status', '') FROM pg_catalog.pg_replication_slots s WHERE s.slot_name = %s",
            [name],
        )
        row = await cursor.fetchone()
    if row is None:
        return None
    slot = Slot(row[0], row[1] or "", row[2] or "", parse_lsn(row[3]) if row[3] else 0, row[4] == "lost")
    if slot.plugin != "pgoutput" or slot.database != database:
        raise ConnectError(
            f"The replication slot {name} exists, but for plugin {slot.plugin or '(none)'} and database "
            f"{slot.database or '(none)'}: choose another slot.name"
        )
    return slot


async def create_slot(connection: Connection, name: str, *, export: bool) -> NewSlot:
    """Make the slot, on a replication connection. The snapshot lasts until this connection's next command."""
    sql = load_psycopg().sql
    action = "EXPORT_SNAPSHOT" if export else "NOEXPORT_SNAPSHOT"
    command = sql.SQL("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput " + action).format(sql.Identifier(name))
    with told(
        f"making the replication slot {name}",
        s53400="raise max_replication_slots, or drop slots that nobody uses: SELECT * FROM pg_replication_slots",
        s55000="set wal_level=logical and restart the server",
        s42501="let a superuser execute ALTER ROLE <database.user> WITH REPLICATION",
    ):
        cursor = await connection.execute(command)
        row = await cursor.fetchone()
    assert row is not None
    return NewSlot(parse_lsn(_text(row[1])), _text(row[2]) if row[2] else None)


async def drop_slot(connection: Connection, name: str) -> None:
    """Drop the slot, if it is there."""
    with told(f"dropping the replication slot {name}"):
        await connection.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots WHERE slot_name = %s",
            [name],
        )


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
