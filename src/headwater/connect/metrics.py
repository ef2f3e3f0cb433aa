"""The metrics of connectors: states, records in, out and refused, and how long batches take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from headwater.connect.tasks.counts import BATCH_BOUNDS, Counts, TaskName
from headwater.connect.worker import Worker
from headwater.core.metrics import Kind, Metric, Sample, counter, gauge, histogram_samples

_COUNTERS: Mapping[str, tuple[str, str]] = {
    "read": ("records_read", "Records that came from the source, or from the topics of a sink."),
    "written": ("records_written", "Records that are in the topics, or that the target has taken."),
    "failed": ("records_failed", "Records that a converter, a transformation or the connector refused."),
    "dead_letters": ("dead_letters", "Records written to a dead-letter topic."),
    "retries": ("retries", "Calls repeated because source, target or log did not answer."),
}


def connect_metrics(worker: Worker) -> Iterator[Metric]:
    """Everything, as of now; nothing while another worker runs the connectors."""
    running = worker.running()
    yield gauge(
        "headwater_connect_connectors",
        "Connectors by state.",
        [Sample(count, {"state": state}) for state, count in _states(one.status.state for one in running.values())],
    )
    yield gauge(
        "headwater_connect_tasks",
        "Tasks of a connector by state.",
        [
            Sample(count, {"connector": name, "state": state})
            for name, one in running.items()
            for state, count in _states(task.status.state for task in one.tasks.values())
        ],
    )
    counts = worker.counts()
    for attribute, (name, about) in _COUNTERS.items():
        samples = [Sample(getattr(one, attribute), _labels(task)) for task, one in counts.items()]
        yield counter(f"headwater_connect_{name}_total", about, samples)
    yield Metric(
        "headwater_connect_batch_seconds",
        Kind.HISTOGRAM,
        "From a batch at hand to its records in the topics, or in the target; waits for a target that is away count.",
        [sample for task, one in counts.items() for sample in _batches(task, one)],
    )


def _states(states: Iterator[object]) -> list[tuple[str, int]]:
    return sorted(Counter(map(str, states)).items())


def _labels(task: TaskName) -> dict[str, str]:
    return {"connector": task.connector, "task": str(task.number)}


def _batches(task: TaskName, counts: Counts) -> Iterator[Sample]:
    return iter(histogram_samples(BATCH_BOUNDS, counts.batches, counts.batch_seconds, _labels(task)))
