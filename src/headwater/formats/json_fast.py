"""Reads JSON at msgspec's speed: a struct class is generated for a schema and the member names its topic really uses.

JSON members match columns regardless of case, which no compiled decoder can do. So the spellings are learned: a `Shape`
holds, per object, how each column was spelled last and which other members were seen. The decoder made from it knows
exactly these names and refuses every record with another, or with a value that needs a coercion; the exact reader then
decides that record, and the shape learns from it for the next decoder.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import msgspec

from headwater.core import types as t
from headwater.core.javatext import INT_MAX, INT_MIN, LONG_MAX, LONG_MIN
from headwater.formats.failures import Refused
from headwater.formats.json_exact import MILLIS_PER_DAY
from headwater.formats.json_loose import fix_of, is_loose
from headwater.formats.json_names import is_plain
from headwater.formats.source import Source

FAST_ERRORS: tuple[type[Exception], ...] = (
    msgspec.MsgspecError,
    UnicodeDecodeError,
    RecursionError,
    decimal.DecimalException,
    Refused,
)
"""What a quick decoder raises to have the exact reader decide."""

IGNORED_LIMIT = 256
"""Names of members without a column that one object may declare: more means the names are data, and stay unlearned."""

_INT32 = Annotated[int, msgspec.Meta(ge=INT_MIN, le=INT_MAX)]
_INT64 = Annotated[int, msgspec.Meta(ge=LONG_MIN, le=LONG_MAX)]
_SCALARS: dict[str, Any] = {
    "BOOLEAN": bool,
    "INTEGER": _INT32,
    "BIGINT": _INT64,
    "DOUBLE": float,
    "STRING": str,
    "BYTES": bytes,
    "DATE": _INT32,
    "TIME": Annotated[int, msgspec.Meta(ge=0, le=MILLIS_PER_DAY)],
    "TIMESTAMP": _INT64,
}


class Shape:
    """What was learned about the objects of one place in a payload; places without objects below have no shape.

    `spelling` is the member that feeds each column, `ignored` are members without a column, `loose` are columns whose
    members come in another JSON type than the column's.
    """

    def __init__(self, fields: Sequence[tuple[str, t.SqlType]]) -> None:
        self.fields = tuple(fields)
        self.spelling = {name: name for name, _ in fields}
        self.ignored: set[str] = set()
        self.loose: set[str] = set()
        self.below = {name: shape_of(field_type) for name, field_type in fields}

    def learn(self, node: object) -> bool:
        """Take in the spellings of one document; whether there was anything new."""
        if not isinstance(node, dict):
            return False
        new = False
        for member in node:
            column = member if member in self.spelling else member.upper()
            if column not in self.spelling:
                new |= self._ignore(member)
            elif (column == member or column not in node) and self.spelling[column] != member and is_plain(member):
                self.spelling[column] = member
                new = True
        for name, field_type in self.fields:
            shape, member = self.below[name], node.get(self.spelling[name])
            if shape is not None:
                new |= learn(field_type, shape, member)
            elif name not in self.loose and is_loose(field_type, member):
                self.loose.add(name)
                new = True
        return new

    def _ignore(self, member: str) -> bool:
        if member in self.ignored or len(self.ignored) >= IGNORED_LIMIT or not is_plain(member):
            return False
        self.ignored.add(member)
        return True


def shape_of(sql_type: t.SqlType) -> Shape | None:
    """The shape of the objects inside a value of the type, or None where there are none."""
    if isinstance(sql_type, t.Struct):
        return Shape([(f.name, f.type) for f in sql_type.fields])
    if isinstance(sql_type, t.Array):
        return shape_of(sql_type.element)
    if isinstance(sql_type, t.Map):
        return shape_of(sql_type.value)
    return None


def learn(sql_type: t.SqlType, shape: Shape, node: object) -> bool:
    """Let the shape inside a value of the type learn from a document's node; whether there was anything new."""
    if isinstance(sql_type, t.Array):
        return isinstance(node, list) and _any(learn(sql_type.element, shape, element) for element in node)
    if isinstance(sql_type, t.Map):
        return isinstance(node, dict) and _any(learn(sql_type.value, shape, value) for value in node.values())
    return shape.learn(node)


def _any(changes: Iterable[bool]) -> bool:
    """As `any`, but every change takes place."""
    return sum(changes) > 0


def can_be_fast(fields: Sequence[tuple[str, t.SqlType]]) -> bool:
    """False where one member may feed two columns, because their names differ by case only, and where a name is none
    that a struct's member can have."""
    names = {name for name, _ in fields}
    if not all(map(is_plain, names)):
        return False
    if any(name.upper() != name and name.upper() in names for name in names):
        return False
    return all(inner_can_be_fast(field_type) for _, field_type in fields)


