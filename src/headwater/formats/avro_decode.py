"""Generates a decoder from Avro binary, written with one schema, straight into the values of declared columns.

No intermediate dicts: fields that no column reads are skipped, and conversions (section 7 of the format rules) are
chosen when the code is generated. A mismatch of types is an error only where a record holds a value there.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from headwater.core import types as t
from headwater.formats import avro_schema as avro
from headwater.formats.avro_types import branch_name, scalar_type
from headwater.formats.conversions import Convert, mismatch, scalar_conversion
from headwater.formats.decimals import fitter, from_unscaled
from headwater.formats.failures import Refused
from headwater.formats.source import Source

ZERO_SIZE_LIMIT = 1_000_000
"""Items without bytes that one block may announce: they cost the sender nothing, but memory here."""

Decode = Callable[[bytes, int], Any]
"""(payload, offset of the data) to the row: a tuple, or the bare value. Raises `Refused` or `IndexError`."""


def decoder(schema: avro.Node, fields: Sequence[tuple[str, t.SqlType]], wrapped: bool) -> Decode:
    """A decoder of data written with `schema` into a tuple of the fields, or into the value of the only field."""
    source = Source("avro reader")
    source.names |= {"Refused": Refused, "unpack_double": _DOUBLE, "unpack_float": _FLOAT, "long_tail": _long_tail}
    maker = _Decoder(source)
    with source.block("def decode(data, i):"):
        if wrapped:
            target: t.SqlType = t.Struct(tuple(t.Field(name, field_type) for name, field_type in fields))
        else:
            target = fields[0][1]
        maker.read(schema, target, "row", "$")
        source.line("if i > len(data):")
        source.line("    raise IndexError")
        source.line("return row")
    return source.compile("decode")


_DOUBLE = struct.Struct("<d").unpack_from
_FLOAT = struct.Struct("<f").unpack_from


def _long_tail(data: bytes, i: int, n: int) -> tuple[int, int]:
    """The rest of a varint whose first byte is `n`, and where it ends."""
    n &= 0x7F
    shift = 7
    while True:
        byte = data[i]
        i += 1
        n |= (byte & 0x7F) << shift
        if byte < 0x80:
            return n, i
        shift += 7
        if shift > 63:
            raise Refused("Invalid varint in Avro data")


class _Decoder:
    """Emits the code that reads one node at `data[i]`. `read` leaves a value in a variable, `skip` only moves `i`."""

    def __init__(self, source: Source, skippers: dict[int, str] | None = None) -> None:
        self._source = source
        self._skippers: dict[int, str] = {} if skippers is None else skippers

    def read(self, node: avro.Node, target: t.SqlType, var: str, path: str) -> None:
        if isinstance(node, avro.Union):
            self._read_union(node, target, var, path)
        elif isinstance(node, avro.Primitive | avro.Fixed | avro.Enum):
            self._read_scalar(node, target, var, path)
        elif isinstance(node, avro.Record) and isinstance(target, t.Struct):
            self._read_record(node, target, var, path)
        elif isinstance(node, avro.Map) and isinstance(target, t.Map):
            self._read_entries(avro.Primitive("string"), node.values, target, var, path)
        elif isinstance(node, avro.Array) and isinstance(target, t.Array):
            self._read_array(node, target, var, path)
        elif isinstance(node, avro.Array) and isinstance(target, t.Map) and (entry := avro.map_entry(node)):
            parts = {f.name: f.type for f in entry.fields}
            self._read_entries(parts["key"], parts["value"], target, var, path)
        else:
            self._mismatch(node, target, path)

    def _read_union(self, node: avro.Union, target: t.SqlType, var: str, path: str) -> None:
        """Null is NULL; one other branch is its value; several are a struct with one field per branch."""
        line, block = self._source.line, self._source.block
        branches = [b for b in node.branches if b != avro.NULL]
        self.long("n")
        for index, branch in enumerate(node.branches):
            with block(f"{'el' * (index > 0)}if n == {index * 2}:"):
                if branch == avro.NULL:
                    line(f"{var} = None")
                elif len(branches) == 1:
                    self.read(branch, target, var, path)
                else:
                    self._read_branch(branch, target, var, path)
        with block("else:"):
            line("raise Refused('Invalid union branch in Avro data')")

    def _read_branch(self, branch: avro.Node, target: t.SqlType, var: str, path: str) -> None:
        if not isinstance(target, t.Struct):
            self._mismatch(branch, target, path)
            return
        values = ["None"] * len(target.fields)
        position = _position(target, branch_name(branch))
        if position is None:
            self.skip(branch)
        else:
            value = self._source.fresh()
            self.read(branch, target.fields[position].type, value, f"{path}.{target.fields[position].name}")
            values[position] = value
        self._source.line(f"{var} = ({', '.join(values)},)")

    def _read_record(self, node: avro.Record, target: t.Struct, var: str, path: str) -> None:
        values: dict[int, str] = {}
        names = {f.name for f in node.fields}
        for f in node.fields:
            position = _position(target, f.name)
            exact_elsewhere = position is not None and target.fields[position].name.replace(".", "_") in names - {
                f.name
            }
            if position is None or exact_elsewhere:
                self.skip(f.type)
                continue
            # As in other formats the last of several candidates that differ by case wins.
            values[position] = self._source.fresh()
            self.read(f.type, target.fields[position].type, values[position], f"{path}.{target.fields[position].name}")
        items = (values.get(i, "None") for i in range(len(target.fields)))
        self._source.line(f"{var} = ({', '.join(items)},)" if target.fields else f"{var} = ()")

    def _read_array(self, node: avro.Array, target: t.Array, var: str, path: str) -> None:
        self._source.line(f"{var} = []")
        item, add = self._source.fresh(), self._source.fresh("add")
        self._source.line(f"{add} = {var}.append")
        with self._blocks(node.items):
            self.read(node.items, target.element, item, f"{path}[]")
            self._source.line(f"{add}({item})")

    def _read_entries(self, key: avro.Node, value: avro.Node, target: t.Map, var: str, path: str) -> None:
        self._source.line(f"{var} = {{}}")
        key_var, value_var = self._source.fresh(), self._source.fresh()
        with self._blocks(value, of_entries=True):
            self.read(key, target.key, key_var, f"{path}.key")
            self.read(value, target.value, value_var, f"{path}.value")
            self._source.line(f"{var}[{key_var}] = {value_var}")

    def _read_scalar(
        self, node: avro.Primitive | avro.Fixed | avro.Enum, target: t.SqlType, var: str, path: str
    ) -> None:
        source_type = t.STRING if isinstance(node, avro.Enum) else scalar_type(node)
        if node == avro.NULL:
            self._source.line(f"{var} = None")
            return
        convert = _conversion(source_type, target)
        if convert is None:
            self._mismatch(node, target, path)
            return
        self._raw(node, var)
        if convert:
            self._source.line(f"{var} = {self._source.named('convert', convert)}({var})")

    def _raw(self, node: avro.Primitive | avro.Fixed | avro.Enum, var: str) -> None:
        line = self._source.line
        if isinstance(node, avro.Fixed):
            line(f"{var} = data[i:i + {node.size}]; i += {node.size}")
        elif isinstance(node, avro.Enum):
            self.long("n")
            symbols = self._source.named("symbols", node.symbols)
            line(f"{var} = {symbols}[n >> 1]")
        elif node.name in ("int", "long"):
            self.long("n")
            line(f"{var} = (n >> 1) ^ -(n & 1)")
        elif node.name in ("string", "bytes"):
            self._length("n")
            line(f"{var} = data[i:i + n]{'.decode()' if node.name == 'string' else ''}; i += n")
        elif node.name == "boolean":
            line(f"{var} = data[i] != 0; i += 1")
        else:
            size = 8 if node.name == "double" else 4
            line(f"{var}, = unpack_{node.name}(data, i); i += {size}")

    def long(self, var: str) -> None:
        """The unsigned varint at `i`, still in zigzag."""
        self._source.line(f"{var} = data[i]; i += 1")
        self._source.line(f"if {var} > 127: {var}, i = long_tail(data, i, {var})")

    def _length(self, var: str) -> None:
        self.long(var)
        self._source.line(f"if {var} & 1: raise Refused('Negative length in Avro data')")
        self._source.line(f"{var} >>= 1")

    def _blocks(self, item: avro.Node, of_entries: bool = False) -> Any:
        """The loop over the items of an array or map, which come in counted blocks that end with an empty one."""
        count = self._source.fresh("count")
        return _Blocks(self, self._source, count, can_be_empty=not of_entries and _may_be_empty(item))

    def skip(self, node: avro.Node) -> None:
        """Move past a value."""
        line = self._source.line
        if isinstance(node, avro.Record):
            line(f"i = {self._skipper(node)}(data, i)")
        elif isinstance(node, avro.Union):
            self.long("n")
            for index, branch in enumerate(node.branches):
                with self._source.block(f"{'el' * (index > 0)}if n == {index * 2}:"):
                    self.skip(branch)
            line("else: raise Refused('Invalid union branch in Avro data')")
        elif isinstance(node, avro.Array):
            with self._blocks(node.items):
                self.skip(node.items)
        elif isinstance(node, avro.Map):
            with self._blocks(node.values, of_entries=True):
                self.skip(avro.Primitive("string"))
                self.skip(node.values)
        else:
            self._skip_scalar(node)

    def _skip_scalar(self, node: avro.Primitive | avro.Fixed | avro.Enum) -> None:
        sizes = {"boolean": 1, "float": 4, "double": 8, "null": 0}
        size = node.size if isinstance(node, avro.Fixed) else sizes.get(node.name)
        if size is not None and not isinstance(node, avro.Enum):
            self._source.line(f"i += {size}")
        elif node.name in ("string", "bytes"):
            self._length("n")
            self._source.line("i += n")
        else:
            self.long("n")

    def _skipper(self, node: avro.Record) -> str:
        """A function that skips a record; records may contain themselves, so each is written once."""
        known = self._skippers.get(id(node))
        if known is None:
            inner = self._source.beside()
            known = self._skippers[id(node)] = self._source.fresh("skip")
            maker = _Decoder(inner, self._skippers)
            with inner.block(f"def {known}(data, i):"):
                for f in node.fields:
                    maker.skip(f.type)
                inner.line("return i")
            inner.compile(known)
        return known

    def _mismatch(self, node: avro.Node, target: t.SqlType, path: str) -> None:
        self._source.line(f"raise Refused({self._source.named('reason', mismatch(_shown(node), target, path))})")


class _Blocks:
    def __init__(self, decoder: _Decoder, source: Source, count: str, can_be_empty: bool) -> None:
        self._decoder, self._source, self._count, self._can_be_empty = decoder, source, count, can_be_empty
        self._contexts: list[Any] = []

    def __enter__(self) -> None:
        source, count = self._source, self._count
        self._open("while True:")
        self._decoder.long("n")
        source.line("if n == 0: break")
        source.line(f"{count} = n >> 1")
        with source.block("if n & 1:"):
            source.line(f"{count} += 1")
            self._decoder.long("n")
        if self._can_be_empty:
            source.line(f"if {count} > {ZERO_SIZE_LIMIT}: raise Refused('Too many empty items in Avro data')")
        self._open(f"for _ in range({count}):")

    def _open(self, opening: str) -> None:
        context = self._source.block(opening)
        context.__enter__()
        self._contexts.append(context)

    def __exit__(self, *error: object) -> None:
        for context in reversed(self._contexts):
            context.__exit__(None, None, None)


def _may_be_empty(node: avro.Node) -> bool:
    if isinstance(node, avro.Record):
        return all(isinstance(f.type, avro.Record) or f.type == avro.NULL for f in node.fields)
    return node == avro.NULL or (isinstance(node, avro.Fixed) and node.size == 0)


def _position(target: t.Struct, name: str) -> int | None:
    """The field that takes this name: exactly, or upper-cased; Avro writes dots as underscores."""
    index = {f.name.replace(".", "_"): i for i, f in enumerate(target.fields)}
    position = index.get(name)
    return index.get(name.upper()) if position is None else position


def _shown(node: avro.Node) -> str:
    if isinstance(node, avro.Primitive | avro.Enum | avro.Fixed | avro.Record):
        return node.name.upper() if isinstance(node, avro.Primitive) else node.name
    return type(node).__name__.upper()


def _conversion(source: t.SqlType | None, target: t.SqlType) -> Convert | bool | None:
    """As `scalar_conversion`, from the bytes in which Avro holds decimals."""
    convert = scalar_conversion(source, target)
    if not isinstance(source, t.Decimal) or convert is None:
        return convert
    to_decimal = _decimal_from(source.scale)
    if not callable(convert):
        convert = fitter(source)
    fit = convert
    return lambda raw: fit(to_decimal(raw))


def _decimal_from(scale: int) -> Callable[[bytes], Decimal]:
    return lambda raw: from_unscaled(int.from_bytes(raw, "big", signed=True), scale)
