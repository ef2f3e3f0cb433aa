"""Looking a schema up: which version of a subject has it?"""

from __future__ import annotations

from functools import cached_property

from headwater.registry import records
from headwater.registry.decisions import Candidate
from headwater.registry.errors import RegistryError
from headwater.registry.merging import same_contract
from headwater.registry.parsing import Parsed
from headwater.registry.records import Reference, SchemaValue
from headwater.registry.schemas import Schemas
from headwater.registry.subjects import DEFAULT_CONTEXT, qualified
from headwater.registry.workshop import LARGE_CHARS


def lookup(
    schemas: Schemas, subject: str, candidate: Candidate, normalize: bool, deleted: bool = False
) -> SchemaValue | None:
    """The version of the subject that has this schema. Raises `RegistryError` for what is no schema."""
    if not candidate.schema.strip():
        return None
    given = _held_as_given(schemas, subject, candidate)
    if given is not None and not normalize and (deleted or not given.deleted):
        return given  # what is held needs no parsing
    parsed, references = schemas.parse(subject, candidate)
    text = parsed.normalised() if normalize else parsed.canonical()
    for found in (_held(schemas, subject, candidate, text, references), given):
        if found is not None and (deleted or not found.deleted):
            return found
    alike = _Alike(schemas, candidate, parsed, text, references)
    return next((value for value in reversed(schemas.state.versions(subject, deleted)) if alike.is_in(value)), None)


def latest(schemas: Schemas, subject: str, candidate: Candidate, normalize: bool) -> SchemaValue | None:
    """The latest version of the subject, if it has this schema. Raises `RegistryError` for what is no schema."""
    held = schemas.state.latest(subject)
    if held is None:
        return None
    parsed, references = schemas.parse(subject, candidate)
    text = parsed.normalised() if normalize else parsed.canonical()
    return held if _Alike(schemas, candidate, parsed, text, references).is_in(held) else None


class _Alike:
    """Finds the same schema where it is kept with other words: references in another order, or none at all (Avro),
    members of a document in another order, a `.proto` file in another layout, or the version among the metadata."""

    def __init__(
        self, schemas: Schemas, candidate: Candidate, parsed: Parsed, text: str, references: tuple[Reference, ...]
    ) -> None:
        self._schemas = schemas
        self._candidate = candidate
        self._parsed = parsed
        self._text = text
        self._references = set(references)

    def is_in(self, value: SchemaValue) -> bool:
        """Whether it is the schema of a version."""
        candidate = self._candidate
        if value.schema_type != candidate.kind or not same_contract(candidate.metadata, candidate.rules, value):
            return False
        same_references = self._references == set(value.references)
        if value.schema == self._text and same_references:
            return True
        in_place = candidate.kind == "AVRO" and not self._references and bool(value.references)
        reordered = same_references and self._size(value.schema) == self._size(self._text)
        if not (in_place or reordered) or len(value.schema) + len(self._text) > LARGE_CHARS:
            return False
        try:
            return self._schemas.parse_value(value).meaning() == self._meaning
        except RegistryError:
            return False  # what it refers to is gone

    def _size(self, text: str) -> int:
        return len("".join(text.split())) if self._candidate.kind == "PROTOBUF" else len(text)

    @cached_property
    def _meaning(self) -> str:
        return self._parsed.meaning()


def _held_as_given(schemas: Schemas, subject: str, candidate: Candidate) -> SchemaValue | None:
    references = schemas.resolved(subject, candidate)[1]
    return _held(schemas, subject, candidate, candidate.schema, references)


def _held(
    schemas: Schemas, subject: str, candidate: Candidate, text: str, references: tuple[Reference, ...]
) -> SchemaValue | None:
    try:
        digest = records.digest(text, references, candidate.metadata, candidate.rules)
    except UnicodeEncodeError:
        return None  # half of a surrogate pair, which nothing that is held has
    content = schemas.state.content(qualified(subject).context, candidate.kind, digest)
    if content is None or subject not in content.versions:
        return None
    return schemas.state.version(subject, content.versions[subject], deleted=True)


def in_any_context(
    schemas: Schemas, subject: str, candidate: Candidate, normalize: bool, deleted: bool
) -> SchemaValue | None:
    """Like `lookup`; a name without a context is looked for in the others too."""
    found = lookup(schemas, subject, candidate, normalize, deleted)
    parts = qualified(subject)
    if found is not None or parts.context != DEFAULT_CONTEXT:
        return found
    for context in schemas.state.contexts:
        name = f":{context}:{parts.subject}"
        if schemas.state.has(name, deleted):
            found = lookup(schemas, name, candidate, normalize, deleted)
            if found is not None:
                return found
    return None


async def prepare_lookup(schemas: Schemas, subject: str, candidate: Candidate) -> None:
    """Have a large schema parsed before it is looked up. Raises `RegistryError`."""
    schemas.check_size(candidate)
    if candidate.schema.strip() and _held_as_given(schemas, subject, candidate) is None:
        await schemas.prepare(subject, candidate, "NONE", [])