def inner_can_be_fast(sql_type: t.SqlType) -> bool:
    """`can_be_fast` of the objects inside a value of the type."""
    if isinstance(sql_type, t.Struct):
        return can_be_fast([(f.name, f.type) for f in sql_type.fields])
    if isinstance(sql_type, t.Array):
        return inner_can_be_fast(sql_type.element)
    return not isinstance(sql_type, t.Map) or inner_can_be_fast(sql_type.value)


def row_decoder(shape: Shape) -> Callable[[bytes], Any]:
    """A decoder of objects of this shape into rows with slots c0, c1, ..."""
    decode = msgspec.json.Decoder(_struct_class(shape), float_hook=decimal.Decimal).decode
    source = Source("json reader")
    fixed = [(f"row.c{i}", _fixed_member(source, shape, name, f"row.c{i}")) for i, (name, _) in enumerate(shape.fields)]
    if not any(fix for _, fix in fixed):
        return decode
    source.names["decode"] = decode
    with source.block("def row_of(payload):"):
        source.line("row = decode(payload)")
        for place, fix in fixed:
            if fix:
                source.line(f"{place} = {fix}")
        source.line("return row")
    return source.compile("row_of")


def value_decoder(sql_type: t.SqlType, shape: Shape | None) -> Callable[[bytes], Any]:
    """A decoder of bare values of a type."""
    decode = msgspec.json.Decoder(_member_type(sql_type, shape), float_hook=decimal.Decimal).decode
    source = Source("json reader")
    fixed = _fixed(source, sql_type, shape, "decode(payload)")
    if not fixed:
        return decode
    source.names["decode"] = decode
    source.line("def value_of(payload):")
    source.line(f"    return {fixed}")
    return source.compile("value_of")


def _struct_class(shape: Shape) -> Any:
    fields: list[Any] = [
        (f"c{i}", Any if name in shape.loose else _member_type(field_type, shape.below[name]), None)
        for i, (name, field_type) in enumerate(shape.fields)
    ]
    rename = {f"c{i}": shape.spelling[name] for i, (name, _) in enumerate(shape.fields)}
    for i, member in enumerate(sorted(shape.ignored)):
        fields.append((f"x{i}", msgspec.Raw, None))
        rename[f"x{i}"] = member
    return msgspec.defstruct("Row", fields, rename=rename, forbid_unknown_fields=True, gc=False)


def _member_type(sql_type: t.SqlType, shape: Shape | None) -> Any:
    if isinstance(sql_type, t.Scalar):
        return _SCALARS[sql_type.name] | None
    if isinstance(sql_type, t.Decimal):
        return Any
    if isinstance(sql_type, t.Array):
        return list[_member_type(sql_type.element, shape)] | None  # type: ignore[misc]
    if isinstance(sql_type, t.Map):
        return dict[str, _member_type(sql_type.value, shape)] | None  # type: ignore[misc]
    if shape is None:
        raise TypeError(f"not a SQL type: {sql_type!r}")
    return _struct_class(shape) | None


def _fixed_member(source: Source, shape: Shape, name: str, value: str) -> str | None:
    field_type = dict(shape.fields)[name]
    if name in shape.loose:
        return f"{source.named('loose', fix_of(field_type))}({value})"
    return _fixed(source, field_type, shape.below[name], value)


def _fixed(source: Source, sql_type: t.SqlType, shape: Shape | None, value: str) -> str | None:
    """Source that turns what msgspec decoded into the in-memory value, or None where that is the same.

    Structs become tuples, numbers become decimals that fit.
    """
    if isinstance(sql_type, t.Decimal):
        return f"{source.named('fit', fix_of(sql_type))}({value})"
    if isinstance(sql_type, t.Array):
        inner = _fixed(source, sql_type.element, shape, "x")
        return inner and f"{source.null_safe(f'[{inner} for x in v]')}({value})"
    if isinstance(sql_type, t.Map):
        inner = _fixed(source, sql_type.value, shape, "x")
        return inner and f"{source.null_safe(f'{{k: {inner} for k, x in v.items()}}')}({value})"
    if isinstance(sql_type, t.Struct) and shape is not None:
        places = [(f"v.c{i}", f.name) for i, f in enumerate(sql_type.fields)]
        items = [_fixed_member(source, shape, name, place) or place for place, name in places]
        return f"{source.null_safe('(' + ', '.join(items) + ',)')}({value})"
    return None
