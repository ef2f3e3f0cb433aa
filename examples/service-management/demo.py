"""Runs the example: live until Ctrl-C, or with --check a finite load whose every result is compared.

It speaks to a running platform (Headwater, or Apache Kafka and a ksqlDB server) as any application would: Kafka's
protocol for the data, REST for SQL.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import expected
from confluent_kafka import Consumer, KafkaException
from data import job_locations, orders_and_jobs, truck_positions
from ksql import Client, StatementError
from producing import client_config, create_topics, producer, send

HERE = Path(__file__).parent
PATIENCE_SECONDS = 120
ORDERS, TRUCKS, STEPS = 200, 20, 50


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-servers", default=os.environ.get("BOOTSTRAP_SERVERS", "127.0.0.1:9092"))
    parser.add_argument("--server", default=os.environ.get("KSQL_SERVER", "http://127.0.0.1:8088"))
    parser.add_argument("--check", action="store_true", help="load finite data, compare all results, exit with 0 or 1")
    parser.add_argument("--orders", type=int, default=ORDERS, help="orders and jobs of --check")
    args = parser.parse_args()
    try:
        create_topics(args.bootstrap_servers)
    except KafkaException as error:
        print(f"No Kafka broker answers at {args.bootstrap_servers}: {error}", file=sys.stderr)
        return 2
    client = Client(args.server)
    if args.check:
        return check(client, args.bootstrap_servers, args.orders)
    client.execute((HERE / "statements.sql").read_text())
    return live(client, args.bootstrap_servers)


def check(client: Client, bootstrap_servers: str, orders: int) -> int:
    """Prints a line per thing checked; returns the exit code."""
    problems = refused_original(client)
    client.execute((HERE / "statements.sql").read_text())
    locations = list(job_locations(TRUCKS))
    events = [*orders_and_jobs(orders), *locations, *truck_positions(locations, STEPS)]
    started = time.perf_counter()
    count = send(producer(bootstrap_servers), events)
    print(f"produced     {count} records in {time.perf_counter() - started:.1f} s")
    problems += job_status_problems(bootstrap_servers, expected.job_status(events))
    problems += truck_tracker_problems(client, expected.truck_tracker(events))
    for problem in problems:
        print(f"WRONG        {problem}")
    print("all results are as calculated" if not problems else f"{len(problems)} differences")
    return 1 if problems else 0


def refused_original(client: Client) -> list[str]:
    """The statements as first published have a mistake, which the server must point out."""
    try:
        client.execute((HERE / "statements-original.sql").read_text())
    except StatementError as error:
        if "'O.DEST_LAT' cannot be resolved" in str(error):
            print("refused      statements-original.sql: 'O.DEST_LAT' cannot be resolved")
            return []
        return [f"statements-original.sql was refused for another reason: {error}"]
    return ["statements-original.sql was accepted in spite of its mistake"]


def job_status_problems(bootstrap_servers: str, wanted: Counter[expected.Row]) -> list[str]:
    """Every joined row, each as often as it must be there."""
    consumer = Consumer({
        **client_config(bootstrap_servers), "group.id": f"check-{os.getpid()}", "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    })  # fmt: skip
    consumer.subscribe(["job_status"])
    found: Counter[expected.Row] = Counter()
    deadline = time.monotonic() + PATIENCE_SECONDS
    quiet = 0
    while time.monotonic() < deadline and quiet < 3:
        messages = consumer.consume(500, timeout=0.5)
        for message in messages:
            value = json.loads(message.value())
            found[(
                int.from_bytes(message.key(), "big", signed=True), value["CUSTOMER_ID"], value["SERVICE_OPTION"],
                value["PRICE"], value["CURRENT_STATUS"],
            )] += 1  # fmt: skip
        quiet = 0 if messages or found.total() < wanted.total() else quiet + 1
    consumer.close()
    decisions = Counter(str(row[-1]) for row in found.elements())
    print(f"job_status   {found.total()} rows, {decisions['ACCEPTED']} accepted, {decisions['REJECTED']} rejected")
    missing, extra = wanted - found, found - wanted
    return [f"job_status lacks {row}, {n} times" for row, n in missing.items()] + [
        f"job_status has {row}, {n} times too often" for row, n in extra.items()
    ]


def truck_tracker_problems(client: Client, wanted: dict[str, expected.Row]) -> list[str]:
    """One row per job, with the truck's last position, distance and ETA."""
    rows: dict[str, expected.Row] = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = client.query("SELECT * FROM TRUCK_TRACKER;")
        next(answer)
        rows = {row[0]: tuple(row[1:]) for row in answer}
        problems = [
            f"truck_tracker has {rows.get(job)} for {job}, not {row}"
            for job, row in wanted.items() if job not in rows or not expected.same_row(rows[job], row)
        ]  # fmt: skip
        problems += [f"truck_tracker has a row too many: {job}" for job in rows.keys() - wanted.keys()]
        if not problems or time.monotonic() > deadline:
            arrived = sum(row[-1] == 0 for row in rows.values())
            print(f"truck_tracker {len(rows)} jobs, {arrived} trucks arrived")
            return problems
        time.sleep(0.1)


def live(client: Client, bootstrap_servers: str) -> int:
    """Start the producers as processes of their own and show what comes out."""
    from view import show

    programs = ("producer_data.py", "producer_job.py", "producer_trucks.py")
    command = ["--bootstrap-servers", bootstrap_servers, "--every", "0.25"]
    running = [subprocess.Popen([sys.executable, HERE / program, *command], cwd=HERE) for program in programs]
    try:
        show(client)
    except KeyboardInterrupt:
        pass
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
