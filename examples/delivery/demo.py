"""Runs the example: live until Ctrl-C, or with --check a finite load whose every result is compared.

It speaks to a running platform (Headwater, or Apache Kafka and a ksqlDB server) as any application would: Kafka's
protocol for the data, REST for SQL.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import expected
from common.demo import await_rows, differences, refusal, run, with_programs
from common.kafka import create_topics, producer, read, send
from common.ksql import Client, StatementError
from data import TOPICS, history
from etl import cleaned

HERE = Path(__file__).parent
TABLE = "FULLDELIVERY"
AMBIGUOUS = """SELECT id, status FROM deliveries INNER JOIN orders WITHIN 2 HOURS ON deliveries.order_id = orders.id
               EMIT CHANGES;"""


def main() -> int:
    return run(__doc__ or "", check, live)


def check(args: argparse.Namespace) -> list[str]:
    """Prints a line per thing checked; returns the problems."""
    client = Client(args.server)
    problems = refused_without_topics(client)
    prepare(client, args.bootstrap_servers)
    problems += refused_ambiguity(client)
    events = [event for change in history() if (event := cleaned(change)) is not None]
    started = time.perf_counter()
    count = send(producer(args.bootstrap_servers), events)
    print(f"produced     {count} records in {time.perf_counter() - started:.1f} s")
    wanted = expected.full_delivery(events)
    problems += pull_query_problems(client, wanted)
    problems += topic_problems(args.bootstrap_servers, wanted)
    if not problems:
        for sentence in expected.departures(wanted, expected.in_database(events)):
            print(f"as it must   {sentence}")
    return problems


def prepare(client: Client, bootstrap_servers: str) -> None:
    create_topics(bootstrap_servers, TOPICS)
    for answer in client.execute((HERE / "statements.sql").read_text()):
        for warning in answer["warnings"]:
            print(f"warning      {warning['message'].partition('. ')[0]}")


def refused_without_topics(client: Client) -> list[str]:
    """The statements do not create the topics they read, and must say so as long as these are not there."""
    topics = {topic["name"] for topic in client.execute("SHOW TOPICS;")[0]["topics"]}
    if topics & TOPICS.keys():
        print("not checked  that topics must be there: they are")
        return []
    return refusal(client, HERE / "statements.sql", "Topic 'deliveries' does not exist")


def refused_ambiguity(client: Client) -> list[str]:
    """Both sides of the join have an `id`."""
    try:
        next(client.query(AMBIGUOUS))
    except StatementError as error:
        if "'ID' is ambiguous" in str(error):
            print("refused      an id that may be either side's: 'ID' is ambiguous")
            return []
        return [f"the ambiguous id was refused for another reason: {error}"]
    return ["the ambiguous id was accepted"]


def pull_query_problems(client: Client, wanted: dict[int, expected.Row]) -> list[str]:
    """Every row of the table as the server answers it, once it has come so far."""
    columns = next(client.query(f"SELECT * FROM {TABLE};"))

    def rows() -> dict[int, tuple[object, ...]]:
        answer = client.query(f"SELECT * FROM {TABLE};")
        next(answer)
        return {row[0]: tuple(row[1:]) for row in answer}

    if columns[0] != "DELIVERIES_ID" or set(columns[1:]) != set(next(iter(wanted.values()))):
        return [f"{TABLE} has other columns than it must have: {columns}"]
    problems = await_rows(rows, {key: tuple(row[c] for c in columns[1:]) for key, row in wanted.items()}, TABLE)
    print(f"pull query   {len(rows())} deliveries of {len(columns)} columns")
    return problems


def topic_problems(bootstrap_servers: str, wanted: dict[int, expected.Row]) -> list[str]:
    """The last record of every key of the table's topic: what a sink would have stored in the end."""
    rows: dict[int, tuple[object, ...]] = {}
    count = 0
    for message in read(bootstrap_servers, TABLE, at_least=len(wanted)):
        key, value = message.key(), message.value()
        if key is None or len(key) != 8 or value is None:
            return [f"{TABLE} has a record whose key is no BIGINT or whose value is null: {key!r}"]
        rows[int.from_bytes(key, "big", signed=True)] = tuple(sorted(json.loads(value).items()))
        count += 1
    print(f"topic        {len(rows)} keys in {count} records")
    return differences(f"topic {TABLE}", rows, {key: tuple(sorted(row.items())) for key, row in wanted.items()})


def live(args: argparse.Namespace) -> None:
    """Start the producer as a process of its own and show the deliveries as they change."""
    from view import show_deliveries

    client = Client(args.server)
    prepare(client, args.bootstrap_servers)
    arguments = ["--bootstrap-servers", args.bootstrap_servers]
    with_programs([HERE / "producer.py"], arguments, lambda: show_deliveries(client))


if __name__ == "__main__":
    sys.exit(main())
