"""Runs the example: live until Ctrl-C, or with --check a finite load whose every result is compared.

It speaks to a running platform (Headwater, or Apache Kafka and a ksqlDB server) as any application would: Kafka's
protocol for the data, REST for SQL.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import expected
from common.demo import await_rows, count_differences, refusal, run, with_programs
from common.kafka import await_records, create_topics, producer, records_in, send
from common.ksql import Client
from data import AT_THE_LIMIT, EXAMPLE, TOPICS, clicks, inventory, transactions
from view import show_board

HERE = Path(__file__).parent
EARLIEST = {"auto.offset.reset": "earliest"}
EVERY_CHANGE = {"cache.max.bytes.buffering": "0"}
"""A ksqlDB server else merges changes of one key that come close together."""


def check(args: argparse.Namespace) -> list[str]:
    """Prints a line per thing checked; returns what is wrong."""
    client, servers = Client(args.server), args.bootstrap_servers
    create_topics(servers, TOPICS)
    problems = refusal(client, HERE / "statements-original.sql", "pksqlc-...PRODUCT_TXN_PER_HOUR")
    client.execute(clicks_as_published(), EVERY_CHANGE)
    client.execute((HERE / "statements.sql").read_text(), EVERY_CHANGE)

    started = time.perf_counter()
    products, rest = list(inventory()), [*transactions(args.transactions), *clicks(args.clicks)]
    events = [*products, *rest]
    count = send(producer(servers), products)
    # A sale that comes before its product is known is lost: a left join gives it no name, and no group.
    problems += inventory_problems(client, expected.inventory(products))
    count += send(producer(servers), rest)
    print(f"produced     {count} records in {time.perf_counter() - started:.1f} s")

    problems += sales_problems(client, expected.product_txn_per_hour(events))
    problems += promotion_problems(client, servers, expected.promotions(events))
    return problems + click_problems(client, servers, expected.clicks(events))


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


def sales_problems(client: Client, wanted: dict[tuple[int, str, int], expected.Row]) -> list[str]:
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
    if example != [(5, 20, 90.0)] * 12:
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
    client.execute((HERE / "statements.sql").read_text())
    arguments = ["--bootstrap-servers", args.bootstrap_servers, "--every", "0.2"]
    with_programs([HERE / "producer.py"], arguments, lambda: show_board(client))


def more_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--transactions", type=int, default=2_000, help="purchases of --check")
    parser.add_argument("--clicks", type=int, default=5_000, help="clicks of --check")


if __name__ == "__main__":
    sys.exit(run(__doc__, check, live, more_options))
