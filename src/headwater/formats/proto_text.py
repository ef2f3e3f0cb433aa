"""Parses `.proto` text into a file descriptor: messages, enums, maps, oneofs, imports and the options formats need.

Services, extensions and custom options are read over. Type names stay as written; `proto_file` resolves them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import descriptor_pb2 as pb

from headwater.formats.failures import SchemaError

_TOKEN = re.compile(
    r"""\s+|//[^\n]*|/\*.*?\*/
    |(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>[0-9][A-Za-z0-9_.]*(?:(?<=[eE])[+-][0-9]+)?|\.[0-9]+)
    |(?P<mark>[{}\[\]()<>=;,.:+-]|/)""",
    re.VERBOSE | re.DOTALL,
)

SCALARS: dict[str, Any] = {
    name: getattr(pb.FieldDescriptorProto, f"TYPE_{name.upper()}")
    for name in (
        "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32",
        "sfixed64", "bool", "string", "bytes",
    )
}  # fmt: skip
_LABELS = {
    "optional": pb.FieldDescriptorProto.LABEL_OPTIONAL,
    "required": pb.FieldDescriptorProto.LABEL_REQUIRED,
    "repeated": pb.FieldDescriptorProto.LABEL_REPEATED,
}
_META = "confluent.field_meta"
_MESSAGE_META = "confluent.message_meta"


@dataclass
class ParsedFile:
    """A file's descriptor, and what the options `confluent.field_meta` and `confluent.message_meta` say by the full
    name of their field or message: `params`, and `tags`."""

    file: pb.FileDescriptorProto
    params: dict[str, dict[str, str]] = field(default_factory=dict)
    tags: dict[str, list[str]] = field(default_factory=dict)


def parse(name: str, text: str) -> ParsedFile:
    """The descriptor of a file called `name`. Raises `SchemaError` with the line where it stops being proto."""
    return _Parser(name, text).file()


class _Parser:
    def __init__(self, name: str, text: str) -> None:
        self._tokens = list(tokens(text))
        self._at = 0
        self._parsed = ParsedFile(pb.FileDescriptorProto(name=name, syntax="proto2"))
        self._statements: dict[str, Callable[[], None]] = {
            "syntax": self._syntax,
            "edition": self._edition,
            "option": self._file_option,
            "package": self._package,
            "import": self._import,
            "message": lambda: self._message(self._parsed.file.message_type.add(), self._parsed.file.package),
            "enum": lambda: self._enum(self._parsed.file.enum_type.add()),
        }

    def file(self) -> ParsedFile:
        while self._peek():
            word = self._next()
            if word == ";":
                continue
            statement = self._statements.get(word)
            if statement is not None:
                statement()
            elif word in ("service", "extend"):
                self._skip_statement()
            else:
                raise self._wrong("a message", word)
        return self._parsed

    def _peek(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise SchemaError("Protobuf schema ends too early")
        self._at += 1
        return token

    def _take(self, expected: str) -> None:
        found = self._next()
        if found != expected:
            raise self._wrong(f"'{expected}'", found)

    def _wrong(self, expected: str, found: str) -> SchemaError:
        line = self._tokens[self._at - 1][1]
        return SchemaError(f"Protobuf schema, line {line}: expected {expected}, found '{found}'")

    def _name(self) -> str:
        word = self._next()
        if not (word[0].isalpha() or word[0] == "_"):
            raise self._wrong("a name", word)
        return word

    def _full_name(self) -> str:
        parts = [""] if self._peek() == "." else [self._name()]
        while self._peek() == ".":
            self._next()
            parts.append(self._name())
        return ".".join(parts)

    def _number(self) -> int:
        negative = self._peek() == "-"
        if negative:
            self._next()
        word = self._next()
        try:
            number = int(word, 8) if re.fullmatch("0[0-7]+", word) else int(word, 0)
        except ValueError:
            raise self._wrong("a number", word) from None
        return -number if negative else number

    def _text(self) -> str:
        word = self._next()
        if word[0] not in "\"'":
            raise self._wrong("a quoted text", word)
        text = word[1:-1]
        while self._peek()[:1] in ('"', "'") and self._peek():
            text += self._next()[1:-1]
        return re.sub(r"\\(.)", r"\1", text)

    def _syntax(self) -> None:
        self._take("=")
        self._parsed.file.syntax = self._text()
        self._take(";")

    def _edition(self) -> None:
        self._take("=")
        name = self._text()
        if f"EDITION_{name}" not in dict(pb.Edition.items()):
            raise SchemaError(f"Protobuf schema: there is no edition '{name}'")
        self._parsed.file.syntax, self._parsed.file.edition = "editions", pb.Edition.Value(f"EDITION_{name}")
        self._take(";")

    def _file_option(self) -> None:
        """Of a file's options the features of an edition say how to read it; what is in parentheses is an extension."""
        if self._peek() != "features":
            self._skip_statement()
            return
        name = self._option_name()
        self._take("=")
        _set_feature(self._parsed.file.options.features, name, self._option_value())
        self._take(";")

    def _package(self) -> None:
        self._parsed.file.package = self._full_name()
        self._take(";")

    def _import(self) -> None:
        if self._peek() in ("public", "weak"):
            self._next()
        self._parsed.file.dependency.append(self._text())
        self._take(";")

    def _skip_statement(self) -> None:
        """Up to its semicolon, or over its braces."""
        depth = 0
        while True:
            token = self._next()
            if token == "{":
                depth += 1
            elif token == "}":
                depth -= 1
                if depth == 0:
                    if self._peek() == ";":
                        self._next()
                    return
            elif token == ";" and depth == 0:
                return

    def _enum(self, enum: pb.EnumDescriptorProto) -> None:
        enum.name = self._name()
        self._take("{")
        while self._peek() != "}":
            if self._peek() in ("option", "reserved"):
                if self._peek() == "option" and self._tokens[self._at + 1][0] == "allow_alias":
                    enum.options.allow_alias = True
                self._skip_statement()
            elif self._peek() == ";":
                self._next()
            else:
                value = enum.value.add(name=self._name())
                self._take("=")
                value.number = self._number()
                self._options()
                self._take(";")
        self._take("}")

    def _message(self, message: pb.DescriptorProto, scope: str) -> None:
        self._message_of(message, self._name(), scope)

    def _message_of(self, message: pb.DescriptorProto, name: str, scope: str) -> None:
        message.name = name
        scope = f"{scope}.{message.name}" if scope else message.name
        self._take("{")
        while self._peek() != "}":
            self._member(message, scope)
        self._take("}")
        _add_synthetic_oneofs(message)

    def _member(self, message: pb.DescriptorProto, scope: str) -> None:
        word = self._peek()
        following = self._tokens[self._at + 1][0] if self._at + 1 < len(self._tokens) else ""
        if word == ";":
            self._next()
        elif word == "message" and following != ".":
            self._next()
            self._message(message.nested_type.add(), scope)
        elif word == "enum" and following != ".":
            self._next()
            self._enum(message.enum_type.add())
        elif word == "oneof":
            self._oneof(message, scope)
        elif word == "option":
            self._message_option(scope)
        elif word in ("reserved", "extensions", "extend"):
            self._next()
            self._skip_statement()
        elif word == "map" and following == "<":
            self._map(message, scope)
        else:
            self._field(message, scope, None)

    def _message_option(self, scope: str) -> None:
        self._next()
        start = self._at
        name = self._option_name()
        if not name.startswith(_MESSAGE_META):
            self._at = start
            self._skip_statement()
            return
        self._take("=")
        meta: dict[str, list[Any]] = {}
        _take_meta(meta, name.removeprefix(_MESSAGE_META), self._option_value())
        self._keep_tags(scope, meta)
        self._take(";")

    def _keep_tags(self, name: str, meta: dict[str, list[Any]]) -> None:
        tags = [tag for tag in meta.get("tags", ()) if isinstance(tag, str)]
        if tags:
            self._parsed.tags.setdefault(name, []).extend(tags)

    def _oneof(self, message: pb.DescriptorProto, scope: str) -> None:
        self._next()
        message.oneof_decl.add(name=self._name())
        index = len(message.oneof_decl) - 1
        self._take("{")
        while self._peek() != "}":
            if self._peek() == "option":
                self._skip_statement()
            elif self._peek() == ";":
                self._next()
            else:
                self._field(message, scope, index)
        self._take("}")

    def _field(self, message: pb.DescriptorProto, scope: str, oneof: int | None) -> None:
        made = pb.FieldDescriptorProto(label=pb.FieldDescriptorProto.LABEL_OPTIONAL)
        if self._peek() in _LABELS:
            word = self._next()
            made.label = _LABELS[word]
            made.proto3_optional = word == "optional" and self._parsed.file.syntax == "proto3"
        if oneof is not None:
            made.oneof_index = oneof
        if self._peek() == "group":
            self._group(message, made, scope)
            return
        _set_type(made, self._full_name())
        self._finish_field(message, made, scope)

    def _group(self, message: pb.DescriptorProto, made: pb.FieldDescriptorProto, scope: str) -> None:
        """proto2 declares a message and its field at once; the field is called like the message, in lower case."""
        self._next()
        name = self._name()
        self._take("=")
        made.name, made.type, made.type_name = name.lower(), pb.FieldDescriptorProto.TYPE_GROUP, name
        made.number = self._number()
        self._options(made)
        message.field.append(made)
        self._message_of(message.nested_type.add(), name, scope)

    def _finish_field(self, message: pb.DescriptorProto, made: pb.FieldDescriptorProto, scope: str) -> None:
        made.name = self._name()
        self._take("=")
        made.number = self._number()
        meta = self._options(made)
        params = _params(meta)
        if params:
            self._parsed.params[f"{scope}.{made.name}"] = params
        self._keep_tags(f"{scope}.{made.name}", meta)
        self._take(";")
        message.field.append(made)

    def _map(self, message: pb.DescriptorProto, scope: str) -> None:
        self._next()
        self._take("<")
        key = self._full_name()
        self._take(",")
        value = self._full_name()
        self._take(">")
        made = pb.FieldDescriptorProto(label=pb.FieldDescriptorProto.LABEL_REPEATED)
        entry = message.nested_type.add()
        entry.options.map_entry = True
        for name, number, type_name in (("key", 1, key), ("value", 2, value)):
            part = entry.field.add(name=name, number=number, label=pb.FieldDescriptorProto.LABEL_OPTIONAL)
            _set_type(part, type_name)
        self._finish_field(message, made, scope)
        entry.name = "".join(part[:1].upper() + part[1:] for part in made.name.split("_")) + "Entry"
        message.field[-1].type_name = f".{scope}.{entry.name}"

    def _options(self, made: pb.FieldDescriptorProto | None = None) -> dict[str, list[Any]]:
        """The options in brackets after a field; returns the members of its meta option."""
        meta: dict[str, list[Any]] = {}
        if self._peek() != "[":
            return meta
        self._next()
        while True:
            name = self._option_name()
            self._take("=")
            value = self._option_value()
            if made is not None and name.startswith("features."):
                _set_feature(made.options.features, name, value)
            if name.startswith(_META):
                _take_meta(meta, name.removeprefix(_META), value)
            if self._next() == "]":
                return meta

    def _option_name(self) -> str:
        name = ""
        while self._peek() != "=":
            name += self._next()
        return name.replace("(", "").replace(")", "").lstrip(".")

    def _option_value(self) -> Any:
        """A constant, a list, or a message in braces as a dict of lists."""
        token = self._peek()
        if token == "{":
            return self._aggregate("}")
        if token == "[":
            self._next()
            items = []
            while self._peek() != "]":
                items.append(self._option_value())
                if self._peek() == ",":
                    self._next()
            self._next()
            return items
        if token[:1] in ("'", '"'):
            return self._text()
        if token in "+-":
            return self._next() + self._next()
        return self._full_name() if token[0].isalpha() or token[0] == "_" else self._next()

    def _aggregate(self, end: str) -> dict[str, list[Any]]:
        self._next()
        members: dict[str, list[Any]] = {}
        while self._peek() != end:
            name = self._name()
            if self._peek() == ":":
                self._next()
            value = self._option_value()
            members.setdefault(name, []).extend(value if isinstance(value, list) else [value])
            if self._peek() in (",", ";"):
                self._next()
        self._next()
        return members


