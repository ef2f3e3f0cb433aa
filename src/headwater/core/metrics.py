"""Metrics as data, and their text for Prometheus (exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Kind(Enum):
    """What a metric's values mean."""

    COUNTER = "counter"
    """Only grows, from 0 at the start of the process. Its name ends in `_total`."""
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value. `suffix` is a part of a histogram: `_bucket`, `_sum`, `_count`."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """All values of one name."""

    name: str
    kind: Kind
    help: str
    samples: Sequence[Sample]


def counter(name: str, help_text: str, samples: Iterable[Sample]) -> Metric:
    """A metric that only grows."""
    return Metric(name, Kind.COUNTER, help_text, tuple(samples))


def gauge(name: str, help_text: str, samples: Iterable[Sample]) -> Metric:
    """A metric that goes up and down."""
    return Metric(name, Kind.GAUGE, help_text, tuple(samples))


def histogram_samples(
    bounds: Sequence[float], counts: Sequence[int], total: float, labels: Mapping[str, str]
) -> Iterable[Sample]:
    """Samples of one histogram. `counts` has how many fell under each bound and above the one before, and last those
    above all; `total` is the sum of what was measured."""
    below = 0
    for bound, count in zip((*(f"{bound:g}" for bound in bounds), "+Inf"), counts, strict=True):
        below += count
        yield Sample(below, {**labels, "le": bound}, "_bucket")
    yield Sample(total, labels, "_sum")
    yield Sample(below, labels, "_count")


def render(metrics: Iterable[Metric]) -> str:
    """The text that Prometheus reads; a metric without samples is left out."""
    lines: list[str] = []
    for metric in metrics:
        if not metric.samples:
            continue
        lines.append(f"# HELP {metric.name} {metric.help}")
        lines.append(f"# TYPE {metric.name} {metric.kind.value}")
        lines += [f"{metric.name}{one.suffix}{_labels(one.labels)} {_number(one.value)}" for one in metric.samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
