"""Functions that take lambdas."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from headwater.core.errors import FunctionError
from headwater.plan.functions.declarations import udf
from headwater.plan.functions.ordering import hash_map_order

T = TypeVar("T")
R = TypeVar("R")
K = TypeVar("K")
V = TypeVar("V")
S = TypeVar("S")
_LAMBDA = "LAMBDA"


def _decided(answer: bool | None) -> bool:
    if answer is None:
        raise FunctionError("FILTER: the lambda's result is NULL")
    return answer


@udf("FILTER", category=_LAMBDA, description="The elements or entries for which a lambda is true")
def filter_array(items: list[T], predicate: Callable[[T], bool]) -> list[T]:
    return [item for item in items if _decided(predicate(item))]


@udf("FILTER", category=_LAMBDA)
def filter_map(mapping: dict[K, V], predicate: Callable[[K, V], bool]) -> dict[K, V]:
    kept = {key: value for key, value in mapping.items() if _decided(predicate(key, value))}
    if None in kept.values():
        raise FunctionError("FILTER: a kept entry has a NULL value")
    return kept


@udf("TRANSFORM", category=_LAMBDA, description="What lambdas make of every element, or of every key and value")
def transform_array(items: list[T], change: Callable[[T], R]) -> list[R]:
    return list(map(change, items))


@udf("TRANSFORM", category=_LAMBDA)
def transform_map(mapping: dict[K, V], new_key: Callable[[K, V], R], new_value: Callable[[K, V], T]) -> dict[R, T]:
    found: dict[R, T] = {}
    for key, value in mapping.items():
        made = new_key(key, value)
        if made in found:
            raise FunctionError(f"TRANSFORM: duplicate key {made}")
        item = new_value(key, value)
        if item is None:
            raise FunctionError(f"TRANSFORM: the value of key {made} is NULL")
        found[made] = item
    return found


@udf("REDUCE", category=_LAMBDA, description="A state carried from element to element by a lambda")
def reduce_array(items: list[T] | None, state: S, step: Callable[[S, T], S]) -> S:
    for item in items or ():
        state = step(state, item)
    return state


@udf("REDUCE", category=_LAMBDA)
def reduce_map(mapping: dict[K, V] | None, state: S, step: Callable[[S, K, V], S]) -> S:
    """Entries come in the order of Java's hash map: a reduction that depends on order gives what ksqlDB gives."""
    for key in hash_map_order(mapping or {}):
        state = step(state, key, mapping[key])  # type: ignore[index]
    return state
