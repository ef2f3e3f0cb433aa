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


@dataclass(frozen=True)
class Statement:
    """Up to a semicolon, or with a body in braces. The words of an option's value in braces belong to the head."""

    head: tuple[str, ...]
    body: tuple[Statement, ...] | None = None

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
    """The text: two spaces per level, an empty line around imports and types at the top."""
    groups: list[tuple[str, list[str]]] = []
    for statement in tree:
        kind = statement.head[0] if statement.head else ""
        lines = list(_lines(statement, ""))
        name = "head" if kind in ("syntax", "edition", "package") else kind if kind in ("import", "option") else ""
        if name and groups and groups[-1][0] == name:
            groups[-1][1].extend(lines)
        else:
            groups.append((name, lines))
    return "\n\n".join("\n".join(lines) for _, lines in groups) + "\n"


def _lines(statement: Statement, indent: str) -> Iterator[str]:
    head = _joined(statement.head)
    if statement.body is None:
        yield f"{indent}{head};"
    elif not statement.body:
        yield f"{indent}{head} {{}}"
    else:
        yield f"{indent}{head} {{"
        for inner in statement.body:
            yield from _lines(inner, indent + "  ")
        yield f"{indent}}}"


def _joined(words: tuple[str, ...]) -> str:
    text, before = "", ""
    for word in words:
        tight = not before or before in _TIGHT_AFTER or word in _TIGHT_BEFORE
        if (word == "[" and before == "=") or (word == "." and before in _BEFORE_ABSOLUTE):
            tight = False
        if word == "(" and words[0] == "rpc" and before != "returns":
            tight = True
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
