"""Signatures: what a Python function or class says about its SQL parameters and result."""

from __future__ import annotations

import decimal
import itertools
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeVar

from headwater.core.types import BIGINT, BOOLEAN, BYTES, DOUBLE, STRING, Array, Decimal, Map, SqlType, Struct
from headwater.plan.functions.types import AnyType, Generic, IntervalType, LambdaType, Nulls, Prepared
from headwater.sql.ast import TimeUnit

INJECTED = frozenset({"clock", "types", "limits"})
"""Keyword-only parameters that the compiler supplies: the clock, the argument types, the aggregate limits."""

_PLAIN: dict[object, SqlType] = {
    bool: BOOLEAN,
    int: BIGINT,
    float: DOUBLE,
    str: STRING,
    bytes: BYTES,
    object: AnyType(),
    TimeUnit: IntervalType(),
}


@dataclass(frozen=True)
class Parameter:
    """One declared parameter; `variadic` takes any number of arguments, none included."""

    name: str
    type: SqlType
    nulls: Nulls = Nulls.PROPAGATE
    prepare: Callable[[Any], object] | None = None
    variadic: bool = False

    def __str__(self) -> str:
        return f"{self.type}[] {self.name}" if self.variadic else f"{self.type} {self.name}"


@dataclass(frozen=True)
class Signature:
    """Parameters in order, and the result; `may_be_null` when the body itself can return None."""

    parameters: tuple[Parameter, ...]
    returns: SqlType
    may_be_null: bool = True
    injected: tuple[str, ...] = ()

    @property
    def variadic(self) -> int | None:
        """Position of the variadic parameter."""
        return next((i for i, p in enumerate(self.parameters) if p.variadic), None)

    def expand(self, count: int) -> tuple[Parameter, ...] | None:
        """One parameter per argument for a call with `count` arguments; None when the count cannot fit."""
        at = self.variadic
        if at is None:
            return self.parameters if count == len(self.parameters) else None
        repeats = count - (len(self.parameters) - 1)
        if repeats < 0:
            return None
        return self.parameters[:at] + (self.parameters[at],) * repeats + self.parameters[at + 1 :]

    def generics(self) -> int:
        """How many parameters mention a type variable."""
        return sum(mentions_generic(p.type) for p in self.parameters)

    def __str__(self) -> str:
        return ", ".join(map(str, self.parameters))


def mentions_generic(sql_type: SqlType) -> bool:
    """Whether a declared type depends on the argument types."""
    if isinstance(sql_type, Generic):
        return True
    if isinstance(sql_type, Array):
        return mentions_generic(sql_type.element)
    if isinstance(sql_type, Map):
        return mentions_generic(sql_type.key) or mentions_generic(sql_type.value)
    if isinstance(sql_type, LambdaType):
        return any(map(mentions_generic, (*sql_type.parameters, sql_type.result)))
    return False


@dataclass(frozen=True)
class _Annotation:
    type: SqlType
    nulls: Nulls
    prepare: Callable[[Any], object] | None = None


def _read(annotation: Any, choice: Mapping[Any, Any]) -> _Annotation:
    """The SQL meaning of one annotation; `choice` replaces constrained type variables."""
    if isinstance(annotation, TypeVar):
        if annotation in choice:
            return _read(choice[annotation], choice)
        return _Annotation(Generic(annotation.__name__), Nulls.PROPAGATE)
    origin = typing.get_origin(annotation)
    if origin in (types.UnionType, typing.Union):
        items = [item for item in typing.get_args(annotation) if item is not type(None)]
        if len(items) != 1:
            raise TypeError(f"a SQL parameter has one type or that type and None, not {annotation}")
        return replace(_read(items[0], choice), nulls=Nulls.ACCEPT)
    if origin is Annotated:
        return _read_annotated(annotation, choice)
    if origin is list:
        return _Annotation(Array(_read(typing.get_args(annotation)[0], choice).type), Nulls.PROPAGATE)
    if origin is dict:
        key, value = typing.get_args(annotation)
        return _Annotation(Map(_read(key, choice).type, _read(value, choice).type), Nulls.PROPAGATE)
    if origin is not None and issubclass(origin, Callable):  # type: ignore[arg-type]
        inputs, result = typing.get_args(annotation)
        inner = LambdaType(tuple(_read(i, choice).type for i in inputs), _read(result, choice).type)
        return _Annotation(inner, Nulls.ACCEPT)
    if annotation in _PLAIN:
        found = _PLAIN[annotation]
        return _Annotation(found, Nulls.ACCEPT if isinstance(found, AnyType) else Nulls.PROPAGATE)
    raise TypeError(f"{annotation!r} does not name a SQL type; see headwater.plan.functions.types")


