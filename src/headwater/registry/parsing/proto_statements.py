"""A `.proto` text as a tree of statements: what remains of it without comments and layout, printed in one way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from headwater.formats.failures import SchemaError
from headwater.formats.proto_text import tokens
from headwater.registry.parsing.parsed import MAX_DEPTH, ParseError

_TIGHT_AFTER = frozenset({".", "(", "[", "<", "-", "+"})
_TIGHT_BEFORE = frozenset({".", ",", ")", "]", ">", "<", ":"})
_BEFORE_ABSOLUTE = frozenset({"repeated", "optional", "required", "stream", "extend", "group", ",", "="})
"""Words after which a point starts a name."""
_PLAIN = frozenset({"package", "import", "reserved", "extensions", "rpc"})
_LAST = ("default", "json_name")
"""What Confluent's registry prints after a field's other options."""


@dataclass(frozen=True)
class Statement:
    """Up to a semicolon, or with a body in braces. The words of an option's value in braces belong to the head."""

    head: tuple[str, ...]
    body: tuple[Statement, ...] | None = None

    @property
    def kind(self) -> str:
        """The word that says what it is; `""` for a field or a value of an enum."""
        words = self.head[1:] if self.head[0] in ("optional", "required", "repeated") else self.head
        word, after, third = (*words, "", "", "")[:3]
        if self.body is not None or (word == "option" and after != "="):
            return word
        if word in ("syntax", "edition"):
            return word if third[:1] in ("'", '"') else ""
        return word if word in _PLAIN and after not in ("=", ".") and third != "=" else ""

    @property
    def number(self) -> int:
        """Of a field or an enum's value; of a oneof, the one of its first field. -1 without one."""
        if self.head[:1] == ("oneof",) and self.body:
            return min((each.number for each in self.body if each.number >= 0), default=-1)
        text = "".join(self.head[self.head.index("=") + 1 :][:2]) if "=" in self.head else ""
        found = re.match(r"-?\w+", text)
        try:
            return int(found.group(), 0) if found else -1
        except ValueError:
            return -1


def statements(text: str) -> tuple[Statement, ...]:
    """The statements of a file. Raises `ParseError` with the line."""
    try:
        found = [word for word, _ in tokens(text)]
    except SchemaError as error:
        raise ParseError(str(error)) from None
    if not found:
        raise ParseError("the Protobuf schema is empty")
    _check_depth(found)
    made, at = _body(found, 0)
    if at < len(found):
        raise ParseError("a closing brace has no opening one")
    return made


def _check_depth(words: list[str]) -> None:
    depth = 0
    for word in words:
        depth += (word == "{") - (word == "}")
        if depth > MAX_DEPTH // 2:
            raise ParseError(f"the schema is nested more than {MAX_DEPTH // 2} levels deep")


def _body(words: list[str], at: int) -> tuple[tuple[Statement, ...], int]:
    """Statements up to the closing brace, and where that is."""
    made: list[Statement] = []
    head: list[str] = []
    inline = 0
    while at < len(words):
        word = words[at]
        if inline or (word == "{" and ("=" in head or "[" in head) and not _is_group(head)):
            inline += (word == "{") - (word == "}")
            head.append(word)
        elif word == "{":
            inner, at = _body(words, at + 1)
            made.append(Statement(tuple(head), inner))
            head = []
        elif word == "}":
            return tuple(made), at
        elif word == ";":
            if head:
                made.append(Statement(tuple(head)))
            head = []
        else:
            head.append(word)
        at += 1
    if head:
        raise ParseError("Protobuf schema ends too early")
    return tuple(made), at


def _is_group(head: list[str]) -> bool:
    """Whether the head of a field with a body is complete: proto2's `optional group Name = 1 [...]`."""
    words = head[1:] if head[0] in ("optional", "required", "repeated") else head
    return words[:1] == ["group"] and words[2:3] == ["="] and head.count("[") == head.count("]")


def printed(tree: tuple[Statement, ...]) -> str:
    """The text as Confluent's registry lays it out, so that what one of the two has is the same text in the other."""
    sections = [list(_laid_out(section)) for section in _sections(tree, _TOP)]
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


