"""Reads JSON exactly as section 5.2 of the format rules says: every coercion, every refusal, and where it happened."""

from __future__ import annotations

import base64
import binascii
import decimal
import json
from collections.abc import Callable, Sequence
from contextlib import suppress

from headwater.core import types as t
from headwater.core.javatext import parse_decimal, parse_double, parse_int, parse_long, wrap_int, wrap_long
from headwater.formats.decimals import fitter
from headwater.formats.failures import Refused

MILLIS_PER_DAY = 86_400_000

Coerce = Callable[[object], object]
"""JSON node (as `parse` makes it) to the value of a SQL type; raises `Refused`. Never called with None."""


class Number(str):
    """A JSON number as its text, so that no digit is lost before the target type is known."""

    __slots__ = ()

    @property
    def is_integer(self) -> bool:
        return not any(c in self for c in ".eE")


def parse(payload: bytes) -> object:
    """The document: dict, list, str, `Number`, bool or None. Raises `Refused` when it is not JSON.

    Bytes that are not UTF-8 are reported only where a column reads them: members that no column reads need only be
    grammatical JSON, which is also what the quick decoder checks.
    """
    if not payload:
        raise Refused("No content to map: the payload is empty")
    try:
        return _DECODER.decode(str(payload, "utf-8", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise Refused(f"Malformed JSON: {error}") from None


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=_no_constant)


def coercer(sql_type: t.SqlType) -> Coerce:
    """The function that turns a node into a value of the type."""
    if isinstance(sql_type, t.Scalar):
        return _SCALARS[sql_type.name]
    if isinstance(sql_type, t.Decimal):
        return _decimal(sql_type)
    if isinstance(sql_type, t.Array):
        return _array(sql_type)
    if isinstance(sql_type, t.Map):
        return _map(sql_type)
    if isinstance(sql_type, t.Struct):
        return struct_coercer([(f.name, f.type) for f in sql_type.fields])
    raise TypeError(f"not a SQL type: {sql_type!r}")


def struct_coercer(fields: Sequence[tuple[str, t.SqlType]]) -> Callable[[object], tuple[object, ...]]:
    """Object to one value per field. A field takes the member of exactly its name, else the last whose upper case is
    its name; without one it is NULL."""
    names = [name for name, _ in fields]
    coercers = [coercer(field_type) for _, field_type in fields]

    def coerce(node: object) -> tuple[object, ...]:
        if not isinstance(node, dict):
            raise _mismatch(node, "STRUCT")
        upper: dict[str, object] | None = None
        values: list[object] = []
        for name, convert in zip(names, coercers, strict=True):
            if name in node:
                member = node[name]
            else:
                if upper is None:
                    upper = {key.upper(): value for key, value in node.items()}
                member = upper.get(name)
            try:
                values.append(None if member is None else convert(member))
            except Refused as refused:
                raise refused.at(f".{name}") from None
        return tuple(values)

    return coerce


def _mismatch(node: object, required: str) -> Refused:
    return Refused(f"Can't convert type. sourceType: {_kind(node)}, requiredType: {required}")


def _kind(node: object) -> str:
    if isinstance(node, Number):
        return "IntNode" if node.is_integer else "DecimalNode"
    kinds = {bool: "BooleanNode", str: "TextNode", list: "ArrayNode", dict: "ObjectNode", type(None): "NullNode"}
    return kinds[type(node)]


def _boolean(node: object) -> object:
    if isinstance(node, bool):
        return node
    raise _mismatch(node, "BOOLEAN")


def _whole(number: Number) -> int:
    """Truncated toward zero; only the low 64 bits matter, so a huge exponent is zero rather than a huge number."""
    if number.is_integer:
        return _int_of(number)
    exact = _decimal_of(number)
    exponent = exact.as_tuple().exponent
    if isinstance(exponent, int) and exponent >= 64:
        return 0
    return 0 if exact.adjusted() < 0 else int(exact)


def _int_of(number: Number) -> int:
    try:
        return int(number)
    except ValueError:
        raise Refused(f"Number has too many digits: {len(number)}") from None


def _decimal_of(number: str) -> decimal.Decimal:
    try:
        return parse_decimal(number)
    except ValueError as error:
        raise Refused(str(error)) from None


def _integer(node: object) -> object:
    if isinstance(node, Number):
        return wrap_int(_whole(node))
    return _parsed(node, parse_int, "INTEGER")


def _bigint(node: object) -> object:
    if isinstance(node, Number):
        return wrap_long(_whole(node))
    return _parsed(node, parse_long, "BIGINT")


def _double(node: object) -> object:
    if isinstance(node, Number):
        return float(node) if node != "-0" else 0.0
    return _parsed(node, parse_double, "DOUBLE")


def _parsed(node: object, parser: Callable[[str], object], required: str) -> object:
    if type(node) is not str:
        raise _mismatch(node, required)
    try:
        return parser(node)
    except ValueError:
        raise Refused(f"Can't convert type. sourceType: TextNode, requiredType: {required}, value: {node!r}") from None


def _string(node: object) -> object:
    text = _text(node)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Refused("Invalid UTF-8 in a string") from None
    return text


def _text(node: object) -> str:
    if isinstance(node, Number):
        return _number_text(node)
    if isinstance(node, str):
        return node
    if isinstance(node, list):
        return "[" + ", ".join(map(_text, node)) + "]"
    return compact(node)


def _number_text(number: Number) -> str:
    if number.is_integer:
        return "0" if number == "-0" else number[:]
    with suppress(Refused):
        return str(_decimal_of(number))
    return number[:]


def compact(node: object) -> str:
    """The node as JSON text without blanks, members in their order."""
    if isinstance(node, Number):
        return _number_text(node)
    if isinstance(node, dict):
        return "{" + ",".join(f"{_quoted(key)}:{compact(value)}" for key, value in node.items()) + "}"
    if isinstance(node, list):
        return "[" + ",".join(map(compact, node)) + "]"
    return _quoted(node) if isinstance(node, str) else json.dumps(node)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _bytes(node: object) -> object:
    if type(node) is not str:
        raise _mismatch(node, "BYTES")
    try:
        return base64.b64decode(node, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("Value is not a valid base64-encoded string") from None


def _time(node: object) -> object:
    millis = wrap_long(_whole(node)) if isinstance(node, Number) else _parsed(node, parse_long, "TIME")
    if not isinstance(millis, int) or not 0 <= millis <= MILLIS_PER_DAY:
        raise Refused("Time values must use number of milliseconds greater than 0 and less than 86400000.")
    return millis


def _date(node: object) -> object:
    return wrap_int(_whole(node)) if isinstance(node, Number) else _parsed(node, parse_int, "DATE")


def _timestamp(node: object) -> object:
    return wrap_long(_whole(node)) if isinstance(node, Number) else _parsed(node, parse_long, "TIMESTAMP")


def _decimal(sql_type: t.Decimal) -> Coerce:
    fit = fitter(sql_type)

    def coerce(node: object) -> object:
        if not isinstance(node, str):
            raise _mismatch(node, str(sql_type))
        return fit(_decimal_of(node))

    return coerce


def _array(sql_type: t.Array) -> Coerce:
    convert = coercer(sql_type.element)

    def coerce(node: object) -> object:
        if not isinstance(node, list):
            raise _mismatch(node, "ARRAY")
        values: list[object] = []
        for i, element in enumerate(node):
            try:
                values.append(None if element is None else convert(element))
            except Refused as refused:
                raise refused.at(f"[{i}]") from None
        return values

    return coerce


def _map(sql_type: t.Map) -> Coerce:
    convert_key, convert = coercer(sql_type.key), coercer(sql_type.value)

    def coerce(node: object) -> object:
        if not isinstance(node, dict):
            raise _mismatch(node, "MAP")
        values: dict[object, object] = {}
        for key, member in node.items():
            try:
                converted = convert_key(key)
            except Refused as refused:
                raise refused.at(f".{key}.key") from None
            try:
                values[converted] = None if member is None else convert(member)
            except Refused as refused:
                raise refused.at(f".{key}.value") from None
        return values

    return coerce


_SCALARS: dict[str, Coerce] = {
    "BOOLEAN": _boolean,
    "INTEGER": _integer,
    "BIGINT": _bigint,
    "DOUBLE": _double,
    "STRING": _string,
    "BYTES": _bytes,
    "TIME": _time,
    "DATE": _date,
    "TIMESTAMP": _timestamp,
}
