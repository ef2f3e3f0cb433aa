"""One type for a list of expressions: what IN, ARRAY[] and MAP() need (semantics, section 3).

The first expression that is not NULL gives the type; numbers widen; string literals turn into what the others are;
other literals turn into text next to strings; anything else must fit as it is. Collections follow the same rules
inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from headwater.core.errors import AnalysisError
from headwater.core.javatext import decimal_text, double_text, parse_decimal
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
    Field,
    Map,
    SqlType,
    Struct,
    is_numeric,
)
from headwater.plan import civil
from headwater.plan.casts import decode_base64, widens
from headwater.plan.expressions.arithmetic import as_decimal
from headwater.plan.expressions.nodes import Constant, Node, Operation
from headwater.plan.expressions.operators import build_cast, decimal_type_of
from headwater.sql import ast
from headwater.sql.expression_text import format_expression

Bind = Callable[[ast.Expression], Node]

_LITERALS = (
    ast.BooleanLiteral,
    ast.IntegerLiteral,
    ast.BigintLiteral,
    ast.DecimalLiteral,
    ast.DoubleLiteral,
    ast.StringLiteral,
)
_TIME_PARSERS: dict[SqlType, Callable[[str], Any]] = {
    DATE: civil.parse_date,
    TIME: civil.parse_time,
    TIMESTAMP: civil.parse_timestamp,
    BYTES: decode_base64,
}


def wider_number(left: SqlType, right: SqlType) -> SqlType:
    """The narrowest numeric type that holds both.

    >>> str(wider_number(Decimal(4, 2), INTEGER))
    'DECIMAL(12, 2)'
    """
    if DOUBLE in (left, right):
        return DOUBLE
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        a, b = as_decimal(left), as_decimal(right)
        scale = max(a.scale, b.scale)
        return Decimal(max(a.precision - a.scale, b.precision - b.scale) + scale, scale)
    return BIGINT if BIGINT in (left, right) else INTEGER


def number_in(text: str) -> tuple[SqlType, Any] | None:
    """The type and value of the number that a string literal spells, None when it spells none."""
    try:
        value = parse_decimal(text.strip())
    except ValueError:
        return None
    if "." not in text and "e" not in text.lower():
        whole = int(value)
        if -(2**31) <= whole < 2**31:
            return INTEGER, whole
        if -(2**63) <= whole < 2**63:
            return BIGINT, whole
    return decimal_type_of(value), value


def boolean_in(text: str) -> bool | None:
    """The BOOLEAN that a string literal spells: a prefix of true, yes, false or no; None when it spells none."""
    word = text.strip().lower()
    if not word:
        return None
    if "true".startswith(word) or "yes".startswith(word):
        return True
    return False if "false".startswith(word) or "no".startswith(word) else None


def _bad_text(target: SqlType, text: str) -> AnalysisError:
    name = "DECIMAL" if isinstance(target, Decimal) else str(target)
    return AnalysisError(f'invalid input syntax for type {name}: "{text}".')


def _no_operator(common: SqlType, given: SqlType | None, item: ast.Expression) -> AnalysisError:
    return AnalysisError(
        f"operator does not exist: {common} = {given} ({format_expression(item)})"
        "\nHint: You might need to add explicit type casts."
    )


def common_type(items: Sequence[ast.Expression], bind: Bind) -> SqlType | None:
    """The type all items can take; None when all are NULL. Raises `AnalysisError` naming the item that does not fit."""
    present = [item for item in items if not isinstance(item, ast.NullLiteral)]
    if not present:
        return None
    common = _start(present, bind)
    for item in present:
        common = _join(common, item, bind)
    return common


def _start(items: Sequence[ast.Expression], bind: Bind) -> SqlType:
    first = next((t for t in (bind(item).type for item in items) if t is not None), STRING)
    others = (item for item in items if not isinstance(item, _LITERALS))
    if isinstance(items[0], _LITERALS) and any(bind(item).type == STRING for item in others):
        return STRING
    return first


def _join(common: SqlType, item: ast.Expression, bind: Bind) -> SqlType:
    if isinstance(item, ast.StringLiteral):
        return _join_text(common, item.value)
    nested = _join_constructor(common, item, bind)
    if nested is not None:
        return nested
    given = bind(item).type
    if given is None or given == common:
        return common
    if common == STRING and isinstance(item, _LITERALS):
        return common
    joined = _join_types(common, given)
    if joined is None:
        raise _no_operator(common, given, item)
    return joined


def _join_text(common: SqlType, text: str) -> SqlType:
    if common == STRING:
        return common
    if is_numeric(common):
        number = number_in(text)
        if number is None:
            raise _bad_text(common, text)
        return wider_number(common, number[0])
    if common == BOOLEAN:
        if boolean_in(text) is None:
            raise _bad_text(common, text)
        return common
    if common in _TIME_PARSERS:
        try:
            _TIME_PARSERS[common](text)
        except ValueError as error:
            raise _bad_text(common, text) from error
        return common
    raise _no_operator(common, STRING, ast.StringLiteral(text))


def _join_constructor(common: SqlType, item: ast.Expression, bind: Bind) -> SqlType | None:
    """Joins a constructor part by part; None when the item is none, or of another kind than `common`."""
    if isinstance(item, ast.ArrayConstructor) and isinstance(common, Array):
        return Array(_join_all(common.element, item.items, bind))
    if isinstance(item, ast.MapConstructor) and isinstance(common, Map):
        keys = _join_all(common.key, [key for key, _ in item.entries], bind)
        return Map(keys, _join_all(common.value, [value for _, value in item.entries], bind))
    if isinstance(item, ast.StructConstructor) and isinstance(common, Struct):
        fields = {field.name: field.type for field in common.fields}
        for name, value in item.fields:
            if name in fields:
                fields[name] = _join_all(fields[name], [value], bind)
            else:
                fields[name] = bind(value).type or STRING
        return Struct(tuple(Field(name, sql_type) for name, sql_type in fields.items()))
    return None


def _join_all(common: SqlType, items: Iterable[ast.Expression], bind: Bind) -> SqlType:
    for item in items:
        if not isinstance(item, ast.NullLiteral):
            common = _join(common, item, bind)
    return common


def _join_types(left: SqlType, right: SqlType) -> SqlType | None:
    """The common type of two types without literals in play; None when there is none."""
    if left == right:
        return left
    if is_numeric(left) and is_numeric(right):
        return wider_number(left, right)
    if isinstance(left, Array) and isinstance(right, Array):
        element = _join_types(left.element, right.element)
        return None if element is None else Array(element)
    if isinstance(left, Map) and isinstance(right, Map):
        key, value = _join_types(left.key, right.key), _join_types(left.value, right.value)
        return None if key is None or value is None else Map(key, value)
    if isinstance(left, Struct) and isinstance(right, Struct):
        fields: dict[str, SqlType] = {field.name: field.type for field in left.fields}
        for field in right.fields:
            joined = _join_types(fields[field.name], field.type) if field.name in fields else field.type
            if joined is None:
                return None
            fields[field.name] = joined
        return Struct(tuple(Field(name, sql_type) for name, sql_type in fields.items()))
    return None


def coerce(item: ast.Expression, target: SqlType, bind: Bind) -> Node:
    """The item as a value of `target`, which must come from `common_type`."""
    if isinstance(item, ast.NullLiteral):
        return Constant(target, True, None)
    if isinstance(item, _LITERALS):
        return _coerce_literal(item, target, bind)
    if isinstance(item, ast.ArrayConstructor) and isinstance(target, Array):
        return array_of([coerce(part, target.element, bind) for part in item.items], target)
    if isinstance(item, ast.MapConstructor) and isinstance(target, Map):
        keys = [coerce(key, target.key, bind) for key, _ in item.entries]
        return map_of(keys, [coerce(value, target.value, bind) for _, value in item.entries], target)
    if isinstance(item, ast.StructConstructor) and isinstance(target, Struct):
        given = dict(item.fields)
        parts = [coerce(given.get(f.name, ast.NullLiteral()), f.type, bind) for f in target.fields]
        return struct_of(parts, target)
    node = bind(item)
    if node.type == target:
        return node
    if node.type is not None and not _castable(node.type, target):
        raise _no_operator(target, node.type, item)
    return build_cast(node, target)


def _castable(source: SqlType, target: SqlType) -> bool:
    # A DECIMAL keeps its digits in a wider one; `widens` also lets structs gain fields.
    return widens(source, target)


def _coerce_literal(item: ast.Expression, target: SqlType, bind: Bind) -> Node:
    node = bind(item)
    if node.type == target:
        return node
    if isinstance(item, ast.StringLiteral):
        return Constant(target, False, text_as(item.value, target))
    if target == STRING and isinstance(node, Constant):
        return Constant(STRING, False, literal_text(node.value))
    return build_cast(node, target)


def text_as(text: str, target: SqlType) -> Any:
    """A string literal as a value of `target`. Raises `AnalysisError` when it does not spell one."""
    if is_numeric(target):
        number = number_in(text)
        if number is None:
            raise _bad_text(target, text)
        converted = build_cast(Constant(number[0], False, number[1]), target)
        if not isinstance(converted, Constant):
            raise _bad_text(target, text)
        return converted.value
    if target == BOOLEAN:
        value = boolean_in(text)
        if value is None:
            raise _bad_text(target, text)
        return value
    try:
        return _TIME_PARSERS[target](text)
    except (KeyError, ValueError) as error:
        raise _bad_text(target, text) from error


def literal_text(value: Any) -> str:
    """A literal as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return double_text(value)
    return str(value) if isinstance(value, (int, str)) else decimal_text(value)


