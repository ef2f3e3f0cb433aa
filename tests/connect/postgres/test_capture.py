"""The connector on a real server: where it goes on, what it gives the server back, what it refuses and why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import psycopg
import pytest

from headwater.connect.connectors.postgres import PostgresConnector
from headwater.connect.errors import ConnectError, RetriableError
from headwater.connect.record import SourceRecord
from tests.connect.postgres.running import PATIENCE, StoredOffsets, running, settings
from tests.postgres_fixture import PASSWORD, Database, PostgresServer, fresh_database

TABLE = "CREATE TABLE items (id int PRIMARY KEY, v text)"


def told(records: list[SourceRecord]) -> list[tuple[str, int | None]]:
    """Operation and id of each change; a tombstone is `-`."""
    rows = []
    for record in records:
        if record.topic.startswith("data.public."):
            value = record.value
            row = None if value is None else value["after"] or value["before"]
            rows.append(("-" if value is None else value["op"], None if row is None else row["id"]))
    return rows


def snapshot_done(records: list[SourceRecord]) -> bool:
    return any(record.source_offset.get("snapshot_completed") for record in records)


async def test_a_delete_has_its_row_and_then_a_tombstone(postgres: Database) -> None:
    postgres.execute(TABLE, "INSERT INTO items VALUES (1, 'a')")
    async with running(settings(postgres)) as task:
        await task.until(1)
        postgres.execute("DELETE FROM items")
        records = await task.until(3)
    assert told(records) == [("r", 1), ("d", 1), ("-", None)]
    assert records[2].key == {"id": 1}


async def test_a_restart_goes_on_where_the_stored_offset_says_also_in_the_middle_of_a_transaction(
    postgres: Database,
) -> None:
    postgres.execute(TABLE)
    stored = StoredOffsets()
    config = settings(postgres, max_batch_size="7", snapshot_mode="no_data")
    async with running(config, stored) as task:
        postgres.execute("INSERT INTO items SELECT i, 'x' FROM generate_series(1, 20) i")
        first = await task.until(5)
        assert len(first) < 20
    async with running({**config, "max.batch.size": "2048"}, stored) as task:
        postgres.execute("INSERT INTO items VALUES (21, 'y')")
        second = await task.until(21 - len(first))
    assert told(first + second) == [("c", number) for number in range(1, 22)]


async def test_changes_made_while_the_connector_is_away_come_when_it_is_back(postgres: Database) -> None:
    postgres.execute(TABLE, "INSERT INTO items VALUES (1, 'a')")
    stored = StoredOffsets()
    async with running(settings(postgres), stored) as task:
        await task.until(1)
    postgres.execute("UPDATE items SET v = 'b'", "INSERT INTO items VALUES (2, 'c')")
    async with running(settings(postgres), stored) as task:
        assert told(await task.until(2)) == [("u", 1), ("c", 2)]


async def test_a_snapshot_over_an_existing_slot_tells_no_change_twice_and_forgets_none(postgres: Database) -> None:
    postgres.execute(
        TABLE,
        "CREATE PUBLICATION dbz_publication FOR ALL TABLES",
        f"SELECT pg_create_logical_replication_slot('{postgres.slot}', 'pgoutput')",
        "INSERT INTO items VALUES (1, 'in both')",
    )
    # This one is open while the snapshot is taken: the stream has to tell of it.
    with psycopg.connect(postgres.dsn) as late:
        late.execute("INSERT INTO items VALUES (2, 'late')")
        async with running(settings(postgres)) as task:
            await task.until(1)
            late.commit()
            postgres.execute("INSERT INTO items VALUES (3, 'after')")
            records = await task.until(3)
    assert told(records) == [("r", 1), ("c", 2), ("c", 3)]


async def test_a_snapshot_that_was_interrupted_is_taken_again(postgres: Database) -> None:
    postgres.execute(TABLE, "INSERT INTO items SELECT i, 'x' FROM generate_series(1, 5000) i")
    stored = StoredOffsets()
    config = settings(postgres, snapshot_fetch_size="1000")
    async with running(config, stored) as task:
        await task.until(1)
        assert not snapshot_done(task.records)
    postgres.execute("DELETE FROM items WHERE id = 5000")
    async with running(config, stored) as task:
        records = await task.until(snapshot_done)
        assert told(records) == [("r", number) for number in range(1, 5000)]


@pytest.mark.parametrize(
    ("mode", "first", "second"),
    [
        ("initial", ["r", "c"], ["c"]),
        ("always", ["r", "c"], ["r", "r", "c"]),
        ("when_needed", ["r", "c"], ["c"]),
        ("no_data", ["c"], ["c"]),
        ("never", ["c"], ["c"]),
    ],
)
async def test_the_snapshot_mode_says_when_rows_are_read(
    postgres: Database, mode: str, first: list[str], second: list[str]
) -> None:
    postgres.execute(TABLE, "INSERT INTO items VALUES (1, 'a')")
    stored = StoredOffsets()
    config = settings(postgres, snapshot_mode=mode)
    for number, expected in ((2, first), (3, second)):
        async with running(config, stored) as task:
            if "r" in expected:
                await task.until(snapshot_done)
            postgres.execute(f"INSERT INTO items VALUES ({number}, 'b')")
            assert [op for op, _ in told(await task.until(len(expected)))] == expected


async def test_initial_only_reads_the_rows_and_needs_no_slot(postgres: Database) -> None:
    postgres.execute(TABLE, "INSERT INTO items VALUES (1, 'a')")
    async with running(settings(postgres, snapshot_mode="initial_only")) as task:
        await task.until(1)
        assert await task.poll() == []
    assert postgres.execute(f"SELECT 1 FROM pg_replication_slots WHERE slot_name = '{postgres.slot}'") == []


async def test_a_slot_that_is_gone_is_an_error_or_a_reason_for_a_new_snapshot(postgres: Database) -> None:
    postgres.execute(TABLE, "INSERT INTO items VALUES (1, 'a')")
    stored = StoredOffsets()
    async with running(settings(postgres), stored) as task:
        await task.until(1)
    postgres.execute(f"SELECT pg_drop_replication_slot('{postgres.slot}')")
    with pytest.raises(ConnectError, match=r"does not exist any more.*when_needed"):
        async with running(settings(postgres), stored):
            pass
    async with running(settings(postgres, snapshot_mode="when_needed"), stored) as task:
        assert told(await task.until(1)) == [("r", 1)]


async def test_the_server_may_forget_what_is_durable_and_other_tables_changes(postgres: Database) -> None:
    postgres.execute(TABLE, "CREATE TABLE others (id int PRIMARY KEY)")
    config = settings(postgres, table_include_list=r"public\.items", status_update_interval_ms="1")
    confirmed = f"SELECT confirmed_flush_lsn >= '{{}}' FROM pg_replication_slots WHERE slot_name = '{postgres.slot}'"
    async with running(config) as task:
        for table in ("items", "others"):
            postgres.execute(f"INSERT INTO {table} VALUES (1)")
            end = postgres.execute("SELECT pg_current_wal_lsn()::text")[0][0]

            def forgotten(end: str = end) -> bool:
                return bool(postgres.execute(confirmed.format(end))[0][0])

            async with asyncio.timeout(PATIENCE):
                while not forgotten():
                    await task.poll()


async def test_what_is_not_durable_yet_is_not_confirmed(postgres: Database) -> None:
    postgres.execute(TABLE)
    config = settings(postgres, status_update_interval_ms="1", snapshot_mode="no_data")
    async with running(config) as task:
        postgres.execute("INSERT INTO items VALUES (1)")
        end = postgres.execute("SELECT pg_current_wal_lsn()::text")[0][0]
        batch: list[SourceRecord] = []
        while not batch:
            batch = list(await task.task.poll())
        for _ in range(3):
            await task.task.poll()
    query = f"SELECT confirmed_flush_lsn < '{end}' FROM pg_replication_slots WHERE slot_name = '{postgres.slot}'"
    assert postgres.execute(query) == [(True,)]


async def test_heartbeats_tell_that_the_connector_lives_and_execute_their_query(postgres: Database) -> None:
    postgres.execute(TABLE, "CREATE TABLE beats (at timestamptz)")
    config = settings(
        postgres,
        heartbeat_interval_ms="1",
        heartbeat_action_query="INSERT INTO beats VALUES (now())",
        table_include_list=r"public\.items",
    )
    async with running(config) as task:
        records = await task.until(2)
    assert {record.topic for record in records} == {"__debezium-heartbeat.data"}
    assert records[0].key == {"serverName": "data"}
    assert postgres.execute("SELECT count(*) > 0 FROM beats") == [(True,)]


async def test_unchanged_large_values_come_from_the_old_row_where_the_server_sends_it(postgres: Database) -> None:
    postgres.execute(
        "CREATE TABLE items (id int PRIMARY KEY, v text, n int)",
        "ALTER TABLE items REPLICA IDENTITY FULL",
        "INSERT INTO items SELECT 1, string_agg(md5(g::text), ''), 1 FROM generate_series(1, 400) g",
    )
    async with running(settings(postgres)) as task:
        await task.until(1)
        postgres.execute("UPDATE items SET n = 2")
        records = await task.until(2)
    assert records[1].value["after"]["v"] == records[0].value["after"]["v"]


async def test_a_server_that_restarts_is_waited_for(own_postgres: PostgresServer) -> None:
    with fresh_database(own_postgres) as database:
        database.execute(TABLE)
        async with running(settings(database)) as task:
            database.execute("INSERT INTO items VALUES (1)")
            await task.until(1)
            own_postgres.kill()
            with pytest.raises(RetriableError):
                await task.until(2)
            own_postgres.start()
            database.execute("INSERT INTO items VALUES (2)")
            with suppress(RetriableError):
                await task.until(2)
            assert told(await task.until(2)) == [("c", 1), ("c", 2)]


async def test_retries_end_where_errors_max_retries_says(own_postgres: PostgresServer) -> None:
    with fresh_database(own_postgres) as database:
        database.execute(TABLE)
        async with running(settings(database, errors_max_retries="1")) as task:
            await task.poll()
            own_postgres.kill()
            with pytest.raises(RetriableError):
                await task.until(1)
            with pytest.raises(ConnectError, match="given up after 1 retries"):
                await task.until(1)
        own_postgres.start()


def _user(database: Database, name: str, *grants: str) -> dict[str, str]:
    database.execute(f"DROP ROLE IF EXISTS {name}", f"CREATE ROLE {name} LOGIN PASSWORD 'x'", *grants)
    return {"database_user": name, "database_password": "x"}


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda _: {"database_password": "wrong"}, "database.password is wrong"),
        (lambda _: {"database_dbname": "nowhere"}, "names a database that does not exist"),
        (lambda database: _user(database, "plain"), "ALTER ROLE plain WITH REPLICATION"),
        (
            lambda database: _user(database, "blind", "ALTER ROLE blind REPLICATION",
                                   "CREATE PUBLICATION dbz_publication FOR ALL TABLES"),
            "GRANT SELECT ON public.items TO blind",
        ),
        (lambda database: _user(database, "small", "ALTER ROLE small REPLICATION"), "needs a superuser"),
        (lambda _: {"publication_autocreate_mode": "disabled"}, "CREATE PUBLICATION dbz_publication FOR TABLE"),
        (lambda _: {"publication_autocreate_mode": "filtered", "table_include_list": "none"}, "no table matches"),
    ],
)  # fmt: skip
async def test_a_refusal_names_its_remedy(
    postgres: Database, prepare: Callable[[Database], dict[str, str]], says: str
) -> None:
    postgres.execute(TABLE)
    given = prepare(postgres)
    with pytest.raises(ConnectError) as caught:
        async with running(settings(postgres, **given)):
            pass
    assert says in str(caught.value)
    assert not isinstance(caught.value, RetriableError)
    assert PASSWORD not in str(caught.value)
    if given.get("database_user") is not None:
        postgres.execute(f"DROP OWNED BY {given['database_user']}", f"DROP ROLE {given['database_user']}")


async def test_a_server_without_logical_decoding_is_refused_with_what_to_set(own_postgres: PostgresServer) -> None:
    with fresh_database(own_postgres) as database:
        database.execute("ALTER SYSTEM SET work_mem = '8MB'")
        own_postgres.stop()
        own_postgres.settings["wal_level"] = "replica"
        own_postgres.start()
        with pytest.raises(ConnectError, match=r"wal_level=replica.*SET wal_level = logical"):
            async with running(settings(database)):
                pass


async def test_a_slot_in_use_is_tried_again_and_then_told(postgres: Database) -> None:
    postgres.execute(TABLE)
    async with running(settings(postgres)) as first:
        await first.poll()
        async with running(settings(postgres, slot_max_retries="1", slot_retry_delay_ms="1")) as second:
            with pytest.raises(RetriableError, match=r"is active for PID.*slot.name"):
                await second.poll()


async def test_validation_blames_the_key(postgres: Database) -> None:
    config = PostgresConnector.config.parse(settings(postgres, database_password="wrong")).config
    errors = await PostgresConnector().validate(config)
    assert list(errors) == ["database.password"]


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"table.include.list": "(", "topic.prefix": "x"}, "table.include.list"),
        ({"table.include.list": "a", "table.exclude.list": "b"}, "table.exclude.list"),
        ({"plugin.name": "wal2json"}, "plugin.name"),
        ({"topic.prefix": "a b"}, "topic.prefix"),
        ({"slot.name": "No-Slot"}, "slot.name"),
        ({"snapshot.mode": "sometimes"}, "snapshot.mode"),
        ({"skipped.operations": "x"}, "skipped.operations"),
        ({"message.key.columns": "nocolon"}, "message.key.columns"),
        ({"database.dbname": ""}, "database.dbname"),
    ],
)
def test_a_wrong_configuration_names_the_key(given: dict[str, str], key: str) -> None:
    base = {"database.hostname": "h", "database.user": "u", "database.dbname": "d", "topic.prefix": "p"}
    assert list(PostgresConnector.config.parse({**base, **given}).errors) == [key]


def test_an_obsolete_key_is_a_warning() -> None:
    base = {"database.hostname": "h", "database.user": "u", "database.dbname": "d", "topic.prefix": "p"}
    parsed = PostgresConnector.config.parse({**base, "database.server.name": "old"})
    assert parsed.errors == {}
    assert "database.server.name" in parsed.warnings[0]
