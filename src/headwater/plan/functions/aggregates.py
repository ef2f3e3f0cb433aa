"""Aggregates as the engine runs them: an overload chosen, literal arguments bound, types concrete."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_origin

from headwater.core.errors import AnalysisError, HeadwaterError
from headwater.core.types import Array, SqlType
from headwater.plan.functions.declarations import AggregateOverload
from headwater.plan.functions.registry import FunctionRegistry
from headwater.plan.functions.resolution import Match, choose, substitute
from headwater.plan.functions.signature import hints_of, python_type
from headwater.plan.functions.types import AnyDecimal, Argument, Limits, Nulls
from headwater.sql import ast

_LITERALS = (
    ast.NullLiteral,
    ast.BooleanLiteral,
    ast.IntegerLiteral,
    ast.BigintLiteral,
    ast.DecimalLiteral,
    ast.DoubleLiteral,
    ast.StringLiteral,
)


@dataclass(frozen=True)
class BoundAggregate:
    """One aggregate of a query, ready to run.

    States are plain data of the annotation `state`. `add` and `undo` take the state and `arguments` values and return
    the new state, possibly the same object changed. `inline_add` and `inline_result` are source templates over `{s}`,
    `{0}`... that do the same; each placeholder may occur several times, so it must be filled with a name.
    `structured` says that the state is more than one plain value, which DELIMITED and KAFKA changelogs cannot hold.
    """

    name: str
    returns: SqlType
    arguments: int
    state: Any
    initial: Callable[[], Any]
    add: Callable[..., Any]
    result: Callable[[Any], Any]
    undo: Callable[..., Any] | None = None
    merge: Callable[[Any, Any], Any] | None = None
    inline_add: str | None = None
    inline_result: str | None = None
    structured: bool = False


def bind_aggregate(
    name: str,
    arguments: Sequence[ast.Expression],
    types: Sequence[SqlType | None],
    functions: FunctionRegistry,
    limits: Limits | None = None,
    *,
    session: bool = False,
) -> BoundAggregate:
    """Chooses the overload for argument types (no implicit casts) and binds the trailing literals.

    COUNT(*) and COUNT() are calls with one BIGINT argument, ROWTIME. With `session` the states can be merged where the
    aggregate allows that at all; some aggregates have cheaper states otherwise. Raises `AnalysisError`: unknown
    function, types that no overload takes, a configuration argument that is not a literal or has a forbidden value.
    """
    given = [Argument(t, isinstance(e, _LITERALS)) for e, t in zip(arguments, types, strict=True)]
    overload, match = choose(name, functions.aggregate(name), given, implicit_casts=False)
    per_row = _rows(overload, match)
    literals = [_literal(name, i, arguments[i]) for i in range(per_row, len(arguments))]
    injected = {"limits": limits or Limits(), "types": tuple(types)}
    try:
        factory = getattr(overload.factory, "sessions", overload.factory) if session else overload.factory
        instance = factory(*literals, **_wanted(factory, overload, injected))
    except HeadwaterError:
        raise
    except (TypeError, ValueError) as error:
        raise AnalysisError(f"Invalid argument of function {name}: {error}") from error
    return _bound(name, overload, match, instance, per_row, types)


def _wanted(factory: Any, overload: AggregateOverload, injected: dict[str, object]) -> dict[str, object]:
    return {key: injected[key] for key in overload.signature.injected} if factory is overload.factory else {}


def _rows(overload: AggregateOverload, match: Match) -> int:
    literal_fixed = len(overload.signature.parameters) - len(overload.rows)
    if any(p.variadic for p in overload.rows):
        return len(match.parameters) - literal_fixed
    return len(overload.rows)


def _literal(name: str, index: int, argument: ast.Expression) -> Any:
    if isinstance(argument, _LITERALS):
        return getattr(argument, "value", None)
    text = argument.name if isinstance(argument, ast.ColumnRef) else "an expression"
    raise AnalysisError(
        f"Parameter {index + 1} passed to function {name} must be a literal constant, but was expression: '{text}'"
    )


def _bound(
    name: str,
    overload: AggregateOverload,
    match: Match,
    instance: Any,
    per_row: int,
    types: Sequence[SqlType | None],
) -> BoundAggregate:
    returns = overload.returns(types) if overload.returns else substitute(overload.signature.returns, match.bindings)
    if returns is None:
        raise AnalysisError(f"Can't infer the result type of {name}: cast NULL arguments to a type.")
    skipping = [i for i, p in enumerate(match.parameters[:per_row]) if p.nulls is Nulls.PROPAGATE]
    undo = getattr(instance, "undo", None)
    state = _state_of(instance, overload, match.bindings, returns)
    return BoundAggregate(
        name=name,
        returns=returns,
        arguments=per_row,
        state=state,
        initial=instance.initial,
        add=_skipping(instance.add, skipping),
        result=instance.result,
        undo=_skipping(undo, skipping) if undo else None,
        merge=getattr(instance, "merge", None),
        inline_add=_inline(instance, "inline_add", skipping, per_row),
        inline_result=getattr(instance, "inline_result", None),
        structured=getattr(instance, "structured", _is_structured(state)),
    )


def _inline(instance: Any, attribute: str, skipping: Sequence[int], per_row: int) -> str | None:
    template: str | None = getattr(instance, attribute, None)
    if template is None or not skipping:
        return template
    nulls = " or ".join(f"{{{i}}} is None" for i in skipping)
    return f"({{s}} if {nulls} else {template})"


def _skipping(function: Callable[..., Any], positions: Sequence[int]) -> Callable[..., Any]:
    """The function, made to leave the state alone when a value that may not be NULL is NULL."""
    if not positions:
        return function
    if tuple(positions) == (0,):

        def first(state: Any, *values: Any) -> Any:
            return state if values[0] is None else function(state, *values)

        return first

    def several(state: Any, *values: Any) -> Any:
        return state if any(values[i] is None for i in positions) else function(state, *values)

    return several


def _state_annotation(annotation: Any, overload: AggregateOverload, bindings: Mapping[str, SqlType]) -> Any:
    """The annotation of the state with type variables replaced by the Python types of what they are bound to."""
    if isinstance(annotation, TypeVar):
        if annotation in overload.choice:
            return _state_annotation(overload.choice[annotation], overload, bindings)
        bound = bindings.get(annotation.__name__)
        return Any if bound is None else python_type(bound)
    if hasattr(annotation, "__metadata__"):
        marks = [mark for mark in annotation.__metadata__ if isinstance(mark, SqlType)]
        concrete = [mark for mark in marks if not isinstance(mark, AnyDecimal)]
        return python_type(concrete[0]) if concrete else annotation.__origin__
    items = get_args(annotation)
    if not items:
        return annotation
    replaced = tuple(_item_annotation(item, overload, bindings) for item in items)
    origin = get_origin(annotation)
    if origin in (list, dict, tuple):
        return origin[replaced]
    result: Any = replaced[0]
    for item in replaced[1:]:
        result = result | item
    return result


def _item_annotation(item: Any, overload: AggregateOverload, bindings: Mapping[str, SqlType]) -> Any:
    """Values inside a state may be NULL."""
    found = _state_annotation(item, overload, bindings)
    return found | None if isinstance(item, TypeVar) and found is not Any else found


def _state_of(instance: Any, overload: AggregateOverload, bindings: Mapping[str, SqlType], returns: SqlType) -> Any:
    declared: SqlType | None = getattr(instance, "state_type", None)
    if declared is not None:
        return python_type(declared)
    annotation = hints_of(instance.initial)["return"]
    if type(instance) is not overload.factory:
        # A variant for sessions keeps values with their order; values are of the type that one result has.
        element = (
            returns.element if isinstance(returns, Array) and "n" in hints_of(type(instance).__init__) else returns
        )
        return list[tuple[int, python_type(element) | None]]  # type: ignore[misc]
    return _state_annotation(annotation, overload, bindings)


def _is_structured(state: Any) -> bool:
    return get_origin(state) in (list, dict, tuple)
