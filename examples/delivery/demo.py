"""Runs the example: live until Ctrl-C, or with --check a finite load whose every leg is compared at its end.

It speaks to a running platform as any application would: Kafka's protocol for the data, REST for SQL and connectors.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE
from urllib.parse import urlencode
from urllib.request import urlopen

import connectors
import etl
import expected
import statuses
from common.connect import Connectors
from common.demo import CheckError, await_rows, differences, refusal, run, with_programs
from common.kafka import await_records, create_topics, read
from common.ksql import Client, StatementError
from common.processes import program
from common.rest import RestError, call
from common.teardown import Parts, run_once
from confluent_kafka import Message
from data import MINUTE_MS, TOPICS, World, history
from databases import Database, EmbeddedDatabase, PostgresDatabase, row_of
from memory import MemoryDatabase
from model import TABLES
from producer import WebService
from service import Service

HERE = Path(__file__).parent
TABLE = "FULLDELIVERY"
STATEMENTS = (HERE / "statements.sql", HERE / "status.sql")
AMBIGUOUS = """SELECT id, status FROM deliveries INNER JOIN orders WITHIN 2 HOURS ON deliveries.order_id = orders.id
               EMIT CHANGES;"""
AGO_MS = 12 * 3_600_000
"""For so long before now the history began; it is over before now."""


def check(args: argparse.Namespace) -> list[str]:
    """Prints a line per thing checked; returns the problems."""
    client, servers, database = Client(args.server), args.bootstrap_servers, store(args)
    if any(database.rows(table) for table in TABLES):
        raise CheckError("There are rows in the tables already: --tear-down takes them away")
    problems = refused_without_topics(client)
    prepare(client, servers)
    problems += refused_ambiguity(client)
    with etl_program(servers):
        done = load(args, database)
        found, tx_ids = captured_problems(servers, done)
        events = expected.cleaned(done, tx_ids)
        problems += found + cleaned_problems(servers, events)
        wanted = expected.full_delivery(events)
        problems += status_problems(args, client, expected.statuses(done))
        problems += table_problems(client, wanted) + topic_problems(servers, wanted)
        problems += search_problems(args, {str(key): row for key, row in wanted.items()})
        if not problems:
            for sentence in expected.departures(wanted, {row["id"]: row for row in done.last["deliveries"]}):
                print(f"as it must   {sentence}")
        return problems + web_problems(args)


def store(args: argparse.Namespace) -> Database:
    return PostgresDatabase(args.postgres) if args.postgres else EmbeddedDatabase(args.services)


def prepare(client: Client, bootstrap_servers: str) -> None:
    """The ETL's topics, and the SQL over them."""
    create_topics(bootstrap_servers, TOPICS)
    for path in STATEMENTS:
        for answer in client.execute(path.read_text()):
            for warning in answer.get("warnings", ()):
                print(f"warning      {warning['message'].partition('. ')[0]}")


def etl_program(servers: str) -> AbstractContextManager[object]:
    return program("etl.py", "--bootstrap-servers", servers, cwd=HERE, stdout=DEVNULL)


