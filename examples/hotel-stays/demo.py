"""Runs the example: live until Ctrl-C, or with --check a finite load whose every result is compared.

It speaks to a running platform (Headwater, or Apache Kafka and a ksqlDB server) as any application would: Kafka's
protocol for the data, REST for SQL.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import expected
from common.demo import await_rows, differences, run, with_programs
from common.kafka import Event, await_records, create_topics, producer, read, send
from common.ksql import Client
from data import BOUNDARIES, ENRICHED, SOURCE, STAYS, TOPICS, searches
from view import show_board

HERE = Path(__file__).parent
AT_THE_BOUNDARIES = (
    "Erroneous data", "Short stay", "Short stay", "Standard stay", "Standard stay", "Standard extended stay",
    "Standard extended stay", "Long stay",
)  # fmt: skip
"""The categories of the searches for as many nights as `BOUNDARIES` says."""


def check(args: argparse.Namespace) -> list[str]:
    """Prints a line per thing checked; returns what is wrong."""
    client, servers = Client(args.server), args.bootstrap_servers
    create_topics(servers, TOPICS)
    client.execute((HERE / "statements.sql").read_text())
    events = list(searches(args.records))
    half = len(events) // 2
    started = time.perf_counter()
    agents = [start_agent(servers, "1")]
    try:
        target = producer(servers)
        send(target, events[:half])
        target.produce(SOURCE, b"no search")  # is skipped
        problems = await_records(servers, {STAYS: half // 10})
        # Killed in the middle of its work; it and a second one go on. Nothing is lost, nothing counts twice.
        agents[0].kill()
        agents[0].wait()
        agents += [start_agent(servers, name) for name in ("1", "2")]
        send(target, events[half:])
        problems += enriched_problems(servers, events)
        print(f"{ENRICHED}  {len(events)} searches, the agent killed once, {time.perf_counter() - started:.1f} s")
    finally:
        for agent in agents:
            agent.terminate()
            agent.wait()
    problems += counts_problems(client, events)
    print(f"stay_counts  all counted {time.perf_counter() - started:.1f} s after the start")
    return problems


def start_agent(bootstrap_servers: str, name: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(HERE / "agent.py"), "--bootstrap-servers", bootstrap_servers, "--name", name]
    return subprocess.Popen(command, cwd=HERE)


def enriched_problems(servers: str, events: list[Event]) -> list[str]:
    """Every search once, with its category, in the one topic; as many records in the other."""
    wanted = expected.enriched(events)
    records = [json.loads(message.value() or b"") for message in read(servers, ENRICHED, len(wanted))]
    found = {record["id"]: (record,) for record in records}
    problems = differences(ENRICHED, found, wanted)
    stays = sum(1 for _ in read(servers, STAYS, len(wanted)))
    problems += [
        f"{topic} has {count} records, not {len(wanted)}"
        for topic, count in ((ENRICHED, len(records)), (STAYS, stays)) if count != len(wanted)
    ]  # fmt: skip
    if not problems:
        first = tuple(found[number][0]["stay_category"] for number in range(len(BOUNDARIES)))
        problems += [] if first == AT_THE_BOUNDARIES else [f"{BOUNDARIES} nights are {AT_THE_BOUNDARIES}, not {first}"]
    return problems


def counts_problems(client: Client, events: list[Event]) -> list[str]:
    """Searches per category and hotel; and hotels and searches per category."""

    def totals() -> dict[str, expected.Row]:
        return {row[0]: tuple(row[1:]) for row in client.rows("SELECT * FROM stay_counts;")}

    def per_hotel() -> dict[expected.Row, expected.Row]:
        return {(row[0], row[1]): (row[2],) for row in client.rows("SELECT * FROM hotel_stay_cat_counts;")}

    problems = await_rows(totals, expected.stay_counts(events), "stay_counts")
    problems += await_rows(per_hotel, expected.hotel_stay_cat_counts(events), "hotel_stay_cat_counts")
    for name, (hotels, count) in sorted(totals().items()):
        print(f"             {name:<22} {hotels:>5} hotels {count:>8} searches")
    return problems


def live(args: argparse.Namespace) -> None:
    """Start a producer and an agent as processes of their own and show what comes out."""
    client, arguments = Client(args.server), ["--bootstrap-servers", args.bootstrap_servers]
    create_topics(args.bootstrap_servers, TOPICS)
    client.execute((HERE / "statements.sql").read_text())
    with_programs([HERE / "producer.py", HERE / "agent.py"], arguments, lambda: show_board(client))


def more_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--records", type=int, default=100_000, help="searches of --check, at least a thousand")


if __name__ == "__main__":
    sys.exit(run(__doc__, check, live, more_options))
