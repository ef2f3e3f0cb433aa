"""Comparison, IS NULL, LIKE, IN, subscripts, fields and CAST as typed nodes (semantics, sections 5 to 7)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from headwater.core.errors import AnalysisError
from headwater.core.types import (
    BIGINT,
    BOOLEAN,
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
    Struct,
    is_numeric,
)
from headwater.plan import civil
from headwater.plan.casts import cast_rule
from headwater.plan.expressions.arithmetic import to_double
from headwater.plan.expressions.nodes import Constant, Node, OnNull, Operation
from headwater.plan.functions.ordering import SIGNED_TABLE, signed_order, utf16_order
from headwater.sql.ast import ComparisonOp

_TIMES = (DATE, TIME, TIMESTAMP)
_EQUALITY = (ComparisonOp.EQUAL, ComparisonOp.NOT_EQUAL, ComparisonOp.DISTINCT, ComparisonOp.NOT_DISTINCT)
_JAVA_NAMES = {
    ComparisonOp.EQUAL: "EQUAL",
    ComparisonOp.NOT_EQUAL: "NOT_EQUAL",
    ComparisonOp.LESS: "LESS_THAN",
    ComparisonOp.LESS_EQUAL: "LESS_THAN_OR_EQUAL",
    ComparisonOp.GREATER: "GREATER_THAN",
    ComparisonOp.GREATER_EQUAL: "GREATER_THAN_OR_EQUAL",
    ComparisonOp.DISTINCT: "IS_DISTINCT_FROM",
    ComparisonOp.NOT_DISTINCT: "IS_NOT_DISTINCT_FROM",
}
_PYTHON: dict[ComparisonOp, tuple[str, Callable[[Any, Any], bool]]] = {
    ComparisonOp.EQUAL: ("==", operator.eq),
    ComparisonOp.NOT_EQUAL: ("!=", operator.ne),
    ComparisonOp.LESS: ("<", operator.lt),
    ComparisonOp.LESS_EQUAL: ("<=", operator.le),
    ComparisonOp.GREATER: (">", operator.gt),
    ComparisonOp.GREATER_EQUAL: (">=", operator.ge),
    ComparisonOp.DISTINCT: ("!=", operator.ne),
    ComparisonOp.NOT_DISTINCT: ("==", operator.eq),
}


def fold(node: Node) -> Node:
    """A pure operation on constants as the constant it gives; left alone when it fails."""
    if not isinstance(node, Operation) or not node.pure or not all(isinstance(o, Constant) for o in node.operands):
        return node
    values = [operand.value for operand in node.operands if isinstance(operand, Constant)]
    if None in values:
        return node
    try:
        value = node.call(*values)
    except Exception:  # noqa: BLE001 - then it fails for every row, and is reported there
        return node
    return Constant(node.type, value is None, value)


def _text_order(compare: Callable[[Any, Any], bool]) -> Callable[[str, str], bool]:
    def ordered(left: str, right: str) -> bool:
        if left.isascii() and right.isascii():
            return compare(left, right)
        return compare(utf16_order(left), utf16_order(right))

    return ordered


_TEXT_ORDERS = {op: _text_order(function) for op, (_, function) in _PYTHON.items() if op not in _EQUALITY}


def _unequal_doubles(left: float, right: float) -> bool:
    return left < right or left > right


def build_comparison(op: ComparisonOp, left: Node, right: Node, left_text: str, right_text: str) -> Node:
    """The node for a comparison. Raises `AnalysisError` for types that do not compare."""
    if left.type is None or right.type is None:
        names = [str(t) if t is not None else "NULL" for t in (left.type, right.type)]
        raise AnalysisError(
            f"Comparison with NULL not supported: {names[0]} {op.value} {names[1]}"
            "\nUse 'IS NULL' or 'IS NOT NULL' instead."
        )
    pair = _align(op, left, right, left.type, right.type)
    if pair is None:
        raise AnalysisError(
            f"Cannot compare {left_text} ({left.type}) to {right_text} ({right.type}) with {_JAVA_NAMES[op]}."
        )
    return fold(_compare(op, *pair))


def _align(op: ComparisonOp, left: Node, right: Node, a: SqlType, b: SqlType) -> tuple[Node, Node] | None:
    """Both sides as values that Python compares as SQL does; None for types that do not compare."""
    if is_numeric(a) and is_numeric(b):
        if DOUBLE in (a, b):
            return _as_float(left), _as_float(right)
        return left, right
    if a == STRING and b in _TIMES:
        return _converted(left, b), right
    if b == STRING and a in _TIMES:
        return left, _converted(right, a)
    if {a, b} == {DATE, TIMESTAMP}:
        return _converted(left, TIMESTAMP), _converted(right, TIMESTAMP)
    if a == b and a in (STRING, BYTES, *_TIMES):
        return left, right
    same_kind = a == b == BOOLEAN or (type(a) is type(b) and isinstance(a, (Array, Map, Struct)))
    return (left, right) if same_kind and op in _EQUALITY else None


def _as_float(node: Node) -> Node:
    """DOUBLE comparison of a BIGINT rounds it first; an INTEGER is exact anyway."""
    return _converted(node, DOUBLE) if node.type == BIGINT else to_double(node)


def _converted(node: Node, target: SqlType) -> Node:
    """The node as `target`; unlike in a CAST, a failure is one of the whole comparison."""
    if node.type == target:
        return node
    made = build_cast(node, target)
    return replace(made, boundary=None) if isinstance(made, Operation) else made


def _compare(op: ComparisonOp, left: Node, right: Node) -> Operation:
    symbol, call = _PYTHON[op]
    operands = (left, right)
    if op in (ComparisonOp.DISTINCT, ComparisonOp.NOT_DISTINCT):
        return Operation(BOOLEAN, False, operands, call, f"{{0}} {symbol} {{1}}")
    nulls = (OnNull.FALSE, OnNull.FALSE)
    if op is ComparisonOp.EQUAL:
        # None equals no value that is not None, so one check of two is enough, and none with a constant.
        nulls = (OnNull.FALSE if right.nullable else OnNull.ACCEPT, OnNull.ACCEPT)
        return Operation(BOOLEAN, False, operands, call, f"{{0}} {symbol} {{1}}", nulls)
    if left.type == right.type == STRING and op not in _EQUALITY:
        return Operation(BOOLEAN, False, operands, _TEXT_ORDERS[op], None, nulls)
    if left.type == right.type == BYTES and op not in _EQUALITY:
        keyed = _keyed(call)
        template = f"{{0}}.translate({{signed}}) {symbol} {{1}}.translate({{signed}})"
        return Operation(BOOLEAN, False, operands, keyed, template, nulls, helpers={"signed": SIGNED_TABLE})
    if op is ComparisonOp.NOT_EQUAL and DOUBLE in (left.type, right.type):
        return Operation(BOOLEAN, False, operands, _unequal_doubles, "({0} < {1} or {0} > {1})", nulls)
    return Operation(BOOLEAN, False, operands, call, f"{{0}} {symbol} {{1}}", nulls)


def _keyed(compare: Callable[[Any, Any], bool]) -> Callable[[bytes, bytes], bool]:
    return lambda left, right: compare(signed_order(left), signed_order(right))


def build_between(operand: Node, low: Node, high: Node, texts: tuple[str, str, str]) -> Node:
    """`operand >= low AND operand <= high`, evaluated once; FALSE when any of them is NULL."""
    above = build_comparison(ComparisonOp.GREATER_EQUAL, operand, low, texts[0], texts[1])
    below = build_comparison(ComparisonOp.LESS_EQUAL, operand, high, texts[0], texts[2])
    if not isinstance(above, Operation) or not isinstance(below, Operation):
        return _both(above, below)
    (value, bottom), (same, top) = above.operands, below.operands
    if value is operand and same is operand and operand.type != STRING and operand.type != BYTES:
        nulls = (OnNull.FALSE,) * 3
        return Operation(
            BOOLEAN, False, (bottom, operand, top), lambda a, x, b: a <= x <= b, "{0} <= {1} <= {2}", nulls
        )
    return _both(above, below)


def _both(left: Node, right: Node) -> Node:
    return fold(Operation(BOOLEAN, False, (left, right), lambda a, b: a and b, "{0} and {1}"))


def build_not(operand: Node) -> Node:
    """NOT; a NULL operand fails."""
    return fold(Operation(BOOLEAN, False, (operand,), operator.not_, "not {0}", (OnNull.FAIL,)))


def build_is_null(operand: Node, *, negated: bool) -> Node:
    """IS [NOT] NULL."""
    call = operator.is_not if negated else operator.is_
    if isinstance(operand, Constant):
        return Constant(BOOLEAN, False, call(operand.value, None))
    template = f"{{0}} is {'not ' if negated else ''}None"
    if not operand.nullable and isinstance(operand.type, (Array, Map, Struct)):
        template = "{f}({0})"  # Python warns about `is` beside a list, dict or tuple in the source
    return Operation(BOOLEAN, False, (operand,), lambda value: call(value, None), template)


def build_cast(operand: Node, target: SqlType, *, preserve_null_strings: bool = True) -> Node:
    """CAST, or the same conversion where it is implicit. Raises `AnalysisError` for an unsupported pair."""
    source = operand.type
    null_text = target == STRING and not preserve_null_strings
    if source is None or (isinstance(operand, Constant) and operand.value is None):
        return Constant(target, not null_text, "null" if null_text else None)
    if source == target and not null_text:
        return operand
    rule = cast_rule(source, target)
    helpers: dict[str, object] = {"float": float, "str": str}
    if null_text:
        return Operation(
            target, False, (operand,), lambda value: "null" if value is None else rule.convert(value), boundary="cast"
        )
    nested = isinstance(target, (Array, Map, Struct))
    return fold(
        Operation(
            target,
            operand.nullable,
            (operand,),
            rule.convert,
            rule.inline,
            (OnNull.NULL,),
            boundary=f"CAST to {target}",
            tolerant=(lambda on_error: cast_rule(source, target, on_error).convert) if nested else None,
            helpers=helpers,
            pure=not nested,
        )
    )


_LINE_ENDS = "\n\r\u0085\u2028\u2029"
_ANY_RUN = f"[^{_LINE_ENDS}]*"
_ANY_CHAR = f"[^{_LINE_ENDS}]"


def _like_parts(pattern: str, escape: str | None) -> list[str]:
    """The pattern as a list in which `%` and `_` are wildcards and other items literal text."""
    parts: list[str] = []
    text = ""
    escaped = False
    for char in pattern:
        if escaped:
            text, escaped = text + char, False
        elif escape is not None and char == escape:
            escaped = True
        elif char in "%_":
            if text:
                parts.append("=" + text)
            parts.append(char)
            text = ""
        else:
            text += char
    if escaped:
        raise AnalysisError(f"LIKE pattern '{pattern}' must not end with the escape character '{escape}'")
    if text:
        parts.append("=" + text)
    return parts


@lru_cache(maxsize=1000)
def like_regex(pattern: str, escape: str | None) -> re.Pattern[str]:
    """A LIKE pattern as a regular expression for `fullmatch`; `%` and `_` do not match line ends.

    The time it takes grows with the text's length, whatever the number of `%`: what stands between two of them is taken
    where it first occurs (no later place lets more match), and the match never goes back before it.
    """
    runs = [""]
    for part in _like_parts(pattern, escape):
        if part == "%":
            runs.append("")
        else:
            runs[-1] += _ANY_CHAR if part == "_" else re.escape(part[1:])
    if len(runs) == 1:
        return re.compile(runs[0])
    middle = "".join(f"(?>{_ANY_RUN}?{run})" for run in runs[1:-1] if run)
    return re.compile(f"{runs[0]}{middle}{_ANY_RUN}{runs[-1]}")


def build_like(operand: Node, pattern: Node, escape: str | None) -> Node:
    """LIKE; a NULL operand fails."""
    for side in (operand, pattern):
        if side.type not in (STRING, None):
            raise AnalysisError(
                "Like condition must be between strings. The column type for Like condition must be VARCHAR."
                f" The column type is {side.type}"
            )
    if escape is not None and len(escape) != 1:
        raise AnalysisError(f"Escape character must be a single character, not '{escape}'")
    if isinstance(pattern, Constant) and isinstance(pattern.value, str):
        return fold(_literal_like(operand, pattern.value, escape))

    def matches(value: str, text: str) -> bool:
        return like_regex(text, escape).fullmatch(value) is not None

    return Operation(BOOLEAN, False, (operand, pattern), matches, None, (OnNull.FAIL, OnNull.FAIL))


def _literal_like(operand: Node, pattern: str, escape: str | None) -> Operation:
    regex = like_regex(pattern, escape)
    parts = _like_parts(pattern, escape)
    test = {
        ("=",): "{0} == {text}",
        ("=", "%"): "{w0}.startswith({text})",
        ("%", "="): "{w0}.endswith({text})",
        ("%", "=", "%"): "{text} in {w0}",
    }.get(tuple(part[0] for part in parts))
    text = "".join(part[1:] for part in parts if part[0] == "=")
    helpers: dict[str, object] = {"match": regex.fullmatch, "text": text}
    if len(parts) == 1 and test:
        template, nulls = test, (OnNull.FAIL,)
        return Operation(BOOLEAN, False, (operand,), lambda v: v == text, template, nulls, helpers=helpers)
    if test:
        # Printable text holds no line ends, which a wildcard must not match.
        template = f"{test} and ({{0}}.isprintable() or {{match}}({{0}}) is not None)"
    else:
        template = "{match}({0}) is not None"
    return Operation(
        BOOLEAN,
        False,
        (operand,),
        lambda v: regex.fullmatch(v) is not None,
        template,
        (OnNull.FAIL,),
        natural=True,
        helpers=helpers,
    )


def build_in(operand: Node, items: Sequence[Node]) -> Node:
    """IN over items of the operand's type; NULL items are ignored, a NULL operand is in nothing."""
    present = [item for item in items if not (isinstance(item, Constant) and item.value is None)]
    constants = [item.value for item in present if isinstance(item, Constant)]
    if len(constants) == len(present) and not isinstance(operand.type, (Array, Map, Struct)):
        allowed = frozenset(constants)
        # A set of literals in the source is a constant to Python, quicker to reach than a global.
        plain = all(type(value) in (int, str) for value in constants)
        members = "{{" + ", ".join(map(_escaped, constants)) + "}}" if plain and constants else "{allowed}"
        return fold(
            Operation(
                BOOLEAN, False, (operand,), allowed.__contains__, f"{{0}} in {members}", helpers={"allowed": allowed}
            )
        )

    def contained(value: Any, *others: Any) -> bool:
        return value is not None and any(other is not None and value == other for other in others)

    tests = [f"{{{'w' if i == 0 else ''}0}} == {{{i + 1}}}" for i in range(len(present))]
    template = " or ".join(tests) if tests else "False"
    return Operation(BOOLEAN, False, (operand, *present), contained, f"({template})", (OnNull.FALSE,))


