"""Runs the example: live until Ctrl-C, or with --check a finite load whose every result is compared.

It speaks to a running platform as any application would: Kafka's protocol for the data, REST for SQL, schemas and the
catalog.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import expected
from catalog import GIVEN, GROUPS, NEW, TAG, Catalog
from common.demo import CheckError, await_rows, differences, run, same_row
from common.kafka import Event, await_records, create_topics, read
from common.ksql import Client
from common.processes import program
from common.rest import call, quoted
from common.teardown import Parts
from data import (
    FEEDS,
    GIVER,
    REGIONS,
    START_MS,
    TAKER,
    TOPICS,
    customers,
    regions,
    stations,
    stations_info,
    status_round,
)
from producers import FeedProducer, client_id
from schemas import schema_of
from view import show_board

HERE = Path(__file__).parent
ROUNDS = 3
SIDES = ("high", "low")
UPDATED = range(0, 1000, 10)
EVERY_CHANGE = {"cache.max.bytes.buffering": "0"}
"""A ksqlDB server else merges changes of one key that come close together."""
FILES = {
    "customers-enrichment.sql": "latest", "stations-enrichment.sql": "latest",
    "inventory-redistribution.sql": "earliest",
}  # fmt: skip
"""The SQL, and from where its queries read. Those of the first two find no data yet."""


def start(args: argparse.Namespace) -> None:
    """Create the topics and run the SQL; the products that it makes first get their metadata."""
    create_topics(args.bootstrap_servers, TOPICS)
    for feed in FEEDS:
        # A producer's next version may leave out or add what it likes.
        call("PUT", f"{args.registry}/config/{quoted(f'{feed}-value')}", {"compatibility": "NONE"})
    for name, offset in FILES.items():
        sql = (HERE / name).read_text()
        answers = Client(args.server).execute(sql, {"auto.offset.reset": offset, **EVERY_CHANGE})
        print(f"{name:<29} {len(answers)} statements from {offset}")
    catalog = Catalog(args.registry)
    catalog.define()
    if refused := catalog.describe(GIVEN):
        raise CheckError(f"The catalog refused: {refused}")


def check(args: argparse.Namespace) -> list[str]:
    """Prints a line per thing checked; returns what is wrong."""
    client, servers = Client(args.server), args.bootstrap_servers
    start(args)
    # Once more, as one who pastes a file again: a statement that says what is there already changes nothing.
    client.execute((HERE / "customers-enrichment.sql").read_text())
    load = Load(servers, args.registry)
    started = time.perf_counter()
    load_customers(load, args.customers)
    load_stations(load, args.stations)
    print(f"produced     {len(load.events)} records, part by part, in {time.perf_counter() - started:.1f} s")
    return [
        *customer_problems(servers, load.events), *station_problems(servers, load.events),
        *availability_problems(client, load.events), *redistribution_problems(client, load.events),
        *subject_problems(args.registry), *catalog_problems(args.registry), *lineage_problems(args),
    ]  # fmt: skip


class Load:
    """Produces part after part: the next when the topics have what must come of the one before."""

    def __init__(self, servers: str, registry: str) -> None:
        self.servers, self._registry = servers, registry
        self.events: list[Event] = []
        self._producers = {feed: FeedProducer(feed, servers, registry) for feed in FEEDS}

    def add(self, part: list[Event]) -> None:
        for feed in dict.fromkeys(event.topic for event in part):
            self._producers[feed].send(event for event in part if event.topic == feed)
        self.events += part

    def evolve(self, feed: str) -> None:
        """From now on the feed has the next version of its schema."""
        self._producers[feed] = FeedProducer(feed, self.servers, self._registry, evolved=True)

    def settle(self, records: dict[str, int]) -> None:
        """Wait until the topics have that many records. Raises `CheckError`."""
        missing = await_records(self.servers, records)
        if missing:
            raise CheckError("; ".join(missing))


def load_customers(load: Load, count: int) -> None:
    """All customers, and then a part of them again, with new data, one feed's with another schema."""
    load.add(list(customers(range(count), START_MS, seed=1)))
    load.settle({"customers.info.latest": count, "customers.demographics.latest": count})
    load.evolve("customers.demographics")
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


