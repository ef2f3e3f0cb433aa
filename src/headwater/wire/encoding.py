"""Writes the Python function that encodes one version of a message, as straight-line code.

The function takes the object and an `append` of a list of buffers. Neighbouring fields of fixed width are packed by one
`struct` call together with the length that follows them and the empty tag sections between them. Record batches are
appended as they are, never copied.
"""

from __future__ import annotations

from struct import Struct as Packer
from typing import Any

from headwater.wire.decoding import FIXED
from headwater.wire.definitions import ArrayType, Field, Message, PrimitiveType, Struct, StructType


def varint(value: int) -> bytes:
    """An unsigned varint."""
    out = bytearray()
    while value > 127:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


SMALL = [varint(n) for n in range(256)]
"""Varints of the usual lengths."""


class EncoderWriter:
    """Source of one encode function; `scope` holds what it refers to."""

    def __init__(self, message: Message, version: int, classes: dict[str, type[Struct]]) -> None:
        self.version = version
        self.flexible = message.is_flexible(version)
        self.classes = classes
        self.scope: dict[str, Any] = {"varint": varint, "SMALL": SMALL, "pack_many": _pack_many, "add_tags": _add_tags}
        self.lines: list[str] = []
        self.depth = 1
        self.names = 0
        self.run: list[tuple[str, str | None]] = []
        self.add = "add"
        self.struct(message.fields, "o")
        self.flush()
        self.emit("return None")

    @property
    def source(self) -> str:
        return "\n".join(["def encode(o, add):", *self.lines])

    def emit(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def fresh(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def flush(self) -> None:
        """Emit the pending fixed-width fields as one pack."""
        if not self.run:
            return
        formats = "".join(code for code, _ in self.run)
        values = ", ".join(value for _, value in self.run if value is not None)
        self.run = []
        name = "p_" + formats.replace("?", "o")
        if not values:
            self.scope[name] = Packer(">" + formats).pack()
            self.emit(f"{self.add}({name})")
        else:
            self.scope[name] = Packer(">" + formats).pack
            self.emit(f"{self.add}({name}({values}))")

    def struct(self, fields: tuple[Field, ...], source: str) -> None:
        """Code for the fields of the object in local `source`; may leave a run pending."""
        here = [f for f in fields if f.within(self.version)]
        tagged = [f for f in here if f.is_tagged(self.version)]
        for field in here:
            if field not in tagged:
                self.field(field, f"{source}.{field.name}")
        if not self.flexible:
            return
        if tagged:
            self.tags(tagged, source)
        else:
            self.run.append(("x", None))

    def field(self, field: Field, value: str) -> None:
        kind, nullable = field.type, field.is_nullable(self.version)
        if isinstance(kind, ArrayType):
            self.array(kind, nullable, value)
        elif isinstance(kind, StructType):
            self.nested(kind, nullable, value)
        elif kind.name in FIXED:
            self.run.append((FIXED[kind.name], value))
        else:
            self.sized(kind, nullable, value)

    def nested(self, kind: StructType, nullable: bool, value: str) -> None:
        inner = self.fresh("o")
        self.emit(f"{inner} = {value}")
        if nullable:
            self.flush()
            self.emit(f"if {inner} is None: {self.add}(b'\\xff')")
            self.emit("else:")
            self.depth += 1
            self.run.append(("b", "1"))
            self.struct(kind.fields, inner)
            self.flush()
            self.depth -= 1
            return
        self.emit(f"if {inner} is None: {inner} = {self.default(kind)}")
        self.struct(kind.fields, inner)

    def default(self, kind: StructType) -> str:
        """The name of an object of the struct that has all defaults."""
        name = "D_" + kind.path.replace(".", "_")
        self.scope[name] = self.classes[kind.path]()
        return name

    def length(self, width: str, value: str, nullable: bool) -> None:
        """Code for the length of local `value`, null as the protocol writes it."""
        if self.flexible:
            self.flush()
            size = self.fresh("n")
            null = f"0 if {value} is None else " if nullable else ""
            self.emit(f"{size} = {null}len({value}) + 1")
            self.emit(f"{self.add}(SMALL[{size}] if {size} < 256 else varint({size}))")
        else:
            null = f"-1 if {value} is None else " if nullable else ""
            self.run.append((width, f"{null}len({value})"))

    def sized(self, kind: PrimitiveType, nullable: bool, value: str) -> None:
        """A string, bytes or records field."""
        data = self.fresh("e")
        if kind.name == "string":
            null = f"None if {value} is None else " if nullable else ""
            self.emit(f"{data} = {null}{value}.encode()")
        else:
            self.emit(f"{data} = {value}")
        self.length("h" if kind.name == "string" else "i", data, nullable)
        self.flush()
        self.emit(f"if {data}: {self.add}({data})")

    def array(self, kind: ArrayType, nullable: bool, value: str) -> None:
        items, item = self.fresh("a"), self.fresh("o")
        self.emit(f"{items} = {value}")
        self.length("i", items, nullable)
        self.flush()
        element = kind.element
        if isinstance(element, PrimitiveType) and element.name in FIXED and element.name != "uuid":
            self.emit(f"if {items}: {self.add}(pack_many('{FIXED[element.name]}', {items}))")
            return
        self.emit(f"for {item} in {items} or ():")
        self.depth += 1
        before = len(self.lines)
        if isinstance(element, StructType):
            self.struct(element.fields, item)
        elif element.name in FIXED:
            self.run.append((FIXED[element.name], item))
        else:
            self.sized(element, False, item)
        self.flush()
        if len(self.lines) == before:
            self.emit("pass")
        self.depth -= 1

    def tags(self, tagged: list[Field], source: str) -> None:
        """The section of tagged fields; those with their default are left out."""
        self.flush()
        found, outer = self.fresh("t"), self.add
        self.emit(f"{found} = []")
        for field in sorted(tagged, key=lambda f: f.tag):
            value = f"{source}.{field.name}"
            if isinstance(field.type, StructType) and not field.is_nullable(self.version):
                self.emit(f"if {value} is not None and {value} != {self.default(field.type)}:")
            elif isinstance(field.type, StructType) or field.default is None:
                self.emit(f"if {value} is not None:")
            else:
                self.emit(f"if {value}:" if field.default is ... else f"if {value} != {field.default!r}:")
            self.depth += 1
            parts = self.fresh("w")
            self.add = f"{parts}.append"
            self.emit(f"{parts} = []")
            self.field(field, value)
            self.flush()
            self.emit(f"{found}.append(({field.tag}, {parts}))")
            self.depth -= 1
        self.add = outer
        self.emit(f"if {found}: add_tags({found}, {self.add})")
        self.emit(f"else: {self.add}(SMALL[0])")


def _add_tags(tags: list[tuple[int, list[bytes]]], add: Any) -> None:
    add(varint(len(tags)))
    for tag, parts in tags:
        data = b"".join(parts)
        add(varint(tag) + varint(len(data)) + data)


def _pack_many(code: str, values: list[Any]) -> bytes:
    return Packer(f">{len(values)}{code}").pack(*values)
