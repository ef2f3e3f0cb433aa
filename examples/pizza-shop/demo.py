"""Runs the example: live until Ctrl-C, or with --check a finite number of orders whose every status is compared.

It speaks to a running platform (Headwater, or Apache Kafka and a ksqlDB server) as any application would: Kafka's
protocol for the services, REST for SQL.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import expected
from common.demo import count_differences, differences, run, with_programs
from common.kafka import read
from common.ksql import Client
from common.teardown import Parts
from data import Order, pizza
from expected import Seen
from service import decoded, group_of
from set_up import STATEMENTS, TOPICS, create_topics, message_of, post, set_up, statements
from shop import SERVICES, Shop

HERE = Path(__file__).parent
ORDERS, LATE_ORDERS = 20, 2
CHECK_SPEED, LIVE_SPEED = 50, 5
PORT = 8000
PULL_QUERY = "SELECT order_id, order->username, order->main_topping, order->extra_toppings FROM PIZZA_ORDERED;"


def main() -> int:
    return run(__doc__ or "", check, live, parts=PARTS)


def check(args: argparse.Namespace) -> list[str]:
    """Prints a line per thing checked; returns the problems."""
    problems = set_up_problems(args.bootstrap_servers, args.server)
    wanted = [pizza(number) for number in range(ORDERS + LATE_ORDERS)]
    with (
        tempfile.TemporaryDirectory() as folder,
        Shop(args.bootstrap_servers, Path(folder), CHECK_SPEED, port=0).open() as shop,
    ):
        ordered, differing = shop.serve(wanted[:ORDERS])
        late, more = shop.serve_without_delivery(wanted[ORDERS:])
        problems += differing + more + shop.page_problems(ordered)
    problems += struct_problems(Client(args.server), [*ordered, *late])
    return problems + status_problems(args.bootstrap_servers, ordered, late)


def set_up_problems(bootstrap_servers: str, server: str) -> list[str]:
    """The set-up works, works again, and leaves six streams and five queries."""
    problems = []
    for turn in ("first", "again"):
        outcomes = Counter(create_topics(bootstrap_servers).values())
        for _, status, said in set_up(server):
            outcomes[re.sub("`.*`|INSERTQUERY_[0-9]+", "…", said)] += 1
            if status != 200:
                problems.append(f"a statement was refused with {status}: {said}")
        for said, times in outcomes.items():
            print(f"{turn:<12} {times} times: {said}")
    if outcomes["already exists"] != len(TOPICS):
        problems.append("topics were created twice")
    status, answer = post(server, statements()[0].replace("IF NOT EXISTS ", ""))
    if status != 400 or "already exists" not in message_of(answer):
        problems.append(f"a stream that is there was created again: {status} {answer}")
    streams = {row["name"] for row in post(server, "SHOW STREAMS;")[1][0]["streams"]}
    queries = [row for row in post(server, "SHOW QUERIES;")[1][0]["queries"] if row["sinks"] == ["PIZZA_STATUS"]]
    if not {topic.upper().replace("-", "_") for topic in TOPICS} <= streams or len(queries) != 5:
        problems.append(f"there are {sorted(streams)} and {len(queries)} queries")
    return problems


def struct_problems(client: Client, orders: list[Order]) -> list[str]:
    """What SQL finds inside the order, whose fields and list come in lower case."""
    rows = client.query(PULL_QUERY)
    next(rows)
    found = {str(row[0]): (row[1], row[2], tuple(row[3])) for row in rows}
    wanted = {o.order_id: (o.pizza.username, o.pizza.main_topping, o.pizza.extra_toppings) for o in orders}
    print(f"pull query   {len(found)} orders with their toppings")
    return differences("PIZZA_ORDERED", found, wanted)


def status_problems(bootstrap_servers: str, ordered: list[Order], late: list[Order]) -> list[str]:
    """Every record of `pizza-status`, and the order in which things happened to each pizza."""
    lives = {o.order_id: tuple(expected.life(nobody_delivers=False)) for o in ordered}
    lives |= {o.order_id: tuple(expected.life(nobody_delivers=True)) for o in late}
    numbers = dict.fromkeys(TOPICS, len(lives))
    numbers |= {"pizza-pending": len(late), "pizza-status": sum(map(len, lives.values()))}
    with ThreadPoolExecutor() as pool:
        read_topic = partial(seen, bootstrap_servers)
        records = dict(zip(numbers, pool.map(read_topic, numbers, numbers.values()), strict=True))
    statuses = records.pop("pizza-status")
    sources = [record for of_topic in records.values() for record in of_topic]
    problems = count_differences("pizza-status", expected.found(statuses), expected.gathered(sources))
    told: dict[str, tuple[object, ...]] = {}
    for record in sorted(statuses, key=lambda one: one.at):  # each query writes when it comes to it
        told[record.order_id] = (*told.get(record.order_id, ()), record.value.get("STATUS"))
    print(f"pizza-status {len(statuses)} records of {len(told)} orders, {len(late)} of them by way of 150")
    return problems + differences("pizza-status", told, lives) + expected.baking_problems(records["pizza-assembled"])


def seen(bootstrap_servers: str, topic: str, at_least: int) -> list[Seen]:
    """A topic's records."""
    messages = read(bootstrap_servers, topic, at_least)
    return [Seen(topic, *decoded(message), message.timestamp()[1]) for message in messages]


def live(args: argparse.Namespace) -> None:
    """Start the services and a customer as processes of their own and show what becomes of the orders."""
    from view import show_orders

    create_topics(args.bootstrap_servers)
    for statement, status, message in set_up(args.server):
        if status != 200:
            print(f"{message}\nin {statement}", file=sys.stderr)
    with Shop(args.bootstrap_servers, kept(args), LIVE_SPEED, PORT).open() as shop:
        print(f"webapp   {shop.url}", file=sys.stderr)
        arguments = ["--webapp", shop.url, "--speed", str(LIVE_SPEED)]
        with_programs([HERE / "order.py"], arguments, lambda: show_orders(Client(args.server)))


def kept(args: argparse.Namespace) -> Path:
    """Where the live shop keeps its orders: beside what else the node keeps, so that it goes on with the node."""
    folder: Path = args.services.absolute() / "pizza-shop"
    return folder


PARTS = Parts(
    [STATEMENTS], TOPICS, groups=[group_of(service) for service in SERVICES],
    more=lambda args: shutil.rmtree(kept(args), ignore_errors=True),
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
