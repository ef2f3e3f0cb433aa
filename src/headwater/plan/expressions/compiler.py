"""Compiling expressions: the type, the fast source, and the careful evaluation of a syntax tree."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache

from headwater.core.errors import AnalysisError, FunctionError
from headwater.core.types import SqlType
from headwater.plan.expressions.binder import Binder
from headwater.plan.expressions.calls import bind_table_call
from headwater.plan.expressions.careful import careful_evaluator, exact_evaluator
from headwater.plan.expressions.model import Binding, Code, ExpressionOptions, NameSpace, Resolve
from headwater.plan.expressions.nodes import Node, columns_of
from headwater.plan.expressions.writer import SourceWriter
from headwater.plan.functions.registry import FunctionRegistry
from headwater.sql import ast
from headwater.sql.expression_text import format_expression

_HEADROOM = 20
"""Levels of nesting left for the code around an expression."""


def type_of(
    expression: ast.Expression, resolve_type: Callable[[ast.ColumnRef], SqlType], functions: FunctionRegistry
) -> SqlType | None:
    """The type of an expression, None for an untyped NULL.

    Aggregate calls have their result type, table function calls the type of their rows. Raises `AnalysisError` for
    whatever `compile_expression` refuses.
    """
    binder = Binder(lambda c: Binding(resolve_type(c)), functions, ExpressionOptions(), types_only=True)
    return _bind(binder, expression).type


def compile_expression(
    expression: ast.Expression,
    resolve: Resolve,
    names: NameSpace,
    functions: FunctionRegistry,
    options: ExpressionOptions | None = None,
) -> Code:
    """Compiles one scalar expression; see `Code`. Raises `AnalysisError`."""
    options = options or ExpressionOptions()
    node = _bind(Binder(resolve, functions, options), expression)
    return _code(node, node.type, format_expression(expression), names, options)


def compile_table_call(
    call: ast.FunctionCall,
    resolve: Resolve,
    names: NameSpace,
    functions: FunctionRegistry,
    options: ExpressionOptions | None = None,
) -> Code:
    """Compiles a call of a table function: the code's type is that of one row, its value the list of rows (or None)."""
    options = options or ExpressionOptions()
    row_type, node = bind_table_call(Binder(resolve, functions, options), call)
    return _code(node, row_type, format_expression(call), names, options)


def _bind(binder: Binder, expression: ast.Expression) -> Node:
    try:
        return binder.bind(expression)
    except RecursionError:
        raise AnalysisError("The expression is nested too deeply. Split it over several queries.") from None


def _code(node: Node, sql_type: SqlType | None, text: str, names: NameSpace, options: ExpressionOptions) -> Code:
    careful = careful_evaluator(node, text, nested_null=options.nested_error_null)
    used = columns_of(node)
    source = SourceWriter(names).write(node)
    if not _compiles(source):
        exact = names.add(exact_evaluator(node, nested_null=options.nested_error_null), "exact")
        source = f"{exact}({', '.join(column.code for column in used)})"
    return Code(sql_type, source, tuple(column.reference for column in used), careful, node.nullable)


@lru_cache(maxsize=2048)
def _compiles(source: str) -> bool:
    """Whether Python takes the source, inside some more parentheses: it limits how deeply code may be nested.

    It also warns about odd things done to literals, as in `IFNULL(3, x)`; those may be slow rather than noisy.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", SyntaxWarning)
        try:
            compile("(" * _HEADROOM + source + ")" * _HEADROOM, "<expression>", "eval")
        except (SyntaxError, RecursionError, MemoryError):
            return False
    return True


def evaluate_constant(
    expression: ast.Expression, functions: FunctionRegistry, options: ExpressionOptions | None = None
) -> tuple[object, SqlType | None]:
    """Value and type of an expression without columns.

    Raises `AnalysisError` for an expression that is not constant or not well typed, `FunctionError` when evaluation
    fails.
    """

    def refuse(column: ast.ColumnRef) -> Binding:
        raise AnalysisError(
            f"Only constants are allowed here, but {format_expression(column)} is a column", column.position
        )

    options = options or ExpressionOptions()
    node = _bind(Binder(refuse, functions, options), expression)
    failures: list[tuple[str, BaseException]] = []
    evaluate = careful_evaluator(node, format_expression(expression), nested_null=False)
    value = evaluate((), lambda message, cause: failures.append((message, cause)))
    if failures:
        raise FunctionError(failures[0][0]) from failures[0][1]
    return value, node.type
