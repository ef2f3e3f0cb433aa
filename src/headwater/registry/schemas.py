"""Texts of schemas with their references, parsed: remembered, because the same ones are asked for again and again."""

from __future__ import annotations

from collections import OrderedDict

from msgspec.structs import replace

from headwater.registry.compatibility import CompatibilityLevel, check
from headwater.registry.decisions import KINDS, LATEST, Candidate
from headwater.registry.errors import RegistryError, invalid_schema
from headwater.registry.parsing import Parsed, ParseError, parse
from headwater.registry.records import Reference, SchemaValue
from headwater.registry.state import RegistryState
from headwater.registry.subjects import in_context, qualified

_REMEMBERED = 1_000
_DEEPEST_REFERENCE = 50
"""References to references; more are taken for a circle."""


class Schemas:
    """Parses what one registry holds and is given."""

    def __init__(self, state: RegistryState) -> None:
        self.state = state
        self._parsed: OrderedDict[object, Parsed] = OrderedDict()

    def parse(self, subject: str, candidate: Candidate) -> tuple[Parsed, tuple[Reference, ...]]:
        """A schema as a subject would hold it, and its references with the versions that `latest` means now.

        Raises `RegistryError` (42201) naming the schema and the reason.
        """
        if candidate.kind not in KINDS:
            raise invalid_schema(f"Invalid schema type {candidate.kind}")
        found: dict[str, SchemaValue] = {}
        context = qualified(subject).context
        references = tuple(self._resolve(context, r, found, 0) for r in candidate.references)
        key = (candidate.kind, candidate.schema, tuple((n, v.subject, v.version, v.schema) for n, v in found.items()))
        known = self._parsed.get(key)
        if known is not None:
            self._parsed.move_to_end(key)
            return known, references
        texts = {name: (value.schema_type, value.schema) for name, value in found.items()}
        try:
            parsed = parse(candidate.kind, candidate.schema, texts)
        except (ParseError, RecursionError) as error:
            raise invalid_schema(_invalid(candidate, error)) from None
        self._parsed[key] = parsed
        if len(self._parsed) > _REMEMBERED:
            self._parsed.popitem(last=False)
        return parsed, references

    def parse_value(self, value: SchemaValue) -> Parsed:
        """A version that is held."""
        return self.parse(value.subject, Candidate(value.schema, value.schema_type, value.references))[0]

    def texts(self, value: SchemaValue) -> tuple[tuple[str, str], ...]:
        """Name and text of everything that a version refers to, also indirectly; what is needed comes first."""
        found: dict[str, SchemaValue] = {}
        for reference in value.references:
            self._resolve(qualified(value.subject).context, reference, found, 0)
        return tuple((name, held.schema) for name, held in found.items())

    def _resolve(self, context: str, reference: Reference, found: dict[str, SchemaValue], depth: int) -> Reference:
        subject = in_context(context, reference.subject)
        value = self.state.version(subject, reference.version, deleted=True)
        if value is None:
            raise invalid_schema(
                f'No schema reference found for subject "{reference.subject}" and version {reference.version}'
            )
        if depth > _DEEPEST_REFERENCE:
            raise invalid_schema(f'References go around in a circle, or are too deep, at subject "{reference.subject}"')
        for inner in value.references:
            if inner.name not in found:
                self._resolve(qualified(subject).context, inner, found, depth + 1)
        found[reference.name] = value
        return replace(reference, version=value.version) if reference.version == LATEST else reference

    # --- compatibility ----------------------------------------------------------------------------------------------

    def incompatibilities(
        self, level: str, new: Parsed, kind: str, olds: list[SchemaValue], validate_fields: bool = False
    ) -> list[str]:
        """Why the schema may not follow the versions (ascending), the newest that forbids it first; empty if it may."""
        if level == "NONE" or not olds:
            return []
        for old in reversed(olds) if level.endswith("_TRANSITIVE") else olds[-1:]:
            reasons = self._against(level, new, kind, old)
            if reasons:
                about = [f"{{oldSchemaVersion: {old.version}}}", f"{{oldSchema: '{old.schema}'}}"]
                rule = f"{{validateFields: '{str(validate_fields).lower()}', compatibility: '{level}'}}"
                return [*reasons, *about, rule]
        return []

    def _against(self, level: str, new: Parsed, kind: str, old: SchemaValue) -> list[str]:
        if kind != old.schema_type:
            return ["Incompatible because of different schema type"]
        try:
            found = check(kind, CompatibilityLevel(level), new, [self.parse_value(old)])
        except RegistryError as error:
            return [f"Version {old.version} cannot be read: {error}"]
        return [str(reason) for reason in found]


def _invalid(candidate: Candidate, error: Exception) -> str:
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    text = candidate.schema if len(candidate.schema) <= 1_000 else f"{candidate.schema[:1_000]}…"
    return f"Invalid schema {text} of type {candidate.kind}, details: {reason}"
