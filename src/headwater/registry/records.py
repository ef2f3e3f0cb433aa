"""The records of the topic `_schemas`, exactly as Confluent's Schema Registry writes and reads them.

Compaction compares keys as bytes, so the order of a key's members matters. A value of None deletes what the key names.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import replace

TENANT = "default"

Strings = dict[str, str]


class Reference(Struct, frozen=True):
    """Another version that a schema uses under `name`. Version -1 is the latest."""

    name: str
    subject: str
    version: int = -1


class Metadata(Struct, frozen=True, omit_defaults=True):
    """What is said about a schema: tags by path, properties, and which properties are secret."""

    tags: dict[str, list[str]] | None = None
    properties: Strings | None = None
    sensitive: list[str] | None = None


class Rule(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A rule of a data contract; stored and returned, carried out by clients."""

    name: str | None = None
    doc: str | None = None
    kind: str | None = None
    mode: str | None = None
    type: str | None = None
    tags: list[str] | None = None
    params: Strings | None = None
    expr: str | None = None
    on_success: str | None = None
    on_failure: str | None = None
    disabled: bool = False


class RuleSet(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Rules for migrating between versions, for one version, and for encoding."""

    migration_rules: list[Rule] | None = None
    domain_rules: list[Rule] | None = None
    encoding_rules: list[Rule] | None = None


class SchemaValue(Struct, frozen=True, rename="camel"):
    """One version of one subject. `schema_type` is left out for AVRO; `ts` is when it was written, ms."""

    subject: str
    version: int
    id: int
    schema: str
    schema_type: str = "AVRO"
    references: tuple[Reference, ...] = ()
    metadata: Metadata | None = None
    rule_set: RuleSet | None = None
    deleted: bool = False
    ts: int | None = None

    @property
    def place(self) -> tuple[str, int]:
        return self.subject, self.version


class ConfigValue(Struct, frozen=True, rename="camel", omit_defaults=True):
    """What holds for a subject, a context or the registry. Absent members are inherited."""

    compatibility_level: str | None = None
    alias: str | None = None
    normalize: bool | None = None
    validate_fields: bool | None = None
    """Whether names of fields are checked against those that the metadata reserves."""
    validate_names: bool | None = None
    """Whether names must be ones that Avro allows; they must unless this is False."""
    compatibility_group: str | None = None
    default_metadata: Metadata | None = None
    override_metadata: Metadata | None = None
    default_rule_set: RuleSet | None = None
    override_rule_set: RuleSet | None = None
    subject: str | None = None


class ModeValue(Struct, frozen=True, omit_defaults=True):
    mode: str
    subject: str | None = None


class DeleteSubjectValue(Struct, frozen=True):
    """Versions up to this one are deleted softly."""

    subject: str
    version: int


class ClearSubjectValue(Struct, frozen=True):
    subject: str | None = None


class ContextValue(Struct, frozen=True):
    tenant: str
    context: str


Value = SchemaValue | ConfigValue | ModeValue | DeleteSubjectValue | ClearSubjectValue | ContextValue


class Key(Struct, frozen=True, omit_defaults=True):
    """A key as it is read: of any kind."""

    keytype: str
    subject: str | None = None
    version: int = 0
    magic: int = -1
    context: str | None = None
    tenant: str | UnsetType = field(default=UNSET)


class Change(NamedTuple):
    """A record to be written, or one that was read."""

    key: Key
    value: Value | None


_KINDS: dict[str, type[Value]] = {
    "SCHEMA": SchemaValue,
    "CONFIG": ConfigValue,
    "MODE": ModeValue,
    "DELETE_SUBJECT": DeleteSubjectValue,
    "CLEAR_SUBJECT": ClearSubjectValue,
    "CONTEXT": ContextValue,
}
_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in _KINDS.items()}
_KEY = msgspec.json.Decoder(Key)
_encode = msgspec.json.encode


def schema_key(subject: str, version: int) -> Key:
    return Key("SCHEMA", subject, version, 1)


def config_key(subject: str | None) -> Key:
    return Key("CONFIG", subject, magic=0)


def mode_key(subject: str | None) -> Key:
    return Key("MODE", subject, magic=0)


def delete_subject_key(subject: str) -> Key:
    return Key("DELETE_SUBJECT", subject, magic=0)


def clear_subject_key(subject: str | None) -> Key:
    return Key("CLEAR_SUBJECT", subject, magic=0)


def context_key(context: str) -> Key:
    return Key("CONTEXT", magic=0, context=context)


def encode(change: Change) -> tuple[bytes, bytes | None]:
    """Key and value as bytes."""
    return _encode(_key_members(change.key)), None if change.value is None else _value(change.value)


def _key_members(key: Key) -> dict[str, object]:
    match key.keytype:
        case "SCHEMA":
            return {"keytype": "SCHEMA", "subject": key.subject, "version": key.version, "magic": key.magic}
        case "CONTEXT":
            return {"keytype": "CONTEXT", "tenant": TENANT, "context": key.context, "magic": key.magic}
        case kind:
            return {"keytype": kind, "subject": key.subject, "magic": key.magic}


def _value(value: Value) -> bytes:
    if not isinstance(value, SchemaValue):
        return _encode(value)
    members: dict[str, object] = {"subject": value.subject, "version": value.version, "id": value.id}
    members["guid"] = guid(value)
    if value.schema_type != "AVRO":
        members["schemaType"] = value.schema_type
    if value.references:
        members["references"] = value.references
    if value.metadata is not None:
        members["metadata"] = value.metadata
    if value.rule_set is not None:
        members["ruleSet"] = value.rule_set
    return _encode({**members, "schema": value.schema, "deleted": value.deleted})


def decode(key: bytes | None, value: bytes | None, timestamp: int) -> Change | None:
    """The change a record makes; None for those that make none (NOOP, and kinds of later versions).

    `timestamp` is the record's (ms), by which a schema is as old as what holds it.
    Raises `msgspec.MsgspecError` for what is no record of a registry.
    """
    if key is None:
        return None
    found = _KEY.decode(key)
    decoder = _DECODERS.get(found.keytype)
    if decoder is None:
        return None
    if value is None or value == b"null":
        return Change(found, None)
    made = decoder.decode(value)
    return Change(found, replace(made, ts=timestamp) if isinstance(made, SchemaValue) else made)


def digest(schema: str, references: tuple[Reference, ...], metadata: Metadata | None, rules: RuleSet | None) -> bytes:
    """What is equal for schemas with the same text, references, metadata and rules."""
    made = hashlib.md5(schema.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    for reference in references:
        made.update(_encode(reference))
    for part in (metadata, rules):
        if part is not None:
            made.update(_encode(part, order="sorted"))
    return made.digest()


def digest_of(value: SchemaValue) -> bytes:
    return digest(value.schema, value.references, value.metadata, value.rule_set)


def guid(value: SchemaValue) -> str:
    """The id of a schema that is the same in every registry."""
    return str(uuid.UUID(bytes=digest_of(value)))


def shown(value: SchemaValue) -> dict[str, Any]:
    """A version as the REST API shows it: what is empty is left out."""
    members: dict[str, Any] = {"subject": value.subject, "version": value.version, "id": value.id}
    return {**members, **shown_schema(value)}


def shown_schema(value: SchemaValue) -> dict[str, Any]:
    """The part that does not depend on the subject."""
    members: dict[str, Any] = {}
    if value.schema_type != "AVRO":
        members["schemaType"] = value.schema_type
    if value.references:
        members["references"] = value.references
    if value.metadata is not None:
        members["metadata"] = value.metadata
    if value.rule_set is not None:
        members["ruleSet"] = value.rule_set
    members["schema"] = value.schema
    if value.deleted:
        members["deleted"] = True
    return members


def shown_in_full(value: SchemaValue) -> dict[str, Any]:
    """What Confluent's registry 8 shows besides, to clients that say that they take members they do not know."""
    return {**shown(value), "guid": guid(value), "schemaType": value.schema_type, **shown_age(value)}


def shown_age(value: SchemaValue) -> dict[str, Any]:
    """Since when it is there, and whether it still is."""
    return {**({} if value.ts is None else {"ts": value.ts}), "deleted": value.deleted}
