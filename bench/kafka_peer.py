"""Headwater's broker beside Apache Kafka: the same clients, one after the other, in the same run."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka.admin import AdminClient, NewTopic

from bench.brokers import Broker, apache_kafka, headwater

Row = Mapping[str, object]
_PARALLEL = 10


def measure(records: int, rounds: int) -> list[Row]:
    """Throughput and latency of both brokers; ratios are Headwater's figure to Kafka's."""
    with apache_kafka() as kafka, headwater() as ours:
        brokers = (ours, kafka)
        rows = []
        for codec in ("none", "lz4"):
            rows += _compared(
                brokers, rounds, [f"produce, {codec} (records/s)", f"consume, {codec} (records/s)"],
                lambda broker, topic, codec=codec: _one_way_each(broker, topic, records, codec), more_is_better=True,
            )  # fmt: skip
        rows += _compared(
            brokers, rounds, [f"{_PARALLEL} producers (records/s)", f"{_PARALLEL} consumers (records/s)"],
            lambda broker, topic: _in_parallel(broker, topic, records // 2), more_is_better=True,
        )  # fmt: skip
        rows += _compared(
            brokers, rounds, ["latency at 1,000/s, p50 (ms)", "latency at 1,000/s, p99 (ms)"],
            lambda broker, topic: _latency(broker, topic), more_is_better=False,
        )  # fmt: skip
    return rows


def _compared(
    brokers: Sequence[Broker],
    rounds: int,
    names: Sequence[str],
    run: Callable[[Broker, str], Sequence[float]],
    *,
    more_is_better: bool,
) -> list[Row]:
    """Run in turns, so that what else the machine does meets both; medians, and the median of the rounds' ratios."""
    taken: dict[str, list[Sequence[float]]] = {broker.name: [] for broker in brokers}
    for number in range(rounds):
        for broker in brokers if number % 2 else brokers[::-1]:
            topic = f"bench-{time.time_ns()}"
            create(broker, topic, _PARALLEL if "producers" in names[0] else 1)
            taken[broker.name].append(run(broker, topic))
            _delete(broker, topic)
    rows = []
    for place, name in enumerate(names):
        ours, theirs = ([result[place] for result in taken[kind]] for kind in ("headwater", "kafka"))
        ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
        digits = 0 if more_is_better else 2
        rows.append({
            "measure": name, "headwater": round(statistics.median(ours), digits),
            "kafka": round(statistics.median(theirs), digits), "ratio": round(statistics.median(ratios), 2),
            "asked": (">= 0.8" if str(_PARALLEL) in name[:2] else ">= 1.0") if more_is_better else "<= 1.0",
        })  # fmt: skip
    return rows


def load(*arguments: object) -> Any:
    """Run one client to its end; what it measured."""
    return finish(start(*arguments))


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start one client; see `bench.load`."""
    command = [sys.executable, "-m", "bench.load", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finish(client: subprocess.Popen[str]) -> Any:
    out, _ = client.communicate(timeout=600)
    if client.returncode:
        raise RuntimeError(f"a client ended with {client.returncode}")
    return json.loads(out)


def _one_way_each(broker: Broker, topic: str, records: int, codec: str) -> Sequence[float]:
    produced = load("produce", broker.bootstrap, topic, records, codec)
    return produced, load("consume", broker.bootstrap, topic, records)


def _in_parallel(broker: Broker, topic: str, records: int) -> Sequence[float]:
    """All clients' records over the time until the last client is done, start of processes included for both."""
    rates = []
    each = records // _PARALLEL
    for arguments in (("produce", broker.bootstrap, topic, each, "none"), ("consume", broker.bootstrap, topic, each)):
        started = time.perf_counter()
        for client in [start(*arguments) for _ in range(_PARALLEL)]:
            finish(client)
        rates.append(each * _PARALLEL / (time.perf_counter() - started))
    return rates


def _latency(broker: Broker, topic: str) -> Sequence[float]:
    measured = load("latency", broker.bootstrap, topic, 10, 1000)
    return measured["p50"], measured["p99"]


def create(broker: Broker, topic: str, partitions: int) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(30)


def _delete(broker: Broker, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.delete_topics([topic])[topic].result(30)
