"""Expressions and types as SQL text that reads back as the same tree.

Operators print in parentheses, as ksqlDB prints them: `((A + 1) > B)`; chains of one level need only one pair.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable
from typing import Any

from headwater.core.names import quote
from headwater.core.types import SCALARS, Array, Decimal, Map, SqlType, Struct
from headwater.sql import ast
from headwater.sql.words import KEYWORDS, quote_identifier


def format_expression(expression: ast.Expression) -> str:
    """The expression as SQL text."""
    return _FORMATS[type(expression)](expression)


def format_type(sql_type: SqlType) -> str:
    """The type as SQL text; names in quotes only where they need them, unlike `str(type)`."""
    if isinstance(sql_type, Decimal):
        return f"DECIMAL({sql_type.precision}, {sql_type.scale})"
    if isinstance(sql_type, Array):
        return f"ARRAY<{format_type(sql_type.element)}>"
    if isinstance(sql_type, Map):
        return f"MAP<{format_type(sql_type.key)}, {format_type(sql_type.value)}>"
    if isinstance(sql_type, Struct):
        fields = (f"{quote_identifier(field.name)} {format_type(field.type)}" for field in sql_type.fields)
        return f"STRUCT<{', '.join(fields)}>"
    if isinstance(sql_type, ast.NamedType):
        taken = sql_type.name in KEYWORDS or sql_type.name in SCALARS or sql_type.name == "DECIMAL"
        return quote(sql_type.name) if taken else quote_identifier(sql_type.name)
    return str(sql_type)


def format_string(text: str) -> str:
    """The text as a string literal."""
    return "'" + text.replace("'", "''") + "'"


def format_double(value: float) -> str:
    """Shortest digits that read back as the same number, always with an exponent: without one it would be a DECIMAL."""
    sign, digits, exponent = decimal.Decimal(repr(value)).normalize().as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} has no literal")
    first, rest = str(digits[0]), "".join(map(str, digits[1:]))
    point = f".{rest}" if rest else ""
    return f"{'-' if sign else ''}{first}{point}E{exponent + len(digits) - 1}"


def format_primary(expression: ast.Expression) -> str:
    """The expression so that `[`, `->` or a minus sign can stand beside it."""
    text = format_expression(expression)
    return f"({text})" if text.startswith("-") or isinstance(expression, ast.Lambda) else text


def format_list(expressions: tuple[ast.Expression, ...]) -> str:
    """Expressions between commas."""
    return ", ".join(map(format_expression, expressions))


def _decimal(node: ast.DecimalLiteral) -> str:
    text = f"{node.value:f}"
    return text if "." in text else text + "."


def _column(node: ast.ColumnRef) -> str:
    name = quote_identifier(node.name)
    return name if node.source is None else f"{quote_identifier(node.source)}.{name}"


def _is_concat(node: ast.Expression) -> bool:
    return isinstance(node, ast.FunctionCall) and node.name == "CONCAT" and len(node.arguments) == 2


def _call(node: ast.FunctionCall) -> str:
    if node.star:
        return f"{quote_identifier(node.name)}(*)"
    if _is_concat(node) and _is_concat(node.arguments[0]):
        return _concat_chain(node)
    return f"{quote_identifier(node.name)}({format_list(node.arguments)})"


def _concat_chain(node: ast.FunctionCall) -> str:
    """A chain of CONCAT on the left is a `||` chain: nested calls would nest as deep as the chain is long."""
    parts: list[str] = []
    left: ast.Expression = node
    while isinstance(left, ast.FunctionCall) and _is_concat(left):
        parts.append(format_expression(left.arguments[1]))
        left = left.arguments[0]
    return f"({' || '.join([format_expression(left), *reversed(parts)])})"


_SUMS = frozenset({ast.ArithmeticOp.ADD, ast.ArithmeticOp.SUBTRACT})


def _same_level(outer: ast.Expression, inner: ast.Expression) -> bool:
    """Whether `inner`, standing left in `outer`, needs no parentheses."""
    if isinstance(outer, ast.Arithmetic):
        return isinstance(inner, ast.Arithmetic) and (outer.op in _SUMS) == (inner.op in _SUMS)
    return type(outer) is type(inner)


def _operator(node: ast.Arithmetic | ast.And | ast.Or) -> str:
    if isinstance(node, ast.Arithmetic):
        return node.op.value
    return "AND" if isinstance(node, ast.And) else "OR"


def _chain(node: ast.Arithmetic | ast.And | ast.Or) -> str:
    """Operators of one level, grouped to the left; a loop, since a chain may be longer than Python's stack is deep."""
    parts: list[str] = []
    current: ast.Expression = node
    while isinstance(current, ast.Arithmetic | ast.And | ast.Or) and _same_level(node, current):
        parts.append(f" {_operator(current)} {format_expression(current.right)}")
        current = current.left
    return f"({format_expression(current)}{''.join(reversed(parts))})"


