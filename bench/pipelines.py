"""The pipelines that are measured: SQL on one side, the same work as a hand-written Python loop on the other.

The hand-written loops use the same libraries for records and JSON. They keep no state on disk, commit no offsets,
log no bad
records and know their data's exact shape: they are what a good programmer would write for this one job.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from headwater.wire.records import BatchWriter, build_batch, read_records

BATCH_RECORDS = 500
KEYS = 1000


class Order(msgspec.Struct):
    """An order as the benchmarks produce it: about 140 bytes of JSON."""

    job_id: int
    customer_id: str
    service_option: str
    contractor_id: str
    location: str
    price_quoted: int


def orders(count: int, seed: int = 7) -> Iterator[bytes]:
    """JSON values of `count` orders."""
    rng = random.Random(seed)
    services = ["plumbing", "electrical", "carpentry", "painting", "roofing"]
    encode = msgspec.json.Encoder().encode
    for i in range(count):
        yield encode(
            Order(i, f"{rng.randrange(KEYS)}", rng.choice(services), f"contractor-{rng.randrange(200)}",
                  f"{rng.randrange(400)} Market Street, San Francisco", rng.randrange(1, 2001)))  # fmt: skip


def order_batches(count: int, *, keyed: bool = False) -> list[bytes]:
    """Record batches of orders, with times 1 ms apart; with `keyed` under one of `KEYS` keys in turn."""
    batches = []
    chunk: list[tuple[bytes | None, bytes, int, tuple[()]]] = []
    for i, value in enumerate(orders(count)):
        key = b"%d" % (i % KEYS) if keyed else None
        chunk.append((key, value, 1_700_000_000_000 + i, ()))
        if len(chunk) == BATCH_RECORDS:
            batches.append(build_batch(chunk))
            chunk = []
    if chunk:
        batches.append(build_batch(chunk))
    return batches


class Priced(msgspec.Struct, rename={"job_id": "JOB_ID", "customer_id": "CUSTOMER_ID", "total": "TOTAL"}):
    job_id: int
    customer_id: str
    total: int


class Counted(msgspec.Struct, rename={"n": "N", "total": "TOTAL"}):
    n: int
    total: int


def filter_project_by_hand(data: bytes) -> bytes:
    """SELECT job_id, customer_id, price_quoted * 2 AS total … WHERE price_quoted > 1000, over one fetch."""
    decode, encode, writer = msgspec.json.Decoder(Order).decode, msgspec.json.Encoder().encode, BatchWriter()
    out = []
    for record in read_records(data):
        order = decode(record.value or b"")
        if order.price_quoted > 1000:
            row = Priced(order.job_id, order.customer_id, order.price_quoted * 2)
            out.append((record.key, encode(row), record.timestamp, ()))
    writer.extend(out)
    return writer.close()


class CountAndSum:
    """SELECT customer_id, COUNT(*) AS n, SUM(price_quoted) AS total … GROUP BY customer_id, every update put out."""

    def __init__(self) -> None:
        self.groups: dict[str, list[int]] = {}

    def __call__(self, data: bytes) -> bytes:
        decode, encode, writer = msgspec.json.Decoder(Order).decode, msgspec.json.Encoder().encode, BatchWriter()
        groups, out = self.groups, []
        for record in read_records(data):
            order = decode(record.value or b"")
            group = groups.get(order.customer_id)
            if group is None:
                group = groups[order.customer_id] = [0, 0]
            group[0] += 1
            group[1] += order.price_quoted
            out.append((order.customer_id.encode(), encode(Counted(group[0], group[1])), record.timestamp, ()))
        writer.extend(out)
        return writer.close()


class HoppingCount:
    """COUNT(*) … WINDOW HOPPING (SIZE 10 SECONDS, ADVANCE BY 5 SECONDS) GROUP BY customer_id: two windows a record."""

    def __init__(self) -> None:
        self.windows: dict[int, dict[str, int]] = {}

    def __call__(self, data: bytes) -> bytes:
        decode, encode, writer = msgspec.json.Decoder(Order).decode, msgspec.json.Encoder().encode, BatchWriter()
        windows, out = self.windows, []
        for record in read_records(data):
            order = decode(record.value or b"")
            key = order.customer_id.encode()
            last = record.timestamp // 5_000 * 5_000
            for start in (last - 5_000, last):
                groups = windows.get(start)
                if groups is None:
                    groups = windows[start] = {}
                count = groups[order.customer_id] = groups.get(order.customer_id, 0) + 1
                out.append((key + start.to_bytes(8, "big"), encode(Number(count)), record.timestamp, ()))
        writer.extend(out)
        return writer.close()


class Number(msgspec.Struct, rename={"n": "N"}):
    n: int


class SessionCount:
    """COUNT(*) … WINDOW SESSION (500 MILLISECONDS) GROUP BY customer_id over ordered input."""

    def __init__(self) -> None:
        self.sessions: dict[str, list[int]] = {}

    def __call__(self, data: bytes) -> bytes:
        decode, encode, writer = msgspec.json.Decoder(Order).decode, msgspec.json.Encoder().encode, BatchWriter()
        sessions = self.sessions
        out: list[tuple[bytes, bytes | None, int, tuple[()]]] = []
        for record in read_records(data):
            order = decode(record.value or b"")
            key, at = order.customer_id.encode(), record.timestamp
            session = sessions.get(order.customer_id)
            if session is None or at - session[1] > 500:
                session = sessions[order.customer_id] = [at, at, 0]
            else:
                bounds = session[1].to_bytes(8, "big") + session[0].to_bytes(8, "big")
                out.append((key + bounds, None, session[1], ()))
            session[1] = at
            session[2] += 1
            bounds = at.to_bytes(8, "big") + session[0].to_bytes(8, "big")
            out.append((key + bounds, encode(Number(session[2])), at, ()))
        writer.extend(out)
        return writer.close()


def ten_filters_by_hand(data: bytes) -> bytes:
    """Ten selections of one fetch, each written: what ten independent programs would do, in one."""
    decode, encode = msgspec.json.Decoder(Order).decode, msgspec.json.Encoder().encode
    result = b""
    for part in range(10):
        writer = BatchWriter()
        out = []
        for record in read_records(data):
            order = decode(record.value or b"")
            if order.price_quoted > part * 200:
                row = Priced(order.job_id, order.customer_id, order.price_quoted * 2)
                out.append((record.key, encode(row), record.timestamp, ()))
        writer.extend(out)
        result += writer.close()
    return result


@dataclass(frozen=True)
class Pipeline:
    """A query to measure, with its peer; `expected` is the least acceptable ratio to it (None: none stated)."""

    name: str
    sql: str
    by_hand: Callable[[], Callable[[bytes], bytes]] | None
    expected: float | None
    inputs: tuple[str, ...] = ("orders",)
    setup: str = ""
    """Queries that prepare the input, not measured."""


ORDERS = """CREATE STREAM orders (job_id BIGINT, customer_id VARCHAR, service_option VARCHAR, contractor_id VARCHAR,
  location VARCHAR, price_quoted BIGINT) WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS=1);"""
JOBS = """CREATE STREAM jobs (job_id BIGINT, customer_id VARCHAR, price_quoted BIGINT)
  WITH (KAFKA_TOPIC='jobs', VALUE_FORMAT='JSON', PARTITIONS=1);"""

CUSTOMERS = """CREATE TABLE customers (id VARCHAR PRIMARY KEY, job_id BIGINT, location VARCHAR)
  WITH (KAFKA_TOPIC='customers', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE TABLE contacts (id VARCHAR PRIMARY KEY, contractor_id VARCHAR)
  WITH (KAFKA_TOPIC='contacts', VALUE_FORMAT='JSON', PARTITIONS=1);"""

PIPELINES = (
    Pipeline(
        "filter-project",
        """CREATE STREAM out AS SELECT job_id, customer_id, price_quoted * 2 AS total
           FROM orders WHERE price_quoted > 1000;""",
        lambda: filter_project_by_hand,
        0.70,
    ),
    Pipeline(
        "count-and-sum",
        """CREATE TABLE out AS SELECT customer_id, COUNT(*) AS n, SUM(price_quoted) AS total
           FROM orders GROUP BY customer_id;""",
        CountAndSum,
        0.60,
    ),
    Pipeline(
        "stream-stream join",
        """CREATE STREAM out AS SELECT o.job_id, o.customer_id, j.price_quoted,
             CASE WHEN o.price_quoted >= j.price_quoted THEN 'ACCEPTED' ELSE 'REJECTED' END AS current_status
           FROM jobs AS j INNER JOIN orders AS o WITHIN 1 HOUR ON o.job_id = j.job_id;""",
        None,
        None,
        ("orders", "jobs"),
    ),
    Pipeline(
        "hopping count",
        """CREATE TABLE out AS SELECT customer_id, COUNT(*) AS n
           FROM orders WINDOW HOPPING (SIZE 10 SECONDS, ADVANCE BY 5 SECONDS) GROUP BY customer_id;""",
        HoppingCount,
        None,
    ),
    Pipeline(
        "session count",
        """CREATE TABLE out AS SELECT customer_id, COUNT(*) AS n
           FROM orders WINDOW SESSION (500 MILLISECONDS) GROUP BY customer_id;""",
        SessionCount,
        None,
    ),
    Pipeline(
        "stream-table join",
        """CREATE STREAM out AS SELECT o.customer_id, o.job_id, c.location
           FROM orders AS o JOIN customers AS c ON o.customer_id = c.id;""",
        None,
        None,
        ("customers", "orders"),
    ),
    Pipeline(
        "table-table join",
        """CREATE TABLE out AS SELECT a.id, a.location, b.contractor_id
           FROM customers AS a JOIN contacts AS b ON a.id = b.id;""",
        None,
        None,
        ("customers", "contacts"),
    ),
    Pipeline(
        "ten queries on one topic",
        "".join(
            f"""CREATE STREAM out{part} AS SELECT job_id, customer_id, price_quoted * 2 AS total
                FROM orders WHERE price_quoted > {part * 200};"""
            for part in range(10)
        ),
        lambda: ten_filters_by_hand,
        None,
    ),
    *(
        Pipeline(
            f"filter-project, {value_format}",
            """CREATE STREAM out AS SELECT job_id, customer_id, price_quoted * 2 AS total
               FROM encoded WHERE price_quoted > 1000;""",
            None,
            None,
            setup=f"""CREATE STREAM encoded WITH (KAFKA_TOPIC='encoded', VALUE_FORMAT='{value_format}', PARTITIONS=1)
                      AS SELECT * FROM orders;""",
        )
        for value_format in ("AVRO", "PROTOBUF")
    ),
)
