"""Runs the example: live until Ctrl-C, or with --check a finite load whose every result is compared.

It speaks to a running platform (Headwater, or Apache Kafka and a ksqlDB server) as any application would: Kafka's
protocol for the data, REST for SQL.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import expected
from common.demo import CheckError, await_rows, differences, run, same_row, with_programs
from common.kafka import Event, await_records, create_topics, producer, read, send
from common.ksql import Client
from data import GIVER, REGIONS, START_MS, TAKER, TOPICS, customers, regions, stations, stations_info, status_round
from view import show_board

HERE = Path(__file__).parent
ROUNDS = 3
SIDES = ("high", "low")
UPDATED = range(0, 1000, 10)
EVERY_CHANGE = {"cache.max.bytes.buffering": "0"}
"""A ksqlDB server else merges changes of one key that come close together."""
FILES = {
    "customers-enrichment.sql": "latest", "stations-enrichment.sql": "latest", "feeds.sql": "latest",
    "inventory-redistribution.sql": "earliest",
}  # fmt: skip
"""The SQL, and from where its queries read. Those of the first three find no data yet."""


def start(client: Client, servers: str) -> None:
    """Create the topics and run the SQL."""
    create_topics(servers, TOPICS)
    for name, offset in FILES.items():
        client.execute((HERE / name).read_text(), {"auto.offset.reset": offset, **EVERY_CHANGE})


def check(args: argparse.Namespace) -> list[str]:
    """Prints a line per thing checked; returns what is wrong."""
    client, servers = Client(args.server), args.bootstrap_servers
    start(client, servers)
    # Once more, as one who pastes a file again: a statement that says what is there already changes nothing.
    client.execute((HERE / "customers-enrichment.sql").read_text())
    load = Load(servers)
    started = time.perf_counter()
    load_customers(load, args.customers)
    load_stations(load, args.stations)
    print(f"produced     {len(load.events)} records, part by part, in {time.perf_counter() - started:.1f} s")
    return [
        *customer_problems(servers, load.events), *station_problems(servers, load.events),
        *availability_problems(client, load.events), *redistribution_problems(client, load.events),
    ]  # fmt: skip


class Load:
    """Produces part after part: the next when the topics have what must come of the one before."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.events: list[Event] = []
        self._producer = producer(servers)

    def add(self, part: list[Event]) -> None:
        send(self._producer, part)
        self.events += part

    def settle(self, records: dict[str, int]) -> None:
        """Wait until the topics have that many records. Raises `CheckError`."""
        missing = await_records(self.servers, records)
        if missing:
            raise CheckError("; ".join(missing))


def load_customers(load: Load, count: int) -> None:
    """All customers, and then a part of them again, with new data."""
    load.add(list(customers(range(count), START_MS, seed=1)))
    load.settle({"customers.info.latest": count, "customers.demographics.latest": count})
    load.add(list(customers(UPDATED, START_MS + 1000, seed=2)))


def load_stations(load: Load, count: int) -> None:
    """Regions, what is known about the stations, and then their reports, round by round."""
    load.add(list(regions(START_MS)))
    load.settle({"system.regions": len(REGIONS)})
    known = stations(count)
    load.add(list(stations_info(known, START_MS)))
    load.settle({"stations.info.latest": len(expected.known_stations(load.events))})
    for number in range(ROUNDS):
        load.add(status_round(known, number))
        load.settle({
            f"inventory.availability.{side}-keyed": len(expected.availability(load.events, side)) for side in SIDES
        })  # fmt: skip


def values(servers: str, topic: str, at_least: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """(key, value) of every record of a topic in JSON_SR: five bytes of schema id, then JSON."""
    for message in read(servers, topic, at_least):
        key, payload = message.key(), message.value()
        if key is None or payload is None or payload[0] != 0:
            raise CheckError(f"{topic} has a record without key, value or schema at offset {message.offset()}")
        yield key.decode(), json.loads(payload[5:])


def customer_problems(servers: str, events: list[Event]) -> list[str]:
    """The last record of every customer, and one record per change."""
    wanted = expected.customers_enriched(events)
    changes = len(wanted) + 2 * len(UPDATED)
    records = list(values(servers, "customers.enriched", changes))
    print(f"customers.enriched {len(records)} changes of {len(wanted)} customers")
    problems = differences("customers.enriched", {key: (value,) for key, value in records}, wanted)
    return problems + (
        [f"customers.enriched has {len(records)} records, not {changes}"] if len(records) != changes else []
    )


def station_problems(servers: str, events: list[Event]) -> list[str]:
    """Every report with what is known about its station, nested values included."""
    wanted = expected.stations_enriched(events)
    records = list(values(servers, "stations.enriched", len(wanted)))
    print(f"stations.enriched {len(records)} reports")
    found = {(key, value["last_reported"]): (value,) for key, value in records}
    problems = differences("stations.enriched", found, wanted)
    return problems + (
        [f"stations.enriched has {len(records)} records, not {len(wanted)}"] if len(records) != len(wanted) else []
    )


def availability_problems(client: Client, events: list[Event]) -> list[str]:
    """The stations that were too full or too empty, as they were last."""
    problems: list[str] = []
    for side in SIDES:
        wanted = expected.availability_rows(events, side)
        table = f"inventory_availability_{side}"
        problems += await_rows(partial(rows_by_key, client, table), wanted, table, same_row)
        print(f"inventory.availability.{side} {len(wanted)} stations")
    return problems


def rows_by_key(client: Client, table: str) -> dict[str, expected.Row]:
    return {row[0]: tuple(row[1:]) for row in client.rows(f'SELECT * FROM "{table}";')}


def redistribution_problems(client: Client, events: list[Event]) -> list[str]:
    """Every pair of stations that could help each other; the example of the documentation is among them."""
    wanted = expected.redistribution(events)
    problems = await_rows(
        partial(rows_by_key, client, "inventory_redistribution"), wanted, "inventory_redistribution", same_row
    )
    example = rows_by_key(client, "inventory_redistribution").get(f"{GIVER}-{TAKER}", ())[2:]
    print(f"inventory.redistribution {len(wanted)} pairs; {GIVER}-{TAKER}: {example}")
    if example != (8, 7, 7, 0.46):
        problems.append(f"from {GIVER} to {TAKER}: 8 too many, 7 lacking, 7 to move, 0.46 miles; not {example}")
    return problems


def live(args: argparse.Namespace) -> None:
    """Start the producers as processes of their own and show what comes out."""
    client = Client(args.server)
    start(client, args.bootstrap_servers)
    programs = [HERE / "producer_customers.py", HERE / "producer_stations.py"]
    with_programs(programs, ["--bootstrap-servers", args.bootstrap_servers], lambda: show_board(client))


def more_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--customers", type=int, default=1_000, help="customers of --check, at least 1000")
    parser.add_argument("--stations", type=int, default=300, help="stations of --check")


if __name__ == "__main__":
    sys.exit(run(__doc__, check, live, more_options))
