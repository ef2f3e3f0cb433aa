"""Aggregates whose state is a list or a map: collections, first and last values, top k, histograms."""

from __future__ import annotations

import bisect
import itertools
import sys
import time
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from headwater.core.errors import AnalysisError
from headwater.core.types import BYTES, STRING, Array, Field, SqlType, Struct
from headwater.plan.functions.declarations import udaf
from headwater.plan.functions.ordering import signed_order, utf16_order
from headwater.plan.functions.types import Bigint, Date, Dec, Double, Int, Limits, Time, Timestamp

T = TypeVar("T")
TopKType = TypeVar("TopKType", Int, Bigint, Double, str)
Sortable = TypeVar("Sortable", Int, Bigint, Double, Dec, str, bytes, Date, Time, Timestamp)
_sequence = itertools.count(time.time_ns() // 1000)
"""Order of processing, for merging sessions; starts later in every later process."""


@udaf("COLLECT_LIST", description="All values in order of arrival, NULLs included")
class CollectList:
    inline_result = "[*{s}]"

    def __init__(self, *, limits: Limits) -> None:
        self._most = sys.maxsize if limits.collect_list < 0 else limits.collect_list

    def initial(self) -> list[T]:
        return []

    def add(self, state: list[T], value: T | None) -> list[T]:
        if len(state) < self._most:
            state.append(value)  # type: ignore[arg-type]
        return state

    def undo(self, state: list[T], value: T | None) -> list[T]:
        for i in range(len(state) - 1, -1, -1):
            if state[i] == value:
                del state[i]
                break
        return state

    def merge(self, left: list[T], right: list[T]) -> list[T]:
        return (left + right)[: self._most]

    def result(self, state: list[T]) -> list[T]:
        return state[:]


@udaf("COLLECT_SET", description="All distinct values in order of arrival, NULL included")
class CollectSet:
    inline_result = "[*{s}]"

    def __init__(self, *, limits: Limits) -> None:
        self._most = sys.maxsize if limits.collect_set < 0 else limits.collect_set

    def initial(self) -> list[T]:
        return []

    def add(self, state: list[T], value: T | None) -> list[T]:
        if len(state) < self._most and value not in state:
            state.append(value)  # type: ignore[arg-type]
        return state

    def merge(self, left: list[T], right: list[T]) -> list[T]:
        return (left + [item for item in right if item not in left])[: self._most]

    def result(self, state: list[T]) -> list[T]:
        return state[:]


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


@udaf("LATEST_BY_OFFSET")
class LatestWithNulls:
    sessions = _LastBySequence

    def __init__(self, ignore_nulls: bool) -> None:
        self._ignore_nulls = ignore_nulls

    def initial(self) -> list[T]:
        return []

    def add(self, state: list[T], value: T | None) -> list[T]:
        return state if value is None and self._ignore_nulls else [value]  # type: ignore[list-item]

    def result(self, state: list[T]) -> T | None:
        return state[0] if state else None


@udaf("EARLIEST_BY_OFFSET")
class EarliestWithNulls:
    sessions = _FirstBySequence

    def __init__(self, ignore_nulls: bool) -> None:
        self._ignore_nulls = ignore_nulls

    def initial(self) -> list[T]:
        return []

    def add(self, state: list[T], value: T | None) -> list[T]:
        return state if state or (value is None and self._ignore_nulls) else [value]  # type: ignore[list-item]

    def result(self, state: list[T]) -> T | None:
        return state[0] if state else None


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


@udaf("LATEST_BY_OFFSET")
class LatestN:
    sessions = _LastManyBySequence

    def __init__(self, n: Int) -> None:
        self._n = _positive(n)

    def initial(self) -> list[T]:
        return []

    def add(self, state: list[T], value: T) -> list[T]:
        state.append(value)
        if len(state) > self._n:
            del state[0]
        return state

    def result(self, state: list[T]) -> list[T]:
        return state[:]


@udaf("LATEST_BY_OFFSET")
class LatestNWithNulls:
    sessions = _LastManyBySequence

    def __init__(self, n: Int, ignore_nulls: bool) -> None:
        self._n = _positive(n)
        self._ignore_nulls = ignore_nulls

    def initial(self) -> list[T]:
        return []

    def add(self, state: list[T], value: T | None) -> list[T]:
        if value is not None or not self._ignore_nulls:
            state.append(value)  # type: ignore[arg-type]
            if len(state) > self._n:
                del state[0]
        return state

    def result(self, state: list[T]) -> list[T]:
        return state[:]


@udaf("EARLIEST_BY_OFFSET")
class EarliestN:
    sessions = _FirstManyBySequence

    def __init__(self, n: Int) -> None:
        self._n = _positive(n)

    def initial(self) -> list[T]:
        return []

    def add(self, state: list[T], value: T) -> list[T]:
        if len(state) < self._n:
            state.append(value)
        return state

    def result(self, state: list[T]) -> list[T]:
        return state[:]


@udaf("EARLIEST_BY_OFFSET")
class EarliestNWithNulls:
    sessions = _FirstManyBySequence

    def __init__(self, n: Int, ignore_nulls: bool) -> None:
        self._n = _positive(n)
        self._ignore_nulls = ignore_nulls

    def initial(self) -> list[T]:
        return []

    def add(self, state: list[T], value: T | None) -> list[T]:
        if len(state) < self._n and (value is not None or not self._ignore_nulls):
            state.append(value)  # type: ignore[arg-type]
        return state

    def result(self, state: list[T]) -> list[T]:
        return state[:]


@udaf("HISTOGRAM", description="How often every value occurs, for at most 1000 values")
class Histogram:
    _MOST = 1000

    def initial(self) -> dict[str, int]:
        return {}

    def add(self, state: dict[str, int], value: str) -> dict[str, int]:
        if value in state:
            state[value] += 1
        elif len(state) < self._MOST:
            state[value] = 1
        return state

    def undo(self, state: dict[str, int], value: str) -> dict[str, int]:
        if value in state:
            state[value] -= 1
            if state[value] < 1:
                del state[value]
        return state

    def merge(self, left: dict[str, int], right: dict[str, int]) -> dict[str, int]:
        merged = dict(left)
        for value, count in right.items():
            if value in merged or len(merged) < self._MOST:
                merged[value] = merged.get(value, 0) + count
        return merged

    def result(self, state: dict[str, int]) -> dict[str, Bigint]:
        return dict(state)


@udaf("ATTR", description="The value when there is only one distinct value, else NULL")
class Attr:
    def initial(self) -> list[tuple[T, int]]:
        return []

    def add(self, state: list[tuple[T, int]], value: T | None) -> list[tuple[T, int]]:
        return self._change(state, value, 1)

    def undo(self, state: list[tuple[T, int]], value: T | None) -> list[tuple[T, int]]:
        return self._change(state, value, -1)

    def _change(self, state: list[tuple[T, int]], value: Any, by: int) -> list[tuple[T, int]]:
        for i, (known, count) in enumerate(state):
            if known == value:
                state[i] = (known, count + by)
                if count + by == 0:
                    del state[i]
                return state
        state.append((value, by))
        return state

    def merge(self, left: list[tuple[T, int]], right: list[tuple[T, int]]) -> list[tuple[T, int]]:
        for value, count in right:
            left = self._change(left, value, count)
        return left

    def result(self, state: list[tuple[T, int]]) -> T | None:
        present = [value for value, count in state if count > 0]
        return present[0] if len(present) == 1 else None


def _key_of(sql_type: SqlType | None) -> Any:
    """What orders values of a type upwards."""
    if sql_type == STRING:
        return utf16_order
    return signed_order if sql_type == BYTES else _itself


def _itself(value: Any) -> Any:
    return value


def _checked_k(k: int) -> int:
    if k < 1:
        raise AnalysisError(f"TOPK needs a positive number of values, but got {k}")
    return k


class _Top:
    """Keeps the k largest items, largest first; of equal ones the earlier comes first."""

    def __init__(self, k: int, sql_type: SqlType | None) -> None:
        self._k = _checked_k(k)
        self._key = _key_of(sql_type)

    def _put(self, state: list[Any], item: Any, key: Any) -> list[Any]:
        rank = key(item)
        if len(state) >= self._k and not rank > key(state[-1]):
            return state
        at = bisect.bisect_right(_Reversed(state, key), _Down(rank))
        state.insert(at, item)
        del state[self._k :]
        return state


class _Down:
    """Compares the other way round, for bisect over a descending list."""

    __slots__ = ("rank",)

    def __init__(self, rank: Any) -> None:
        self.rank = rank

    def __lt__(self, other: _Down) -> bool:
        return bool(other.rank < self.rank)


class _Reversed(Sequence[_Down]):
    def __init__(self, items: list[Any], key: Any) -> None:
        self._items, self._key = items, key

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: Any) -> Any:
        return _Down(self._key(self._items[index]))