def _read_annotated(annotation: Any, choice: Mapping[Any, Any]) -> _Annotation:
    inner, *marks = typing.get_args(annotation)
    sql_type = next((mark for mark in marks if isinstance(mark, SqlType)), None)
    nulls = next((mark for mark in marks if isinstance(mark, Nulls)), None)
    prepared = next((mark for mark in marks if isinstance(mark, Prepared)), None)
    base = _Annotation(sql_type, Nulls.PROPAGATE) if sql_type is not None else _read(inner, choice)
    return _Annotation(base.type, nulls or base.nulls, prepared.build if prepared else base.prepare)


def _constrained(hints: Mapping[str, Any]) -> list[TypeVar]:
    found: dict[TypeVar, None] = {}

    def visit(annotation: Any) -> None:
        if isinstance(annotation, TypeVar):
            if annotation.__constraints__:
                found[annotation] = None
            return
        for item in typing.get_args(annotation):
            if isinstance(item, list):
                for each in item:
                    visit(each)
            else:
                visit(item)

    for annotation in hints.values():
        visit(annotation)
    return list(found)


def choices(hints: Mapping[str, Any]) -> Iterator[dict[Any, Any]]:
    """Every assignment of constrained type variables: one overload each."""
    variables = _constrained(hints)
    for values in itertools.product(*(variable.__constraints__ for variable in variables)):
        yield dict(zip(variables, values, strict=True))


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The evaluated annotations of a function, markers included."""
    return typing.get_type_hints(function, include_extras=True)


def read_parameters(
    function: Callable[..., Any], hints: Mapping[str, Any], choice: Mapping[Any, Any], skip: int = 0
) -> tuple[tuple[Parameter, ...], tuple[str, ...]]:
    """The SQL parameters of a Python function after the first `skip`, and the names of the injected ones.

    Parameters with a default are not supported: declare an overload instead. Positional parameters after `*args` are
    written as keyword-only ones.
    """
    import inspect  # costs milliseconds that a start should not wait for

    found: list[Parameter] = []
    injected: list[str] = []
    for item in list(inspect.signature(function).parameters.values())[skip:]:
        if item.kind is item.KEYWORD_ONLY and item.name in INJECTED:
            injected.append(item.name)
            continue
        mark = _read(hints[item.name], choice)
        variadic = item.kind is item.VAR_POSITIONAL
        found.append(Parameter(item.name, mark.type, mark.nulls, mark.prepare, variadic))
    return tuple(found), tuple(injected)


def read_signatures(function: Callable[..., Any], skip: int = 0) -> list[Signature]:
    """All signatures a Python function declares: one, or one per choice of its constrained type variables."""
    hints = hints_of(function)
    found = []
    for choice in choices(hints):
        parameters, injected = read_parameters(function, hints, choice, skip)
        result = _read(hints["return"], choice)
        found.append(Signature(parameters, result.type, result.nulls is Nulls.ACCEPT, injected))
    return found


def read_type(annotation: Any, choice: Mapping[Any, Any]) -> SqlType:
    """The SQL type that an annotation names."""
    return _read(annotation, choice).type


def python_type(sql_type: SqlType) -> Any:
    """The Python annotation of values of a SQL type, for typed (de)serialisation; every part may be None."""
    if isinstance(sql_type, Array):
        return list[_optional(sql_type.element)]  # type: ignore[misc]
    if isinstance(sql_type, Map):
        return dict[python_type(sql_type.key), _optional(sql_type.value)]  # type: ignore[misc]
    if isinstance(sql_type, Struct):
        return tuple[tuple(_optional(f.type) for f in sql_type.fields)]  # type: ignore[misc]
    if isinstance(sql_type, Decimal):
        return decimal.Decimal
    scalars: dict[SqlType, Any] = {BOOLEAN: bool, DOUBLE: float, STRING: str, BYTES: bytes}
    return scalars.get(sql_type, int)


def _optional(sql_type: SqlType) -> Any:
    return python_type(sql_type) | None
