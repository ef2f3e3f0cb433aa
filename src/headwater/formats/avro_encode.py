"""Generates an encoder from column values to Avro binary, for a generated schema or for one from the registry."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from headwater.core import types as t
from headwater.formats import avro_schema as avro
from headwater.formats.avro_types import branch_name, scalar_type
from headwater.formats.decimals import fitter, unscaled_int
from headwater.formats.failures import Refused
from headwater.formats.source import Source

_TABLE_SIZE = 1 << 14
"""Numbers whose varint is looked up: all that take one or two bytes."""


def long_bytes(value: int) -> bytes:
    """An Avro int or long: zigzag, then seven bits per byte."""
    n = (value << 1) ^ (value >> 63)
    if 0 <= n < _TABLE_SIZE:
        return _TABLE[n]
    if not -(2**63) <= value < 2**63:
        raise Refused(f"Number out of range: {value}")
    return _varint(n)


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


_TABLE = tuple(map(_varint, range(_TABLE_SIZE)))


def encoder(
    schema: avro.Node, fields: Sequence[tuple[str, t.SqlType]], wrapped: bool, header: bytes
) -> Callable[..., bytes]:
    """A function of one argument per field to `header` and the Avro data; raises `Refused`."""
    source = Source("avro writer")
    source.names |= {"Refused": Refused, "long": long_bytes, "double": _DOUBLE, "float": _FLOAT, "header": header}
    maker = _Encoder(source)
    args = [f"c{i}" for i in range(len(fields))]
    with source.block(f"def encode({', '.join(args)}):"):
        source.line("out = [header]")
        source.line("add = out.append")
        if wrapped:
            struct_type = t.Struct(tuple(t.Field(name, field_type) for name, field_type in fields))
            maker.write_members(schema, struct_type, args, "$")
        else:
            maker.write(schema, fields[0][1], args[0], "$")
        source.line("return b''.join(out)")
    return source.compile("encode")


_DOUBLE = struct.Struct("<d").pack
_FLOAT = struct.Struct("<f").pack


class _Encoder:
    """Emits the code that adds one value to `out`."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def write(self, node: avro.Node, value_type: t.SqlType, value: str, path: str) -> None:
        if isinstance(node, avro.Union):
            self._write_union(node, value_type, value, path)
            return
        with self._source.block(f"if {value} is None:"):
            self._fail(f"A value is required by the schema, but it is NULL, path: {path}")
        if isinstance(node, avro.Record) and isinstance(value_type, t.Struct):
            items = [self._source.fresh() for _ in value_type.fields]
            self._source.line(f"{', '.join(items)}, = {value}")
            self.write_members(node, value_type, items, path)
        elif isinstance(node, avro.Array) and isinstance(value_type, t.Array):
            item = self._source.fresh()
            with self._block(value, item):
                self.write(node.items, value_type.element, item, f"{path}[]")
        elif isinstance(node, avro.Map) and isinstance(value_type, t.Map):
            self._write_entries(avro.Primitive("string"), node.values, value_type, value, path)
        elif isinstance(node, avro.Array) and isinstance(value_type, t.Map) and (entry := avro.map_entry(node)):
            parts = {f.name: f.type for f in entry.fields}
            self._write_entries(parts["key"], parts["value"], value_type, value, path)
        elif isinstance(node, avro.Primitive | avro.Fixed | avro.Enum):
            self._write_scalar(node, value_type, value, path)
        else:
            self._mismatch(node, value_type, path)

    def write_members(self, node: avro.Node, value_type: t.Struct, values: Sequence[str], path: str) -> None:
        """The fields of a record, in the schema's order."""
        if not isinstance(node, avro.Record):
            self._mismatch(node, value_type, path)
            return
        members = {
            f.name.replace(".", "_"): (f.type, value) for f, value in zip(value_type.fields, values, strict=True)
        }
        for f in node.fields:
            found = members.get(f.name) or members.get(f.name.upper())
            default = self._default(f)
            inner = f"{path}.{f.name}"
            if found is None:
                self._write_missing(f, default, inner)
            elif default is not None and not avro.without_null(f.type)[1]:
                with self._source.block(f"if {found[1]} is None:"):
                    self._source.line(f"add({default})")
                with self._source.block("else:"):
                    self.write(f.type, found[0], found[1], inner)
            else:
                self.write(f.type, found[0], found[1], inner)

    def _write_missing(self, f: avro.RecordField, default: str | None, path: str) -> None:
        if default is not None:
            self._source.line(f"add({default})")
        elif isinstance(f.type, avro.Union) and avro.NULL in f.type.branches:
            self._constant(long_bytes(f.type.branches.index(avro.NULL)))
        else:
            self._fail(
                f"Missing default value for required Avro field: [{f.name}]. This field appears in Avro schema in "
                f"Schema Registry, path: {path}"
            )

    def _default(self, f: avro.RecordField) -> str | None:
        return self._source.named("default", default_bytes(f.type, f.default)) if f.has_default else None

    def _write_union(self, node: avro.Union, value_type: t.SqlType, value: str, path: str) -> None:
        null = node.branches.index(avro.NULL) if avro.NULL in node.branches else None
        others = [(i, b) for i, b in enumerate(node.branches) if b != avro.NULL]
        with self._source.block(f"if {value} is None:"):
            if null is None:
                self._fail(f"A value is required by the schema, but it is NULL, path: {path}")
            else:
                self._constant(long_bytes(null))
        with self._source.block("else:"):
            if len(others) == 1:
                self._constant(long_bytes(others[0][0]))
                self.write(others[0][1], value_type, value, path)
            elif isinstance(value_type, t.Struct):
                self._write_branch(others, value_type, value, path)
            else:
                self._mismatch(node, value_type, path)

    def _write_branch(
        self, branches: Sequence[tuple[int, avro.Node]], value_type: t.Struct, value: str, path: str
    ) -> None:
        """A struct stands for a union by its first field that is not NULL."""
        opening = "if"
        for index, branch in branches:
            name = branch_name(branch)
            position = value_type.index.get(name, value_type.index.get(name.upper()))
            if position is None:
                continue
            with self._source.block(f"{opening} {value}[{position}] is not None:"):
                self._constant(long_bytes(index))
                item = self._source.fresh()
                self._source.line(f"{item} = {value}[{position}]")
                self.write(branch, value_type.fields[position].type, item, path)
            opening = "elif"
        if opening == "if":
            self._fail(f"No field of the struct is a branch of the union, path: {path}")
            return
        with self._source.block("else:"):
            self._fail(f"Every field of the struct that stands for a union is NULL, path: {path}")

    def _write_entries(self, key: avro.Node, value: avro.Node, value_type: t.Map, var: str, path: str) -> None:
        name, item = self._source.fresh(), self._source.fresh()
        with self._block(f"{var}.items()", f"{name}, {item}", counted=var):
            self.write(key, value_type.key, name, f"{path}.key")
            self.write(value, value_type.value, item, f"{path}.value")

    def _block(self, values: str, targets: str, counted: str | None = None) -> Any:
        """The loop over items: one counted block, and the empty one that ends it."""
        return _Items(self._source, values, targets, counted or values)

    def _write_scalar(
        self, node: avro.Primitive | avro.Fixed | avro.Enum, value_type: t.SqlType, value: str, path: str
    ) -> None:
        line = self._source.line
        target = t.STRING if isinstance(node, avro.Enum) else scalar_type(node)
        if isinstance(target, t.Decimal) and isinstance(value_type, t.Decimal):
            convert = self._source.named(
                "unscaled", _unscaled(target, node.size if isinstance(node, avro.Fixed) else None)
            )
            line(f"raw = {convert}({value})")
            line("add(long(len(raw))); add(raw)" if isinstance(node, avro.Primitive) else "add(raw)")
        elif target != value_type and (value_type, target) not in _WIDENING:
            self._mismatch(node, value_type, path)
        elif isinstance(node, avro.Enum):
            symbols = self._source.named("symbols", {symbol: long_bytes(i) for i, symbol in enumerate(node.symbols)})
            with self._source.block(f"if {value} not in {symbols}:"):
                line(f"raise Refused(f'Not a symbol of the enum: {{{value}}}')")
            line(f"add({symbols}[{value}])")
        elif isinstance(node, avro.Fixed):
            with self._source.block(f"if len({value}) != {node.size}:"):
                self._fail(f"The schema needs exactly {node.size} bytes, path: {path}")
            line(f"add({value})")
        else:
            self._write_primitive(node.name, value)

    def _write_primitive(self, name: str, value: str) -> None:
        line = self._source.line
        if name == "string":
            line(f"raw = {value}.encode()")
            line("add(long(len(raw))); add(raw)")
        elif name == "bytes":
            line(f"add(long(len({value}))); add({value})")
        elif name == "boolean":
            line(f"add(b'\\1' if {value} else b'\\0')")
        else:
            line(f"add({'long' if name == 'int' else name}({value}))")

    def _constant(self, data: bytes) -> None:
        self._source.line(f"add({data!r})")

    def _fail(self, reason: str) -> None:
        self._source.line(f"raise Refused({self._source.named('reason', reason)})")

    def _mismatch(self, node: avro.Node, value_type: t.SqlType, path: str) -> None:
        self._fail(f"The schema has no place for a value of type {value_type}, path: {path}")