@udaf("TOPK", description="The k largest values, largest first")
class TopK(_Top):
    def __init__(self, k: Int, *, types: Sequence[SqlType | None]) -> None:
        super().__init__(k, types[0])

    def initial(self) -> list[TopKType]:
        return []

    def add(self, state: list[TopKType], value: TopKType) -> list[TopKType]:
        return self._put(state, value, self._key)

    def merge(self, left: list[TopKType], right: list[TopKType]) -> list[TopKType]:
        return sorted(left + right, key=self._key, reverse=True)[: self._k]

    def result(self, state: list[TopKType]) -> list[TopKType]:
        return state[:]


def _struct_type(types: Sequence[SqlType | None]) -> Struct:
    known = [sql_type if sql_type is not None else STRING for sql_type in types[:-1]]
    names = ["sort_col", *(f"col{i}" for i in range(len(known) - 1))]
    return Struct(tuple(Field(name, sql_type) for name, sql_type in zip(names, known, strict=True)))


@udaf("TOPK", returns=lambda types: Array(_struct_type(types)))
class TopKStruct(_Top):
    """The rows with the k largest first values, as structs."""

    def __init__(self, k: Int, *, types: Sequence[SqlType | None]) -> None:
        super().__init__(k, types[0])
        key = self._key
        self._row_key = lambda row: key(row[0])
        self.state_type = Array(_struct_type(types))

    def initial(self) -> list[TopKType]:
        return []

    def add(self, state: list[Any], value: TopKType, *columns: object) -> list[Any]:
        return self._put(state, (value, *columns), self._row_key)

    def merge(self, left: list[Any], right: list[Any]) -> list[Any]:
        return sorted(left + right, key=self._row_key, reverse=True)[: self._k]

    def result(self, state: list[Any]) -> list[TopKType]:
        return state[:]


@udaf(
    "TOPKDISTINCT",
    description="The k largest distinct values, largest first",
    returns=lambda types: Array(types[0] or STRING),
)
class TopKDistinct(_Top):
    def __init__(self, k: Int, *, types: Sequence[SqlType | None]) -> None:
        super().__init__(k, types[0])
        self.state_type = Array(types[0] or STRING)

    def initial(self) -> list[Sortable]:
        return []

    def add(self, state: list[Sortable], value: Sortable) -> list[Sortable]:
        return state if value in state else self._put(state, value, self._key)

    def merge(self, left: list[Sortable], right: list[Sortable]) -> list[Sortable]:
        both = left + [item for item in right if item not in left]
        return sorted(both, key=self._key, reverse=True)[: self._k]

    def result(self, state: list[Sortable]) -> list[Sortable]:
        return state[:]
