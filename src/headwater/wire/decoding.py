"""Writes the Python function that decodes one version of a message, as straight-line code.

The function takes a memoryview and a position and returns the object and the position after it. Neighbouring fields of
fixed width, and the length that follows them, are taken by one `struct` call. Bytes of record batches are not copied:
the field is a view of the input. Slices beyond the end come out short instead of failing, so the caller must compare
the final position with the length; `codec` does.
"""

from __future__ import annotations

from struct import Struct as Packer
from typing import Any

from headwater.wire.definitions import ArrayType, Field, Message, PrimitiveType, Struct, StructType

FIXED = {
    "bool": "?", "int8": "b", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "float64": "d",
    "uuid": "16s",
}  # fmt: skip


class MalformedMessageError(ValueError):
    """The bytes are not a message of the version they claim to be."""


def read_varint(data: memoryview, position: int) -> tuple[int, int]:
    """An unsigned varint of at most five bytes, and the position after it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 128:
            return value, position
        shift += 7
        if shift > 28:
            raise MalformedMessageError("a varint has more than five bytes")


def skip_tags(data: memoryview, position: int) -> int:
    """The position after a section of tagged fields, none of which is known."""
    count, position = read_varint(data, position)
    for _ in range(count):
        _, position = read_varint(data, position)
        size, position = read_varint(data, position)
        position += size
    return position


def _refuse(name: str) -> None:
    raise MalformedMessageError(f"{name} must not be null")


def _too_many(name: str) -> None:
    raise MalformedMessageError(f"{name} claims more elements than the message has bytes")


class DecoderWriter:
    """Source of one decode function; `scope` holds what it refers to."""

    def __init__(self, message: Message, version: int, classes: dict[str, type[Struct]]) -> None:
        self.version = version
        self.flexible = message.is_flexible(version)
        self.classes = classes
        self.scope: dict[str, Any] = {
            "new": object.__new__,
            "varint": read_varint,
            "skip_tags": skip_tags,
            "refuse": _refuse,
            "too_many": _too_many,
            "bytes": bytes,
        }
        self.lines: list[str] = []
        self.depth = 1
        self.names = 0
        self.run: list[tuple[str, str]] = []
        self.emit("end = len(b)")
        self.struct(message.fields, message.name, "o")
        self.flush()
        self.emit("return o, p")

    @property
    def source(self) -> str:
        return "\n".join(["def decode(b, p):", *self.lines])

    def emit(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def fresh(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def flush(self) -> None:
        """Emit the pending fixed-width fields as one unpack."""
        if not self.run:
            return
        formats, targets = zip(*self.run, strict=True)
        self.run = []
        packer = Packer(">" + "".join(formats))
        name = "u_" + "".join(formats).replace("?", "o")
        self.scope[name] = packer.unpack_from
        self.emit(f"{', '.join(targets)}, = {name}(b, p); p += {packer.size}")

    def struct(self, fields: tuple[Field, ...], path: str, target: str) -> None:
        """Code that makes the object of class `path` and leaves it in `target`; may leave a run pending."""
        self.flush()
        class_name = "C_" + path.replace(".", "_")
        self.scope[class_name] = self.classes[path]
        self.emit(f"{target} = new({class_name})")
        tagged = [f for f in fields if f.within(self.version) and f.is_tagged(self.version)]
        for field in fields:
            place = f"{target}.{field.name}"
            if not field.within(self.version) or field in tagged:
                self.emit(f"{place} = {self.default(field)}")
            else:
                self.field(field, place)
        if self.flexible:
            self.flush()
            self.tags(tagged, target)

    def default(self, field: Field) -> str:
        if field.default is ...:
            return "[]" if isinstance(field.type, ArrayType) else "None"
        return repr(field.default)

    def field(self, field: Field, place: str) -> None:
        kind, nullable = field.type, field.is_nullable(self.version)
        if isinstance(kind, ArrayType):
            self.array(kind, field.name, nullable, place)
        elif isinstance(kind, StructType):
            self.nested(kind, nullable, place)
        elif kind.name in FIXED:
            self.run.append((FIXED[kind.name], place))
        else:
            self.sized(kind, field.name, nullable, place)

    def nested(self, kind: StructType, nullable: bool, place: str) -> None:
        inner = self.fresh("o")
        if nullable:
            self.flush()
            self.emit("f = b[p]; p += 1")
            self.emit(f"if f > 127: {place} = None")
            self.emit("else:")
            self.depth += 1
        self.struct(kind.fields, kind.path, inner)
        self.flush()
        self.emit(f"{place} = {inner}")
        self.depth -= nullable

    def length(self, width: str, name: str) -> str:
        """Code that reads a length into a fresh local: -1 for null."""
        size = self.fresh("n")
        if self.flexible:
            self.flush()
            self.emit(f"{size} = b[p]; p += 1")
            self.emit(f"if {size} > 127: {size}, p = varint(b, p - 1)")
            self.emit(f"{size} -= 1")
        else:
            self.run.append((width, size))
            self.flush()
        return size

    def sized(self, kind: PrimitiveType, name: str, nullable: bool, place: str) -> None:
        """A string, bytes or records field."""
        size = self.length("h" if kind.name == "string" else "i", name)
        slice_ = f"b[p:p + {size}]"
        value = {"string": f'str({slice_}, "utf-8")', "bytes": f"bytes({slice_})", "records": slice_}[kind.name]
        self.emit(f"if {size} < 0: {f'{place} = None' if nullable else f'refuse({name!r})'}")
        self.emit(f"else: {place} = {value}; p += {size}")

    def array(self, kind: ArrayType, name: str, nullable: bool, place: str) -> None:
        size = self.length("i", name)
        self.emit(f"if {size} > end - p: too_many({name!r})")
        self.emit(f"if {size} < 0: {f'{place} = None' if nullable else f'refuse({name!r})'}")
        self.emit("else:")
        self.depth += 1
        element = kind.element
        if isinstance(element, PrimitiveType) and element.name in FIXED and element.name != "uuid":
            code = FIXED[element.name]
            self.scope["unpack"] = _unpack_many
            self.emit(f"{place} = unpack('{code}', {size}, b, p); p += {size} * {Packer('>' + code).size}")
        else:
            items, item = self.fresh("a"), self.fresh("e")
            self.emit(f"{place} = {items} = []")
            self.emit(f"for _ in range({size}):")
            self.depth += 1
            if isinstance(element, StructType):
                self.struct(element.fields, element.path, item)
            elif element.name in FIXED:
                self.run.append((FIXED[element.name], item))
            else:
                self.sized(element, name, False, item)
            self.flush()
            self.emit(f"{items}.append({item})")
            self.depth -= 1
        self.depth -= 1

    def tags(self, tagged: list[Field], target: str) -> None:
        """The section of tagged fields: known ones into `target`, others skipped."""
        if not tagged:
            self.emit("if b[p]: p = skip_tags(b, p)")
            self.emit("else: p += 1")
            return
        count, tag, size, after = (self.fresh(x) for x in "ctsx")
        self.emit(f"{count}, p = varint(b, p)")
        self.emit(f"for _ in range({count}):")
        self.depth += 1
        self.emit(f"{tag}, p = varint(b, p)")
        self.emit(f"{size}, p = varint(b, p)")
        self.emit(f"{after} = p + {size}")
        for field in tagged:
            self.emit(f"if {tag} == {field.tag}:")
            self.depth += 1
            self.field(field, f"{target}.{field.name}")
            self.flush()
            self.depth -= 1
        self.emit(f"p = {after}")
        self.depth -= 1


def _unpack_many(code: str, count: int, data: memoryview, position: int) -> list[Any]:
    """`count` numbers; the caller has checked that so many bytes are there at least."""
    return list(Packer(f">{count}{code}").unpack_from(data, position))