def _escaped(value: object) -> str:
    """A literal as part of a template."""
    return repr(value).replace("{", "{{").replace("}", "}}")


def array_at(items: Sequence[Any], index: int) -> Any:
    """The element at a 1-based index, negative from the end; None outside."""
    at = index - 1 if index > 0 else index + len(items)
    return items[at] if index != 0 and 0 <= at < len(items) else None


def build_subscript(base: Node, index: Node, text: str) -> Node:
    """`array[i]`, 1-based, or `map[key]`; missing is NULL."""
    kind = base.type
    if isinstance(kind, Array):
        if index.type not in (INTEGER, BIGINT):
            raise AnalysisError(f"Array index must be INTEGER or BIGINT, but is {index.type or 'NULL'}: {text}")
        nulls = (OnNull.NULL, OnNull.FAIL)
        if isinstance(index, Constant) and isinstance(index.value, int) and index.value > 0:
            at = index.value - 1
            template = f"{{0}}[{at}] if len({{w0}}) > {at} else None"
            return Operation(kind.element, True, (base,), lambda items: array_at(items, at + 1), template, nulls)
        return Operation(kind.element, True, (base, index), array_at, None, nulls)
    if isinstance(kind, Map):
        if index.type is not None and index.type != kind.key:
            raise AnalysisError(f"Map key must be {kind.key}, but is {index.type}: {text}")
        return Operation(kind.value, True, (base, index), dict.get, "{0}.get({1})", (OnNull.NULL,))
    raise AnalysisError(f"Subscripting applies to ARRAY and MAP only, but {text} is over {kind or 'NULL'}")


