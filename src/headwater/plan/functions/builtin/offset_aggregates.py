"""LATEST_BY_OFFSET and EARLIEST_BY_OFFSET: the values that were processed last or first."""

from __future__ import annotations

import itertools
import time
from typing import Any, ClassVar, TypeVar

from headwater.core.errors import AnalysisError
from headwater.plan.functions.declarations import udaf
from headwater.plan.functions.types import Int

T = TypeVar("T")
_sequence = itertools.count(time.time_ns() // 1000)
"""Order of processing, for merging sessions; starts later in every later process."""


class _OneBySequence:
    """First or last value with its place in the order of processing; the state is empty or one (place, value)."""

    keep_first: ClassVar[bool]

    def __init__(self, ignore_nulls: bool = True) -> None:
        self._ignore_nulls = ignore_nulls

    def initial(self) -> list[tuple[int, Any]]:
        return []

    def add(self, state: list[tuple[int, Any]], value: Any) -> list[tuple[int, Any]]:
        if (value is None and self._ignore_nulls) or (state and self.keep_first):
            return state
        return [(next(_sequence), value)]

    def merge(self, left: list[tuple[int, Any]], right: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
        both = sorted(left + right, key=lambda pair: pair[0])
        return both[:1] if self.keep_first else both[-1:]

    def result(self, state: list[tuple[int, Any]]) -> Any:
        return state[0][1] if state else None


class _FirstBySequence(_OneBySequence):
    keep_first = True


class _LastBySequence(_OneBySequence):
    keep_first = False


@udaf("LATEST_BY_OFFSET", description="The value processed last")
class Latest:
    structured = True
    sessions = _LastBySequence
    inline_add = "{0}"
    inline_result = "{s}"

    def initial(self) -> T | None:
        return None

    def add(self, state: T | None, value: T) -> T | None:
        return value

    def result(self, state: T | None) -> T | None:
        return state


@udaf("EARLIEST_BY_OFFSET", description="The value processed first")
class Earliest:
    structured = True
    sessions = _FirstBySequence
    inline_add = "({0} if {s} is None else {s})"
    inline_result = "{s}"

    def initial(self) -> T | None:
        return None

    def add(self, state: T | None, value: T) -> T | None:
        return value if state is None else state

    def result(self, state: T | None) -> T | None:
        return state


class _Value:
    """A value or none: a list of at most one, as the value may be NULL."""

    def __init__(self, ignore_nulls: bool) -> None:
        self._ignore_nulls = ignore_nulls

    def initial(self) -> list[T]:
        return []

    def result(self, state: list[T]) -> T | None:
        return state[0] if state else None


@udaf("LATEST_BY_OFFSET")
class LatestWithNulls(_Value):
    sessions = _LastBySequence

    def add(self, state: list[T], value: T | None) -> list[T]:
        return state if value is None and self._ignore_nulls else [value]  # type: ignore[list-item]


@udaf("EARLIEST_BY_OFFSET")
class EarliestWithNulls(_Value):
    sessions = _FirstBySequence

    def add(self, state: list[T], value: T | None) -> list[T]:
        return state if state or (value is None and self._ignore_nulls) else [value]  # type: ignore[list-item]


class _ManyBySequence:
    """The first or last n values with their places in the order of processing."""

    keep_first: ClassVar[bool]

    def __init__(self, n: int, ignore_nulls: bool = True) -> None:
        self._n = _positive(n)
        self._ignore_nulls = ignore_nulls

    def initial(self) -> list[tuple[int, Any]]:
        return []

    def add(self, state: list[tuple[int, Any]], value: Any) -> list[tuple[int, Any]]:
        if (value is None and self._ignore_nulls) or (self.keep_first and len(state) >= self._n):
            return state
        return [*state, (next(_sequence), value)][-self._n :]

    def merge(self, left: list[tuple[int, Any]], right: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
        """The first n of both, even of the last values: ksqlDB does so, too."""
        return sorted(left + right, key=lambda pair: pair[0])[: self._n]

    def result(self, state: list[tuple[int, Any]]) -> list[Any]:
        return [value for _, value in state]


class _FirstManyBySequence(_ManyBySequence):
    keep_first = True


class _LastManyBySequence(_ManyBySequence):
    keep_first = False


def _positive(n: int) -> int:
    if n < 1:
        raise AnalysisError(f"earliestN and latestN must be 1 or greater, but got {n}")
    return n


class _Values:
    """Up to n values."""

    def __init__(self, n: Int) -> None:
        self._n = _positive(n)

    def initial(self) -> list[T]:
        return []

    def result(self, state: list[T]) -> list[T]:
        return state[:]


class _ValuesWithNulls(_Values):
    def __init__(self, n: Int, ignore_nulls: bool) -> None:
        super().__init__(n)
        self._ignore_nulls = ignore_nulls


@udaf("LATEST_BY_OFFSET")
class LatestN(_Values):
    sessions = _LastManyBySequence

    def add(self, state: list[T], value: T) -> list[T]:
        state.append(value)
        if len(state) > self._n:
            del state[0]
        return state


@udaf("LATEST_BY_OFFSET")
class LatestNWithNulls(_ValuesWithNulls):
    sessions = _LastManyBySequence

    def add(self, state: list[T], value: T | None) -> list[T]:
        if value is not None or not self._ignore_nulls:
            state.append(value)  # type: ignore[arg-type]
            if len(state) > self._n:
                del state[0]
        return state


@udaf("EARLIEST_BY_OFFSET")
class EarliestN(_Values):
    sessions = _FirstManyBySequence

    def add(self, state: list[T], value: T) -> list[T]:
        if len(state) < self._n:
            state.append(value)
        return state


@udaf("EARLIEST_BY_OFFSET")
class EarliestNWithNulls(_ValuesWithNulls):
    sessions = _FirstManyBySequence

    def add(self, state: list[T], value: T | None) -> list[T]:
        if len(state) < self._n and (value is not None or not self._ignore_nulls):
            state.append(value)  # type: ignore[arg-type]
        return state
