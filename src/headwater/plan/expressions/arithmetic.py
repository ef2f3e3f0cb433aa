"""Arithmetic: result types, exactness, wrapping, and Java's division (semantics, section 4)."""

from __future__ import annotations

import decimal
import math
import operator
from collections.abc import Callable

from headwater.core.errors import AnalysisError
from headwater.core.javatext import wrap_int, wrap_long
from headwater.core.types import BIGINT, DOUBLE, INTEGER, STRING, Decimal, SqlType, is_numeric
from headwater.plan.expressions.nodes import Constant, Node, OnNull, Operation
from headwater.sql.ast import ArithmeticOp

EXACT_BY_DEFAULT = 28
"""Digits that operators of `decimal.Decimal` keep without a context of our own."""

_TRAPS = [decimal.Inexact, decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow, decimal.Underflow]


def exact_context(precision: int) -> decimal.Context:
    """A context of that many digits in which rounding raises."""
    return decimal.Context(
        prec=max(precision, 1),
        Emax=decimal.MAX_EMAX,
        Emin=decimal.MIN_EMIN,
        traps=_TRAPS,
        rounding=decimal.ROUND_HALF_UP,
    )


def as_decimal(sql_type: SqlType) -> Decimal:
    """The DECIMAL that holds every value of an exact numeric type."""
    if isinstance(sql_type, Decimal):
        return sql_type
    return Decimal(10, 0) if sql_type == INTEGER else Decimal(19, 0)


def decimal_result(op: ArithmeticOp, left: Decimal, right: Decimal) -> Decimal:
    """The type of a DECIMAL operation.

    >>> decimal_result(ArithmeticOp.DIVIDE, Decimal(4, 2), Decimal(10, 0))
    Decimal(precision=15, scale=13)
    """
    p1, s1, p2, s2 = left.precision, left.scale, right.precision, right.scale
    if op in (ArithmeticOp.ADD, ArithmeticOp.SUBTRACT):
        return Decimal(max(s1, s2) + max(p1 - s1, p2 - s2) + 1, max(s1, s2))
    if op is ArithmeticOp.MULTIPLY:
        return Decimal(p1 + p2 + 1, s1 + s2)
    if op is ArithmeticOp.DIVIDE:
        scale = max(6, s1 + p2 + 1)
        return Decimal(p1 - s1 + s2 + scale, scale)
    return Decimal(min(p1 - s1, p2 - s2) + max(s1, s2), max(s1, s2))


def result_type(op: ArithmeticOp, left: SqlType | None, right: SqlType | None, text: str) -> SqlType:
    """The type of `left op right`. Raises `AnalysisError`; `text` is the expression for its message."""
    if left is None or right is None:
        raise AnalysisError(
            f"Error processing expression: {text}. Arithmetic on types {_name(left)} and {_name(right)} are not"
            " supported."
        )
    if left == right == STRING and op is ArithmeticOp.ADD:
        return STRING
    if not (is_numeric(left) and is_numeric(right)):
        raise AnalysisError(
            f"Error processing expression: {text}. Unsupported arithmetic types. {_base(left)} {_base(right)}"
        )
    if DOUBLE in (left, right):
        return DOUBLE
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return decimal_result(op, as_decimal(left), as_decimal(right))
    return BIGINT if BIGINT in (left, right) else INTEGER


def _name(sql_type: SqlType | None) -> str:
    return "null" if sql_type is None else str(sql_type)


def _base(sql_type: SqlType) -> str:
    return type(sql_type).__name__.upper() if not hasattr(sql_type, "name") else str(sql_type)


def divide_integers(left: int, right: int) -> int:
    """Division that truncates toward zero. Raises `ZeroDivisionError`."""
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def remainder_of_integers(left: int, right: int) -> int:
    """The remainder with the sign of the dividend. Raises `ZeroDivisionError`."""
    remainder = abs(left) % abs(right)
    return remainder if left >= 0 else -remainder


def divide_doubles(left: float, right: float) -> float:
    """IEEE division: by zero gives an infinity or NaN.

    >>> [divide_doubles(x, 0.0) for x in (1.0, -1.0, 0.0)]
    [inf, -inf, nan]
    """
    try:
        return left / right
    except ZeroDivisionError:
        if left == 0 or math.isnan(left):
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)


def remainder_of_doubles(left: float, right: float) -> float:
    """Java's `%`: sign of the dividend; NaN for an infinite dividend or a zero divisor."""
    try:
        return math.fmod(left, right)
    except ValueError:
        return math.nan


_PLAIN: dict[ArithmeticOp, Callable[..., int]] = {
    ArithmeticOp.ADD: operator.add,
    ArithmeticOp.SUBTRACT: operator.sub,
    ArithmeticOp.MULTIPLY: operator.mul,
    ArithmeticOp.DIVIDE: divide_integers,
    ArithmeticOp.MODULO: remainder_of_integers,
}

_FAIL = (OnNull.FAIL, OnNull.FAIL)


def build_arithmetic(op: ArithmeticOp, left: Node, right: Node, text: str, *, null_concat_is_text: bool) -> Node:
    """The node for `left op right`; operands are not yet converted to each other."""
    kind = result_type(op, left.type, right.type, text)
    if kind == STRING:
        return _concatenation(left, right, null_concat_is_text=null_concat_is_text)
    if kind == DOUBLE:
        return _double(op, to_double(left), to_double(right))
    if isinstance(kind, Decimal):
        return _decimal(op, left, right, kind)
    return _integer(op, left, right, kind)


