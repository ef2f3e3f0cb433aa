"""Runs the example: live until Ctrl-C, or with --check a finite load whose every result is compared.

It speaks to a running platform (Headwater, or Apache Kafka and a ksqlDB server) as any application would: Kafka's
protocol for the data, REST for SQL.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import expected
from common import documents
from common.connect import Connectors
from common.demo import await_rows, count_differences, refusal, run, with_programs
from common.kafka import Event, await_records, create_topics, producer, read, records_in, send
from common.ksql import Client
from common.teardown import Parts, run_once
from data import AT_THE_LIMIT, EXAMPLE, TOPICS, UNKNOWN, clicks, inventory, transaction, transactions
from data import documents as documents_of
from producer import put
from view import show_board
from warehouse import Warehouse, opened
from warehouse import options as warehouse_options

HERE = Path(__file__).parent
SOURCE = json.loads((HERE / "mongodb-source.json").read_text())
SINK = json.loads((HERE / "bigquery-sink.json").read_text())
SOURCE_NAME, SINK_NAME = "MongoDbAtlasSourceConnector", "BigQuerySinkConnector"
TABLE = SINK["topics"]
EARLIEST = {"auto.offset.reset": "earliest"}
EVERY_CHANGE = {"cache.max.bytes.buffering": "0"}
"""A ksqlDB server else merges changes of one key that come close together."""


def check(args: argparse.Namespace) -> list[str]:
    """Prints a line per thing checked; returns what is wrong."""
    if args.without_connectors:
        return direct_check(args)
    client, servers = Client(args.server), args.bootstrap_servers
    database, warehouse = documents.opened(args, SOURCE["database"]), opened(args, SINK["datasets"])
    products, rest = list(inventory()), list(transactions(args.transactions))
    seen = list(clicks(args.clicks))
    early = [*products[: len(products) // 2], *seen[: len(seen) // 2], transaction(random.Random(), 0, UNKNOWN)]

    # What the database has already is copied; only one topic is made by hand.
    create_topics(servers, {"abc.inventory": 1})
    put(database, early)
    Connectors(args.connect).put(SOURCE_NAME, {**SOURCE, **database.settings})
    copied = {f"abc.{name}": len({one.get("_id", n) for n, one in enumerate(found)})
              for name, found in documents_of(early).items()}  # fmt: skip
    problems = await_records(servers, copied)
    print(f"copied       {sum(copied.values())} documents into {len(copied)} topics")
    problems += set_up(client)
    Connectors(args.connect).put(SINK_NAME, {**SINK, **warehouse.settings})

    started = time.perf_counter()
    late_products = products[len(products) // 2 :]
    count = put(database, late_products)
    problems += inventory_problems(client, expected.inventory(products))
    count += put(database, [*rest, *seen[len(seen) // 2 :]])
    print(f"changed      {count} documents in {time.perf_counter() - started:.1f} s")
    wanted = copied | {"abc.inventory": copied["abc.inventory"] + len(late_products),
                       "abc.transactions": 1 + len(rest), "abc.clicks": len(seen)}  # fmt: skip
    events = [event for topic, number in wanted.items() for event in changes(servers, topic, number)]
    return problems + result_problems(client, servers, events, warehouse)


def direct_check(args: argparse.Namespace) -> list[str]:
    """The same without the connectors: their records are produced, with event times over some hours."""
    client, servers = Client(args.server), args.bootstrap_servers
    create_topics(servers, TOPICS)
    problems = set_up(client)
    started = time.perf_counter()
    products, rest = list(inventory()), [*transactions(args.transactions), *clicks(args.clicks)]
    count = send(producer(servers), products)
    # A sale that comes before its product is known is lost: a left join gives it no name, and no group.
    problems += inventory_problems(client, expected.inventory(products))
    count += send(producer(servers), rest)
    print(f"produced     {count} records in {time.perf_counter() - started:.1f} s")
    return problems + result_problems(client, servers, [*products, *rest], None)


def set_up(client: Client) -> list[str]:
    """Run the statements; the original ones must be refused."""
    problems = refusal(client, HERE / "statements-original.sql", "pksqlc-...PRODUCT_TXN_PER_HOUR")
    client.execute(clicks_as_published(), EVERY_CHANGE)
    client.execute((HERE / "statements.sql").read_text(), EVERY_CHANGE)
    return problems


def changes(servers: str, topic: str, at_least: int) -> list[Event]:
    """What the connector wrote, with the times of the records: they decide about windows."""
    return [
        Event(topic, None, json.loads(message.value() or b""), message.timestamp()[1])
        for message in read(servers, topic, at_least)
    ]


def result_problems(client: Client, servers: str, events: list[Event], warehouse: Warehouse | None) -> list[str]:
    """All that was made of these changes."""
    problems = sales_problems(client, expected.product_txn_per_hour(events), together(events))
    promoted = expected.promotions(events)
    problems += promotion_problems(client, servers, promoted)
    if warehouse is not None:
        problems += warehouse_problems(warehouse, promoted)
    return problems + click_problems(client, servers, expected.clicks(events))


def together(events: list[Event]) -> bool:
    """Whether the five sales of the example came within five minutes of the clock."""
    times = [at for at, row in expected.documents(events, "transactions") if row["prod_id"] == EXAMPLE]
    return len({at // expected.ADVANCE_MS for at in times}) == 1


def warehouse_problems(warehouse: Warehouse, wanted: Counter[expected.Row]) -> list[str]:
    """A row for every promotion, with six columns."""
    names = ("TS", "PROD_ID", "PRODUCT_NAME", "STOCK_LEVEL", "TXN_PER_HOUR", "EXPECTED_TXN_PER_HOUR")
    found: list[dict[str, Any]] = []

    def ask() -> dict[str, expected.Row]:
        nonlocal found
        found = warehouse.rows(TABLE)
        return {"rows": (len(found),)}

    problems = await_rows(ask, {"rows": (wanted.total(),)}, TABLE)
    problems += [f"a row of {TABLE} has {sorted(row)}" for row in found if set(row) != set(names)][:1]
    print(f"BigQuery     {len(found)} rows in {SINK['datasets']}.{TABLE}")
    return problems + count_differences(TABLE, Counter(tuple(map(row.get, names)) for row in found), wanted)


def clicks_as_published() -> str:
    """The stream of the original, and a copy of what it has."""
    text = (HERE / "statements-original.sql").read_text().partition("CREATE STREAM transactions")[0]
    text = text.replace("CREATE STREAM clicks(", "CREATE STREAM clicks_as_published(")
    return text + "CREATE STREAM clicks_seen AS SELECT * FROM clicks_as_published;"


def inventory_problems(client: Client, wanted: dict[int, expected.Row]) -> list[str]:
    """One row per product, with the last values."""
    sql = "SELECT * FROM INVENTORY;"
    problems = await_rows(lambda: {row[0]: tuple(row[1:]) for row in client.rows(sql)}, wanted, "INVENTORY")
    print(f"INVENTORY    {len(wanted)} products")
    return problems


def sales_problems(client: Client, wanted: dict[tuple[int, str, int], expected.Row], in_one_bucket: bool) -> list[str]:
    """One row per product and window; the example of the documentation is among them."""
    sql = (
        "SELECT PROD_ID, PRODUCT_NAME, WINDOWSTART, TXN_PER_HOUR, EXPECTED_TXN_PER_HOUR, STOCK_LEVEL "
        "FROM PRODUCT_TXN_PER_HOUR;"
    )
    rows: dict[tuple[int, str, int], expected.Row] = {}

    def ask() -> dict[tuple[int, str, int], expected.Row]:
        nonlocal rows
        rows = {(row[0], row[1], row[2]): tuple(row[3:]) for row in client.rows(sql)}
        return rows

    problems = await_rows(ask, wanted, "PRODUCT_TXN_PER_HOUR")
    print(f"PRODUCT_TXN_PER_HOUR {len(rows)} rows, one per product and window")
    example = [row for (product, _, _), row in rows.items() if product == EXAMPLE]
    if in_one_bucket and example != [(5, 20, 90.0)] * 12:
        problems.append(f"five sales within five minutes must count in twelve windows, not {example}")
    return problems


def promotion_problems(client: Client, servers: str, wanted: Counter[expected.Row]) -> list[str]:
    """Every promotion that a change called for, each as often as it did; none for a stock of exactly 80 %."""
    problems = await_records(servers, {"ABC_PROMOTIONS": wanted.total()})
    count = records_in(servers, ["ABC_PROMOTIONS"])["ABC_PROMOTIONS"]
    found = Counter(tuple(row) for row in client.rows(
        "SELECT TS, PROD_ID, PRODUCT_NAME, STOCK_LEVEL, TXN_PER_HOUR, EXPECTED_TXN_PER_HOUR "
        f"FROM ABC_PROMOTIONS EMIT CHANGES LIMIT {count};", EARLIEST,
    ))  # fmt: skip
    promoted = {row[1] for row in found}
    print(f"ABC_PROMOTIONS {found.total()} rows for {len(promoted)} products")
    if AT_THE_LIMIT in promoted:
        problems.append("a stock of exactly 80 % is no reason for a promotion")
    return problems + count_differences("ABC_PROMOTIONS", found, wanted)


def click_problems(client: Client, servers: str, wanted: Counter[expected.Row]) -> list[str]:
    """Every click at the time when it happened; none in the stream as first published."""
    problems = await_records(servers, {"CLICKS": wanted.total()})
    found = Counter(tuple(row) for row in client.rows(
        "SELECT ROWTIME, IP, USERID, PROD_ID, BYTES, REFERRER, AGENT "
        f"FROM CLICKS EMIT CHANGES LIMIT {records_in(servers, ['CLICKS'])['CLICKS']};", EARLIEST,
    ))  # fmt: skip
    seen = records_in(servers, ["CLICKS_SEEN"])["CLICKS_SEEN"]
    print(f"CLICKS       {found.total()} rows, {seen} in the stream as first published")
    if seen:
        problems.append(f"the stream CLICKS as first published has {seen} rows, but its event time is always null")
    return problems + count_differences("CLICKS", found, wanted)


def live(args: argparse.Namespace) -> None:
    """Start the producer as a process of its own and show what comes out."""
    client = Client(args.server)
    create_topics(args.bootstrap_servers, TOPICS)
    database, warehouse = documents.opened(args, SOURCE["database"]), opened(args, SINK["datasets"])
    run_once(client, HERE / "statements.sql")
    Connectors(args.connect).put(SOURCE_NAME, {**SOURCE, **database.settings})
    Connectors(args.connect).put(SINK_NAME, {**SINK, **warehouse.settings})
    arguments = ["--services", str(args.services.absolute()), "--every", "0.2"]
    arguments += ["--mongodb", args.mongodb] if args.mongodb else []
    with_programs([HERE / "producer.py"], arguments, lambda: show_board(client))


def away(args: argparse.Namespace) -> None:
    """The documents and the table in the warehouse."""
    for collection in ("inventory", "transactions", "clicks"):
        documents.opened(args, SOURCE["database"]).drop(collection)
    opened(args, SINK["datasets"]).drop(TABLE)


def more_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--transactions", type=int, default=2_000, help="purchases of --check")
    parser.add_argument("--clicks", type=int, default=5_000, help="clicks of --check")
    parser.add_argument("--without-connectors", action="store_true", help="--check with records that are produced")
    documents.options(parser)
    warehouse_options(parser)


PARTS = Parts(
    [HERE / "statements.sql"], list(TOPICS), [SOURCE_NAME, SINK_NAME], more=away,
    extra_sources=[("STREAM", "CLICKS_AS_PUBLISHED"), ("STREAM", "CLICKS_SEEN")],
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(run(__doc__, check, live, more_options, PARTS))