_TOP = (
    ("syntax", "edition", "package"), ("import",), ("option",), ("message", "enum"), ("extend",), ("service",),
)  # fmt: skip
_MESSAGE = (
    ("reserved",), ("option",), ("",), ("oneof",), ("extensions",), ("extend",), ("message", "enum"),
)  # fmt: skip
_SECTIONS = {
    "message": _MESSAGE,
    "group": _MESSAGE,
    "enum": (("reserved", "option", ""),),
    "service": (("option",), ("rpc",)),
}
"""What the statements of a body begin with, in the order in which they are printed; `""` is a field or a value."""


def _sections(body: tuple[Statement, ...], order: tuple[tuple[str, ...], ...]) -> Iterator[list[Statement]]:
    """Statements that stand together, without empty lines between them; each kind in the order of the source.
    Groups are messages, too, which payloads count: where there is one, everything stays in its place."""
    if any(inner.kind == "group" for each in body for inner in (each, *_inside(each))):
        yield list(body)
        return
    known = {word for section in order for word in section}
    for section in (*order, None):
        found = [each for each in body if (each.kind in section if section else each.kind not in known)]
        if section:
            found.sort(key=lambda each: (section.index(each.kind), each.head[1:2] == ("public",)))
        if found:
            yield found


def _inside(statement: Statement) -> tuple[Statement, ...]:
    return (statement.body or ()) if statement.kind in ("oneof", "extend") else ()


def _laid_out(section: list[Statement]) -> Iterator[str]:
    for statement in section:
        yield from _lines(statement)


def _lines(statement: Statement) -> Iterator[str]:
    end = ";" if statement.kind == "rpc" else ""
    if statement.body is None or (end and not statement.body):
        *before, last = _with_options(statement.head)
        yield from before
        yield f"{last};"
        return
    head = _joined(statement.head)
    if not statement.body:
        yield f"{head} {{}}"
        return
    yield f"{head} {{"
    order = _SECTIONS.get(statement.kind, (("option",), ("",)))
    for at, section in enumerate(_sections(statement.body, order)):
        if at:
            yield ""
        for line in _laid_out(section):
            yield f"  {line}"
    yield f"}}{end}"


def _with_options(head: tuple[str, ...]) -> list[str]:
    """The lines of a field: several options in brackets have a line each."""
    if "[" not in head or head[0] == "option" or head[-1] != "]":
        return [_joined(head)]
    at, depth = head.index("["), 0
    options: list[list[str]] = [[]]
    for word in head[at + 1 : -1]:
        depth += (word in "[{(<") - (word in "]})>")
        if word == "," and not depth:
            options.append([])
        else:
            options[-1].append(word)
    if len(options) == 1:
        return [_joined(head)]
    options.sort(key=lambda words: _LAST.index(words[0]) if words[:1] and words[0] in _LAST else -1)
    lines = [f"  {_joined(tuple(option))}" for option in options]
    return [f"{_joined(head[:at])} [", *(f"{line}," for line in lines[:-1]), lines[-1], "]"]


def _joined(words: tuple[str, ...]) -> str:
    text, before = "", ""
    for word in words:
        tight = not before or before in _TIGHT_AFTER or word in _TIGHT_BEFORE
        if (word == "[" and before == "=") or (word == "." and before in _BEFORE_ABSOLUTE):
            tight = False
        if word[:1] in "\"'":
            word = '"' + word[1:-1].replace('"', '\\"') + '"' if word[0] == "'" and '"' not in word else word
        text += word if tight else f" {word}"
        before = word
    return text


_FILE_ORDER = ("syntax", "edition", "package", "import", "option")
_BODY_ORDER = ("option", "reserved", "extensions")


def sorted_statements(tree: tuple[Statement, ...], top: bool = True) -> tuple[Statement, ...]:
    """The same schema with imports, options and fields in one order. Messages stay: payloads count them."""
    order = _FILE_ORDER if top else _BODY_ORDER

    def place(entry: tuple[int, Statement]) -> tuple[int, int, tuple[str, ...]]:
        at, statement = entry
        word = statement.head[0] if statement.head else ""
        if word in order:
            return order.index(word), 0, statement.head
        if top or word in ("message", "enum", "extend", "rpc", "service", "group"):
            return len(order) + 1, at, ()
        return len(order), statement.number, ()

    return tuple(
        each if each.body is None else replace(each, body=sorted_statements(each.body, top=False))
        for _, each in sorted(enumerate(tree), key=place)
    )
