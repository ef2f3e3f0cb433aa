"""Real Debezium beside ours: the same database and workload, record by record and field by field.

Where the two differ on purpose it is listed here, and in docs/postgres-cdc.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.connect.postgres.comparison import Record, difference
from tests.connect.postgres.running import as_json, running, settings
from tests.debezium_fixture import DebeziumProgram
from tests.postgres_fixture import Database

pytestmark = [pytest.mark.compat, pytest.mark.timeout(150), pytest.mark.xdist_group("debezium")]

HERE = Path(__file__).parent
EVERYTHING, ROWS = (HERE / "everything.sql").read_text("utf-8"), (HERE / "everything_rows.sql").read_text("utf-8")

KNOWN = {
    # Debezium cuts a default at the doubled quote.
    "value.schema.fields[after].fields[c_default].default",
    "value.schema.fields[before].fields[c_default].default",
    # Debezium gives the driver's arbitrary number for an infinite date, another one in a snapshot than in the stream.
    "value.payload.after.c_date",
    "value.payload.before.c_date",
    # Debezium loses values of type `name` in the stream.
    "value.payload.after.c_name",
}
KNOWN_OF_MODES = KNOWN | {
    # Connect's Time has no 24:00:00; ours is 00:00:00, Debezium's is out of the type's range.
    "value.payload.after.c_time",
    # Debezium gives one digit fewer in a snapshot than in the stream.
    "value.payload.after.c_money",
}


async def both(
    database: Database, debezium: DebeziumProgram, folder: Path, setup: list[str], workload: list[str], **options: str
) -> tuple[list[Record], list[Record]]:
    """Ours and theirs: snapshot of what `setup` makes, then the changes of `workload`."""
    database.execute(*setup)
    given = {**settings(database, **options), "tombstones.on.delete": "true"}
    theirs = {**given, "slot.name": f"{database.slot}_dbz", "poll.interval.ms": "50"}
    del theirs["name"]
    with debezium.running(folder, theirs) as engine:
        async with running(given) as ours:
            await ours.until(lambda records: any(record.source_offset.get("snapshot_completed") for record in records))
            engine.records(lambda found: any(record.offset.get("snapshot_completed") for record in found))
            for statement in workload:
                if statement.startswith("BEGIN;"):
                    database.transaction(*statement.removeprefix("BEGIN;").split(";"))
                else:
                    database.execute(statement)
            database.execute("SELECT pg_logical_emit_message(true, 'the', 'end')")

            def ended(keys: list[object]) -> bool:
                return {"prefix": "the"} in keys

            mine = await ours.until(lambda records: ended([record.key for record in records]))
            other = engine.records(lambda records: ended([r.key and r.key["payload"] for r in records]))
            return [as_json(record) for record in mine], [(r.topic, r.key, r.value) for r in other]


def differences(ours: list[Record], theirs: list[Record], known: set[str]) -> list[str]:
    """Lines for what differs and is not known to."""
    assert [record[0] for record in ours] == [record[0] for record in theirs]
    lines = [
        f"{number}: {line}"
        for number, pair in enumerate(zip(ours, theirs, strict=True))
        for line in difference(*pair)
        if line.partition(":")[0] not in known
    ]
    return sorted(set(lines))


async def test_every_column_type_is_mapped_as_debezium_maps_it(
    postgres: Database, debezium: DebeziumProgram, tmp_path: Path
) -> None:
    workload = [
        ROWS,
        "UPDATE everything SET c_text = 'changed' WHERE id = 2",
        "UPDATE everything SET id = 100 WHERE id = 3",
        "DELETE FROM everything WHERE id = 4",
    ]
    ours, theirs = await both(postgres, debezium, tmp_path, [EVERYTHING, ROWS], workload)

    assert len(ours) == 4 + 4 + 1 + 3 + 2 + 1
    assert "\n".join(differences(ours, theirs, KNOWN)) == ""


SHAPES = [
    "CREATE TABLE big (id bigint, region text, note text NOT NULL, body text, n int NOT NULL DEFAULT 3, "
    "PRIMARY KEY (region, id))",
    "CREATE TABLE nokey (a int, b timestamptz(3), c timestamptz(0), d timestamp(0), e time(0), "
    "f timetz(3), h interval)",
    "CREATE TABLE one (id int PRIMARY KEY)",
    "CREATE TABLE nothing_in_it (id int PRIMARY KEY)",
    "CREATE TABLE defaults (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), a int DEFAULT length('abc'), "
    "b text DEFAULT upper('x'), c timestamp DEFAULT current_timestamp, d date DEFAULT current_date, "
    "e numeric DEFAULT random(), f bool DEFAULT (1 = 1), g text NOT NULL, h int NOT NULL, i timestamptz NOT NULL, "
    "j numeric(4,1) NOT NULL, k text DEFAULT '', l varchar DEFAULT 'x', m json DEFAULT '{}', n bytea DEFAULT '\\x01', "
    "o interval DEFAULT '1 day', p numeric DEFAULT 2.5, q text[] DEFAULT '{a,b}', "
    "r timestamptz DEFAULT '2020-01-01 00:00:00+02', s time DEFAULT '10:00', t bit(3) DEFAULT B'101', "
    "u double precision DEFAULT '1e3'::float, v real NOT NULL, w bool NOT NULL, x date NOT NULL, y jsonb NOT NULL, "
    "z bytea NOT NULL, aa int DEFAULT -5, ab bigint DEFAULT (2 + 3), ac uuid NOT NULL, ad timestamp NOT NULL, "
    "ae text[] NOT NULL, af interval NOT NULL, ag bit(8) NOT NULL, ah numeric NOT NULL, ai money NOT NULL)",
    "INSERT INTO one VALUES (1)",
    "INSERT INTO big SELECT i, 'eu', 'n' || i, CASE WHEN i = 1 THEN "
    "(SELECT string_agg(md5(g::text), '') FROM generate_series(1, 400) g) END FROM generate_series(1, 3) i",
    "INSERT INTO nokey VALUES (1, '2024-01-01 10:00:00.12+00', '2024-01-01 10:00:00+00', '2024-01-01 10:00:00', "
    "'10:00:00', '10:00:00.5+00', '1 day'), (2, '2024-01-01 10:00:00+00', null, null, null, null, '-3 days 04:00')",
    "INSERT INTO defaults (g, h, i, j, v, w, x, y, z, ac, ad, ae, af, ag, ah, ai) VALUES ('g', 1, now(), 1.5, 1, true, "
    "'2020-01-01', '{}', '\\x', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', now(), '{}', '1 day', B'11110000', 1, 1)",
    'CREATE SCHEMA "Other"',
    'CREATE TABLE "Other"."a table" (id int PRIMARY KEY, "a b" text)',
    """INSERT INTO "Other"."a table" VALUES (1, 'x')""",
]
CHANGES = [
    "UPDATE big SET note = 'x' WHERE id = 1",
    "UPDATE big SET body = body || 'z' WHERE id = 1",
    "UPDATE big SET id = 10 WHERE id = 2",
    "UPDATE big SET id = 11, note = 'moved' WHERE id = 1",
    "DELETE FROM big WHERE id = 3",
    "DELETE FROM defaults",
    "INSERT INTO nokey (a) VALUES (9)",
    "BEGIN;INSERT INTO one VALUES (7);UPDATE big SET note = 'y' WHERE id = 10;DELETE FROM one WHERE id = 7",
    "TRUNCATE big, one",
    # Without a default: both read defaults from the catalog of the moment, and the column is soon gone again.
    "ALTER TABLE one ADD COLUMN extra text",
    "INSERT INTO one VALUES (2, 'e')",
    "ALTER TABLE one DROP COLUMN extra",
    "INSERT INTO one VALUES (3)",
    "ALTER TABLE one ALTER id TYPE bigint",
    "INSERT INTO one VALUES (4)",
    "CREATE TABLE newcomer (id int PRIMARY KEY, v numeric(6,2) NOT NULL)",
    "INSERT INTO newcomer VALUES (1, 2.5)",
    """INSERT INTO "Other"."a table" VALUES (2, 'y')""",
    "SELECT pg_logical_emit_message(true, 'pre', 'hello')",
]


async def test_keys_defaults_large_values_truncation_and_changed_tables_are_told_as_debezium_tells_them(
    postgres: Database, debezium: DebeziumProgram, tmp_path: Path
) -> None:
    ours, theirs = await both(postgres, debezium, tmp_path, SHAPES, CHANGES, skipped_operations="none")

    assert len(ours) > 25
    assert "\n".join(differences(ours, theirs, set())) == ""


async def test_transactions_are_told_as_debezium_tells_them(
    postgres: Database, debezium: DebeziumProgram, tmp_path: Path
) -> None:
    options = {"provide_transaction_metadata": "true", "table_exclude_list": r"public\.nokey"}
    ours, theirs = await both(postgres, debezium, tmp_path, SHAPES, CHANGES, **options)

    assert "data.transaction" in {topic for topic, _, _ in ours}
    # Debezium counts messages under the name of a Java object, which is another one each time.
    known = {"value.payload.data_collections[0].data_collection"}
    assert "\n".join(differences(ours, theirs, known)) == ""


@pytest.mark.parametrize(
    "options",
    [
        {
            "decimal_handling_mode": "double", "time_precision_mode": "connect", "binary_handling_mode": "base64",
            "hstore_handling_mode": "map", "interval_handling_mode": "string", "topic_delimiter": "_",
            "message_key_columns": "public.everything:c_integer,c_bool", "column_exclude_list": ".*_array",
        },
        {
            "decimal_handling_mode": "string", "time_precision_mode": "isostring", "binary_handling_mode": "hex",
            "column_include_list": r"public\.everything\.(id|c_(numeric.*|time.*|date.*|bytea.*|money|interval|text))",
            "column_mask_with_5_chars": ".*c_text",
        },
        {"time_precision_mode": "nanoseconds", "binary_handling_mode": "base64-url-safe"},
    ],
)  # fmt: skip
async def test_every_handling_mode_gives_what_debezium_gives(
    postgres: Database, debezium: DebeziumProgram, tmp_path: Path, options: dict[str, str]
) -> None:
    rows = ROWS.replace("'infinity'", "NULL").replace("'-infinity'", "NULL").replace("BC'", "'")
    ours, theirs = await both(postgres, debezium, tmp_path, [EVERYTHING, rows], [rows], **options)

    assert "\n".join(differences(ours, theirs, KNOWN_OF_MODES)) == ""
