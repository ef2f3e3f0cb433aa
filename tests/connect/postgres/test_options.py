"""Keys that choose: tables, columns, operations, masks, topics, the slot and the publication."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from headwater.connect.record import SourceRecord
from tests.connect.postgres.running import running, settings
from tests.postgres_fixture import Database

SETUP = [
    "CREATE TABLE items (id int PRIMARY KEY, name text, card text)",
    "CREATE TABLE others (id int PRIMARY KEY)",
    "INSERT INTO items VALUES (1, 'one', '4111-1111'), (2, 'two', NULL)",
]


def rows(records: list[SourceRecord]) -> list[dict[str, Any]]:
    return [record.value["after"] for record in records if record.value is not None]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"column.exclude.list": r"public\.items\.card"}, [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}]),
        ({"column.include.list": r".*\.(id|name)"}, [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}]),
        (
            {"column.mask.with.4.chars": r"public\.items\.card"},
            [{"id": 1, "name": "one", "card": "****"}, {"id": 2, "name": "two", "card": "****"}],
        ),
        (
            {"column.truncate.to.4.chars": r"public\.items\.card"},
            [{"id": 1, "name": "one", "card": "4111"}, {"id": 2, "name": "two", "card": None}],
        ),
        (
            {"column.mask.hash.SHA-256.with.salt.pepper": r"public\.items\.card"},
            [
                {"id": 1, "name": "one", "card": hashlib.sha256(b"pepper4111-1111").hexdigest()},
                {"id": 2, "name": "two", "card": None},
            ],
        ),
        (
            {
                "snapshot.select.statement.overrides": "public.items",
                "snapshot.select.statement.overrides.public.items": "SELECT * FROM items WHERE id > 1;",
            },
            [{"id": 2, "name": "two", "card": None}],
        ),
    ],
)
async def test_columns_and_rows_are_chosen_and_hidden(
    postgres: Database, options: dict[str, str], expected: list[dict[str, Any]]
) -> None:
    postgres.execute(*SETUP)
    async with running({**settings(postgres), **options}) as task:
        assert rows(await task.until(len(expected))) == expected


async def test_a_deletes_tombstone_and_other_operations_can_be_left_out(postgres: Database) -> None:
    postgres.execute(*SETUP)
    config = settings(postgres, tombstones_on_delete="false", skipped_operations="u,t", snapshot_mode="no_data")
    async with running(config) as task:
        postgres.execute(
            "UPDATE items SET name = 'x'", "DELETE FROM items WHERE id = 1", "INSERT INTO others VALUES (3)"
        )
        records = await task.until(2)
    assert [record.value["op"] for record in records] == ["d", "c"]


async def test_a_filtered_publication_has_the_captured_tables_and_follows_the_configuration(
    postgres: Database,
) -> None:
    postgres.execute(*SETUP)
    published = "SELECT tablename::text FROM pg_publication_tables WHERE pubname = 'mine' ORDER BY 1"
    config = settings(postgres, publication_autocreate_mode="filtered", publication_name="mine")
    async with running({**config, "table.include.list": r"public\.items"}):
        assert postgres.execute(published) == [("items",)]
    async with running({**config, "table.exclude.list": "none"}):
        assert postgres.execute(published) == [("items",), ("others",)]


async def test_the_slot_goes_with_the_connector_where_that_is_wanted(postgres: Database) -> None:
    postgres.execute(*SETUP)
    slots = f"SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{postgres.slot}'"
    async with running(settings(postgres, slot_drop_on_stop="true")) as task:
        await task.until(2)
        await task.poll()
        assert postgres.execute(slots) == [(1,)]
    assert postgres.execute(slots) == [(0,)]


async def test_a_table_that_is_new_or_renamed_goes_to_the_topic_of_its_name(postgres: Database) -> None:
    postgres.execute(*SETUP)
    async with running(settings(postgres)) as task:
        await task.until(2)
        postgres.execute(
            "CREATE TABLE fresh (id int PRIMARY KEY)",
            "INSERT INTO fresh VALUES (1)",
            "ALTER TABLE fresh RENAME TO aged",
            "INSERT INTO aged VALUES (2)",
        )
        records = await task.until(4)
    assert [record.topic for record in records[2:]] == ["data.public.fresh", "data.public.aged"]


async def test_new_labels_of_an_enum_and_new_types_are_learned_while_streaming(postgres: Database) -> None:
    postgres.execute("CREATE TYPE mood AS ENUM ('sad')", "CREATE TABLE people (id int PRIMARY KEY, m mood)")
    async with running(settings(postgres, snapshot_mode="no_data")) as task:
        postgres.execute("INSERT INTO people VALUES (1, 'sad')")
        await task.until(1)
        postgres.execute(
            "CREATE TYPE size AS ENUM ('small')",
            "ALTER TABLE people ADD COLUMN s size",
            "INSERT INTO people VALUES (2, 'sad', 'small')",
        )
        records = await task.until(2)
    assert records[1].value["after"] == {"id": 2, "m": "sad", "s": "small"}
    assert records[1].value_schema is not None
    assert records[1].value_schema.by_name["after"].by_name["s"].parameters == {"allowed": "small"}
