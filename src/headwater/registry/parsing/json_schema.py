"""JSON Schemas of draft 4, 6, 7, 2019-09 and 2020-12 as trees of typed nodes, with every `$ref` resolved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from headwater.registry.parsing.json_keywords import check
from headwater.registry.parsing.json_text import load, nesting
from headwater.registry.parsing.parsed import MAX_DEPTH, Parsed, ParseError, References

_MODERN = ("draft/2019-09", "draft/2020-12")
_META = ("http://json-schema.org/", "https://json-schema.org/")
_NUMBER = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
_STRING = {"minLength", "maxLength", "pattern"}
_ARRAY = {"items", "additionalItems", "prefixItems", "unevaluatedItems", "minItems", "maxItems", "uniqueItems",
          "contains", "minContains", "maxContains"}  # fmt: skip
_OBJECT = {"properties", "additionalProperties", "patternProperties", "unevaluatedProperties", "required",
           "minProperties", "maxProperties", "dependencies", "dependentRequired", "dependentSchemas",
           "propertyNames"}  # fmt: skip
_BY_TYPE = {"number": _NUMBER, "string": _STRING, "array": _ARRAY, "object": _OBJECT}
_COMBINED = ("allOf", "anyOf", "oneOf")


@dataclass(eq=False)
class Node:
    """A schema. `kind` is any, nothing, null, boolean, string, number, enum, not, combined, array, object, conditional.

    `doc` is what it was read from; the rest is set for the kinds that have it.
    """

    kind: str
    doc: Mapping[str, Any] = field(default_factory=dict)
    criterion: str = ""
    parts: list[Node] = field(default_factory=list)
    """Of a combined schema; the items at fixed places of an array; the inner one of `not`."""
    integer: bool = False
    values: list[Any] = field(default_factory=list)
    properties: dict[str, Node] = field(default_factory=dict)
    patterns: dict[str, Node] = field(default_factory=dict)
    dependencies: dict[str, Node | frozenset[str]] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    rest: Node | None = None
    """What further properties or items must be; None for anything."""
    items: Node | None = None
    """What every item of an array without fixed places must be."""
    some: Node | None = None
    """What an item of an array (`contains`) or the name of every property (`propertyNames`) must be."""
    branches: dict[str, Node] = field(default_factory=dict)
    """`if`, `then` and `else` of a schema of any kind; `conditional` is the kind of one that is nothing else."""


@dataclass(frozen=True)
class ParsedJson(Parsed):
    doc: Any
    root: Node

    def canonical(self) -> str:
        return json.dumps(self.doc, separators=(",", ":"), ensure_ascii=False)

    def normalised(self) -> str:
        return json.dumps(self.doc, separators=(",", ":"), ensure_ascii=False, sort_keys=True)

    def meaning(self) -> str:
        return self.normalised()

    def top_level(self) -> frozenset[str]:
        return frozenset(self.root.properties)


def parse(text: str, references: References) -> ParsedJson:
    """Raises `ParseError` with the path of what is wrong, or of a `$ref` that leads nowhere."""
    documents = {}
    for name, (kind, referred) in references.items():
        if kind != "JSON":
            raise ParseError(f"the reference '{name}' is of type {kind}: a JSON Schema can only refer to JSON Schemas")
        documents[name] = _document(referred)
    doc = _document(text)
    return ParsedJson("JSON", text, doc, _Builder(doc, documents).root())


def _document(text: str) -> Any:
    doc = load(text)
    if not isinstance(doc, (dict, bool)):
        raise ParseError("a JSON Schema is an object, true or false")
    if nesting(doc) > 2 * MAX_DEPTH:
        raise ParseError(f"the schema is nested more than {2 * MAX_DEPTH} levels deep")
    return doc


class _Builder:
    def __init__(self, doc: Any, references: Mapping[str, Any]) -> None:
        self._doc = doc
        self._by_uri: dict[str, Any] = {}
        self._built: dict[int, Node] = {}
        self._bases: dict[int, str] = {}
        self._following: set[int] = set()
        for name, referred in references.items():
            self._index(referred, name, name)
        self._index(doc, "", "")

    def root(self) -> Node:
        modern = isinstance(self._doc, dict) and any(m in str(self._doc.get("$schema", "")) for m in _MODERN)
        self._modern = modern
        return self.node(self._doc, "")

    def _index(self, doc: Any, base: str, extra: str) -> None:
        """Remember every schema's base address, and the documents and anchors by theirs."""
        self._by_uri[extra] = doc
        waiting = [(doc, base)]
        while waiting:
            at, here = waiting.pop()
            if isinstance(at, dict):
                given = at.get("$id", at.get("id"))
                if isinstance(given, str):
                    here = urljoin(here, given)
                    self._by_uri.setdefault(here.removesuffix("#"), at)
                for anchor in (at.get("$anchor"), at.get("$dynamicAnchor")):
                    if isinstance(anchor, str):
                        self._by_uri[f"{urldefrag(here).url}#{anchor}"] = at
                self._bases[id(at)] = here
                waiting.extend((inner, here) for inner in at.values())
            elif isinstance(at, list):
                waiting.extend((inner, here) for inner in at)

    def node(self, doc: Any, path: str) -> Node:
        """The node of a document; the same one for the same document, so that a schema may contain itself."""
        if doc is True:
            return Node("any")
        if doc is False:
            return Node("nothing")
        if not isinstance(doc, dict):
            raise ParseError(f"'{path or '#'}' is not a schema: it is an object, true or false")
        known = self._built.get(id(doc))
        if known is not None:
            return known
        check(doc, path)
        reference = doc.get("$ref", doc.get("$dynamicRef", doc.get("$recursiveRef")))
        if isinstance(reference, str):
            return self._referring(doc, reference, path)
        made = self._built[id(doc)] = Node("any", doc)
        self._fill(made, doc, path)
        return made

    def _referring(self, doc: dict[str, Any], reference: str, path: str) -> Node:
        if id(doc) in self._following:
            raise ParseError(f"the $ref '{reference}' leads back to itself, at path '{path or '#'}'")
        self._following.add(id(doc))
        target = self._resolve(doc, reference, path)
        found = self.node(target, f"{path}/$ref")
        self._following.discard(id(doc))
        beside = {
            k: v for k, v in doc.items() if k not in ("$ref", "$dynamicRef", "$recursiveRef", "$defs", "definitions")
        }
        constraints = _keywords(beside)
        if not self._modern or not constraints:
            self._built[id(doc)] = found
            return found
        own = Node("any", beside)
        self._fill(own, beside, path)
        made = self._built[id(doc)] = Node("combined", doc, "allOf", [found, own])
        return made

    def _resolve(self, doc: dict[str, Any], reference: str, path: str) -> Any:
        base = self._bases.get(id(doc), "")
        if reference == "#" and not base:
            return self._doc
        if reference.startswith(_META):
            return True
        whole = urljoin(base, reference)
        for candidate in (whole, reference):
            if candidate.removesuffix("#") in self._by_uri:
                return self._by_uri[candidate.removesuffix("#")]
        for candidate in (whole, reference):
            uri, fragment = urldefrag(candidate)
            found = _at(self._by_uri.get(uri, _MISSING), unquote(fragment))
            if found is not _MISSING:
                return found
        raise ParseError(f"the $ref '{reference}' leads nowhere, at path '{path or '#'}'")

    def _fill(self, made: Node, doc: dict[str, Any], path: str) -> None:
        """Set what the document says: one kind, or all of several."""
        parts = [*self._typed(doc, path), *self._others(doc, path)]
        if len(parts) == 1:
            vars(made).update(vars(parts[0]))
        elif parts:
            made.kind, made.criterion, made.parts = "combined", "allOf", parts
        made.doc = doc
        if "if" in doc and ("then" in doc or "else" in doc):
            made.branches = {
                word: self.node(doc[word], f"{path}/{word}") for word in ("if", "then", "else") if word in doc
            }
            made.kind = "conditional" if made.kind == "any" else made.kind

    def _typed(self, doc: dict[str, Any], path: str) -> list[Node]:
        kinds = doc.get("type")
        if isinstance(kinds, str):
            found = [self._of_type(kinds, doc, path)]
        elif isinstance(kinds, list):
            inner = [self._of_type(kind, doc, path) for kind in kinds]
            found = inner if len(inner) == 1 else [Node("combined", {}, "anyOf", inner)]
        else:
            found = [self._of_type(kind, doc, path) for kind, words in _BY_TYPE.items() if words & doc.keys()]
        if doc.get("nullable") is True:
            found = [Node("combined", {}, "anyOf", [*found, Node("null")])]
        return found

    def _others(self, doc: dict[str, Any], path: str) -> list[Node]:
        parts = []
        if "enum" in doc:
            parts.append(Node("enum", doc, values=list(doc["enum"])))
        if "const" in doc:
            parts.append(Node("enum", doc, values=[doc["const"]]))
        for criterion in _COMBINED:
            if criterion in doc:
                inner = [self.node(each, f"{path}/{criterion}/{i}") for i, each in enumerate(doc[criterion])]
                parts.append(Node("combined", doc, criterion, inner))
        if "not" in doc:
            parts.append(Node("not", doc, parts=[self.node(doc["not"], f"{path}/not")]))
        return parts

    def _of_type(self, kind: str, doc: dict[str, Any], path: str) -> Node:
        if kind == "object":
            return self._object(doc, path)
        if kind == "array":
            return self._array(doc, path)
        if kind in ("number", "integer"):
            return Node("number", doc, integer=kind == "integer")
        return Node(kind, doc)

    def _object(self, doc: dict[str, Any], path: str) -> Node:
        made = Node("object", doc, required=_required(doc))
        made.properties = self._named(doc, "properties", path)
        made.patterns = self._named(doc, "patternProperties", path)
        for word in ("dependencies", "dependentRequired", "dependentSchemas"):
            for name, each in (doc.get(word) or {}).items():
                inner = f"{path}/{word}/{name}"
                made.dependencies[name] = frozenset(each) if isinstance(each, list) else self.node(each, inner)
        made.rest = self._rest(doc, "additionalProperties", "unevaluatedProperties", path)
        made.some = self.node(doc["propertyNames"], f"{path}/propertyNames") if "propertyNames" in doc else None
        return made

    def _named(self, doc: dict[str, Any], word: str, path: str) -> dict[str, Node]:
        return {name: self.node(each, f"{path}/{word}/{name}") for name, each in (doc.get(word) or {}).items()}

    def _rest(self, doc: dict[str, Any], first: str, second: str, path: str) -> Node | None:
        word = first if first in doc else second
        if word not in doc or doc[word] is True or doc[word] == {}:
            return None
        return self.node(doc[word], f"{path}/{word}")

    def _array(self, doc: dict[str, Any], path: str) -> Node:
        made = Node("array", doc)
        made.some = self.node(doc["contains"], f"{path}/contains") if "contains" in doc else None
        items = doc.get("items")
        places = doc.get("prefixItems", items if isinstance(items, list) else None)
        if places is None:
            made.items = None if items is None else self.node(items, f"{path}/items")
            made.rest = self._rest(doc, "additionalItems", "unevaluatedItems", path) if items is None else None
            return made
        word = "prefixItems" if "prefixItems" in doc else "items"
        made.parts = [self.node(each, f"{path}/{word}/{i}") for i, each in enumerate(places)]
        further = "items" if "prefixItems" in doc else "additionalItems"
        made.rest = self._rest(doc, further, "unevaluatedItems", path)
        return made


_MISSING: Any = object()
_ALL_WORDS = {*_NUMBER, *_STRING, *_ARRAY, *_OBJECT, *_COMBINED, "type", "enum", "const", "not", "if"}


def _keywords(doc: Mapping[str, Any]) -> set[str]:
    """The words of a document that restrict values."""
    return _ALL_WORDS & doc.keys()


def _at(doc: Any, pointer: str) -> Any:
    """What a JSON pointer points at (RFC 6901), or `_MISSING`."""
    if pointer and not pointer.startswith("/"):
        return _MISSING
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(doc, dict) and step in doc:
            doc = doc[step]
        elif isinstance(doc, list) and step.isdigit() and int(step) < len(doc):
            doc = doc[int(step)]
        else:
            return _MISSING
    return doc


def _required(doc: Mapping[str, Any]) -> frozenset[str]:
    """Draft 3's `required: true` on a property, as generators still write it, says nothing of the object it is on."""
    names = doc.get("required")
    return frozenset(names) if isinstance(names, list) else frozenset()
