"""Reads the database's catalog: types, tables with columns and keys, and what the connector's user may do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from headwater.connect.connectors.postgres.columns import Column, Kind, PgType, Table, TableId
from headwater.connect.connectors.postgres.connection import told

if TYPE_CHECKING:
    from headwater.connect.connectors.postgres.connection import Connection

_TYPES = """
SELECT t.oid::bigint, n.nspname, t.typname, t.typtype::text, t.typbasetype::bigint, t.typtypmod,
       CASE WHEN t.typcategory = 'A' THEN t.typelem::bigint ELSE 0 END, t.typdelim::text,
       ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype NOT IN ('c', 'p') OR t.typcategory = 'A'
"""

_TABLES = """
SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relreplident::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY n.nspname, c.relname
"""

_COLUMNS = """
SELECT a.attname::text, a.atttypid::bigint, a.atttypmod, a.attnotnull,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid)
FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
  AND coalesce(to_jsonb(a)->>'attgenerated', '') = ''
ORDER BY a.attnum
"""

_KEY = """
SELECT a.attname::text
FROM pg_catalog.pg_index i
CROSS JOIN LATERAL unnest(i.indkey::int[]) WITH ORDINALITY AS k(attnum, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = %s AND i.indexrelid = (
    SELECT x.indexrelid FROM pg_catalog.pg_index x
    WHERE x.indrelid = %s AND x.indisvalid AND (
        x.indisprimary OR x.indisreplident
        OR (x.indisunique AND x.indimmediate AND x.indpred IS NULL AND x.indexprs IS NULL))
    ORDER BY x.indisprimary DESC, x.indisreplident DESC, x.indexrelid LIMIT 1)
  AND k.place <= i.indnkeyatts
ORDER BY k.place
"""


async def read_types(connection: Connection) -> dict[int, PgType]:
    """All types that a column may have, by oid."""
    with told("reading the catalog of types"):
        cursor = await connection.execute(_TYPES)
        known = {kind.value for kind in Kind}
        return {
            row[0]: PgType(row[0], row[1], row[2], Kind(row[3]), row[4], row[5], row[6], row[7], tuple(row[8]))
            for row in await cursor.fetchall()
            if row[3] in known
        }


async def list_tables(connection: Connection) -> list[tuple[int, TableId]]:
    """Oid and name of every table that can be captured, in the order of their names."""
    with told("reading the catalog of tables"):
        cursor = await connection.execute(_TABLES)
        return [(row[0], TableId(row[1], row[2])) for row in await cursor.fetchall()]


async def read_table(connection: Connection, oid: int) -> Table | None:
    """A table's definition now; None if it is gone."""
    with told("reading the catalog of columns"):
        named = await connection.execute(
            "SELECT n.nspname::text, c.relname::text, c.relreplident::text FROM pg_catalog.pg_class c "
            "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %s::oid", [oid],
        )  # fmt: skip
        found = await named.fetchone()
        if found is None:
            return None
        columns = await (await connection.execute(_COLUMNS, [oid])).fetchall()
        key = await (await connection.execute(_KEY, [oid, oid])).fetchall()
    return Table(
        TableId(found[0], found[1]),
        tuple(
            Column(name, kind, modifier, not required, default) for name, kind, modifier, required, default in columns
        ),
        tuple(row[0] for row in key),
        found[2],
    )


async def unreadable(connection: Connection, tables: Iterable[TableId]) -> Sequence[TableId]:
    """The tables that this user may not SELECT from."""
    ids = list(tables)
    with told("reading privileges"):
        cursor = await connection.execute(
            "SELECT t.s, t.n FROM unnest(%s::text[], %s::text[]) AS t(s, n) "
            "WHERE NOT (has_schema_privilege(t.s, 'USAGE') "
            "AND has_table_privilege(format('%%I.%%I', t.s, t.n), 'SELECT'))",
            [[table.schema for table in ids], [table.name for table in ids]],
        )
        return [TableId(row[0], row[1]) for row in await cursor.fetchall()]
