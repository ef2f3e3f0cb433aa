"""Examples run live until Ctrl-C, and once more on the same node: they go on where they were, without a traceback."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.app.processes import Running, headwater_up
from tests.examples.node import DOORS, SECONDS, start

RESULTS: Mapping[str, tuple[str, ...]] = {
    "bike-share": ("stations.enriched",), "delivery": ("FULLDELIVERY", "--web-port", "0"),
    "hotel-stays": ("STAY_COUNTS",), "promotions": ("CLICKS",), "service-management": ("truck_tracker",),
}  # fmt: skip
"""A topic at the end of each example's way, and its options. The pizza shop's page has a fixed port."""


def counts(node: Running) -> dict[str, int]:
    """Records of each example's result; 0 where there is no topic yet."""
    consumer = Consumer({"bootstrap.servers": node.endpoints["kafka"], "group.id": "unused"})
    try:
        found = consumer.list_topics(timeout=60).topics
        return {
            name: sum(
                consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=60)[1]
                for number in (found[topic].partitions if topic in found else ())
            )
            for name, (topic, *_) in RESULTS.items()
        }
    finally:
        consumer.close()


@pytest.mark.slow
@pytest.mark.timeout(2 * SECONDS)
def test_examples_go_on_live_where_they_were(tmp_path: Path) -> None:
    with headwater_up("--memory", expect=DOORS, env={"HEADWATER_CONNECT_SERVICES": str(tmp_path)}) as node:
        for _ in range(2):
            before = counts(node)
            running = {name: start(node, tmp_path, name, *options) for name, (_, *options) in RESULTS.items()}
            deadline = time.monotonic() + SECONDS
            while any(after <= before[name] for name, after in counts(node).items()):
                ended = [name for name, process in running.items() if process.poll() is not None]
                assert not ended, running[ended[0]].communicate()[0]
                assert time.monotonic() < deadline, (before, counts(node))
                time.sleep(0.2)
            for process in running.values():
                os.killpg(process.pid, signal.SIGINT)
            for name, process in running.items():
                said, _ = process.communicate(timeout=60)
                assert process.returncode == 0, (name, said)
                assert "Traceback" not in said, (name, said)
        assert node.stop()[0] == 0
