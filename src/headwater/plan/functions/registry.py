"""The one table of functions that name resolution, SHOW FUNCTIONS, DESCRIBE FUNCTION and the docs share."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType

from headwater.core.errors import AnalysisError
from headwater.core.types import SqlType
from headwater.plan.functions.declarations import (
    ATTRIBUTE,
    AggregateOverload,
    Declaration,
    Kind,
    Overload,
)
from headwater.plan.functions.types import AnyDecimal

_BUILTIN_MODULES = (
    "maths",
    "nulls",
    "geo",
    "strings",
    "bytes_and_text",
    "masks",
    "regexes",
    "arrays",
    "maps",
    "lambdas",
    "json_text",
    "times",
    "legacy_times",
    "urls",
    "basic_aggregates",
    "list_aggregates",
    "offset_aggregates",
    "statistics",
    "tables",
)


_ARTICLES = {Kind.SCALAR: "a scalar", Kind.AGGREGATE: "an aggregate", Kind.TABLE: "a table"}


@dataclass(frozen=True)
class Variant:
    """One signature as DESCRIBE FUNCTION prints it; `variadic` is the index of the argument that may be repeated."""

    arguments: tuple[tuple[str, SqlType], ...]
    returns: str
    description: str
    variadic: int | None


@dataclass(frozen=True)
class FunctionDescription:
    """A function as SHOW and DESCRIBE FUNCTION report it."""

    name: str
    kind: Kind
    category: str
    description: str
    variants: tuple[Variant, ...]


class FunctionRegistry:
    """Functions by upper-case name. A name is exactly one of scalar, aggregate and table function."""

    def __init__(self, declarations: Iterable[Declaration] = ()) -> None:
        self._by_name: dict[str, list[Declaration]] = {}
        for declaration in declarations:
            self.add(declaration)

    def add(self, declaration: Declaration) -> None:
        """Adds an overload. Raises `AnalysisError` when the name is taken by another kind of function."""
        others = self._by_name.setdefault(declaration.name, [])
        if others and others[0].kind is not declaration.kind:
            raise AnalysisError(
                f"Function '{declaration.name}' is declared as {declaration.kind.value.lower()} function but a"
                f" {others[0].kind.value.lower()} function of that name exists. Rename one of them."
            )
        others.append(declaration)

    def add_module(self, module: ModuleType) -> int:
        """Adds everything decorated in a module; returns how many declarations that were."""
        count = 0
        for declaration in declarations_in(module):
            self.add(declaration)
            count += 1
        return count

    @staticmethod
    def check(module: ModuleType) -> None:
        """Reads the signatures of what a module declares. Raises `TypeError` or `NameError` for a wrong annotation."""
        for declaration in declarations_in(module):
            _ = declaration.aggregates if declaration.kind is Kind.AGGREGATE else declaration.overloads

    def copy(self) -> FunctionRegistry:
        """An independent registry with the same functions."""
        return FunctionRegistry(d for overloads in self._by_name.values() for d in overloads)

    def kind(self, name: str) -> Kind | None:
        """Which kind of function bears the name, if any."""
        found = self._by_name.get(name.upper())
        return found[0].kind if found else None

    def is_masking(self, name: str) -> bool:
        """Whether every overload of the function is declared to mask its arguments."""
        found = self._by_name.get(name.upper(), [])
        return bool(found) and all(declaration.masking for declaration in found)

    def scalar(self, name: str) -> list[Overload]:
        """The overloads of a scalar function. Raises `AnalysisError` when there is none of that name."""
        return [overload for d in self._declarations(name, Kind.SCALAR) for overload in d.overloads]

    def table(self, name: str) -> list[Overload]:
        """The overloads of a table function."""
        return [overload for d in self._declarations(name, Kind.TABLE) for overload in d.overloads]

    def aggregate(self, name: str) -> list[AggregateOverload]:
        """The overloads of an aggregate function."""
        return [overload for d in self._declarations(name, Kind.AGGREGATE) for overload in d.aggregates]

    def is_aggregate(self, name: str) -> bool:
        return self.kind(name) is Kind.AGGREGATE

    def is_table(self, name: str) -> bool:
        return self.kind(name) is Kind.TABLE

    def _declarations(self, name: str, kind: Kind) -> list[Declaration]:
        found = self._by_name.get(name.upper())
        if found is None:
            raise AnalysisError(self._unknown(name.upper()))
        if found[0].kind is not kind:
            raise AnalysisError(
                f"Function '{name.upper()}' is {_ARTICLES[found[0].kind]} function and cannot be used as"
                f" {_ARTICLES[kind]} function here."
            )
        return found

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._by_name, n=3, cutoff=0.7)
        hint = f" Did you mean {' or '.join(near)}?" if near else " SHOW FUNCTIONS lists what exists."
        return f"Can't find any functions with the name '{name}'.{hint}"

    def describe(self, name: str) -> FunctionDescription | None:
        """What DESCRIBE FUNCTION shows; None for an unknown name."""
        found = self._by_name.get(name.upper())
        if not found:
            return None
        variants = []
        for declaration in found:
            overloads = declaration.aggregates if declaration.kind is Kind.AGGREGATE else declaration.overloads
            for overload in overloads:
                signature = overload.signature
                arguments = tuple((p.name, p.type) for p in signature.parameters)
                variants.append(Variant(arguments, _result_text(overload), declaration.description, signature.variadic))
        first = found[0]
        return FunctionDescription(first.name, first.kind, first.category, first.description, tuple(variants))

    def all(self) -> Iterator[tuple[str, Kind, str]]:
        """Name, kind and category of every function, by name; what SHOW FUNCTIONS lists."""
        for name in sorted(self._by_name):
            first = self._by_name[name][0]
            yield name, first.kind, first.category

    def __contains__(self, name: str) -> bool:
        return name.upper() in self._by_name

    def __len__(self) -> int:
        return len(self._by_name)


def _result_text(overload: Overload | AggregateOverload) -> str:
    """The result as declared, or as computed from the parameter types; DECIMALs have no precision here."""
    types = [parameter.type for parameter in overload.signature.parameters]
    if overload.returns is None or any(isinstance(sql_type, AnyDecimal) for sql_type in types):
        return str(overload.signature.returns)
    return str(overload.returns(types))


def declarations_in(module: ModuleType) -> Iterator[Declaration]:
    """What decorated functions and classes of a module declare, in order of definition; imported ones are left out."""
    seen: set[int] = set()
    for item in vars(module).values():
        declared = vars(item).get(ATTRIBUTE) if hasattr(item, "__dict__") else None
        if declared and id(item) not in seen and getattr(item, "__module__", None) == module.__name__:
            seen.add(id(item))
            yield from declared


@lru_cache(maxsize=1)
def _builtin_declarations() -> tuple[Declaration, ...]:
    found: list[Declaration] = []
    for name in _BUILTIN_MODULES:
        found.extend(declarations_in(importlib.import_module(f"headwater.plan.functions.builtin.{name}")))
    return tuple(found)


def builtin_functions() -> FunctionRegistry:
    """A new registry with the built-in functions; their signatures are read on first use."""
    return FunctionRegistry(_builtin_declarations())
