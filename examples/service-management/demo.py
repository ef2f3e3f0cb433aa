"""Runs the example: live until Ctrl-C, or with --check a finite load whose every result is compared.

It speaks to a running platform (Headwater, or Apache Kafka and a ksqlDB server) as any application would: Kafka's
protocol for the data, REST for SQL.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

import expected
from common import documents
from common.connect import Connectors
from common.demo import await_rows, count_differences, differences, refusal, run, same_row, with_programs
from common.kafka import create_topics, producer, read, send
from common.ksql import Client
from common.rest import call
from common.teardown import Parts, run_once
from data import TOPICS, job_locations, orders_and_jobs, truck_positions
from view import show_board

HERE = Path(__file__).parent
CONNECTOR = "MongoDbAtlasSinkConnector_0"
CONFIG = json.loads((HERE / "mongodb-sink.json").read_text())
COLLECTION = CONFIG["collection"]
TRUCKS, STEPS = 20, 50
PROGRAMS = ("producer_data.py", "producer_job.py", "producer_trucks.py")


def check(args: argparse.Namespace) -> list[str]:
    """Prints a line per thing checked; returns what is wrong."""
    client, bootstrap_servers = Client(args.server), args.bootstrap_servers
    create_topics(bootstrap_servers, TOPICS)
    problems = refusal(client, HERE / "statements-original.sql", "'O.DEST_LAT' cannot be resolved")
    client.execute((HERE / "statements.sql").read_text())
    database = documents.opened(args, CONFIG["database"])
    Connectors(args.connect).put(CONNECTOR, {**CONFIG, **database.settings})
    locations = list(job_locations(TRUCKS))
    later = [*orders_and_jobs(args.orders), *truck_positions(locations, STEPS)]
    events = [*locations, *later]
    started = time.perf_counter()
    target = producer(bootstrap_servers)
    # A position that comes before the location of its job joins with nothing, and partitions are written in any order.
    count = send(target, locations) + send(target, later)
    print(f"produced     {count} records in {time.perf_counter() - started:.1f} s")
    decisions = expected.job_status(events)
    problems += document_problems(database, decisions)
    problems += lineage_problems(args)  # before anybody else reads the decisions
    problems += job_status_problems(bootstrap_servers, decisions)
    return problems + truck_tracker_problems(client, expected.truck_tracker(events))


def job_status_problems(bootstrap_servers: str, wanted: Counter[expected.Row]) -> list[str]:
    """Every joined row, each as often as it must be there."""
    found: Counter[expected.Row] = Counter()
    for message in read(bootstrap_servers, "job_status", wanted.total()):
        value = json.loads(message.value() or b"")
        found[(
            int.from_bytes(message.key() or b"", "big", signed=True), value["CUSTOMER_ID"], value["SERVICE_OPTION"],
            value["PRICE"], value["CURRENT_STATUS"],
        )] += 1  # fmt: skip
    decisions = Counter(str(row[-1]) for row in found.elements())
    print(f"job_status   {found.total()} rows, {decisions['ACCEPTED']} accepted, {decisions['REJECTED']} rejected")
    return count_differences("job_status", found, wanted)


def document_problems(database: documents.Documents, decisions: Counter[expected.Row]) -> list[str]:
    """A document per row, without the job's id: that is in the key only."""
    wanted = Counter(row[1:] for row in decisions.elements())
    fields = {"_id", "CUSTOMER_ID", "SERVICE_OPTION", "PRICE", "CURRENT_STATUS"}
    found: list[documents.Document] = []

    def ask() -> dict[str, expected.Row]:
        nonlocal found
        found = database.all(COLLECTION)
        return {"documents": (len(found),)}

    problems = await_rows(ask, {"documents": (wanted.total(),)}, COLLECTION)
    problems += [f"a document has {sorted(one)}" for one in found if set(one) != fields]
    names = ("CUSTOMER_ID", "SERVICE_OPTION", "PRICE", "CURRENT_STATUS")
    rows = Counter(tuple(one.get(name) for name in names) for one in found)
    print(f"{COLLECTION:<12} {len(found)} documents in {CONFIG['database']}")
    return problems + count_differences(COLLECTION, rows, wanted)


def lineage_problems(args: argparse.Namespace) -> list[str]:
    """Who makes decisions of what, and who takes them: six nodes. Of a cluster elsewhere the node sees no producers."""
    graph = call("GET", f"{args.registry.rstrip('/')}/catalog/v1/lineage?node=job_status")
    names = {node["id"]: node["displayName"] for node in graph["nodes"]}
    found = {(names[edge["source"]], names[edge["target"]]): () for edge in graph["edges"]}
    steps = [
        ("order_placed", "QUERY JOB_STATUS"), ("job_created", "QUERY JOB_STATUS"), ("QUERY JOB_STATUS", "job_status"),
        ("job_status", CONNECTOR),
    ]  # fmt: skip
    if not args.kafka_elsewhere:
        steps += [("rdkafka", "order_placed"), ("rdkafka", "job_created")]
    print(f"lineage      {len(names)} nodes, {len(found)} edges")
    problems = differences("lineage", found, dict.fromkeys(steps, ()))
    nodes = dict.fromkeys((name for step in steps for name in step), ())
    return problems + differences("lineage", dict.fromkeys(names.values(), ()), nodes)


def truck_tracker_problems(client: Client, wanted: dict[str, expected.Row]) -> list[str]:
    """One row per job, with the truck's last position, distance and ETA."""
    rows: dict[str, expected.Row] = {}

    def ask() -> dict[str, expected.Row]:
        nonlocal rows
        rows = {row[0]: tuple(row[1:]) for row in client.rows("SELECT * FROM TRUCK_TRACKER;")}
        return rows

    problems = await_rows(ask, wanted, "truck_tracker", same_row)
    arrived = sum(row[-1] == 0 for row in rows.values())
    print(f"truck_tracker {len(rows)} jobs, {arrived} trucks arrived")
    return problems


def live(args: argparse.Namespace) -> None:
    """Start the producers as processes of their own and show what comes out."""
    client = Client(args.server)
    create_topics(args.bootstrap_servers, TOPICS)
    run_once(client, HERE / "statements.sql")
    database = documents.opened(args, CONFIG["database"])
    Connectors(args.connect).put(CONNECTOR, {**CONFIG, **database.settings})
    programs = [HERE / name for name in PROGRAMS]
    arguments = ["--bootstrap-servers", args.bootstrap_servers, "--every", "0.25"]
    with_programs(programs, arguments, lambda: show_board(client))


def more_options(parser: argparse.ArgumentParser) -> None:
    documents.options(parser)
    parser.add_argument("--orders", type=int, default=200, help="orders and jobs of --check")


PARTS = Parts(
    [HERE / "statements.sql"], [*TOPICS, "tradie_truck_location"], [CONNECTOR],
    more=lambda args: documents.opened(args, CONFIG["database"]).drop(COLLECTION),
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(run(__doc__, check, live, more_options, PARTS))