def _integer(op: ArithmeticOp, left: Node, right: Node, kind: SqlType) -> Operation:
    wrap = wrap_int if kind == INTEGER else wrap_long
    plain = _PLAIN[op]

    def compute(a: int, b: int) -> int:
        return wrap(plain(a, b))

    operands = (left, right)
    if op in (ArithmeticOp.ADD, ArithmeticOp.SUBTRACT, ArithmeticOp.MULTIPLY):
        return Operation(kind, False, operands, compute, nulls=_FAIL, natural=True, ring=op.value)
    sign = "//" if op is ArithmeticOp.DIVIDE else "%"
    if isinstance(right, Constant) and isinstance(right.value, int) and right.value > 0:
        template = f"{{0}} {sign} {right.value} if {{w0}} >= 0 else {{f}}({{0}}, {right.value})"
    else:
        template = f"{{0}} {sign} {{1}} if {{0}} >= 0 < {{1}} else {{f}}({{0}}, {{1}})"
    return Operation(kind, False, operands, compute, template, _FAIL, natural=True)


def _double(op: ArithmeticOp, left: Node, right: Node) -> Operation:
    operands = (left, right)
    if op is ArithmeticOp.DIVIDE:
        return Operation(DOUBLE, False, operands, divide_doubles, "{0} / {1}", _FAIL, natural=True)
    if op is ArithmeticOp.MODULO:
        helpers: dict[str, object] = {"fmod": math.fmod}
        return Operation(
            DOUBLE, False, operands, remainder_of_doubles, "{fmod}({0}, {1})", _FAIL, natural=True, helpers=helpers
        )
    return Operation(DOUBLE, False, operands, _PLAIN[op], f"{{0}} {op.value} {{1}}", _FAIL, natural=True)


def _decimal(op: ArithmeticOp, left: Node, right: Node, kind: Decimal) -> Operation:
    context = exact_context(kind.precision)
    if op is ArithmeticOp.DIVIDE:
        compute: Callable[..., decimal.Decimal] = _decimal_division(context, kind)
    else:
        compute = {
            ArithmeticOp.ADD: context.add,
            ArithmeticOp.SUBTRACT: context.subtract,
            ArithmeticOp.MULTIPLY: context.multiply,
            ArithmeticOp.MODULO: exact_context(kind.precision + as_decimal(left.type or INTEGER).precision).remainder,
        }[op]
    # Both operands have at most EXACT_BY_DEFAULT digits then, and so has the exact result.
    inline = op is not ArithmeticOp.DIVIDE and kind.precision <= EXACT_BY_DEFAULT
    if op is ArithmeticOp.MODULO:
        inline = inline and all(as_decimal(n.type or INTEGER).precision <= EXACT_BY_DEFAULT for n in (left, right))
    template = f"{{0}} {op.value} {{1}}" if inline else "{f}({0}, {1})"
    return Operation(kind, False, (left, right), compute, template, _FAIL, natural=True)


def _decimal_division(context: decimal.Context, kind: Decimal) -> Callable[..., decimal.Decimal]:
    unit = decimal.Decimal(1).scaleb(-kind.scale)
    scaling = exact_context(kind.precision + kind.scale)

    def divide(left: decimal.Decimal, right: decimal.Decimal) -> decimal.Decimal:
        return context.divide(left, right).quantize(unit, context=scaling)

    return divide


def _text_of(value: str | None) -> str:
    return "null" if value is None else value


def _concatenate(left: str | None, right: str | None) -> str:
    return _text_of(left) + _text_of(right)


def _concatenation(left: Node, right: Node, *, null_concat_is_text: bool) -> Operation:
    if null_concat_is_text:
        # The source raises on None; the careful way then writes the text `null`.
        return Operation(STRING, False, (left, right), _concatenate, "{0} + {1}")
    nullable = left.nullable or right.nullable
    nulls = (OnNull.NULL, OnNull.NULL)
    return Operation(STRING, nullable, (left, right), operator.add, "{0} + {1}", nulls)


def build_negation(operand: Node, text: str) -> Node:
    """The node for `-operand`."""
    kind = operand.type
    if kind is None or not is_numeric(kind):
        raise AnalysisError(f"Negation on {_name(kind)} is not supported: {text}")
    nulls = (OnNull.FAIL,)
    if kind == DOUBLE:
        return Operation(kind, False, (operand,), operator.neg, "-{0}", nulls, natural=True)
    if isinstance(kind, Decimal):
        return Operation(kind, False, (operand,), negate_decimal, "{0}.copy_negate()", nulls, natural=True)
    wrap = wrap_int if kind == INTEGER else wrap_long
    return Operation(kind, False, (operand,), lambda value: wrap(-value), None, nulls, natural=True, ring="-")


def negate_decimal(value: decimal.Decimal) -> decimal.Decimal:
    """The opposite, whatever the precision."""
    return value.copy_negate()


def to_double(node: Node) -> Node:
    """The node as DOUBLE: decimals are converted, integers take part in float arithmetic as they are."""
    if isinstance(node, Constant) and node.value is not None and node.type != DOUBLE:
        return Constant(DOUBLE, False, float(node.value))  # type: ignore[arg-type]
    if isinstance(node.type, Decimal):
        return Operation(
            DOUBLE, node.nullable, (node,), float, "{float}({0})", (OnNull.NULL,), helpers={"float": float}
        )
    return node
