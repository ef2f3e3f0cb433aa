"""Runs the example: live until Ctrl-C, or with --check a finite load whose every result is compared.

It speaks to a running platform as any application would: Kafka's protocol for the data, REST for SQL and connectors.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import expected
import files
from common.connect import Connectors
from common.demo import await_rows, differences, run, with_programs
from common.kafka import Event, await_records, create_topics, producer, read, records_in
from common.ksql import Client
from common.processes import start, stop
from common.rest import call
from common.teardown import Parts, run_once
from data import BOUNDARIES, ENRICHED, SOURCE, STAYS, TOPICS, searches
from view import show_board

HERE = Path(__file__).parent
AT_THE_BOUNDARIES = (
    "Erroneous data", "Short stay", "Short stay", "Standard stay", "Standard stay", "Standard extended stay",
    "Standard extended stay", "Long stay",
)  # fmt: skip
"""The categories of the searches for as many nights as `BOUNDARIES` says."""


SCALES = {"small": 20_000, "usual": 100_000, "full": 2_189_130}
"""Searches of --check; `full` is as many as the site logged."""
LONGEST_SECONDS = 1800


def check(args: argparse.Namespace) -> list[str]:
    """Prints a line per thing checked; returns what is wrong."""
    client, servers = Client(args.server), args.bootstrap_servers
    count = args.records or SCALES[args.scale]
    prepare(client, servers)
    with tempfile.TemporaryDirectory(prefix="hotel-stays-") as folder:
        if count >= SCALES["full"]:
            return full_problems(args, client, Path(folder), count)
        return small_problems(args, client, Path(folder), list(searches(count)))


def prepare(client: Client, servers: str) -> None:
    create_topics(servers, TOPICS)
    client.execute((HERE / "statements.sql").read_text())


def put_files(args: argparse.Namespace, folder: Path, events: Iterator[Event] | list[Event], first: int = 0) -> None:
    """Write the site's files, and bring them where the connector reads."""
    container = folder / files.CONTAINER
    files.upload(args, container, files.write(container, events, first))