def _take_meta(meta: dict[str, list[Any]], member: str, value: Any) -> None:
    """Add what one option says: all members, or after a dot the one that it is about."""
    said = {member.removeprefix("."): value} if member else value
    for name, items in said.items() if isinstance(said, dict) else ():
        meta.setdefault(name, []).extend(items if isinstance(items, list) else [items])


def _params(meta: dict[str, list[Any]]) -> dict[str, str]:
    """`params` of a field meta: a list of key and value entries."""
    entries = meta.get("params", [])
    return {e["key"][0]: e["value"][0] for e in entries if isinstance(e, dict) and "key" in e and "value" in e}


def _set_feature(features: pb.FeatureSet, name: str, value: Any) -> None:
    """`features.field_presence = IMPLICIT` and the like. Raises `SchemaError` for a value that the feature lacks."""
    found = pb.FeatureSet.DESCRIPTOR.fields_by_name.get(name.removeprefix("features."))
    if found is None or found.enum_type is None:
        return  # of a language's own generator
    if value not in found.enum_type.values_by_name:
        raise SchemaError(f"Protobuf schema: the feature '{name}' cannot be '{value}'")
    setattr(features, found.name, found.enum_type.values_by_name[value].number)


def _set_type(made: pb.FieldDescriptorProto, name: str) -> None:
    if name in SCALARS:
        made.type = SCALARS[name]
    else:
        made.type_name = name


def _add_synthetic_oneofs(message: pb.DescriptorProto) -> None:
    """A proto3 `optional` field lives in a oneof of its own, after the real ones."""
    for made in message.field:
        if made.proto3_optional:
            made.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{made.name}")


def tokens(text: str) -> Iterator[tuple[str, int]]:
    at, line = 0, 1
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise SchemaError(f"Protobuf schema, line {line}: unexpected character '{text[at]}'")
        if found.lastgroup is not None:
            yield found.group(), line
        line += found.group().count("\n")
        at = found.end()
