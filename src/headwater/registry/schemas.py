"""Texts of schemas with their references, parsed: remembered, because the same ones are asked for again and again.

What would hold up the loop is done by a process of its own first (`prepare`), and found in the memory then.
"""

from __future__ import annotations

from msgspec.structs import replace

from headwater.registry.decisions import KINDS, LATEST, NEW_ID, Candidate
from headwater.registry.errors import Code, RegistryError, invalid_schema
from headwater.registry.memory import Memory, ParsedAfar
from headwater.registry.parsing import Parsed, ParseError
from headwater.registry.records import Reference, SchemaValue
from headwater.registry.state import RegistryState
from headwater.registry.subjects import in_context, qualified
from headwater.registry.workshop import LARGE_CHARS, Compared, Done, Task, Text, Workshop, compare, reason

DEFAULT_LARGEST_BYTES = 1_000_000
_DEEPEST_REFERENCE = 50
"""References to references; more are taken for a circle."""


class Schemas:
    """Parses what one registry holds and is given."""

    def __init__(
        self,
        state: RegistryState,
        memory: Memory | None = None,
        workshop: Workshop | None = None,
        largest_bytes: int = DEFAULT_LARGEST_BYTES,
    ) -> None:
        self.state = state
        self.memory = memory or Memory()
        self.workshop = workshop or Workshop()
        self.largest_bytes = largest_bytes

    def over(self, state: RegistryState) -> Schemas:
        """The same for another state: what is remembered stays."""
        return Schemas(state, self.memory, self.workshop, self.largest_bytes)

    # --- parsing ----------------------------------------------------------------------------------------------------

    def parse(self, subject: str, candidate: Candidate) -> tuple[Parsed, tuple[Reference, ...]]:
        """A schema as a subject would hold it, and its references with the versions that `latest` means now.

        Raises `RegistryError` (42201) naming the schema and the reason.
        """
        text, references = self.resolved(subject, candidate)
        return self._parse(text), references

    def parse_new(self, subject: str, candidate: Candidate, normalize: bool) -> tuple[Parsed, tuple[Reference, ...]]:
        """The same for one that is not held yet: what it refers to is not deleted, its names are ones that the
        configuration allows and, where it is normalised, its defaults are of their fields' types. What comes from
        another registry, with its id, is taken as it is.
        """
        text, references = self.resolved(subject, candidate)
        parsed = self._parse(text)
        if candidate.id == NEW_ID:
            for reference in references:
                if (
                    self.state.version(in_context(qualified(subject).context, reference.subject), reference.version)
                    is None
                ):
                    raise _no_reference(reference)
            if parsed.bad_name is not None and self.state.config(subject).validate_names is not False:
                raise _invalid(text, parsed.bad_name)
            if parsed.bad_default is not None and normalize:
                raise _invalid(text, parsed.bad_default)
        return parsed, references

    def resolved(self, subject: str, candidate: Candidate) -> tuple[Text, tuple[Reference, ...]]:
        """The text with what it refers to, and its references with the versions that `latest` means now.

        Raises `RegistryError` (42201): there is no such kind of schema, or no such reference.
        """
        if candidate.kind not in KINDS:
            raise invalid_schema(f"Invalid schema type {candidate.kind}")
        found: dict[str, SchemaValue] = {}
        context = qualified(subject).context
        references = tuple(self._resolve(context, r, found, 0) for r in candidate.references)
        texts = tuple((name, value.schema_type, value.schema) for name, value in found.items())
        return Text(candidate.kind, candidate.schema, texts), references

    def _parse(self, text: Text) -> Parsed:
        known = self.memory.parsed(text)
        if known is None:
            try:
                known = text.parse()
            except (ParseError, RecursionError) as error:
                raise _invalid(text, reason(error)) from None
            self.memory.keep(text, known)
        return known

    def check_size(self, candidate: Candidate) -> None:
        """Raise `RegistryError` (42209) for a text that is larger than the registry takes."""
        if len(candidate.schema) * 4 > self.largest_bytes:
            size = len(candidate.schema.encode(errors="surrogatepass"))
            if size > self.largest_bytes:
                raise RegistryError(
                    Code.SCHEMA_TOO_LARGE,
                    f"The schema is too large: it has {size} bytes, and the registry takes {self.largest_bytes} "
                    "(registry.max_schema_bytes)",
                )

    def parse_value(self, value: SchemaValue) -> Parsed:
        """A version that is held."""
        return self._parse(self._text(value))

    def _text(self, value: SchemaValue) -> Text:
        return self.resolved(value.subject, Candidate(value.schema, value.schema_type, value.references))[0]

    def texts(self, value: SchemaValue) -> tuple[tuple[str, str], ...]:
        """Name and text of everything that a version refers to, also indirectly; what is needed comes first."""
        return tuple((name, schema) for name, _, schema in self._text(value).references)

    def _resolve(self, context: str, reference: Reference, found: dict[str, SchemaValue], depth: int) -> Reference:
        subject = in_context(context, reference.subject)
        value = self.state.version(subject, reference.version, deleted=True)
        if value is None:
            raise _no_reference(reference)
        if depth > _DEEPEST_REFERENCE:
            raise invalid_schema(f'References go around in a circle, or are too deep, at subject "{reference.subject}"')
        for inner in value.references:
            if inner.name not in found:
                self._resolve(qualified(subject).context, inner, found, depth + 1)
        found[reference.name] = value
        return replace(reference, version=value.version) if reference.version == LATEST else reference

    # --- compatibility ----------------------------------------------------------------------------------------------

    def incompatibilities(
        self, level: str, subject: str, candidate: Candidate, olds: list[SchemaValue], validate_fields: bool = False
    ) -> list[str]:
        """Why the schema may not follow the versions (ascending), the newest that forbids it first; empty if it may."""
        if level == "NONE" or not olds:
            return []
        new = self.resolved(subject, candidate)[0]
        for old in _looked_at(level, olds):
            reasons = self._against(level, new, old)
            if reasons:
                about = [f"{{oldSchemaVersion: {old.version}}}", f"{{oldSchema: '{old.schema}'}}"]
                rule = f"{{validateFields: '{str(validate_fields).lower()}', compatibility: '{level}'}}"
                return [*reasons, *about, rule]
        return []

    def _against(self, level: str, new: Text, old: SchemaValue) -> list[str]:
        if new.kind != old.schema_type:
            return ["Incompatible because of different schema type"]
        try:
            found = self._compared(level, new, self._text(old))
        except RegistryError as error:
            return [f"Version {old.version} cannot be read: {error}"]
        if found.unreadable is not None:
            return [f"Version {old.version} cannot be read: {found.unreadable}"]
        return list(found.reasons)

    def _compared(self, level: str, new: Text, old: Text) -> Compared:
        known = self.memory.compared(level, new, old)
        if known is not None:
            return known
        reader, writer = (
            each.source.parse() if isinstance(each, ParsedAfar) else each for each in map(self._parse, (new, old))
        )
        return compare(level, reader, writer)

    # --- large schemas ----------------------------------------------------------------------------------------------

    async def prepare(self, subject: str, candidate: Candidate, level: str, olds: list[SchemaValue]) -> None:
        """Have done elsewhere, if it is much, what `parse` and `incompatibilities` will be asked for.

        Raises `RegistryError` (42201): it is no schema.
        """
        new = self.resolved(subject, candidate)[0]
        same = [old for old in _looked_at(level, olds) if old.schema_type == new.kind]
        texts = [text for text in map(self._text, same) if self.memory.compared(level, new, text) is None]
        to_parse = 0 if self.memory.parsed(new) else new.chars
        if to_parse + sum(text.chars for text in texts) + (new.chars if texts else 0) <= LARGE_CHARS:
            return
        done = await self.workshop.do(Task(new, tuple(texts), level))
        if done.invalid is not None:
            raise _invalid(new, done.invalid)
        self._remember(new, done)
        for old, found in zip(texts, done.compared, strict=False):
            self.memory.keep_compared(level, new, old, found)

    async def prepare_value(self, value: SchemaValue) -> None:
        """The same before `parse_value` is asked."""
        candidate = Candidate(value.schema, value.schema_type, value.references)
        await self.prepare(value.subject, candidate, "NONE", [])

    def _remember(self, new: Text, done: Done) -> None:
        if self.memory.parsed(new) is None:
            self.memory.keep(new, ParsedAfar(new.kind, new.schema, new, done))


def _looked_at(level: str, olds: list[SchemaValue]) -> list[SchemaValue]:
    """The versions (ascending) that a level compares with, in the order in which it does."""
    if level == "NONE":
        return []
    return olds[::-1] if level.endswith("_TRANSITIVE") else olds[-1:]


def _no_reference(reference: Reference) -> RegistryError:
    return invalid_schema(
        f'No schema reference found for subject "{reference.subject}" and version {reference.version}'
    )


def _invalid(text: Text, why: str) -> RegistryError:
    shown = text.schema if len(text.schema) <= 1_000 else f"{text.schema[:1_000]}…"
    return invalid_schema(f"Invalid schema {shown} of type {text.kind}, details: {why}")