@contextmanager
def web_service(args: argparse.Namespace, port: int) -> Iterator[str]:
    """The web service's address, while it runs."""
    options = ["--services", str(args.services), *(["--postgres", args.postgres] if args.postgres else [])]
    options += ["--redis", args.redis] if args.redis else []
    with program("web.py", "--port", str(port), *options, cwd=HERE, stdout=PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline().split()
        if not line:
            raise CheckError("The web service did not start")
        yield line[-1]


def capture(args: argparse.Namespace) -> None:
    """POST the connector, and once more: there is one of that name then."""
    body = {"name": connectors.CDC, "config": connectors.cdc(args.postgres)}
    call("POST", f"{args.connect}/connectors", body)
    try:
        call("POST", f"{args.connect}/connectors", body)
    except RestError as error:
        if error.status != 409:
            raise
    shown = call("GET", f"{args.connect}/connectors/{connectors.CDC}/config")["database.password"]
    if set(shown) - {"*"}:
        raise CheckError("the connector's configuration shows its password")
    start_connectors(args)


def start_connectors(args: argparse.Namespace) -> None:
    worker = Connectors(args.connect)
    for name, config in connectors.wanted(args).items():
        worker.put(name, config)


def load(args: argparse.Namespace, database: Database) -> expected.Done:
    """The history, into the database and into one of dictionaries; the capture begins when some of it is done, and so
    first reads the rows that are there."""
    start = int(time.time() * 1000) - AGO_MS
    memory, worlds = MemoryDatabase(), (World(), World())
    numbers = (args.orders, args.orders * 3 // 2)
    lives = [
        history(world, Service(into, world.moment), start - start % MINUTE_MS, *numbers)
        for world, into in zip(worlds, (memory, database), strict=True)
    ]
    started = time.perf_counter()
    for _, _ in zip(range(args.orders // 2), zip(*lives, strict=True), strict=False):
        pass
    first, known = {table: memory.rows(table) for table in TABLES}, len(memory.changes)
    capture(args)
    missing = await_records(args.bootstrap_servers, {f"data.public.{table}": len(first[table]) for table in TABLES})
    if missing:
        raise CheckError("; ".join(missing))
    for _ in zip(*lives, strict=True):
        pass
    changes = memory.changes[known:]
    print(f"written      {len(memory.changes)} changes in {time.perf_counter() - started:.1f} s, "
          f"{sum(map(len, first.values()))} rows of them before the capture")  # fmt: skip
    return expected.Done(first, changes, {table: memory.rows(table) for table in TABLES})


def read_all(servers: str, at_least: Mapping[str, int]) -> dict[str, list[Message]]:
    """The records of several topics, read side by side."""
    with ThreadPoolExecutor(len(at_least)) as pool:
        found = pool.map(lambda topic: list(read(servers, topic, at_least[topic])), at_least)
        return dict(zip(at_least, found, strict=True))


def captured_problems(servers: str, done: expected.Done) -> tuple[list[str], dict[int, int]]:
    """Every record of every table's topic; and the database's number of each transaction."""
    problems: list[str] = []
    tx_ids: dict[int, int] = {}
    rows = {table: expected.captured(done, table) for table in TABLES}
    count = {f"data.public.{table}": sum(1 + (op == "d") for op, _, _ in rows[table]) for table in TABLES}
    records = read_all(servers, count)
    for table, wanted in rows.items():
        messages, all_of = records[f"data.public.{table}"], count[f"data.public.{table}"]
        changes = [json.loads(text) for message in messages if (text := message.value()) is not None]
        found = [one.get("payload", one) for one in changes]
        if len(found) != len(wanted) or len(messages) != all_of:
            problems.append(f"data.public.{table} has {len(messages)} records, not {all_of}")
        for one, (op, row, transaction) in zip(found, wanted, strict=False):
            has = row_of(table, one["before" if op == "d" else "after"])
            if one["op"] != op or has != row:
                problems.append(f"data.public.{table} has {one['op']} {has}, not {op} {row}")
            number = one["source"]["txId"]
            if tx_ids.setdefault(transaction, number) != number:
                problems.append(f"data.public.{table}: {has} is in transaction {number}, not {tx_ids[transaction]}")
        print(f"captured     {len(wanted)} changes of {table}")
    return problems, tx_ids


def cleaned_problems(servers: str, events: list[expected.Event]) -> list[str]:
    """Every record of the ETL's topics; each row's in order."""
    problems: list[str] = []
    counts = Counter(event.topic for event in events)
    records = read_all(servers, counts)
    for table in expected.CLEAN:
        wanted = [event.value for event in events if event.topic == table]
        by_row: dict[str, list[object]] = {}
        for message in records[table]:
            value = json.loads(message.value() or b"{}")
            row = row_of(table, value) | {name: value[name] for name in ("tx_id", "op")}
            by_row.setdefault((message.key() or b"").decode(), []).append(row)
        rows: dict[str, list[object]] = {}
        for value in wanted:
            rows.setdefault(str(value["id"]), []).append(value)
        problems += differences(
            f"topic {table}", {key: (row,) for key, row in by_row.items()}, {key: (row,) for key, row in rows.items()}
        )
        print(f"cleaned      {len(wanted)} records of {len(rows)} {table}")
    return problems


def status_problems(args: argparse.Namespace, client: Client, wanted: dict[str, expected.Row]) -> list[str]:
    """The latest status of each delivery: SQL's table by key, and the hashes."""
    hashes = statuses.opened(args.redis, args.services)

    def rows() -> dict[str, tuple[object, ...]]:
        return {row[0]: (row[1], moment(row[2])) for row in client.rows("SELECT * FROM deliveryStatus;")}

    problems = await_rows(rows, wanted, "deliveryStatus") + await_rows(
        lambda: {key: (row["status"], moment(row["updated_at"])) for key, row in hashes.all().items()}, wanted,
        "the hashes",
    )  # fmt: skip
    print(f"status       {len(wanted)} deliveries, as hashes in {'Redis' if args.redis else 'the node'}, too")
    return problems


def moment(text: object) -> object:
    """A moment as rows have it, whatever the number of its decimals."""
    return row_of("orders", {"id": None, "organization_id": None, "created_at": text, "updated_at": None})["created_at"]


MOMENTS = ("DISPATCH_AT", "CREATED_AT", "UPDATED_AT")


def same_moments(row: dict[str, object]) -> dict[str, object]:
    return row | {name: moment(row[name]) for name in MOMENTS}


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


def table_problems(client: Client, wanted: dict[int, expected.Row]) -> list[str]:
    """Every row of the table as the server answers it, once it has come so far."""
    columns = next(client.query(f"SELECT * FROM {TABLE};"))

    def rows() -> dict[int, tuple[object, ...]]:
        answer = client.query(f"SELECT * FROM {TABLE};")
        next(answer)
        made = {row[0]: same_moments(dict(zip(columns[1:], row[1:], strict=True))) for row in answer}
        return {key: tuple(row.values()) for key, row in made.items()}

    if columns[0] != "DELIVERIES_ID" or set(columns[1:]) != set(next(iter(wanted.values()))):
        return [f"{TABLE} has other columns than it must have: {columns}"]
    problems = await_rows(rows, {key: tuple(row[c] for c in columns[1:]) for key, row in wanted.items()}, TABLE)
    print(f"pull query   {len(wanted)} deliveries of {len(columns)} columns")
    return problems


def topic_problems(bootstrap_servers: str, wanted: dict[int, expected.Row]) -> list[str]:
    """The last record of every key of the table's topic: what a sink stores in the end."""
    rows: dict[int, tuple[object, ...]] = {}
    count = 0
    for message in read(bootstrap_servers, TABLE, at_least=len(wanted)):
        key, value = message.key(), message.value()
        if key is None or len(key) != 8 or value is None:
            return [f"{TABLE} has a record whose key is no BIGINT or whose value is null: {key!r}"]
        rows[int.from_bytes(key, "big", signed=True)] = tuple(sorted(same_moments(json.loads(value)).items()))
        count += 1
    print(f"topic        {len(rows)} keys in {count} records")
    return differences(f"topic {TABLE}", rows, {key: tuple(sorted(row.items())) for key, row in wanted.items()})


def search_problems(args: argparse.Namespace, wanted: dict[str, expected.Row]) -> list[str]:
    """One document per delivery in the index."""

    def rows() -> dict[str, tuple[object, ...]]:
        found = connectors.documents(args.elasticsearch, args.services)
        return {key: tuple(sorted(same_moments(row).items())) for key, row in found.items()}

    problems = await_rows(rows, {key: tuple(sorted(row.items())) for key, row in wanted.items()}, "the index")
    print(f"index        {len(wanted)} documents in {connectors.INDEX}")
    return problems


def web_problems(args: argparse.Namespace) -> list[str]:
    """The web service's REST, and a delivery from the form to the index."""
    with web_service(args, 0) as url:
        web = WebService(url)
        order = web.create("orders", {"organization_id": 7})
        web.update("orders", order["id"], {"organization_id": 8})
        problems = [] if web.rows("orders")[-1]["organization_id"] == 8 else ["PUT /orders changed nothing"]
        form = {"order_id": order["id"], "delivery_type": "Express", "notes": "<b>Ring</b>", "to_city": "Austin"}
        with urlopen(f"{url}/new-delivery", urlencode(form).encode()) as answer:
            page = answer.read().decode()
        problems += [] if "&lt;b&gt;Ring&lt;/b&gt;" in page else ["the page does not show the new delivery"]
        delivery = web.rows("deliveries")[-1]
        for state in ("Assigned", "Picked up", "Delivered"):
            urlopen(f"{url}/new-state", urlencode({"delivery_id": delivery["id"], "state": state}).encode()).close()
        key = str(delivery["id"])
        problems += await_rows(
            lambda: {name: (row["STATUS"], row["TO_CITY"]) for name, row in
                     connectors.documents(args.elasticsearch, args.services).items() if name == key},
            {key: ("Delivered", "Austin")}, "the index",
        ) + await_rows(
            lambda: {"status": (call("GET", f"{url}/deliveries/{key}/status")["status"],)},
            {"status": ("Delivered",)}, "the page's status",
        )  # fmt: skip
        other = web.create("deliveries", {"order_id": order["id"]})
        web.delete("deliveries", other["id"])
        try:
            web.delete("deliveries", other["id"])
            problems.append("a delivery was deleted twice")
        except RestError as error:
            problems += [] if error.status == 404 else [str(error)]
    print(f"web          delivery {key} from the form to the index, and what else REST does")
    return problems


def live(args: argparse.Namespace) -> None:
    """Start the web service, its customers and the ETL as processes of their own and show the deliveries."""
    from view import show_deliveries

    client = Client(args.server)
    create_topics(args.bootstrap_servers, TOPICS)
    for path in STATEMENTS:
        run_once(client, path)
    store(args)
    start_connectors(args)
    with web_service(args, args.web_port) as url, etl_program(args.bootstrap_servers):
        sys.stderr.write(f"web      {url}\n")
        with_programs([HERE / "producer.py"], ["--web", url], lambda: show_deliveries(client))


def more_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--postgres", help="a PostgreSQL server, postgresql://user:password@host/name; else the node's")
    parser.add_argument("--elasticsearch", help="a server, http://host:9200; else the node's index")
    parser.add_argument("--redis", help="a Redis server, redis://:password@host:6379; else the node's keys")
    parser.add_argument("--web-port", type=int, default=3000, help="of the web service, 0 for a free one")
    parser.add_argument("--orders", type=int, default=200, help="of --check, at least 20")


def forget(args: argparse.Namespace) -> None:
    connectors.forget(args)
    store(args).drop()


PARTS = Parts(
    STATEMENTS, topics=[*TOPICS, TABLE, *(f"data.public.{table}" for table in TABLES)],
    connectors=[connectors.CACHE, connectors.SEARCH, connectors.CDC], groups=[etl.GROUP], more=forget,
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", check, live, more_options, PARTS))
