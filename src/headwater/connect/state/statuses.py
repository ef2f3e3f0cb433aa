"""The topic `connect-status`: the state of each connector and task, and the topics that each connector used.

    status-connector-NAME        {"state": "RUNNING", "trace": null, "worker_id": "…", "generation": 1}
    status-task-NAME-0           the same
    status-topic-TOPIC:connector-NAME   {"topic": {"name", "connector", "task", "discoverTimestamp"}}    KIP-558

Statuses are written behind the answer, as Kafka Connect does: what a worker is doing is known from memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from headwater.cluster.api import Cluster
from headwater.connect.state.topic import StateTopic
from headwater.core.clock import Clock
from headwater.core.errors import HeadwaterError

_LOGGER = logging.getLogger(__name__)


class State(StrEnum):
    """States of connectors and tasks, as Kafka Connect names them."""

    UNASSIGNED = "UNASSIGNED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    RESTARTING = "RESTARTING"


@dataclass(frozen=True)
class Status:
    """A state, and why: `trace` is the cause of a failure, or of the pause before another try."""

    state: State
    trace: str | None = None


class Statuses:
    """Statuses and used topics; `close` writes what is not yet written."""

    def __init__(self, cluster: Cluster, clock: Clock, topic: str, worker_id: str) -> None:
        self._topic = StateTopic(cluster, clock, topic, self._apply)
        self._clock = clock
        self._worker_id = worker_id
        self._topics: dict[str, dict[str, int]] = {}
        self._pending: dict[bytes, bytes | None] = {}
        self._writer: asyncio.Task[None] | None = None
        self._loading = False

    async def load(self) -> None:
        """Replay which topics were used; states of an earlier process say nothing about this one. Raises
        `ClusterError`, `LogError`."""
        self._loading = True
        await self._topic.load()
        self._loading = False

    def set(self, connector: str, task: int | None, status: Status | None, generation: int = 1) -> None:
        """A connector's status, or that of one of its tasks, has changed; None: it is gone."""
        key = f"status-connector-{connector}" if task is None else f"status-task-{connector}-{task}"
        body = None
        if status is not None:
            body = {
                "state": str(status.state),
                "trace": status.trace,
                "worker_id": self._worker_id,
                "generation": generation,
            }
        self._write(key, body)

    def used(self, connector: str, task: int, topic: str) -> None:
        """A task read or wrote a topic."""
        known = self._topics.setdefault(connector, {})
        if topic not in known:
            known[topic] = self._clock.now_ms()
            about = {"name": topic, "connector": connector, "task": task, "discoverTimestamp": known[topic]}
            self._write(f"status-topic-{topic}:connector-{connector}", {"topic": about})

    def topics(self, connector: str) -> list[str]:
        """Topics that a connector used since it was made or its topics were reset."""
        return sorted(self._topics.get(connector, ()))

    def forget_topics(self, connector: str) -> None:
        """Begin anew to note which topics it uses."""
        for topic in self._topics.pop(connector, {}):
            self._write(f"status-topic-{topic}:connector-{connector}", None)

    async def close(self) -> None:
        """Return when everything is written, or cannot be."""
        while self._writer is not None and not self._writer.done():
            await asyncio.wait([self._writer])

    def _write(self, key: str, body: dict[str, Any] | None) -> None:
        self._pending[key.encode()] = None if body is None else msgspec.json.encode(body)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._flush(), name="connect-status")

    async def _flush(self) -> None:
        while self._pending:
            records, self._pending = list(self._pending.items()), {}
            try:
                await self._topic.write(records)
            except HeadwaterError as error:
                _LOGGER.warning("The statuses of connectors cannot be written: %s", error)

    def _apply(self, key: bytes, value: bytes | None) -> None:
        name = key.decode(errors="replace")
        if not self._loading or not name.startswith("status-topic-"):
            return
        topic, _, connector = name.removeprefix("status-topic-").partition(":connector-")
        if value is None:
            self._topics.get(connector, {}).pop(topic, None)
            return
        with contextlib.suppress(msgspec.MsgspecError, KeyError, TypeError):
            about = msgspec.json.decode(value)["topic"]
            self._topics.setdefault(connector, {}).setdefault(topic, int(about["discoverTimestamp"]))
