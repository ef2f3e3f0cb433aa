"""The embedded tables and a PostgreSQL server: the same workload gives the same records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from headwater.connect.connectors.postgres.embedded import column
from headwater.connect.embedded.history import History
from headwater.connect.embedded.tables import TableError, TableStore, TableTransaction
from headwater.connect.errors import ConnectError
from headwater.connect.record import SourceRecord
from tests.connect.postgres.comparison import difference
from tests.connect.postgres.running import StoredOffsets, as_json, running, settings
from tests.postgres_fixture import Database

COLUMNS = {
    "id": "bigint", "customer": "text not null", "total": "numeric(10,2) default 0", "placed": "timestamptz",
    "paid": "boolean not null default false", "details": "jsonb", "day": "date", "tag": "uuid", "raw": "bytea",
    "small": "varchar(5)",
}  # fmt: skip
ROW: dict[str, Any] = {
    "id": 1, "customer": "Ada", "total": Decimal("9.90"), "placed": datetime(2024, 2, 29, 12, 0, 0, 5000, tzinfo=UTC),
    "paid": True, "details": {"a": [1, None]}, "day": datetime(2024, 2, 29, tzinfo=UTC).date(),
    "tag": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "raw": b"\x01\xff", "small": "é",
}  # fmt: skip
STEPS: list[tuple[str, Callable[[TableTransaction], object]]] = [
    (
        "INSERT INTO orders VALUES (2, 'Bob', 5, null, false, null, null, null, null, null)",
        lambda t: t.insert("orders", {"id": 2, "customer": "Bob", "total": "5.00", "paid": False}),
    ),
    ("UPDATE orders SET customer = 'Eve' WHERE id = 1", lambda t: t.update("orders", 1, {"customer": "Eve"})),
    ("UPDATE orders SET id = 3 WHERE id = 2", lambda t: t.update("orders", {"id": 2}, {"id": 3})),
    ("DELETE FROM orders WHERE id = 1", lambda t: t.delete("orders", 1)),
    ("TRUNCATE orders", lambda t: t.truncate("orders")),
    (
        "INSERT INTO orders VALUES (9, 'end')",
        lambda t: t.insert("orders", {"id": 9, "customer": "end", "total": "0", "paid": False}),
    ),
]


def last(records: list[SourceRecord]) -> bool:
    return any(record.key == {"id": 9} for record in records)


async def test_the_same_workload_gives_the_same_records_as_a_server(postgres: Database, tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    store.create_table("orders", COLUMNS, key=["id"])
    with store.transaction() as transaction:
        transaction.insert("orders", ROW)
    postgres.execute(
        f"CREATE TABLE orders ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())}, PRIMARY KEY (id))",
        "INSERT INTO orders VALUES (1, 'Ada', 9.90, '2024-02-29 12:00:00.005+00', true, '{\"a\": [1, null]}', "
        "'2024-02-29', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\\x01ff', 'é')",
    )
    given = settings(postgres, skipped_operations="none")
    embedded = {**given, "database.hostname": "embedded"}
    async with running(given) as server, running(embedded, folder=tmp_path) as ours:
        await server.until(1)
        await ours.until(1)
        for statement, write in STEPS:
            postgres.execute(statement)
            with store.transaction() as transaction:
                write(transaction)
        theirs, mine = await server.until(last), await ours.until(last)
    found = []
    for pair in zip(map(as_json, mine), map(as_json, theirs), strict=True):
        found += [line for line in difference(*pair) if ".source." not in line]
    assert "\n".join(found) == ""


async def test_writes_of_a_transaction_are_captured_together_or_not_at_all(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    store.create_table("orders", {"id": "int", "v": "text"}, key=["id"])
    config = {
        "database.hostname": "embedded", "topic.prefix": "data", "provide.transaction.metadata": "true",
        "snapshot.mode": "no_data", "poll.interval.ms": "10", "name": "cdc", "max.batch.size": "2",
    }  # fmt: skip

    def twice() -> None:
        with store.transaction() as transaction:
            transaction.insert("orders", {"id": 1})
            transaction.insert("orders", {"id": 1})

    with pytest.raises(TableError, match=r"public\.orders has a row with the key"):
        twice()
    async with running(config, folder=tmp_path) as task:
        with store.transaction() as transaction:
            transaction.insert("orders", {"id": 1})
            transaction.update("orders", 1, {"v": "x"})
            transaction.update("orders", 1, {"v": "y"})
        records = await task.until(5)
    blocks = [record.value["transaction"]["total_order"] for record in records if record.topic == "data.public.orders"]
    assert blocks == [1, 2, 3]
    ends = [record.value for record in records if record.topic == "data.transaction"]
    assert [(end["status"], end["event_count"]) for end in ends] == [("BEGIN", None), ("END", 3)]


async def test_changes_that_are_not_kept_any_more_are_told_or_the_tables_are_read_again(tmp_path: Path) -> None:
    store = TableStore(tmp_path, History("lsn", "at_us / 1000", "namespace || '.' || name", most=3))
    for table in ("orders", "others"):
        store.create_table(table, {"id": "int"}, key=["id"])
    config = {"database.hostname": "embedded", "topic.prefix": "d", "poll.interval.ms": "10", "name": "cdc",
              "table.include.list": "public.orders"}  # fmt: skip
    stored = StoredOffsets()
    with store.transaction() as transaction:
        transaction.insert("orders", {"id": 0})
    async with running(config, stored, tmp_path) as task:
        await task.until(1)
        with store.transaction() as transaction:
            transaction.insert("orders", {"id": 1})
        await task.until(2)
    with store.transaction() as transaction:
        for number in range(2_000):
            transaction.insert("others", {"id": number})
    async with running(config, stored, tmp_path) as task:  # nothing of what it reads is lost
        with store.transaction() as transaction:
            transaction.insert("orders", {"id": 2})
        assert [record.key for record in await task.until(1)] == [{"id": 2}]
    with store.transaction() as transaction:
        for number in range(3, 2_000):
            transaction.insert("orders", {"id": number})
    async with running(config, stored, tmp_path) as task:
        with pytest.raises(ConnectError, match=r"Changes are lost: Changes of public\.orders up to"):
            await task.poll()
    async with running({**config, "snapshot.mode": "when_needed"}, stored, tmp_path) as task:
        assert len(await task.until(2_000)) == 2_000


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda t: t.insert("nowhere", {}), "There is no table public.nowhere"),
        (lambda t: t.insert("orders", {"id": 1, "x": 1}), "has no column x"),
        (lambda t: t.insert("orders", {"v": "a"}), "column id must not be null"),
        (lambda t: t.update("orders", 7, {}), "no row with the key"),
        (lambda t: t.delete("orders", 7), "no row with the key"),
    ],
)
def test_a_refused_write_names_table_column_and_key(
    tmp_path: Path, write: Callable[[TableTransaction], object], says: str
) -> None:
    store = TableStore(tmp_path)
    store.create_table("orders", {"id": "int", "v": "text"}, key=["id"])
    with pytest.raises(TableError, match=says), store.transaction() as transaction:
        write(transaction)
    assert store.rows("orders") == []


def test_a_column_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(ConnectError, match="'shape' has no type"):
        column("c", "shape", key=False)


def test_sequences_number_rows_and_go_with_their_table(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    store.create_table("orders", {"id": "bigint"}, key=["id"])
    with store.transaction() as transaction:
        assert transaction.insert("orders", {"id": transaction.next_number("orders")}) == {"id": "1"}
        assert transaction.get("orders", 1) == {"id": "1"}
        assert transaction.next_number("orders") == 2
        with pytest.raises(TableError, match="no row"):
            transaction.get("orders", 2)
    store.drop_table("orders")
    assert (store.definitions(), store.changes(0, 10)) == ([], [])
    with store.transaction() as transaction:
        assert transaction.next_number("orders") == 1
