"""Aggregates whose state is a list or a map: collections, top k, histograms."""

from __future__ import annotations

import bisect
import sys
from collections.abc import Sequence
from typing import Any, TypeVar

from headwater.core.errors import AnalysisError
from headwater.core.types import BYTES, STRING, Array, Field, SqlType, Struct
from headwater.plan.functions.declarations import udaf
from headwater.plan.functions.ordering import signed_order, utf16_order
from headwater.plan.functions.types import Bigint, Date, Dec, Double, Int, Limits, Time, Timestamp

T = TypeVar("T")
TopKType = TypeVar("TopKType", Int, Bigint, Double, str)
Sortable = TypeVar("Sortable", Int, Bigint, Double, Dec, str, bytes, Date, Time, Timestamp)


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
