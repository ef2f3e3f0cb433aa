"""What the broker counts about itself: plain numbers that only grow, for a page of metrics to read.

How to read: take `broker.statistics` on the event loop's thread; every attribute is an int, a float or a list of ints
and may be read at any moment. Counters start at 0 with the process, as Prometheus expects; the one that goes down is
`connections_open`. For a histogram in Prometheus' form add up `ApiStatistics.buckets`: `buckets[i]` counts answers that
took at most `LATENCY_BOUNDS[i]` seconds and more than the bound before, the last one those above all bounds.

    for name, api in broker.statistics.apis.items():
        print(name, api.requests, api.bytes_in, api.bytes_out, api.latency_seconds)

Writing costs a fraction of a microsecond per request and nothing per record.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from headwater.wire.definitions import ArrayType, Buffer, Field, Message, Struct, StructType

LATENCY_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latency histogram, in seconds."""

CountErrors = Callable[[Struct], None]


@dataclass(slots=True)
class ApiStatistics:
    """One API, all versions of it together."""

    name: str
    """As in the protocol: "Produce"."""
    requests: int = 0
    """Requests that could be read, answered or not."""
    bytes_in: int = 0
    """Bytes of those requests, without the four of their length."""
    bytes_out: int = 0
    """Bytes of the answers, length included."""
    latency_seconds: float = 0.0
    """Sum over all answers, from the request's arrival to its answer; a fetch that waits counts with its wait."""
    buckets: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS) + 1))
    errors: dict[int, int] = field(default_factory=dict)
    """Error code to how often it was answered, for the request or anything inside it: a partition, a group."""
    throttled: int = 0
    """Answers that told the client to wait because of a quota."""

    @property
    def answers(self) -> int:
        """How many answers were made."""
        return sum(self.buckets)

    def answered(self, seconds: float, frame: list[Buffer]) -> None:
        """An answer is about to be sent, `seconds` after its request came."""
        self.latency_seconds += seconds
        self.buckets[bisect_left(LATENCY_BOUNDS, seconds)] += 1
        self.bytes_out += int.from_bytes(frame[0][:4], "big") + 4


@dataclass(slots=True)
class BrokerStatistics:
    """Everything the broker counts; see the module's text for how to read it."""

    apis: dict[str, ApiStatistics] = field(default_factory=dict)
    """By the API's name; an API is there once it was asked for."""
    connections_open: int = 0
    connections_total: int = 0
    unreadable_requests: int = 0
    """Requests that were malformed, of an unknown API or version, or not allowed before the login."""
    throttled_seconds: dict[str, float] = field(default_factory=dict)
    """Kind of quota ("produce", "fetch", "request", "controller_mutation") to the seconds clients were made to wait."""
    fetch_sessions_evicted: int = 0
    """Fetch sessions (KIP-227) that had to make room for others; `len(broker.fetch_sessions)` are there now."""

    def api(self, name: str) -> ApiStatistics:
        """The statistics of an API, made when first asked for."""
        found = self.apis.get(name)
        if found is None:
            found = self.apis[name] = ApiStatistics(name)
        return found

    def opened(self) -> None:
        """A client has connected."""
        self.connections_open += 1
        self.connections_total += 1

    def closed(self) -> None:
        """A client's connection has ended."""
        self.connections_open -= 1

    def session_evicted(self) -> None:
        """A fetch session had to make room."""
        self.fetch_sessions_evicted += 1

    def throttle(self, kind: str, seconds: float) -> None:
        """A client was told to wait so long because of a quota of this kind."""
        self.throttled_seconds[kind] = self.throttled_seconds.get(kind, 0.0) + seconds


def error_counter(message: Message, counts: dict[int, int]) -> CountErrors:
    """A function that adds the error codes anywhere in a response of this type to `counts`."""
    counters = [_path_counter(path, counts) for path in _error_paths(message.fields)]
    if len(counters) == 1:
        return counters[0]

    def count(response: Struct) -> None:
        for counter in counters:
            counter(response)

    return count


def _path_counter(path: tuple[str, ...], counts: dict[int, int]) -> CountErrors:
    """Counts the codes at the end of one way through arrays."""
    if not path:

        def count_here(response: Any) -> None:
            code = response.error_code
            if code:
                counts[int(code)] = counts.get(int(code), 0) + 1

        return count_here
    following = attrgetter(path[0])
    if len(path) > 1:
        inner = _path_counter(path[1:], counts)

        def count_within(response: Struct) -> None:
            for found in following(response) or ():
                inner(found)

        return count_within

    def count_each(response: Struct) -> None:
        for found in following(response) or ():
            if found.error_code:
                counts[int(found.error_code)] = counts.get(int(found.error_code), 0) + 1

    return count_each


def _error_paths(fields: tuple[Field, ...]) -> list[tuple[str, ...]]:
    """Where error codes are: the names of the arrays to go through, () for the response itself."""
    paths: list[tuple[str, ...]] = [()] if any(f.name == "error_code" for f in fields) else []
    for outer in fields:
        if isinstance(outer.type, ArrayType) and isinstance(outer.type.element, StructType):
            paths += [(outer.name, *path) for path in _error_paths(outer.type.element.fields)]
    return paths
