"""Map functions."""

from __future__ import annotations

from typing import TypeVar

from headwater.plan.functions.declarations import udf

T = TypeVar("T")
_MAP = "MAP"


@udf("AS_MAP", category=_MAP, description="A map from a list of keys and one of values")
def as_map(keys: list[str], values: list[T]) -> dict[str, T | None]:
    missing: list[T | None] = [None] * max(len(keys) - len(values), 0)
    return dict(zip(keys, [*values, *missing], strict=False))


@udf("MAP_KEYS", category=_MAP, description="The keys of a map", inline="[*{0}]")
def map_keys(mapping: dict[str, T]) -> list[str]:
    return list(mapping)


@udf("MAP_VALUES", category=_MAP, description="The values of a map", inline="[*{0}.values()]")
def map_values(mapping: dict[str, T]) -> list[T]:
    return list(mapping.values())


@udf("MAP_UNION", category=_MAP, description="The entries of both maps; the second's win")
def map_union(left: dict[str, T] | None, right: dict[str, T] | None) -> dict[str, T] | None:
    if left is None or right is None:
        return left if right is None else right
    return left | right