def array_of(items: Sequence[Node], sql_type: Array) -> Operation:
    """ARRAY[...]; an element that fails becomes NULL."""
    template = "[" + ", ".join(f"{{{i}}}" for i in range(len(items))) + "]"
    return Operation(sql_type, False, tuple(items), lambda *values: list(values), template, isolate=True, pure=False)


def map_of(keys: Sequence[Node], values: Sequence[Node], sql_type: Map) -> Operation:
    """MAP(k := v, ...); a key or value that fails becomes NULL; of equal keys the last wins."""
    operands = [node for pair in zip(keys, values, strict=True) for node in pair]
    pairs = ", ".join(f"{{{i}}}: {{{i + 1}}}" for i in range(0, len(operands), 2))

    def make(*items: Any) -> dict[Any, Any]:
        return dict(zip(items[::2], items[1::2], strict=True))

    return Operation(sql_type, False, tuple(operands), make, "{{" + pairs + "}}", isolate=True, pure=False)


def struct_of(items: Sequence[Node], sql_type: Struct) -> Operation:
    """STRUCT(f := v, ...); a field that fails becomes NULL."""
    template = "(" + "".join(f"{{{i}}}, " for i in range(len(items))) + ")"
    return Operation(sql_type, False, tuple(items), lambda *values: values, template, isolate=True, pure=False)
