"""Whether a JSON Schema accepts every document that another accepts: the differences of Confluent's registry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headwater.registry.compatibility.incompatibility import Difference
from headwater.registry.compatibility.json_kinds import COMPATIBLE
from headwater.registry.compatibility.matching import largest_matching
from headwater.registry.parsing.json_schema import Node, ParsedJson
from headwater.registry.parsing.parsed import ParseError

MAX_COMPARISONS = 50_000
"""Pairs of schemas; parts of combined schemas are compared each with each. Real schemas need hundreds."""

BOUNDS: dict[str, tuple[tuple[str, str], ...]] = {
    "string": (("maxLength", "MAX_LENGTH"), ("minLength", "MIN_LENGTH")),
    "number": (("maximum", "MAXIMUM"), ("minimum", "MINIMUM"), ("exclusiveMaximum", "EXCLUSIVE_MAXIMUM"),
               ("exclusiveMinimum", "EXCLUSIVE_MINIMUM")),
    "object": (("maxProperties", "MAX_PROPERTIES"), ("minProperties", "MIN_PROPERTIES")),
    "array": (("maxItems", "MAX_ITEMS"), ("minItems", "MIN_ITEMS"), ("maxContains", "MAX_CONTAINS"),
              ("minContains", "MIN_CONTAINS")),
}  # fmt: skip
"""Keyword and the name its differences begin with, by the kind of schema that has it."""
_ABOUT = (("title", "TITLE_CHANGED"), ("description", "DESCRIPTION_CHANGED"), ("default", "DEFAULT_CHANGED"))


def differences(update: ParsedJson, original: ParsedJson) -> list[Difference]:
    """All differences, compatible ones too. Raises `ParseError` for schemas too intricate to compare."""
    return [each.under("#") for each in _Comparison().compare(original.root, update.root)]


def _breaks(found: list[Difference]) -> bool:
    return any(each.kind not in COMPATIBLE for each in found)


def _under(step: str, found: list[Difference]) -> list[Difference]:
    return [each.under(step) for each in found]


class _Comparison:
    """Pairs that were compared, or are being compared further out, are not compared again: schemas may be recursive."""

    def __init__(self) -> None:
        self._known: dict[tuple[Node, Node], list[Difference]] = {}

    def compare(self, old: Node | None, new: Node | None) -> list[Difference]:
        if old is None or new is None:
            return [] if old is new else [Difference("SCHEMA_ADDED" if old is None else "SCHEMA_REMOVED", "")]
        known = self._known.get((old, new))
        if known is not None:
            return known
        if len(self._known) >= MAX_COMPARISONS:
            raise ParseError("the schemas combine too many parts to be compared")
        self._known[old, new] = []
        found = self._combined_with_single(old, new)
        self._known[old, new] = found = self._compare(old, new) if found is None else found
        return found

    def _combined_with_single(self, old: Node, new: Node) -> list[Difference] | None:
        """One side is a combination, the other is not: the single one may be one of the parts."""
        if old.kind != "combined" and new.kind == "combined":
            single = len(new.parts) == 1
            if single or new.criterion in ("anyOf", "oneOf"):
                for part in new.parts:
                    found = self.compare(old, part)
                    if not _breaks(found):
                        return found if single else [*found, Difference("SUM_TYPE_EXTENDED", "")]
        if old.kind == "combined" and new.kind != "combined" and len(old.parts) == 1:
            found = self.compare(old.parts[0], new)
            if not _breaks(found):
                return found
        return None

    def _compare(self, old: Node, new: Node) -> list[Difference]:
        if old.kind != new.kind:
            return [] if old.kind == "nothing" or new.kind == "any" else [Difference("TYPE_CHANGED", "")]
        found = [Difference(kind, "") for word, kind in _ABOUT if old.doc.get(word) != new.doc.get(word)]
        if old.doc.get("$id", old.doc.get("id")) != new.doc.get("$id", new.doc.get("id")):
            found.insert(0, Difference("ID_CHANGED", ""))
        found += _bounds(old, new)
        found += self._branches(old, new)
        special = getattr(self, f"_{old.kind}", None)
        return found if special is None else [*found, *special(old, new)]

    def _string(self, old: Node, new: Node) -> list[Difference]:
        return _changed("pattern", "PATTERN", old.doc.get("pattern"), new.doc.get("pattern"))

    def _number(self, old: Node, new: Node) -> list[Difference]:
        found = _multiple(old.doc.get("multipleOf"), new.doc.get("multipleOf"))
        if old.integer != new.integer:
            found.append(Difference("TYPE_EXTENDED" if old.integer else "TYPE_NARROWED", ""))
        return found

    def _enum(self, old: Node, new: Node) -> list[Difference]:
        removed = [value for value in old.values if not _among(value, new.values)]
        added = [value for value in new.values if not _among(value, old.values)]
        if not removed and not added:
            return []
        kind = "EXTENDED" if not removed else "CHANGED" if added else "NARROWED"
        return [Difference(f"ENUM_ARRAY_{kind}", "/enum")]

    def _not(self, old: Node, new: Node) -> list[Difference]:
        """What is forbidden must not become more."""
        if old.parts[0] is new.parts[0] or not (forward := self.compare(new.parts[0], old.parts[0])):
            return []
        return [Difference("NOT_TYPE_EXTENDED" if _breaks(forward) else "NOT_TYPE_NARROWED", "/not")]

    def _branches(self, old: Node, new: Node) -> list[Difference]:
        """With one condition what follows from it is compared; another condition may forbid anything."""
        before, after = old.branches, new.branches
        if not before or not after:
            return [] if before == after else [Difference(f"CONDITION_{'ADDED' if after else 'REMOVED'}", "/if")]
        ways = (self.compare(before["if"], after["if"]), self.compare(after["if"], before["if"]))
        if old.doc["if"] != new.doc["if"] or any(map(_breaks, ways)):
            return [Difference("CONDITION_CHANGED", "/if")]
        found = []
        for word in ("then", "else"):
            inner = self.compare(before.get(word), after.get(word))
            if not inner and old.doc.get(word) != new.doc.get(word):
                inner = [Difference("CONDITION_CHANGED", "")]  # as of `required` for what it does not describe
            found += _under(f"/{word}", inner)
        return found

    def _some(self, old: Node, new: Node, what: str, path: str) -> list[Difference]:
        """`contains` and `propertyNames`. Where the items that fit are bounded above, more must not fit either."""
        if old.some is None or new.some is None:
            change = "ADDED" if old.some is None else "REMOVED"
            return [] if old.some is new.some else [Difference(f"{what}_{change}", path)]
        if old.doc.get(path[1:]) != new.doc.get(path[1:]) and "maxContains" in {**old.doc, **new.doc}:
            return [Difference(f"{what}_CHANGED", path)]
        return _under(path, self.compare(old.some, new.some))

    # --- combinations -----------------------------------------------------------------------------------------------

    def _combined(self, old: Node, new: Node) -> list[Difference]:
        found = []
        if old.criterion != new.criterion:
            if not _criterion_extended(old, new):
                return [Difference("COMBINED_TYPE_CHANGED", "")]
            found.append(Difference("COMBINED_TYPE_EXTENDED", ""))
        olds, news = list(dict.fromkeys(old.parts)), list(dict.fromkeys(new.parts))
        if len(olds) != len(news):
            sort = "PRODUCT" if new.criterion == "allOf" else "SUM"
            change = "EXTENDED" if len(olds) < len(news) else "NARROWED"
            found.append(Difference(f"{sort}_TYPE_{change}", ""))
        fitting: dict[tuple[int, int], list[Difference]] = {}
        for i, one in enumerate(olds):
            for j, other in enumerate(news):
                inner = self.compare(one, other)
                if not _breaks(inner):
                    fitting[i, j] = _under(f"/{old.criterion}/{i}", inner)
        pairs = largest_matching(len(olds), fitting)
        for pair in pairs:
            found += fitting[pair]
        if len(pairs) < min(len(olds), len(news)):
            found.append(Difference("COMBINED_TYPE_SUBSCHEMAS_CHANGED", ""))
        return found

    # --- objects ----------------------------------------------------------------------------------------------------

    def _object(self, old: Node, new: Node) -> list[Difference]:
        found = _required(old, new)
        for name in dict.fromkeys([*old.properties, *new.properties]):
            found += _under(f"/properties/{name}", self._property(old, new, name))
        found += self._dependencies(old, new)
        found += self._rest(old, new, "PROPERTIES", "/additionalProperties")
        found += self._some(old, new, "PROPERTY_NAMES", "/propertyNames")
        return found

    def _property(self, old: Node, new: Node, name: str) -> list[Difference]:
        before, after = old.properties.get(name), new.properties.get(name)
        if before is not None and after is not None:
            return self.compare(before, after)
        if after is None:
            assert before is not None
            return self._removed(before, new, _covering(new, name), "PROPERTY")
        if _is_open(old):
            empty = after.kind == "any"
            return [Difference(f"PROPERTY_{'WITH_EMPTY_SCHEMA_' if empty else ''}ADDED_TO_OPEN_CONTENT_MODEL", "")]
        found = []
        covering = _covering(old, name)
        if covering is not None:
            found = self._covered(covering, after, "PROPERTY_ADDED")
        kind = "OPTIONAL_PROPERTY"
        if name in new.required:
            kind = "REQUIRED_PROPERTY_WITH_DEFAULT" if "default" in after.doc else "REQUIRED_PROPERTY"
        return [*found, Difference(f"{kind}_ADDED_TO_UNOPEN_CONTENT_MODEL", "")]

    def _removed(self, before: Node, new: Node, covering: Node | None, what: str) -> list[Difference]:
        if _is_open(new):
            return [Difference(f"{what}_REMOVED_FROM_OPEN_CONTENT_MODEL", "")]
        if covering is not None:
            return self._covered(before, covering, f"{what}_REMOVED")
        never = "_WITH_FALSE" if before.kind == "nothing" else ""
        return [Difference(f"{what}{never}_REMOVED_FROM_CLOSED_CONTENT_MODEL", "")]

    def _covered(self, old: Node, new: Node, what: str) -> list[Difference]:
        found = self.compare(old, new)
        word = "NOT" if _breaks(found) else "IS"
        return [*found, Difference(f"{what}_{word}_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", "")]

    def _dependencies(self, old: Node, new: Node) -> list[Difference]:
        found: list[Difference] = []
        for name in dict.fromkeys([*old.dependencies, *new.dependencies]):
            before, after = old.dependencies.get(name), new.dependencies.get(name)
            found += _under(f"/dependencies/{name}", self._dependency(before, after))
        return found

    def _dependency(
        self, before: Node | frozenset[str] | None, after: Node | frozenset[str] | None
    ) -> list[Difference]:
        if isinstance(before, Node) and isinstance(after, Node):
            return self.compare(before, after)
        if isinstance(before, frozenset) and isinstance(after, frozenset):
            if before == after:
                return []
            kind = "EXTENDED" if before < after else "NARROWED" if before > after else "CHANGED"
            return [Difference(f"DEPENDENCY_ARRAY_{kind}", "")]
        sides = ((before, "REMOVED"), (after, "ADDED"))
        return [
            Difference(f"DEPENDENCY_{'SCHEMA' if isinstance(side, Node) else 'ARRAY'}_{change}", "")
            for side, change in sides
            if side is not None
        ]

    def _rest(self, old: Node, new: Node, what: str, path: str) -> list[Difference]:
        """Further properties or items: anything, nothing, or what fits a schema."""
        before, after = _rest_kind(old), _rest_kind(new)
        change = _REST_CHANGES.get((before, after))
        if change is not None:
            word = "UNEVALUATED" if _is_unevaluated(old, what) or _is_unevaluated(new, what) else "ADDITIONAL"
            step = path.replace("/additional", "/unevaluated") if word == "UNEVALUATED" else path
            return [Difference(f"{word}_{what}_{change}", step)]
        return _under(path, self.compare(old.rest, new.rest)) if before == after == "schema" else []

    # --- arrays -----------------------------------------------------------------------------------------------------

    def _array(self, old: Node, new: Node) -> list[Difference]:
        unique = (bool(old.doc.get("uniqueItems")), bool(new.doc.get("uniqueItems")))
        found = _under("/items", self.compare(old.items, new.items))
        for i in range(max(len(old.parts), len(new.parts))):
            found += _under(f"/items/{i}", self._item(old, new, i))
        found += self._rest(old, new, "ITEMS", "/additionalItems")
        found += self._some(old, new, "CONTAINS", "/contains")
        if unique[0] != unique[1]:
            found.append(Difference("UNIQUE_ITEMS_REMOVED" if unique[0] else "UNIQUE_ITEMS_ADDED", "/uniqueItems"))
        return found

    def _item(self, old: Node, new: Node, i: int) -> list[Difference]:
        before = old.parts[i] if i < len(old.parts) else None
        after = new.parts[i] if i < len(new.parts) else None
        if before is not None and after is not None:
            return self.compare(before, after)
        if after is None:
            assert before is not None
            return self._removed(before, new, _further(new), "ITEM")
        if _is_open(old):
            empty = after.kind == "any"
            return [Difference(f"ITEM_{'WITH_EMPTY_SCHEMA_' if empty else ''}ADDED_TO_OPEN_CONTENT_MODEL", "")]
        covering = _further(old)
        if covering is not None:
            return self._covered(covering, after, "ITEM_ADDED")
        return [Difference("ITEM_ADDED_TO_CLOSED_CONTENT_MODEL", "")]


_REST_CHANGES = {
    ("any", "nothing"): "REMOVED",
    ("schema", "nothing"): "REMOVED",
    ("nothing", "any"): "ADDED",
    ("nothing", "schema"): "ADDED",
    ("any", "schema"): "NARROWED",
    ("schema", "any"): "EXTENDED",
}


def _rest_kind(node: Node) -> str:
    if node.rest is None:
        return "any"
    return node.rest.kind if node.rest.kind in ("nothing", "any") else "schema"


def _is_unevaluated(node: Node, what: str) -> bool:
    word = what.capitalize()
    return f"unevaluated{word}" in node.doc and f"additional{word}" not in node.doc


def _is_open(node: Node) -> bool:
    return not node.patterns and _rest_kind(node) == "any"


def _further(node: Node) -> Node | None:
    """What further properties or items must be, in a model that is open for some."""
    return node.rest if node.rest is not None and node.rest.kind != "nothing" else None


def _covering(node: Node, name: str) -> Node | None:
    """The schema that an object without this property has for it nevertheless."""
    for pattern, inner in node.patterns.items():
        try:
            if re.search(pattern, name):
                return inner
        except re.error:
            continue  # a pattern in ECMA-262's dialect that Python's does not have covers nothing
    return Node("any") if node.patterns and node.rest is None else _further(node)


def _criterion_extended(old: Node, new: Node) -> bool:
    """Whether another way of combining the parts accepts at least as much."""
    if new.criterion == "anyOf":
        return True
    return len(old.parts) == 1 and (new.criterion == "oneOf" or len(new.parts) == 1)


def _bounds(old: Node, new: Node) -> list[Difference]:
    found: list[Difference] = []
    for word, kind in BOUNDS.get(old.kind, ()):
        before, after = _bound(old.doc, word), _bound(new.doc, word)
        if before is None or after is None:
            found += _changed(word, kind, before, after)
        elif before != after:
            found.append(Difference(f"{kind}_{'INCREASED' if before < after else 'DECREASED'}", f"/{word}"))
    return found


def _bound(doc: Mapping[str, Any], word: str) -> float | None:
    """Draft 4 writes an exclusive bound as `exclusiveMinimum: true` beside `minimum`."""
    value = doc.get(word)
    plain = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}.get(word)
    if isinstance(value, bool):
        return doc.get(plain) if value and plain else None
    if plain is None and value is not None:
        exclusive = doc.get("exclusiveM" + word[1:]) if word in ("minimum", "maximum") else None
        return None if exclusive is True else value
    return value


def _changed(word: str, kind: str, before: Any, after: Any) -> list[Difference]:
    if before == after:
        return []
    change = "ADDED" if before is None else "REMOVED" if after is None else "CHANGED"
    return [Difference(f"{kind}_{change}", f"/{word}")]


def _multiple(before: Any, after: Any) -> list[Difference]:
    if before is None or after is None or before == after:
        return _changed("multipleOf", "MULTIPLE_OF", before, after)
    kind = "EXPANDED" if after % before == 0 else "REDUCED" if before % after == 0 else "CHANGED"
    return [Difference(f"MULTIPLE_OF_{kind}", "/multipleOf")]


def _among(value: Any, values: list[Any]) -> bool:
    """JSON's equality: true is not 1."""
    return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in values)


def _required(old: Node, new: Node) -> list[Difference]:
    found = []
    for name in old.properties:
        if name in new.properties and (name in old.required) != (name in new.required):
            kind = "REMOVED" if name in old.required else "ADDED"
            if kind == "ADDED" and "default" in new.properties[name].doc:
                kind = "WITH_DEFAULT_ADDED"
            found.append(Difference(f"REQUIRED_ATTRIBUTE_{kind}", f"/required/{name}"))
    return found