def subject_problems(registry: str) -> list[str]:
    """SQL has registered the first version of each feed, its producer the next, and one more where it has changed."""
    problems = []
    for feed in FEEDS:
        subject = f"{registry}/subjects/{quoted(f'{feed}-value')}/versions"
        changed = feed == "customers.demographics"
        wanted = [1, 2, 3] if changed else [1, 2]
        versions, latest = call("GET", subject), call("GET", f"{subject}/latest")
        problems += [] if versions == wanted else [f"{feed}-value has versions {versions}, not {wanted}"]
        if json.loads(latest["schema"]) != json.loads(schema_of(feed, evolved=changed)):
            problems.append(f"{feed}-value has not the schema of its producer: {latest['schema']}")
    print(f"subjects     {len(FEEDS)} with the schemas of their producers, one of them changed")
    return problems


def catalog_problems(registry: str) -> list[str]:
    """The new product: not listed until it is described, then found by its metadata, its tag and in the listing."""
    catalog = Catalog(registry)
    (topic,) = NEW
    problems = [f"{topic} is listed without metadata"] if topic in catalog.products() else []
    problems += catalog.describe(NEW)
    for name, groups in {**GIVEN, **NEW}.items():
        found = catalog.metadata(name)
        wanted = {group.lower(): dict(values) for group, values in groups.items()}
        problems += differences(
            f"metadata of {name}", {key: (value,) for key, value in found.items()},
            {key: (value,) for key, value in wanted.items()},
        )  # fmt: skip
        problems += [] if TAG in catalog.tags(name) else [f"{name} is not tagged"]
    for what, found_topics, wanted_topics in (
        ("search for bike-inv-oncall", catalog.search(query="bike-inv-oncall"), {topic}),
        ("search for the tag", catalog.search(tag=TAG), {*GIVEN, topic}),
        ("data products", catalog.products(), {*GIVEN, topic}),
    ):
        problems += [] if found_topics == wanted_topics else [f"{what}: {sorted(found_topics)}"]
    print(f"catalog      {topic} is a data product, {len(GROUPS)} groups of metadata")
    return problems


def lineage_problems(args: argparse.Namespace) -> list[str]:
    """How the product comes of stations.enriched, topic by topic; and the producers, where the node sees them."""
    catalog = Catalog(args.registry)
    steps = catalog.edges("inventory.redistribution", "upstream", 20)
    before: dict[str, set[str]] = {}
    for source, target in steps:
        before.setdefault(target, set()).add(source)

    def topics_before(topic: str) -> set[str]:
        return {source for query in before.get(topic, ()) for source in before.get(query, ())}

    chain = {"inventory.redistribution": {f"inventory.availability.{side}-keyed" for side in SIDES}}
    for side in SIDES:
        chain[f"inventory.availability.{side}-keyed"] = {f"inventory.availability.{side}"}
        chain[f"inventory.availability.{side}"] = {"stations.enriched"}
    problems = [
        f"lineage: before {topic} is {sorted(topics_before(topic))}, not {sorted(sources)}"
        for topic, sources in chain.items() if topics_before(topic) != sources
    ]  # fmt: skip
    if not args.kafka_elsewhere:
        for feed in FEEDS:
            made_by = {source for source, target in catalog.edges(feed, "upstream", 1) if target == feed}
            problems += [] if client_id(feed) in made_by else [f"lineage: {feed} has producers {sorted(made_by)}"]
    print(f"lineage      inventory.redistribution comes of {len(steps)} steps")
    return problems


def live(args: argparse.Namespace) -> None:
    """Start the five producers as processes of their own and show what comes out."""
    start(args)
    Catalog(args.registry).describe(NEW)
    with running("system.regions", args), running("stations.info", args), running("customers.info", args):
        time.sleep(2)  # A report of a station that is not known yet is lost.
        with running("stations.status", args), running("customers.demographics", args):
            show_board(Client(args.server))


def running(feed: str, args: argparse.Namespace) -> AbstractContextManager[object]:
    """A feed's producer, while something is done."""
    addresses = ("--registry", args.registry, "--bootstrap-servers", args.bootstrap_servers)
    return program(HERE / "producers.py", feed, *addresses, cwd=HERE)


def more_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--customers", type=int, default=1_000, help="customers of --check, at least 1000")
    parser.add_argument("--stations", type=int, default=300, help="stations of --check")


PARTS = Parts([HERE / name for name in FILES], topics=list(TOPICS), more=lambda args: Catalog(args.registry).forget())

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", check, live, more_options, PARTS))