def small_problems(args: argparse.Namespace, client: Client, folder: Path, events: list[Event]) -> list[str]:
    """Every record of every topic; half of the files come while an agent is killed and two others take over."""
    servers, half, connectors = args.bootstrap_servers, len(events) // 2, Connectors(args.connect)
    with running() as agents:
        put_files(args, folder, events[:half])
        started = time.perf_counter()
        connectors.put(files.CONNECTOR, files.config(args, folder))
        agents.append(start_agent(servers))
        target = producer(servers)
        target.produce(SOURCE, b"no search")  # is skipped
        target.flush()
        problems = await_records(servers, {STAYS: half // 10})
        # Killed in the middle of its work; two others go on. Nothing is lost, nothing counts twice.
        agents[0].kill()
        agents[0].wait()
        agents += [start_agent(servers) for _ in range(2)]
        put_files(args, folder, events[half:], half)
        problems += await_records(servers, {SOURCE: len(events) + 1})
        # Restarted, the connector knows what it has read.
        call("POST", f"{args.connect}/connectors/{files.CONNECTOR}/restart?includeTasks=true")
        problems += enriched_problems(servers, events)
        print(f"{ENRICHED}  {len(events)} searches, the agent killed once, {time.perf_counter() - started:.1f} s")
    there = sum(1 for _ in read(servers, SOURCE, len(events) + 1))  # by offsets, ends of transactions count, too
    problems += [] if there == len(events) + 1 else [f"{SOURCE} has {there} records, not {len(events) + 1}"]
    problems += counts_problems(client, expected.tally(events))
    print(f"stay_counts  all counted {time.perf_counter() - started:.1f} s after the start")
    return problems


def full_problems(args: argparse.Namespace, client: Client, folder: Path, count: int) -> list[str]:
    """The counts of all that the site logged, and how long it takes from the first record read to the last counted."""
    folder = args.files or folder
    if not list((folder / files.CONTAINER).glob("topics/*/*/*.avro")):
        put_files(args, folder, searches(count))
    tally = expected.tally(Event(SOURCE, None, search, 0) for search in files.read(folder / files.CONTAINER))
    count = tally.total()
    print(f"files        {count} searches", flush=True)
    servers = args.bootstrap_servers
    with running() as agents:
        agents += [start_agent(servers) for _ in range(args.agents)]
        started = time.monotonic()
        Connectors(args.connect).put(files.CONNECTOR, files.config(args, folder))
        while (counted := searches_counted(client)) < count and time.monotonic() - started < LONGEST_SECONDS:
            time.sleep(0.5)
        seconds = time.monotonic() - started
    print(f"stay_counts  {counted} of {count} counted {seconds:.1f} s after the connector started", flush=True)
    there = records_in(servers, TOPICS)
    problems = [f"{topic} has {there[topic]} records, not at least {count}" for topic in TOPICS if there[topic] < count]
    return problems + counts_problems(client, tally)


def searches_counted(client: Client) -> int:
    return sum(row[2] for row in client.rows("SELECT * FROM stay_counts;"))


@contextmanager
def running() -> Iterator[list[subprocess.Popen[str]]]:
    """A list of agents, all ended in the end."""
    agents: list[subprocess.Popen[str]] = []
    try:
        yield agents
    finally:
        stop(*agents)


def start_agent(bootstrap_servers: str) -> subprocess.Popen[str]:
    worker = ["-m", "headwater.cli.main", "worker", "agent:app"]
    options = ["--bootstrap-servers", bootstrap_servers, "--log-level", "error"]
    return start(*worker, *options, cwd=HERE, stdout=subprocess.DEVNULL)


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


def counts_problems(client: Client, tally: Counter[expected.Row]) -> list[str]:
    """Searches per category and hotel; and hotels and searches per category."""

    def totals() -> dict[str, expected.Row]:
        return {row[0]: tuple(row[1:]) for row in client.rows("SELECT * FROM stay_counts;")}

    def per_hotel() -> dict[expected.Row, expected.Row]:
        return {(row[0], row[1]): (row[2],) for row in client.rows("SELECT * FROM hotel_stay_cat_counts;")}

    problems = await_rows(totals, expected.stay_counts(tally), "stay_counts")
    problems += await_rows(per_hotel, expected.hotel_stay_cat_counts(tally), "hotel_stay_cat_counts")
    for name, (hotels, count) in sorted(totals().items()):
        print(f"             {name:<22} {hotels:>5} hotels {count:>8} searches")
    return problems


def live(args: argparse.Namespace) -> None:
    """Start a producer of files, the connector and an agent, and show what comes out."""
    client = Client(args.server)
    create_topics(args.bootstrap_servers, TOPICS)
    run_once(client, HERE / "statements.sql")
    with tempfile.TemporaryDirectory(prefix="hotel-stays-") as folder, running() as agents:
        Connectors(args.connect).put(files.CONNECTOR, files.config(args, Path(folder)))
        agents.append(start_agent(args.bootstrap_servers))
        azure = {"--azure-account": args.azure_account, "--azure-key": args.azure_key,
                 "--azure-endpoint": args.azure_endpoint}  # fmt: skip
        given = [text for option, value in azure.items() if value for text in (option, value)]
        with_programs([HERE / "producer.py"], ["--folder", folder, *given], lambda: show_board(client))


def more_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scale", choices=list(SCALES), default="usual", help="how many searches --check loads")
    parser.add_argument("--records", type=int, help="or so many, at least a thousand")
    parser.add_argument("--agents", type=int, choices=(1, 2), default=1, help="of --scale full")
    parser.add_argument("--files", type=Path, help="a folder that keeps the files of --scale full for the next time")
    files.azure_options(parser)


def forget(args: argparse.Namespace) -> None:
    files.forget(args)


PARTS = Parts(
    [HERE / "statements.sql"], topics=list(TOPICS), connectors=[files.CONNECTOR], groups=["kafkastreams"], more=forget
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", check, live, more_options, PARTS))
