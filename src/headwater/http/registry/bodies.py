"""Bodies of requests, as they are sent."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from headwater.registry.decisions import NEW_ID, NEXT_VERSION, Candidate
from headwater.registry.records import ConfigValue, Metadata, Reference, RuleSet

AskedNumber = Annotated[int, Meta(ge=-1, le=(1 << 31) - 1)]
"""-1 stands for whatever comes next."""


class ReferenceBody(Struct, forbid_unknown_fields=True):
    name: str
    subject: str
    version: AskedNumber = -1


class SchemaBody(Struct, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """A schema to register, look up or check."""

    schema: str | None = None
    schema_type: str | None = None
    references: list[ReferenceBody] | None = None
    metadata: Metadata | None = None
    rule_set: RuleSet | None = None
    version: AskedNumber | None = None
    id: AskedNumber | None = None
    # What the entity of an answer has besides, so that one can be sent back as it came.
    subject: str | None = None
    deleted: bool | None = None
    guid: str | None = None
    ts: int | None = None

    def candidate(self) -> Candidate:
        return Candidate(
            self.schema or "",
            (self.schema_type or "AVRO").upper() if self.schema_type in (None, "") else str(self.schema_type),
            tuple(Reference(r.name, r.subject, r.version) for r in self.references or ()),
            self.metadata,
            self.rule_set,
            NEXT_VERSION if self.version is None else self.version,
            NEW_ID if self.id is None else self.id,
        )


class ConfigBody(Struct, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """Members that are null are taken back; absent ones stay as they are."""

    compatibility: str | UnsetType | None = UNSET
    compatibility_level: str | UnsetType | None = UNSET
    alias: str | UnsetType | None = UNSET
    normalize: bool | UnsetType | None = UNSET
    validate_fields: bool | UnsetType | None = UNSET
    validate_names: bool | UnsetType | None = UNSET
    compatibility_group: str | UnsetType | None = UNSET
    default_metadata: Metadata | UnsetType | None = UNSET
    override_metadata: Metadata | UnsetType | None = UNSET
    default_rule_set: RuleSet | UnsetType | None = UNSET
    override_rule_set: RuleSet | UnsetType | None = UNSET

    @property
    def given(self) -> dict[str, object]:
        """What the request says, by the names of `ConfigValue`."""
        said = {name: getattr(self, name) for name in self.__struct_fields__}
        level = said.pop("compatibility")
        if level is not UNSET:
            said["compatibility_level"] = level
        return {name: value for name, value in said.items() if value is not UNSET}

    def value(self) -> ConfigValue:
        return ConfigValue(**{name: value for name, value in self.given.items() if value is not None})  # type: ignore[arg-type]

    @property
    def cleared(self) -> frozenset[str]:
        return frozenset(name for name, value in self.given.items() if value is None)


class ModeBody(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A mode of null is taken back."""

    mode: str | UnsetType | None = UNSET
