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


def order_batches(count: int) -> list[bytes]:
    """Record batches of orders, with times 1 ms apart."""
    batches = []
    chunk: list[tuple[bytes | None, bytes, int, tuple[()]]] = []
    for i, value in enumerate(orders(count)):
        chunk.append((None, value, 1_700_000_000_000 + i, ()))
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


@dataclass(frozen=True)
class Pipeline:
    """A query to measure, with its peer; `expected` is the least acceptable ratio to it (None: none stated)."""

    name: str
    sql: str
    by_hand: Callable[[], Callable[[bytes], bytes]] | None
    expected: float | None
    inputs: tuple[str, ...] = ("orders",)


ORDERS = """CREATE STREAM orders (job_id BIGINT, customer_id VARCHAR, service_option VARCHAR, contractor_id VARCHAR,
  location VARCHAR, price_quoted BIGINT) WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON', PARTITIONS=1);"""
JOBS = """CREATE STREAM jobs (job_id BIGINT, customer_id VARCHAR, price_quoted BIGINT)
  WITH (KAFKA_TOPIC='jobs', VALUE_FORMAT='JSON', PARTITIONS=1);"""

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
)
