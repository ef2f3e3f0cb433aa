"""Whether an Avro reader's schema can read what a writer's schema wrote: the specification's schema resolution.

The kinds and paths are those of Avro's Java library, which Confluent's registry answers with.
"""

from __future__ import annotations

from headwater.registry.compatibility.incompatibility import Difference
from headwater.registry.parsing.avro import Field, Node, ParsedAvro

READS: dict[str, frozenset[str]] = {
    "long": frozenset({"int"}),
    "float": frozenset({"int", "long"}),
    "double": frozenset({"int", "long", "float"}),
    "bytes": frozenset({"string"}),
    "string": frozenset({"bytes"}),
}
"""What a primitive type reads besides itself."""

DESCRIPTIONS = {
    "TYPE_MISMATCH": "What the {reader} schema has at '{path}' cannot read what the {writer} schema has there",
    "NAME_MISMATCH": "The {reader} schema has another name at '{path}' than the {writer} schema, and no alias for it",
    "FIXED_SIZE_MISMATCH": "The fixed at '{path}' has another size in the {reader} schema than in the {writer} schema",
    "MISSING_ENUM_SYMBOLS": (
        "The enum at '{path}' in the {reader} schema lacks symbols {detail} of the {writer} schema, and has no default"
    ),
    "MISSING_UNION_BRANCH": (
        "The union of the {reader} schema lacks a branch for what the {writer} schema has at '{path}'"
    ),
    "READER_FIELD_MISSING_DEFAULT_VALUE": (
        "The field '{detail}' at '{path}' in the {reader} schema has no default, and the {writer} schema lacks it"
    ),
}


def differences(reader: ParsedAvro, writer: ParsedAvro) -> list[Difference]:
    """Why the reader cannot read all that the writer writes; empty if it can."""
    return [each if each.path else each.under("/") for each in _Resolution().compare(reader.root, writer.root)]


class _Resolution:
    """Pairs that were compared, or are being compared further out, are not compared again: schemas may be recursive."""

    def __init__(self) -> None:
        self._known: dict[tuple[Node, Node], list[Difference]] = {}

    def compare(self, reader: Node, writer: Node) -> list[Difference]:
        known = self._known.get((reader, writer))
        if known is not None:
            return known
        self._known[reader, writer] = []
        found = self._compare(reader, writer)
        self._known[reader, writer] = found
        return found

    def _compare(self, reader: Node, writer: Node) -> list[Difference]:
        if writer.kind == "union":
            return self._written_union(reader, writer)
        if reader.kind == "union":
            if any(not self.compare(branch, writer) for branch in reader.items):
                return []
            return [Difference("MISSING_UNION_BRANCH", "", f"reader union lacking writer type: {writer.kind.upper()}")]
        if reader.kind != writer.kind:
            if writer.kind in READS.get(reader.kind, ()):
                return []
            detail = f"reader type: {reader.kind.upper()} not compatible with writer type: {writer.kind.upper()}"
            return [Difference("TYPE_MISMATCH", "", detail)]
        if reader.kind in ("array", "map"):
            step = "/items" if reader.kind == "array" else "/values"
            return _under(step, self.compare(reader.items[0], writer.items[0]))
        return self._named(reader, writer)

    def _written_union(self, reader: Node, writer: Node) -> list[Difference]:
        found = []
        for i, branch in enumerate(writer.items):
            found += _under(f"/{i}", self.compare(reader, branch))
        return found

    def _named(self, reader: Node, writer: Node) -> list[Difference]:
        found = []
        if reader.name != writer.name and writer.full_name not in reader.aliases:
            found.append(Difference("NAME_MISMATCH", "/name", f"expected: {writer.full_name}"))
        if reader.kind == "fixed" and reader.size != writer.size:
            detail = f"expected: {writer.size}, found: {reader.size}"
            found.append(Difference("FIXED_SIZE_MISMATCH", "/size", detail))
        if reader.kind == "enum" and reader.default is None:
            missing = [symbol for symbol in writer.symbols if symbol not in reader.symbols]
            if missing:
                found.append(Difference("MISSING_ENUM_SYMBOLS", "/symbols", f"[{', '.join(missing)}]"))
        if reader.kind == "record":
            found += self._fields(reader, writer)
        return found

    def _fields(self, reader: Node, writer: Node) -> list[Difference]:
        written = {each.name: each for each in writer.fields}
        found = []
        for i, each in enumerate(reader.fields):
            other = _written_as(each, written)
            if other is not None:
                found += _under(f"/fields/{i}/type", self.compare(each.type, other.type))
            elif not each.has_default:
                found.append(Difference("READER_FIELD_MISSING_DEFAULT_VALUE", f"/fields/{i}", each.name))
        return found


def _written_as(each: Field, written: dict[str, Field]) -> Field | None:
    return next((written[name] for name in (each.name, *each.aliases) if name in written), None)


def _under(step: str, found: list[Difference]) -> list[Difference]:
    return [each.under(step) for each in found]
