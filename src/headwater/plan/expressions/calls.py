"""Function calls as typed nodes: overloads chosen, arguments converted, literals prepared, lambdas typed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from headwater.core.errors import AnalysisError
from headwater.core.types import BIGINT, Array, SqlType
from headwater.plan.expressions.nodes import Constant, LambdaNode, Node, OnNull, Operation
from headwater.plan.expressions.operators import build_cast
from headwater.plan.functions.declarations import Kind, Overload
from headwater.plan.functions.resolution import Match, choose, substitute, target_type
from headwater.plan.functions.signature import Parameter
from headwater.plan.functions.types import AnyDecimal, Argument, Generic, IntervalType, LambdaType, Nulls
from headwater.sql import ast
from headwater.sql.expression_text import format_expression

if TYPE_CHECKING:
    from headwater.plan.expressions.binder import Binder

_RULES = {Nulls.PROPAGATE: OnNull.NULL, Nulls.ACCEPT: OnNull.ACCEPT, Nulls.REFUSE: OnNull.FAIL}
_UNITS = {unit.name: unit for unit in ast.TimeUnit} | {unit.name[:-1]: unit for unit in ast.TimeUnit}


def build_call(binder: Binder, call: ast.FunctionCall) -> Node:
    """The node for a scalar function call. Raises `AnalysisError`: unknown function, no single overload that fits."""
    kind = binder.functions.kind(call.name)
    if binder.types_only and kind is Kind.AGGREGATE:
        return _aggregate_type(binder, call)
    if binder.types_only and kind is Kind.TABLE:
        return _table_type(binder, call)
    overloads = binder.functions.scalar(call.name)
    operands = [_bind_argument(binder, argument) for argument in call.arguments]
    given = [_describe(argument, node) for argument, node in zip(call.arguments, operands, strict=True)]
    overload, match = choose(call.name, overloads, given)
    return _bound(binder, call, overload, match, operands)


def _bind_argument(binder: Binder, argument: ast.Expression) -> Node | None:
    """The argument's node; None for a lambda, which is typed when the other arguments are known."""
    if isinstance(argument, ast.Lambda):
        return None
    if isinstance(argument, ast.IntervalUnit):
        return Constant(IntervalType(), False, _UNITS[argument.unit])
    return binder.bind(argument)


def _describe(argument: ast.Expression, node: Node | None) -> Argument:
    if node is None:
        return Argument(None, arity=len(argument.parameters) if isinstance(argument, ast.Lambda) else 0)
    return Argument(node.type, isinstance(node, Constant))


def _bound(
    binder: Binder, call: ast.FunctionCall, overload: Overload, match: Match, operands: Sequence[Node | None]
) -> Node:
    bindings = dict(match.bindings)
    converted: list[Node] = []
    for argument, parameter, node in zip(call.arguments, match.parameters, operands, strict=True):
        if node is None:
            converted.append(_lambda(binder, argument, parameter.type, bindings))
        else:
            converted.append(_convert(node, parameter.type, bindings))
    types = tuple(node.type for node in converted)
    returns = overload.returns(types) if overload.returns else substitute(overload.signature.returns, bindings)
    prepared = [_prepare(node, parameter) for node, parameter in zip(converted, match.parameters, strict=True)]
    nulls = tuple(_RULES[parameter.nulls] for parameter in match.parameters)
    nullable = overload.signature.may_be_null or any(
        rule is OnNull.NULL and node.nullable for rule, node in zip(nulls, prepared, strict=True)
    )
    function = _instance(overload, binder, types)
    inline = overload.inline(len(prepared)) if callable(overload.inline) else overload.inline
    return Operation(returns, nullable, tuple(prepared), function, inline, nulls, boundary=call.name, pure=False)


def _instance(overload: Overload, binder: Binder, types: tuple[SqlType | None, ...]) -> Callable[..., Any]:
    function = overload.function() if isinstance(overload.function, type) else overload.function
    available = {"clock": binder.options.clock, "types": types}
    injected = {name: available[name] for name in overload.signature.injected}
    return functools.partial(function, **injected) if injected else function


