"""Registering a schema under a subject."""

from __future__ import annotations

from dataclasses import dataclass, replace

from headwater.registry import errors, merging, records
from headwater.registry.decisions import LATEST, NEW_ID, NEXT_VERSION, Candidate, Decision
from headwater.registry.deleting import check_writable
from headwater.registry.errors import Code, RegistryError
from headwater.registry.lookup import latest, lookup, prepare_lookup
from headwater.registry.records import Change, ContextValue, SchemaValue
from headwater.registry.schemas import Schemas
from headwater.registry.subjects import DEFAULT_CONTEXT, qualified

LARGEST_RECORD_BYTES = 1_000_000
"""What fits in a batch under Kafka's default max.message.bytes, with some room."""

LARGEST_ID = (1 << 31) - 1
"""Ids are four bytes in front of a record, which most clients read with a sign."""


@dataclass(frozen=True)
class Registered:
    """A version, and whether it has something that the request did not say."""

    value: SchemaValue
    populated: bool = False


def register(schemas: Schemas, subject: str, candidate: Candidate, normalize: bool, now: int) -> Decision[Registered]:
    """Register a schema, or find the version that has it already. `now` is the time in ms.

    Raises `RegistryError`: the schema is invalid or incompatible, or the mode forbids it.
    """
    state = schemas.state
    schemas.check_size(candidate)
    merging.check_rules(candidate.rules)
    config = state.config(subject)
    normalize = normalize or bool(config.normalize)
    if _may_be_held(candidate, config):
        found = (latest if candidate.version == LATEST else lookup)(schemas, subject, candidate, normalize)
        if found is not None and candidate.id in (NEW_ID, found.id):
            return Decision(Registered(found))
    _check_mode(schemas, subject, candidate)
    if candidate.schema == "" and state.mode(subject) == "IMPORT":
        raise errors.invalid_schema("Empty schema")
    filled, populated, number = _filled(schemas, subject, candidate)
    given = filled
    parsed, references = schemas.parse_new(subject, filled, normalize)
    text = _storable(parsed.normalised() if normalize else parsed.canonical())
    filled = replace(filled, schema=text, references=references)
    context = qualified(subject).context
    digest = records.digest(text, references, filled.metadata, filled.rules)
    content = state.content(context, filled.kind, digest)
    schema_id = filled.id
    if content is not None and schema_id in (NEW_ID, content.id):
        schema_id = content.id
        version = state.version(subject, content.versions.get(subject, 0))
        if version is not None and candidate.version == NEXT_VERSION:
            return Decision(Registered(version, populated))
    if state.mode(subject) != "IMPORT":
        _check_compatible(schemas, subject, given, schemas.state.versions(subject))
    return _new(schemas, subject, filled, schema_id, number, now, populated)


async def prepare(schemas: Schemas, subject: str, candidate: Candidate, normalize: bool) -> None:
    """Have a large schema parsed and compared before `register` is asked. Raises `RegistryError`."""
    schemas.check_size(candidate)
    state = schemas.state
    config = state.config(subject)
    importing = state.mode(subject) == "IMPORT"
    if candidate.schema == "" and importing:
        return
    if _may_be_held(candidate, config):
        await prepare_lookup(schemas, subject, candidate)
        if lookup(schemas, subject, candidate, normalize or bool(config.normalize)) is not None:
            return  # as mostly: clients register again whenever they start
    filled = _filled(schemas, subject, candidate)[0]
    olds = [] if importing else state.versions(subject)
    await prepare_check(schemas, subject, filled, olds)


def _may_be_held(candidate: Candidate, config: records.ConfigValue) -> bool:
    """Whether a version that is there already may be the answer: whoever names the next version wants a new one."""
    asked = candidate.version in (NEXT_VERSION, LATEST)
    return bool(candidate.schema.strip()) and asked and not merging.has_contract(config)


async def prepare_check(schemas: Schemas, subject: str, candidate: Candidate, olds: list[SchemaValue]) -> None:
    """Have a large schema parsed and compared before `incompatibilities` is asked. Raises `RegistryError`."""
    schemas.check_size(candidate)
    await schemas.prepare(subject, candidate, *_compared_with(schemas, subject, candidate, olds))


def _storable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise errors.invalid_schema(
            f"Invalid schema, details: half of a surrogate pair at character {error.start}"
        ) from None
    return text


def _check_mode(schemas: Schemas, subject: str, candidate: Candidate) -> None:
    check_writable(schemas.state, subject)
    mode = schemas.state.mode(subject)
    if candidate.id != NEW_ID and mode != "IMPORT":
        raise errors.not_permitted(f"Subject {subject} is not in import mode")
    if candidate.id == NEW_ID and mode != "READWRITE":
        raise errors.not_permitted(f"Subject {subject} is not in read-write mode")