def _case(node: ast.Case) -> str:
    parts = ["CASE"]
    if node.operand is not None:
        parts.append(format_expression(node.operand))
    parts += [
        f"WHEN {format_expression(branch.condition)} THEN {format_expression(branch.result)}"
        for branch in node.branches
    ]
    if node.default is not None:
        parts.append(f"ELSE {format_expression(node.default)}")
    return f"({' '.join(parts)} END)"


def _lambda(node: ast.Lambda) -> str:
    names = ", ".join(map(quote_identifier, node.parameters))
    return f"{names if len(node.parameters) == 1 else f'({names})'} => {format_expression(node.body)}"


def _not(negated: bool) -> str:
    return "NOT " if negated else ""


def _like(node: ast.Like) -> str:
    escape = "" if node.escape is None else f" ESCAPE {format_string(node.escape)}"
    pattern = format_expression(node.pattern)
    return f"({format_expression(node.operand)} {_not(node.negated)}LIKE {pattern}{escape})"


def _between(node: ast.Between) -> str:
    low, high = format_expression(node.low), format_expression(node.high)
    return f"({format_expression(node.operand)} {_not(node.negated)}BETWEEN {low} AND {high})"


def _map(node: ast.MapConstructor) -> str:
    return f"MAP({', '.join(f'{format_expression(k)}:={format_expression(v)}' for k, v in node.entries)})"


def _struct(node: ast.StructConstructor) -> str:
    return f"STRUCT({', '.join(f'{quote_identifier(k)}:={format_expression(v)}' for k, v in node.fields)})"


_FORMATS: dict[type[ast.Expression], Callable[[Any], str]] = {
    ast.NullLiteral: lambda node: "null",
    ast.BooleanLiteral: lambda node: "true" if node.value else "false",
    ast.IntegerLiteral: lambda node: str(node.value),
    ast.BigintLiteral: lambda node: str(node.value),
    ast.DecimalLiteral: _decimal,
    ast.DoubleLiteral: lambda node: format_double(node.value),
    ast.StringLiteral: lambda node: format_string(node.value),
    ast.ColumnRef: _column,
    ast.FieldRef: lambda node: f"{format_primary(node.base)}->{quote_identifier(node.name)}",
    ast.Subscript: lambda node: f"{format_primary(node.base)}[{format_expression(node.index)}]",
    ast.FunctionCall: _call,
    ast.IntervalUnit: lambda node: node.unit,
    ast.Lambda: _lambda,
    ast.Arithmetic: _chain,
    ast.Negate: lambda node: f"-{_negated(node.operand)}",
    ast.Comparison: lambda node: f"({format_expression(node.left)} {node.op.value} {format_expression(node.right)})",
    ast.And: _chain,
    ast.Or: _chain,
    ast.Not: lambda node: f"(NOT {format_expression(node.operand)})",
    ast.IsNull: lambda node: f"({format_expression(node.operand)} IS {_not(node.negated)}NULL)",
    ast.Between: _between,
    ast.InList: lambda node: f"({format_expression(node.operand)} {_not(node.negated)}IN ({format_list(node.items)}))",
    ast.Like: _like,
    ast.Case: _case,
    ast.Cast: lambda node: f"CAST({format_expression(node.operand)} AS {format_type(node.target)})",
    ast.ArrayConstructor: lambda node: f"ARRAY[{format_list(node.items)}]",
    ast.MapConstructor: _map,
    ast.StructConstructor: _struct,
    ast.AtTimeZone: lambda node: f"({format_primary(node.operand)} AT TIME ZONE {format_primary(node.zone)})",
}


def _negated(operand: ast.Expression) -> str:
    """What stands after a minus sign: a bare number there would become a negative literal."""
    text = format_expression(operand)
    return f"({text})" if text[0] in "-.0123456789" else text
