"""One class per message of the protocol, with its structs inside: `FetchRequest`, `FetchRequest.FetchTopic`.

The classes are made from `messages.txt` when first asked for, so importing this module costs nothing; their types are
in `messages.pyi`. An object stands for a message of any version: a field that a version lacks has its default after
decoding and is left out by encoding.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from headwater.wire.definitions import (
    ArrayType,
    Buffer,
    Field,
    Message,
    Struct,
    StructType,
    parse_message,
    split_tables,
)

__all__ = ["Buffer", "Struct", "api_names", "definition", "definitions", "message_class"]

_EMPTY: list[Any] = []
"""Marks "no argument given" for array fields: each object gets a list of its own."""


@cache
def _blocks() -> dict[str, str]:
    return split_tables(Path(__file__).with_name("messages.txt").read_text(encoding="ascii"))


@cache
def definition(name: str) -> Message:
    """The definition of the message of this name, `FetchRequest`. Raises `KeyError`."""
    return parse_message(_blocks()[name])


@cache
def api_names() -> dict[int, str]:
    """API key to name without suffix: 1 is `Fetch`."""
    heads = (block.split(maxsplit=3) for block in _blocks().values())
    return {int(words[1]): words[2].removesuffix("Request") for words in heads if words[0] == "request"}


def definitions() -> dict[str, Message]:
    """All messages by name."""
    return {name: definition(name) for name in _blocks()}


@cache
def message_class(message: Message) -> type[Struct]:
    """The class of a message; classes of its structs are attributes of it."""
    structs: dict[str, tuple[Field, ...]] = {}
    _collect(message.fields, structs)
    source: list[str] = []
    scope: dict[str, Any] = {"EMPTY": _EMPTY}
    for path, fields in (*structs.items(), (message.name, message.fields)):
        source += _constructor(path.replace(".", "_"), fields, scope)
    exec("\n".join(source), scope)  # noqa: S102  # the text is made from our own table
    inner = {path.rpartition(".")[2]: _make(path, fields, scope, {}) for path, fields in structs.items()}
    return _make(message.name, message.fields, scope, inner)


def _collect(fields: tuple[Field, ...], found: dict[str, tuple[Field, ...]]) -> None:
    for field in fields:
        kind = field.type.element if isinstance(field.type, ArrayType) else field.type
        if isinstance(kind, StructType):
            _collect(kind.fields, found)
            found.setdefault(kind.path, kind.fields)


def _make(path: str, fields: tuple[Field, ...], scope: dict[str, Any], inner: dict[str, type]) -> type[Struct]:
    namespace = {
        "__slots__": tuple(f.name for f in fields),
        "__init__": scope[path.replace(".", "_")],
        "__module__": __name__,
        "__qualname__": path,
        **inner,
    }
    return type(path.rpartition(".")[2], (Struct,), namespace)


def _constructor(name: str, fields: tuple[Field, ...], scope: dict[str, Any]) -> list[str]:
    arguments, body = [], ["    pass"]
    for field in fields:
        value = field.name
        if isinstance(field.type, ArrayType) and field.default is ...:
            arguments.append(f"{field.name}=EMPTY")
            value = f"[] if {field.name} is EMPTY else {field.name}"
        else:
            arguments.append(f"{field.name}={None if field.default is ... else field.default!r}")
        body.append(f"    self.{field.name} = {value}")
    return [f"def {name}(self{', *, ' if arguments else ''}{', '.join(arguments)}):", *body]


def __getattr__(name: str) -> type[Struct]:
    try:
        found = message_class(definition(name))
    except KeyError:
        raise AttributeError(f"The protocol has no message {name}") from None
    globals()[name] = found
    return found