def _filled(schemas: Schemas, subject: str, candidate: Candidate) -> tuple[Candidate, bool, int]:
    """The candidate with what its predecessor and the configuration add, whether they do, and the next version."""
    state = schemas.state
    held = state.versions(subject, deleted=True)
    number = held[-1].version + 1 if held else 1
    if state.mode(subject) == "IMPORT":
        return candidate, False, number
    previous = state.latest(subject)
    populated = False
    if not candidate.schema.strip():
        if previous is None:
            raise errors.invalid_schema("Empty schema")
        candidate = replace(
            candidate, schema=previous.schema, kind=previous.schema_type, references=previous.references
        )
        populated = True
    metadata, rules = merging.contract(
        state.config(subject), candidate.metadata, candidate.rules, previous, (candidate.version, number)
    )
    if metadata is None and rules is None:
        return candidate, populated, number
    return replace(candidate, metadata=metadata, rules=rules), True, number


def _check_compatible(schemas: Schemas, subject: str, filled: Candidate, olds: list[SchemaValue]) -> None:
    reasons = incompatibilities(schemas, subject, filled, olds)
    if reasons:
        raise RegistryError(
            Code.INCOMPATIBLE_SCHEMA,
            "Schema being registered is incompatible with an earlier schema for subject "
            f'"{subject}", details: [{", ".join(reasons)}]',
        )


def incompatibilities(schemas: Schemas, subject: str, candidate: Candidate, olds: list[SchemaValue]) -> list[str]:
    """Why the schema may not follow `olds` (ascending) under the subject's configuration; empty if it may."""
    checked = bool(schemas.state.config(subject).validate_fields)
    level, olds = _compared_with(schemas, subject, candidate, olds)
    if checked:
        fields = schemas.parse(subject, candidate)[0].top_level()
        found = merging.reserved_conflicts(candidate.metadata, fields, olds[-1] if olds else None)
        if found:
            return found
    return schemas.incompatibilities(level, subject, candidate, olds, checked)


def _compared_with(
    schemas: Schemas, subject: str, candidate: Candidate, olds: list[SchemaValue]
) -> tuple[str, list[SchemaValue]]:
    """The level, and those of the versions that are of the schema's compatibility group."""
    config = schemas.state.config(subject)
    group = config.compatibility_group
    if group is not None:
        own = _property(candidate.metadata, group)
        olds = [old for old in olds if _property(old.metadata, group) == own]
    return config.compatibility_level or "NONE", olds


def _property(metadata: records.Metadata | None, name: str) -> str | None:
    return None if metadata is None else (metadata.properties or {}).get(name)


def _new(
    schemas: Schemas, subject: str, filled: Candidate, schema_id: int, number: int, now: int, populated: bool
) -> Decision[Registered]:
    state = schemas.state
    if filled.version > NEXT_VERSION:
        if filled.version != number and state.mode(subject) != "IMPORT":
            raise errors.invalid_schema("Version is not one more than previous version")
        number = filled.version
    context = qualified(subject).context
    if schema_id == NEW_ID:
        schema_id = state.max_id(context) + 1
    if schema_id > LARGEST_ID:
        raise errors.not_permitted(f"There is no id left in this context: {LARGEST_ID}, the largest, is taken.")
    value = SchemaValue(
        subject, number, schema_id, filled.schema, filled.kind, filled.references, filled.metadata, filled.rules, ts=now
    )
    _check_id_is_free(schemas, value)
    changes = []
    if context != DEFAULT_CONTEXT and context not in state.contexts:
        changes.append(Change(records.context_key(context), ContextValue(records.TENANT, context)))
    changes += [
        Change(records.schema_key(*old.place), None)
        for old in state.versions(subject, deleted=True)
        if old.deleted and old.id == schema_id and old.version < number
    ]
    changes.append(Change(records.schema_key(subject, number), value))
    if len(records.encode(changes[-1])[1] or b"") > LARGEST_RECORD_BYTES:
        raise RegistryError(Code.SCHEMA_TOO_LARGE, "Register operation failed because schema is too large")
    return Decision(Registered(value, populated), tuple(changes))


def _check_id_is_free(schemas: Schemas, value: SchemaValue) -> None:
    """Raise `RegistryError` if the id is another schema's."""
    held = schemas.state.first_with_id(qualified(value.subject).context, value.id)
    if held is not None and _content(held) != _content(value):
        raise errors.not_permitted(f"Overwrite new schema with id {value.id} is not permitted.")


def _content(value: SchemaValue) -> tuple[str, bytes]:
    return value.schema_type, records.digest_of(value)
