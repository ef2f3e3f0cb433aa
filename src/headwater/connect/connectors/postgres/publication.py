"""The publication: what tells the server which tables' changes to send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from headwater.connect.connectors.postgres.columns import TableId
from headwater.connect.connectors.postgres.connection import load_psycopg, told
from headwater.connect.errors import ConnectError

if TYPE_CHECKING:
    from headwater.connect.connectors.postgres.connection import Connection


async def ensure_publication(connection: Connection, name: str, mode: str, tables: Sequence[TableId]) -> None:
    """Make the publication that `publication.autocreate.mode` wants, unless it is there. Raises `ConnectError`."""
    sql = load_psycopg().sql
    with told("reading publications"):
        cursor = await connection.execute(
            "SELECT puballtables FROM pg_catalog.pg_publication WHERE pubname = %s", [name]
        )
        found = await cursor.fetchone()
    listed = ", ".join(f'"{table.schema}"."{table.name}"' for table in tables)
    if found is not None and (mode != "filtered" or found[0] or await _published(connection, name) == set(tables)):
        return
    if mode == "disabled":
        raise ConnectError(
            f"There is no publication {name}, and publication.autocreate.mode=disabled. Let the tables' owner execute "
            f"CREATE PUBLICATION {name} FOR TABLE {listed or '...'}"
        )
    if mode == "filtered" and not tables:
        raise ConnectError("publication.autocreate.mode=filtered: no table matches the include and exclude lists")
    quoted = sql.Identifier(name)
    names = sql.SQL(", ").join(sql.Identifier(table.schema, table.name) for table in tables)
    if found is not None:
        statement = sql.SQL("ALTER PUBLICATION {} SET TABLE {}").format(quoted, names)
    elif mode == "filtered":
        statement = sql.SQL("CREATE PUBLICATION {} FOR TABLE {}").format(quoted, names)
    else:
        scope = " FOR ALL TABLES" if mode == "all_tables" else ""
        statement = sql.SQL("CREATE PUBLICATION {}" + scope).format(quoted)
    remedy = (
        "a publication for all tables needs a superuser: let one execute CREATE PUBLICATION "
        f"{name} FOR ALL TABLES, or set publication.autocreate.mode=filtered and table.include.list"
        if mode == "all_tables"
        else f"it needs the owner of the tables and CREATE on the database: let the owner execute CREATE PUBLICATION "
        f"{name} FOR TABLE {listed}"
    )
    with told(f"making the publication {name}", s42501=remedy):
        await connection.execute(statement)


async def _published(connection: Connection, name: str) -> set[TableId]:
    with told("reading publications"):
        cursor = await connection.execute(
            "SELECT schemaname::text, tablename::text FROM pg_catalog.pg_publication_tables WHERE pubname = %s", [name]
        )
        return {TableId(row[0], row[1]) for row in await cursor.fetchall()}
