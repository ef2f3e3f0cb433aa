"""Records per second through persistent queries on the embedded log, beside the hand-written loops."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.pipelines import CUSTOMERS, JOBS, ORDERS, PIPELINES, Pipeline, order_batches
from headwater.cluster.api import Append, Commit, TopicPartition, TopicSpec
from headwater.cluster.local import LocalCluster
from headwater.core.clock import SystemClock
from headwater.engine.engine import Engine
from headwater.formats.schema_registry import LocalSchemaRegistry
from headwater.log.log import Log
from headwater.log.offsets import OffsetStore
from headwater.log.storage import DiskStorage
from headwater.plan.functions import builtin_functions

_FETCH = 1 << 20
KEYED = ("customers", "contacts")
"""Topics of tables."""


async def run_sql(pipeline: Pipeline, batches: list[bytes], keyed: list[bytes], folder: Path) -> float:
    """Seconds from the start of the query until every input record is processed and committed."""
    clock = SystemClock()
    log = Log(DiskStorage(folder), clock)
    log.open()
    try:
        cluster = LocalCluster(log, OffsetStore(log, clock), clock)
        await cluster.start()
        engine = Engine(cluster, clock, builtin_functions(), LocalSchemaRegistry())
        await engine.start()
        await engine.execute(ORDERS + JOBS + CUSTOMERS)
        for topic in pipeline.inputs:
            for batch in keyed if topic in KEYED else batches:
                await cluster.commit(Commit([Append(TopicPartition(topic, 0), batch)]))
        if pipeline.setup:
            await engine.execute(pipeline.setup, {"auto.offset.reset": "earliest"})
            await engine.runtime.settle()
        started = time.perf_counter()
        await engine.execute(pipeline.sql, {"auto.offset.reset": "earliest"})
        await engine.runtime.settle()
        took = time.perf_counter() - started
        await engine.close()
        await cluster.close()
        return took
    finally:
        log.close()


async def run_by_hand(make: Callable[[], Callable[[bytes], bytes]], batches: list[bytes], folder: Path) -> float:
    """Seconds for the loop over the same topic: fetch, process, append."""
    clock = SystemClock()
    log = Log(DiskStorage(folder), clock)
    log.open()
    try:
        cluster = LocalCluster(log, OffsetStore(log, clock), clock)
        await cluster.start()
        await cluster.create_topics([TopicSpec("orders"), TopicSpec("out")])
        source, sink = TopicPartition("orders", 0), TopicPartition("out", 0)
        for batch in batches:
            await cluster.commit(Commit([Append(source, batch)]))
        work = make()
        started = time.perf_counter()
        position = 0
        while True:
            found = await cluster.fetch({source: position}, _FETCH)
            if not found or not found[0].data:
                break
            out = work(bytes(found[0].data))
            position = found[0].next_offset
            if out:
                await cluster.commit(Commit([Append(sink, out)]))
        return time.perf_counter() - started
    finally:
        log.close()


def measure(records: int, rounds: int, only: str = "") -> list[dict[str, object]]:
    """One row per pipeline: medians of `rounds`, alternating between the query and its peer."""
    batches, keyed = order_batches(records), order_batches(records, keyed=True)
    rows: list[dict[str, object]] = []
    for pipeline in PIPELINES:
        if only not in pipeline.name:
            continue
        sql, hand = [], []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                sql.append(asyncio.run(run_sql(pipeline, batches, keyed, Path(folder) / "sql")))
                if pipeline.by_hand is not None:
                    hand.append(asyncio.run(run_by_hand(pipeline.by_hand, batches, Path(folder) / "hand")))
        count = records * len(pipeline.inputs)
        rate = count / statistics.median(sql)
        peer = count / statistics.median(hand) if hand else None
        rows.append({
            "pipeline": pipeline.name, "records/s": round(rate), "by hand": round(peer) if peer else None,
            "ratio": round(rate / peer, 2) if peer else None, "expected": pipeline.expected,
        })  # fmt: skip
    return rows
