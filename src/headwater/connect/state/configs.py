"""The topic `connect-configs`: which connectors there are, how they are configured, whether they should run.

connector-NAME      {"properties": {…}}                     null: deleted
target-state-NAME   {"state": "PAUSED", "state.v2": "STOPPED"}    KIP-875
task-NAME-0         {"properties": {…}}
commit-NAME         {"tasks": 1}                            makes the task configurations before it valid
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from headwater.cluster.api import Cluster
from headwater.connect.state.topic import StateTopic
from headwater.core.clock import Clock


class TargetState(StrEnum):
    """What a user wants of a connector."""

    STARTED = "STARTED"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"


class Configs:
    """Connectors by name. Everything is answered from memory; changes are durable when their call returns."""

    def __init__(
        self,
        cluster: Cluster,
        clock: Clock,
        topic: str,
        transactional_id: str | None = None,
        shut_out: Callable[[], None] = lambda: None,
    ) -> None:
        self._topic = StateTopic(cluster, clock, topic, self._apply, transactional_id, shut_out)
        self._connectors: dict[str, dict[str, str]] = {}
        self._targets: dict[str, TargetState] = {}
        self._tasks: dict[str, list[dict[str, str]]] = {}
        self._pending: dict[str, dict[int, dict[str, str]]] = {}

    async def load(self) -> None:
        """Replay. Raises `ClusterError`, `LogError`."""
        await self._topic.load()

    def names(self) -> list[str]:
        """All connectors, in the order of their names."""
        return sorted(self._connectors)

    def config(self, name: str) -> dict[str, str] | None:
        """As given, secrets included; None for a connector that does not exist."""
        found = self._connectors.get(name)
        return None if found is None else dict(found)

    def target(self, name: str) -> TargetState:
        """STARTED unless somebody said otherwise."""
        return self._targets.get(name, TargetState.STARTED)

    def tasks(self, name: str) -> list[dict[str, str]]:
        """What each task is told besides the connector's configuration."""
        return [dict(task) for task in self._tasks.get(name, ())]

    async def put(self, name: str, config: Mapping[str, str], target: TargetState | None = None) -> None:
        """Create or change a connector, with a target state where one is given."""
        records: list[tuple[bytes, bytes | None]] = []
        if target is not None:
            records.append(_target_record(name, target))
        await self._topic.write([*records, _record(f"connector-{name}", {"properties": dict(config)})])

    async def set_target(self, name: str, target: TargetState) -> None:
        """Say what a connector should do."""
        await self._topic.write([_target_record(name, target)])

    async def put_tasks(self, name: str, tasks: Sequence[Mapping[str, str]]) -> None:
        """Say what the tasks are told; nothing is written where that is known already."""
        if self.tasks(name) == [dict(task) for task in tasks]:
            return
        records = [_record(f"task-{name}-{i}", {"properties": dict(task)}) for i, task in enumerate(tasks)]
        await self._topic.write([*records, _record(f"commit-{name}", {"tasks": len(tasks)})])

    async def delete(self, name: str) -> None:
        """Forget a connector."""
        tasks = [(f"task-{name}-{i}".encode(), None) for i in range(len(self._tasks.get(name, ())))]
        gone = [(f"{kind}-{name}".encode(), None) for kind in ("connector", "target-state", "commit")]
        await self._topic.write([*gone, *tasks])

    def _apply(self, key: bytes, value: bytes | None) -> None:
        body = _decode(value)
        kind, _, name = key.decode(errors="replace").partition("-")
        if kind == "connector":
            self._apply_connector(name, body)
        elif kind == "target" and name.startswith("state-"):
            self._apply_target(name.removeprefix("state-"), body)
        elif kind == "commit":
            self._apply_commit(name, body)
        elif kind == "task" and body is not None:
            name, _, number = name.rpartition("-")
            if number.isdigit():
                self._pending.setdefault(name, {})[int(number)] = _properties(body)

    def _apply_connector(self, name: str, body: dict[str, Any] | None) -> None:
        if body is None:
            for table in (self._connectors, self._targets, self._tasks, self._pending):
                table.pop(name, None)
        else:
            self._connectors[name] = _properties(body)

    def _apply_target(self, name: str, body: dict[str, Any] | None) -> None:
        state = None if body is None else body.get("state.v2") or body.get("state")
        if state in TargetState.__members__:
            self._targets[name] = TargetState[str(state)]
        else:
            self._targets.pop(name, None)

    def _apply_commit(self, name: str, body: dict[str, Any] | None) -> None:
        found = self._pending.pop(name, {})
        count = 0 if body is None else body.get("tasks", 0)
        known = dict(enumerate(self._tasks.get(name, ()))) | found
        if isinstance(count, int) and all(i in known for i in range(count)):
            self._tasks[name] = [known[i] for i in range(count)]


def _record(key: str, body: Mapping[str, Any]) -> tuple[bytes, bytes]:
    return key.encode(), msgspec.json.encode(body)


def _target_record(name: str, target: TargetState) -> tuple[bytes, bytes]:
    # Workers from before KIP-875 read `state` only, and know no STOPPED.
    old = "PAUSED" if target is TargetState.STOPPED else str(target)
    return _record(f"target-state-{name}", {"state": old, "state.v2": str(target)})


def _decode(value: bytes | None) -> dict[str, Any] | None:
    if value is None:
        return None
    try:
        body = msgspec.json.decode(value)
    except msgspec.MsgspecError:
        return None
    return body if isinstance(body, dict) else None


def _properties(body: Mapping[str, Any]) -> dict[str, str]:
    found = body.get("properties")
    if not isinstance(found, dict):
        return {}
    return {str(name): str(value) for name, value in found.items() if value is not None}
