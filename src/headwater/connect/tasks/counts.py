"""What tasks have done since the worker's process started: kept over their restarts, and read as metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

BATCH_BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0)
"""Upper bounds of the histogram of batches, in s: from a file on this machine to a warehouse far away."""


class TaskName(NamedTuple):
    """One task of one connector."""

    connector: str
    number: int

    def __str__(self) -> str:
        return f"{self.connector}-{self.number}"


@dataclass(slots=True)
class Counts:
    """Of one task. A batch that is delivered again after a failure counts once, when it has succeeded."""

    read: int = 0
    """Records that came from the source, or from the topics of a sink."""
    written: int = 0
    """Records that are in the topics, or that the target has taken."""
    failed: int = 0
    """Records that a converter, a transformation or the connector refused."""
    dead_letters: int = 0
    """Records written to the dead-letter topic."""
    retries: int = 0
    batch_seconds: float = 0.0
    """All batches together."""
    batches: list[int] = field(default_factory=lambda: [0] * (len(BATCH_BOUNDS) + 1))
    """How many fell under each of `BATCH_BOUNDS` and above the one before; last those above all."""

    def moved(self, read: int, written: int, seconds: float) -> None:
        """A batch is where it belongs."""
        self.read += read
        self.written += written
        self.batch_seconds += seconds
        self.batches[bisect_left(BATCH_BOUNDS, seconds)] += 1


class AllCounts:
    """Of all tasks that there have been."""

    def __init__(self) -> None:
        self._by_task: defaultdict[TaskName, Counts] = defaultdict(Counts)

    def of(self, task: TaskName) -> Counts:
        return self._by_task[task]

    def all(self) -> Mapping[TaskName, Counts]:
        """In order."""
        return dict(sorted(self._by_task.items()))

    def forget(self, connector: str) -> None:
        """The connector is deleted."""
        for task in [task for task in self._by_task if task.connector == connector]:
            del self._by_task[task]