def _convert(node: Node, declared: SqlType, bindings: dict[str, SqlType]) -> Node:
    if node.type is None:
        target = substitute(declared, bindings)
        concrete = target is not None and not isinstance(target, (AnyDecimal, Generic))
        return Constant(target, True, None) if concrete else node
    target = target_type(declared, node.type, bindings)
    return node if target == node.type else build_cast(node, target)


def _lambda(binder: Binder, argument: ast.Expression, declared: SqlType, bindings: dict[str, SqlType]) -> LambdaNode:
    if not isinstance(argument, ast.Lambda) or not isinstance(declared, LambdaType):
        raise AnalysisError(f"A lambda is expected here: {format_expression(argument)}")
    types = []
    for parameter in declared.parameters:
        concrete = substitute(parameter, bindings)
        if concrete is None:
            raise AnalysisError(f"Can't infer the type of the parameters of {format_expression(argument)}")
        types.append(concrete)
    node = binder.bind_lambda(argument, tuple(types))
    if node.type is not None:
        _bind_result(declared.result, node.type, bindings, argument)
    return node


def _bind_result(declared: SqlType, actual: SqlType, bindings: dict[str, SqlType], argument: ast.Expression) -> None:
    wanted = substitute(declared, bindings)
    if wanted is None and isinstance(declared, Generic):
        bindings[declared.name] = actual
    elif wanted != actual:
        raise AnalysisError(
            f"The lambda {format_expression(argument)} gives {actual} but {wanted} is expected. CAST its result."
        )


def _prepare(node: Node, parameter: Parameter) -> Node:
    build = parameter.prepare
    if build is None:
        return node
    if isinstance(node, Constant) and node.value is None:
        return node
    if isinstance(node, Constant):
        with suppress(Exception):  # a bad literal fails per row, where the call would have run
            return Constant(node.type, False, build(node.value))
    return Operation(node.type, node.nullable, (node,), build, None, (OnNull.NULL,), pure=False)


def _aggregate_type(binder: Binder, call: ast.FunctionCall) -> Node:
    types = [binder.bind(argument).type for argument in call.arguments]
    given = [Argument(sql_type) for sql_type in types]
    if call.name == "COUNT" and (call.star or not given):
        types, given = [BIGINT], [Argument(BIGINT)]
    overload, match = choose(call.name, binder.functions.aggregate(call.name), given, implicit_casts=False)
    returns = overload.returns(types) if overload.returns else substitute(overload.signature.returns, match.bindings)
    return Operation(returns, True, (), _not_scalar)


def _table_type(binder: Binder, call: ast.FunctionCall) -> Node:
    return Operation(bind_table_call(binder, call)[0], True, (), _not_scalar)


def bind_table_call(binder: Binder, call: ast.FunctionCall) -> tuple[SqlType, Operation]:
    """A table function: the type of its rows, and the operation that gives their list."""
    operands = [binder.bind(argument) for argument in call.arguments]
    given = [Argument(node.type, isinstance(node, Constant)) for node in operands]
    overload, match = choose(call.name, binder.functions.table(call.name), given, implicit_casts=False)
    types = tuple(node.type for node in operands)
    returns = overload.returns(types) if overload.returns else substitute(overload.signature.returns, match.bindings)
    if not isinstance(returns, Array):
        raise AnalysisError(
            f"Can't infer the row type of {format_expression(call)}: CAST its NULL arguments to a type."
        )
    nulls = tuple(_RULES[parameter.nulls] for parameter in match.parameters)
    function = _instance(overload, binder, types)
    return returns.element, Operation(returns, True, tuple(operands), function, None, nulls, pure=False)


def _not_scalar(*_: object) -> Any:
    raise AnalysisError("aggregate and table functions are not evaluated row by row")
