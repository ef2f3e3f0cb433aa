"""Avro schemas: names resolved, defaults checked, printed as Avro's own library prints them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from headwater.registry.parsing.json_text import load, nesting
from headwater.registry.parsing.parsed import MAX_DEPTH, Parsed, ParseError, References, show

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_RESERVED = {
    "record": {"type", "name", "namespace", "doc", "fields", "aliases"},
    "enum": {"type", "name", "namespace", "doc", "symbols", "default", "aliases"},
    "fixed": {"type", "name", "namespace", "doc", "size", "aliases"},
    "array": {"type", "items"},
    "map": {"type", "values"},
}
_FIELD = {"name", "type", "doc", "default", "order", "aliases"}
_NONE: Any = object()


@dataclass(eq=False)
class Node:
    """One type. `kind` is a primitive's name, array, map, union, record, enum or fixed; named ones are one object."""

    kind: str
    name: str = ""
    namespace: str = ""
    aliases: tuple[str, ...] = ()
    doc: str | None = None
    fields: tuple[Field, ...] = ()
    symbols: tuple[str, ...] = ()
    default: str | None = None
    size: int = 0
    items: tuple[Node, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


@dataclass(frozen=True, eq=False)
class Field:
    name: str
    type: Node
    default: Any = _NONE
    doc: str | None = None
    order: str | None = None
    aliases: tuple[str, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_default(self) -> bool:
        return self.default is not _NONE


@dataclass(frozen=True)
class ParsedAvro(Parsed):
    root: Node
    referred: frozenset[str] = frozenset()
    """Full names of types that stand in referenced schemas."""
    bad_name: str | None = None
    bad_default: str | None = None

    def canonical(self) -> str:
        return _Printer(set(self.referred), in_order=False).text(self.root)

    def normalised(self) -> str:
        return _Printer(set(self.referred), in_order=True).text(self.root)

    def meaning(self) -> str:
        """Types of referenced schemas may as well stand in place."""
        return _Printer(set(), in_order=True).text(self.root)

    def top_level(self) -> frozenset[str]:
        return frozenset(each.name for each in self.root.fields)

    def formatted(self, name: str) -> str:
        """`resolved` has the types of referenced schemas in place."""
        return _Printer(set(), in_order=False).text(self.root) if name == "resolved" else self.canonical()


def parse(text: str, references: References) -> ParsedAvro:
    """Raises `ParseError` with the path, as `fields/2/type`."""
    names: dict[str, Node] = {}
    for name, (kind, referred) in references.items():
        if kind != "AVRO":
            raise ParseError(f"the reference '{name}' is of type {kind}: an Avro schema can only refer to Avro schemas")
        _Parser(names).node(_document(referred), "", "")
    referred_names = frozenset(names)
    parser = _Parser(names)
    root = parser.node(_document(text), "", "")
    return ParsedAvro("AVRO", text, root, referred_names, parser.bad_name, parser.bad_default)


def _document(text: str) -> Any:
    doc = load(text) if text.strip()[:1] in ("{", "[", '"') else text.strip()
    if nesting(doc) > 2 * MAX_DEPTH:
        raise ParseError(f"the schema is nested more than {2 * MAX_DEPTH} levels deep")
    return doc


class _Parser:
    """What Avro's own library only refuses where it is told to, is noted."""

    def __init__(self, names: dict[str, Node]) -> None:
        self._names = names
        self.bad_name: str | None = None
        self.bad_default: str | None = None

    def _check_name(self, name: str, what: str, path: str) -> None:
        if not name:
            raise _wrong(path, f"an empty {what}")
        if self.bad_name is None and not _NAME.match(name):
            self.bad_name = _at(
                path, f"illegal {what} {show(name)}: letters, digits and underscores, not a digit first"
            )

    def node(self, doc: Any, space: str, path: str) -> Node:
        if isinstance(doc, str):
            return self._named(doc, space, path)
        if isinstance(doc, list):
            return self._union(doc, space, path)
        if not isinstance(doc, dict):
            raise _wrong(path, f"{show(doc)} is not a schema: it is a name, an object or a list")
        kind = doc.get("type")
        if kind is None:
            raise _wrong(path, "a schema has no 'type'")
        if not isinstance(kind, str):
            return self.node(kind, space, f"{path}/type")
        if kind in ("record", "error", "enum", "fixed"):
            return self._declared(doc, "record" if kind == "error" else kind, space, path)
        if kind in ("array", "map"):
            part = "items" if kind == "array" else "values"
            if part not in doc:
                raise _wrong(path, f"{'an' if kind == 'array' else 'a'} {kind} has no '{part}'")
            inner = self.node(doc[part], space, f"{path}/{part}")
            return Node(kind, items=(inner,), properties=_others(doc, _RESERVED[kind]))
        if kind in PRIMITIVES:
            return Node(kind, properties=_others(doc, {"type"}))
        return self._named(kind, space, path)

    def _named(self, name: str, space: str, path: str) -> Node:
        if name in PRIMITIVES:
            return Node(name)
        known = self._names.get(name if "." in name or not space else f"{space}.{name}") or self._names.get(name)
        if known is None:
            raise _wrong(path, f"undefined name: '{name}'")
        return known

    def _union(self, doc: list[Any], space: str, path: str) -> Node:
        branches = tuple(self.node(branch, space, f"{path}/{i}") for i, branch in enumerate(doc))
        seen = set()
        for i, branch in enumerate(branches):
            if branch.kind == "union":
                raise _wrong(f"{path}/{i}", "a union stands directly in a union")
            tag = branch.full_name or branch.kind
            if tag in seen:
                raise _wrong(f"{path}/{i}", f"'{tag}' is twice in one union")
            seen.add(tag)
        return Node("union", items=branches)

    def _declared(self, doc: dict[str, Any], kind: str, space: str, path: str) -> Node:
        name, own_space = self._name_of(doc, space, path)
        made = Node(kind, name, own_space, doc=_text_of(doc, "doc", path), properties=_others(doc, _RESERVED[kind]))
        made.aliases = tuple(a if "." in a or not own_space else f"{own_space}.{a}" for a in _aliases(doc, path))
        if made.full_name in self._names:
            raise _wrong(path, f"'{made.full_name}' is defined twice")
        self._names[made.full_name] = made
        getattr(self, f"_{kind}")(doc, made, path)
        return made

    def _name_of(self, doc: dict[str, Any], space: str, path: str) -> tuple[str, str]:
        name = doc.get("name")
        if not isinstance(name, str):
            raise _wrong(path, f"a {doc['type']} has no 'name'")
        own_space = doc.get("namespace", space)
        if not isinstance(own_space, str):
            raise _wrong(path, f"the namespace {show(own_space)} is not a text")
        if "." in name:
            own_space, _, name = name.rpartition(".")
        for part in (*filter(None, own_space.split(".")), name):
            self._check_name(part, "name", path)
        if not own_space and name in PRIMITIVES:
            raise _wrong(path, f"'{name}' is the name of a primitive type")
        return name, own_space

    def _record(self, doc: dict[str, Any], made: Node, path: str) -> None:
        fields = doc.get("fields")
        if not isinstance(fields, list):
            raise _wrong(path, f"the record '{made.full_name}' has no list of 'fields'")
        names: set[str] = set()
        found = []
        for i, entry in enumerate(fields):
            found.append(self._field(entry, made, f"{path}/fields/{i}"))
            if found[-1].name in names:
                raise _wrong(f"{path}/fields/{i}", f"the field '{found[-1].name}' is twice in '{made.full_name}'")
            names.add(found[-1].name)
        made.fields = tuple(found)

    def _field(self, doc: Any, record: Node, path: str) -> Field:
        if not isinstance(doc, dict):
            raise _wrong(path, f"{show(doc)} is not a field: it is an object with 'name' and 'type'")
        name = doc.get("name")
        if not isinstance(name, str):
            raise _wrong(path, f"illegal field name {show(name)}")
        self._check_name(name, "field name", path)
        if "type" not in doc:
            raise _wrong(path, f"the field '{name}' has no 'type'")
        made = self.node(doc["type"], record.namespace, f"{path}/type")
        default = doc.get("default", _NONE)
        if self.bad_default is None and default is not _NONE and not _fits(made, default):
            kind = made.full_name or made.kind
            self.bad_default = _at(path, f"invalid default for field {name}: {show(default)} is not a {kind}")
        order = _text_of(doc, "order", path)
        if order not in (None, "ascending", "descending", "ignore"):
            raise _wrong(path, f"the order '{order}' is not ascending, descending or ignore")
        aliases, text = _aliases(doc, path), _text_of(doc, "doc", path)
        return Field(name, made, default, text, order, aliases, _others(doc, _FIELD))

    def _enum(self, doc: dict[str, Any], made: Node, path: str) -> None:
        symbols = doc.get("symbols")
        if not isinstance(symbols, list):
            raise _wrong(path, f"the enum '{made.full_name}' has no list of 'symbols'")
        for i, symbol in enumerate(symbols):
            if not isinstance(symbol, str):
                raise _wrong(f"{path}/symbols/{i}", f"illegal symbol {show(symbol)}")
            self._check_name(symbol, "symbol", f"{path}/symbols/{i}")
        if len(set(symbols)) != len(symbols):
            raise _wrong(path, f"a symbol is twice in the enum '{made.full_name}'")
        made.symbols, made.default = tuple(symbols), _text_of(doc, "default", path)
        if made.default is not None and made.default not in made.symbols:
            raise _wrong(path, f"the default '{made.default}' is not a symbol of the enum '{made.full_name}'")

    def _fixed(self, doc: dict[str, Any], made: Node, path: str) -> None:
        size = doc.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise _wrong(path, f"the fixed '{made.full_name}' has no valid 'size': {show(size)}")
        made.size = size


def _wrong(path: str, reason: str) -> ParseError:
    return ParseError(_at(path, reason))


def _at(path: str, reason: str) -> str:
    return f"{reason}, at path '{path or '/'}'"


def _others(doc: dict[str, Any], reserved: set[str]) -> dict[str, Any]:
    return {key: value for key, value in doc.items() if key not in reserved}


def _text_of(doc: dict[str, Any], key: str, path: str) -> str | None:
    value = doc.get(key)
    if value is not None and not isinstance(value, str):
        raise _wrong(path, f"'{key}' is {show(value)}, not a text")
    return value


def _aliases(doc: dict[str, Any], path: str) -> tuple[str, ...]:
    aliases = doc.get("aliases") or []
    if not isinstance(aliases, list) or not all(isinstance(a, str) for a in aliases):
        raise _wrong(path, f"'aliases' is {show(aliases)}, not a list of names")
    return tuple(aliases)


def _is_integer(value: Any, bits: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(1 << (bits - 1)) <= value < 1 << (bits - 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_DEFAULTS: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "int": lambda value: _is_integer(value, 32),
    "long": lambda value: _is_integer(value, 64),
    "float": _is_number,
    "double": _is_number,
    "bytes": lambda value: isinstance(value, str),
    "string": lambda value: isinstance(value, str),
    "fixed": lambda value: isinstance(value, str),
}


def _fits(node: Node, value: Any) -> bool:
    """Whether JSON is a default of a type. A union takes what one of its branches takes (Avro 1.12)."""
    if node.kind == "union":
        return any(_fits(branch, value) for branch in node.items)
    if node.kind == "enum":
        return isinstance(value, str)
    if node.kind == "array":
        return isinstance(value, list) and all(_fits(node.items[0], item) for item in value)
    if node.kind == "map":
        return isinstance(value, dict) and all(_fits(node.items[0], item) for item in value.values())
    if node.kind == "record":
        fields = node.fields
        return isinstance(value, dict) and all(
            _fits(f.type, value[f.name]) if f.name in value else f.has_default for f in fields
        )
    return _DEFAULTS[node.kind](value)


class _Printer:
    """Prints with the attributes in the order of Avro's Java library; a type that was printed is named after that."""

    def __init__(self, known: set[str], in_order: bool) -> None:
        self._known, self._in_order = known, in_order

    def text(self, root: Node) -> str:
        return json.dumps(self._node(root, ""), separators=(",", ":"), ensure_ascii=False)

    def _node(self, node: Node, space: str) -> Any:
        if node.kind == "union":
            return [self._node(branch, space) for branch in node.items]
        if node.kind == "array":
            return {"type": "array", "items": self._node(node.items[0], space), **self._sorted(node.properties)}
        if node.kind == "map":
            return {"type": "map", "values": self._node(node.items[0], space), **self._sorted(node.properties)}
        if node.kind in PRIMITIVES:
            return {"type": node.kind, **self._sorted(node.properties)} if node.properties else node.kind
        if node.full_name in self._known:
            return node.name if node.namespace == space else node.full_name
        self._known.add(node.full_name)
        return self._declaration(node, space)

    def _declaration(self, node: Node, space: str) -> dict[str, Any]:
        made: dict[str, Any] = {"type": node.kind, "name": node.name}
        if node.namespace != space:
            made["namespace"] = node.namespace
        if node.doc is not None:
            made["doc"] = node.doc
        if node.kind == "record":
            made["fields"] = [self._field(each, node.namespace) for each in node.fields]
        elif node.kind == "enum":
            made["symbols"] = list(node.symbols)
            if node.default is not None:
                made["default"] = node.default
        else:
            made["size"] = node.size
        made |= self._sorted(node.properties)
        if node.aliases:
            made["aliases"] = [self._relative(alias, node.namespace) for alias in node.aliases]
        return made

    def _relative(self, alias: str, space: str) -> str:
        return alias.rpartition(".")[2] if alias.rpartition(".")[0] == space else alias

    def _field(self, each: Field, space: str) -> dict[str, Any]:
        made: dict[str, Any] = {"name": each.name, "type": self._node(each.type, space)}
        if each.doc is not None:
            made["doc"] = each.doc
        if each.has_default:
            made["default"] = self._sorted(each.default) if isinstance(each.default, dict) else each.default
        if each.order not in (None, "ascending"):
            made["order"] = each.order
        if each.aliases:
            made["aliases"] = list(each.aliases)
        return made | self._sorted(each.properties)

    def _sorted(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        return {key: _in_order(properties[key]) for key in sorted(properties)} if self._in_order else dict(properties)


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return list(map(_in_order, value)) if isinstance(value, list) else value