class _Items:
    def __init__(self, source: Source, values: str, targets: str, counted: str) -> None:
        self._source, self._values, self._targets, self._counted = source, values, targets, counted

    def __enter__(self) -> None:
        self._outer = self._source.block(f"if {self._counted}:")
        self._outer.__enter__()
        self._source.line(f"add(long(len({self._counted})))")
        self._loop = self._source.block(f"for {self._targets} in {self._values}:")
        self._loop.__enter__()

    def __exit__(self, *error: object) -> None:
        self._loop.__exit__(None, None, None)
        self._outer.__exit__(None, None, None)
        self._source.line("add(b'\\0')")


_WIDENING = {(t.INTEGER, t.BIGINT), (t.INTEGER, t.DOUBLE), (t.BIGINT, t.DOUBLE)}


def _unscaled(target: t.Decimal, size: int | None) -> Callable[[Decimal], bytes]:
    fit = fitter(target)

    def unscaled(value: Decimal) -> bytes:
        number = unscaled_int(fit(value))
        length = size or (number + (number < 0)).bit_length() // 8 + 1
        return number.to_bytes(length, "big", signed=True)

    return unscaled


def default_bytes(node: avro.Node, default: Any) -> bytes:
    """The Avro data of a field's default, which is given as JSON. Raises `Refused` when it does not fit the schema."""
    if isinstance(node, avro.Union):
        return b"\0" + default_bytes(node.branches[0], default)
    if isinstance(node, avro.Record):
        members: Mapping[str, Any] = default
        return b"".join(default_bytes(f.type, members.get(f.name, f.default)) for f in node.fields)
    if isinstance(node, avro.Array):
        items = b"".join(default_bytes(node.items, item) for item in default)
        return (long_bytes(len(default)) + items if default else b"") + b"\0"
    if isinstance(node, avro.Map):
        items = b"".join(_text(key) + default_bytes(node.values, item) for key, item in default.items())
        return (long_bytes(len(default)) + items if default else b"") + b"\0"
    if isinstance(node, avro.Enum):
        return long_bytes(node.symbols.index(default))
    if isinstance(node, avro.Fixed):
        return str(default).encode("latin-1")
    return _default_primitive(node.name, default)


def _default_primitive(name: str, default: Any) -> bytes:
    if name == "null":
        return b""
    if name == "boolean":
        return b"\1" if default else b"\0"
    if name in ("int", "long"):
        return long_bytes(int(default))
    if name == "string":
        return _text(default)
    if name == "bytes":
        raw = str(default).encode("latin-1")
        return long_bytes(len(raw)) + raw
    return (_DOUBLE if name == "double" else _FLOAT)(float(default))


def _text(value: Any) -> bytes:
    raw = str(value).encode()
    return long_bytes(len(raw)) + raw