def build_field(base: Node, name: str, base_text: str) -> Node:
    """`struct->field`. Raises `AnalysisError` naming the fields there are."""
    if not isinstance(base.type, Struct):
        raise AnalysisError(
            f"Expected STRUCT type for {base_text}, got: {base.type or 'NULL'}; it has no field '{name}'"
        )
    at = base.type.index.get(name)
    if at is None:
        known = ", ".join(base.type.index) or "none"
        raise AnalysisError(f"Could not find field '{name}' in '{base_text}'. Its fields are: {known}.")
    field = base.type.fields[at]
    return Operation(field.type, True, (base,), operator.itemgetter(at), f"{{0}}[{at}]", (OnNull.NULL,))


def parse_magic_timestamp(node: Node) -> Node:
    """A string literal next to ROWTIME or a window bound, as ms. Raises `AnalysisError` when it is no timestamp."""
    if isinstance(node, Constant) and isinstance(node.value, str):
        try:
            return Constant(BIGINT, False, civil.parse_timestamp(node.value))
        except ValueError as error:
            raise AnalysisError(str(error)) from error
    return node


def decimal_type_of(digits: Any) -> Decimal:
    """The type of a DECIMAL literal: `0.05` is DECIMAL(3, 2)."""
    sign_digits_exponent = digits.as_tuple()
    exponent = int(sign_digits_exponent.exponent)
    if exponent > 0:
        return Decimal(len(sign_digits_exponent.digits) + exponent, 0)
    return Decimal(max(len(sign_digits_exponent.digits), 1 - exponent), -exponent)
