"""Overload choice: which of a function's signatures a call means (functions sheet, calling conventions)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from headwater.core.errors import AnalysisError
from headwater.core.types import (
    BIGINT,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Decimal,
    Map,
    SqlType,
)
from headwater.plan.functions.signature import Parameter, Signature
from headwater.plan.functions.types import AnyDecimal, AnyType, Argument, Generic, IntervalType, LambdaType

_RANK: dict[SqlType, int] = {INTEGER: 0, BIGINT: 1, DOUBLE: 3}
_DECIMAL_RANK = 2
INTEGER_AS_DECIMAL = Decimal(10, 0)
BIGINT_AS_DECIMAL = Decimal(19, 0)


class HasSignature(Protocol):
    @property
    def signature(self) -> Signature: ...


Overload = TypeVar("Overload", bound=HasSignature)


@dataclass(frozen=True)
class Match:
    """A chosen overload's parameters, one per argument, and what its type variables stand for."""

    parameters: tuple[Parameter, ...]
    bindings: Mapping[str, SqlType]


def _numeric_rank(sql_type: SqlType) -> int | None:
    if isinstance(sql_type, (Decimal, AnyDecimal)):
        return _DECIMAL_RANK
    return _RANK.get(sql_type)


def _widens(argument: SqlType, parameter: SqlType, *, is_literal: bool) -> bool:
    if argument == STRING:
        return parameter in (DATE, TIME, TIMESTAMP) or (parameter == BYTES and is_literal)
    low, high = _numeric_rank(argument), _numeric_rank(parameter)
    return low is not None and high is not None and low <= high


def accepts(parameter: SqlType, argument: Argument, bindings: dict[str, SqlType], *, casts: bool) -> bool:
    """Whether an argument fits a declared type; binds type variables on the way."""
    if isinstance(parameter, LambdaType):
        return argument.arity == len(parameter.parameters)
    if argument.arity is not None:
        return False
    if argument.type is None:
        return not isinstance(parameter, IntervalType)
    if isinstance(argument.type, IntervalType) != isinstance(parameter, IntervalType):
        return False
    if _fits(parameter, argument.type, bindings):
        return True
    return casts and _widens(argument.type, parameter, is_literal=argument.is_literal)


def _fits(parameter: SqlType, argument: SqlType, bindings: dict[str, SqlType]) -> bool:
    if isinstance(parameter, Generic):
        return bindings.setdefault(parameter.name, argument) == argument
    if isinstance(parameter, AnyType):
        return True
    if isinstance(parameter, AnyDecimal):
        return isinstance(argument, Decimal)
    if isinstance(parameter, Array):
        return isinstance(argument, Array) and _fits(parameter.element, argument.element, bindings)
    if isinstance(parameter, Map):
        return (
            isinstance(argument, Map)
            and _fits(parameter.key, argument.key, bindings)
            and _fits(parameter.value, argument.value, bindings)
        )
    return parameter == argument


def _match(signature: Signature, arguments: Sequence[Argument], *, casts: bool) -> Match | None:
    parameters = signature.expand(len(arguments))
    if parameters is None:
        return None
    bindings: dict[str, SqlType] = {}
    for parameter, argument in zip(parameters, arguments, strict=True):
        if not accepts(parameter.type, argument, bindings, casts=casts):
            return None
    return Match(parameters, bindings)


def _preference(signature: Signature) -> tuple[bool, int, int, int]:
    at = signature.variadic
    fixed = len(signature.parameters) - (at is not None)
    return (at is None, fixed, -signature.generics(), -1 if at is None else at)


def choose(
    name: str, overloads: Sequence[Overload], arguments: Sequence[Argument], *, implicit_casts: bool = True
) -> tuple[Overload, Match]:
    """The overload that a call means. Raises `AnalysisError` when none or several fit equally well."""
    for casts in (False, True) if implicit_casts else (False,):
        found = [(o, m) for o in overloads if (m := _match(o.signature, arguments, casts=casts)) is not None]
        if not found:
            continue
        found.sort(key=lambda item: _preference(item[0].signature), reverse=True)
        if len(found) > 1 and _preference(found[0][0].signature) == _preference(found[1][0].signature):
            raise AnalysisError(_ambiguous(name, arguments, [overload for overload, _ in found]))
        return found[0]
    raise AnalysisError(_no_match(name, overloads, arguments))


def _listing(name: str, overloads: Sequence[HasSignature]) -> str:
    return "\n".join(f"{name}({overload.signature})" for overload in overloads)


def _no_match(name: str, overloads: Sequence[HasSignature], arguments: Sequence[Argument]) -> str:
    given = ", ".join(map(str, arguments))
    return (
        f"Function '{name}' does not accept parameters ({given}).\nValid alternatives are:\n{_listing(name, overloads)}"
        f"\nFor detailed information on a function run: DESCRIBE FUNCTION {name};"
    )


def _ambiguous(name: str, arguments: Sequence[Argument], candidates: Sequence[HasSignature]) -> str:
    given = ", ".join(map(str, arguments))
    return (
        f"Function '{name}' cannot be resolved due to ambiguous method parameters ({given}).\n"
        f"Use CAST() to cast your parameters to one of the supported signatures:\n{_listing(name, candidates)}"
        f"\nFor detailed information on a function run: DESCRIBE FUNCTION {name};"
    )


def substitute(declared: SqlType, bindings: Mapping[str, SqlType]) -> SqlType | None:
    """A declared type with its variables replaced; None when one of them is still open."""
    if isinstance(declared, Generic):
        return bindings.get(declared.name)
    if isinstance(declared, Array):
        element = substitute(declared.element, bindings)
        return None if element is None else Array(element)
    if isinstance(declared, Map):
        key, value = substitute(declared.key, bindings), substitute(declared.value, bindings)
        return None if key is None or value is None else Map(key, value)
    return declared


def target_type(parameter: SqlType, argument: SqlType, bindings: Mapping[str, SqlType]) -> SqlType:
    """The type an argument is converted to before the call; its own when nothing needs converting."""
    if isinstance(parameter, AnyDecimal):
        return INTEGER_AS_DECIMAL if argument == INTEGER else BIGINT_AS_DECIMAL if argument == BIGINT else argument
    if isinstance(parameter, (AnyType, LambdaType, IntervalType)):
        return argument
    return substitute(parameter, bindings) or argument
