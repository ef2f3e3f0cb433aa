"""`RegistryState`: what the records of `_schemas` make, with the indices that requests need. No I/O, no decisions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TypeVar

from msgspec.structs import replace

from headwater.registry import records
from headwater.registry.records import (
    Change,
    ClearSubjectValue,
    ConfigValue,
    ContextValue,
    DeleteSubjectValue,
    Key,
    ModeValue,
    SchemaValue,
)
from headwater.registry.subjects import in_context, qualified, scopes

K = TypeVar("K")

Place = tuple[str, int]
"""Subject and version."""

DEFAULT_COMPATIBILITY = "BACKWARD"
DEFAULT_MODE = "READWRITE"


class Content:
    """The id that a schema has in a context, and the newest version of each subject that holds it."""

    __slots__ = ("id", "versions")

    def __init__(self, schema_id: int) -> None:
        self.id = schema_id
        self.versions: dict[str, int] = {}


class RegistryState:
    """Changes only by `apply`, in the order of the topic. Applying a change twice is the same as once."""

    def __init__(self) -> None:
        self.revision = 0
        """Counts the changes of subjects, on from the revision of the state that this one takes the place of."""
        self._began = 0
        self._changed: dict[str, int] = {}
        """The revision at which each subject was changed last, ascending."""
        self.subjects: dict[str, dict[int, SchemaValue]] = {}
        """Versions in ascending order, the deleted ones too."""
        self.configs: dict[str | None, ConfigValue] = {}
        self.modes: dict[str | None, str] = {}
        self.contexts: dict[str, None] = {}
        self._contents: dict[tuple[str, str, bytes], Content] = {}
        self._by_id: dict[tuple[str, int], dict[Place, None]] = {}
        self._by_guid: dict[bytes, dict[Place, None]] = {}
        self._max_ids: dict[str, int] = {}
        self._referrers: dict[Place, dict[Place, int]] = {}

    # --- changing ---------------------------------------------------------------------------------------------------

    def apply(self, change: Change) -> None:
        """Make the change."""
        key, value = change
        match value:
            case SchemaValue():
                self._put(value)
            case ConfigValue():
                self.configs[key.subject] = value
            case ModeValue():
                self.modes[key.subject] = value.mode
            case ContextValue():
                self.contexts[value.context] = None
            case DeleteSubjectValue():
                self._delete_up_to(value.subject, value.version)
            case ClearSubjectValue():
                self._clear(value.subject)
            case None:
                self._forget(key)

    def _forget(self, key: Key) -> None:
        match key.keytype:
            case "SCHEMA":
                self._remove(str(key.subject), key.version)
            case "CONFIG":
                self.configs.pop(key.subject, None)
            case "MODE":
                self.modes.pop(key.subject, None)
            case "CONTEXT":
                self.contexts.pop(str(key.context), None)

    def _note(self, subject: str) -> None:
        self.revision += 1
        self._changed.pop(subject, None)
        self._changed[subject] = self.revision

    def take_the_place_of(self, old: RegistryState) -> None:
        """Count on from the old one's revision, of which nothing is known here."""
        more = old.revision + 1 - self._began
        self._began, self.revision = self._began + more, self.revision + more
        self._changed = {subject: revision + more for subject, revision in self._changed.items()}

    def changed_since(self, revision: int) -> list[str] | None:
        """The subjects that have changed since a revision, the last one first; None where that is not known."""
        if not self._began <= revision <= self.revision:
            return None
        return list(itertools.takewhile(lambda name: self._changed[name] > revision, reversed(self._changed)))

    def _put(self, value: SchemaValue) -> None:
        self._note(value.subject)
        context = qualified(value.subject).context
        versions = self.subjects.setdefault(value.subject, {})
        before = versions.get(value.version)
        if before is not None and (before.id, before.schema) != (value.id, value.schema):
            self._remove(value.subject, value.version)
            versions = self.subjects.setdefault(value.subject, {})
        in_order = not versions or value.version in versions or value.version > next(reversed(versions))
        versions[value.version] = value
        if not in_order:
            self.subjects[value.subject] = dict(sorted(versions.items()))
        digest = records.digest_of(value)
        content = self._contents.setdefault((context, value.schema_type, digest), Content(value.id))
        content.versions[value.subject] = max(value.version, content.versions.get(value.subject, 0))
        self._by_id.setdefault((context, value.id), {})[value.place] = None
        self._by_guid.setdefault(digest, {})[value.place] = None
        self._max_ids[context] = max(self._max_ids.get(context, 0), value.id)
        if value.references:
            self._refer(value, live=not value.deleted)

    def _refer(self, value: SchemaValue, live: bool) -> None:
        context = qualified(value.subject).context
        for reference in value.references:
            place = (in_context(context, reference.subject), reference.version)
            referrers = self._referrers.setdefault(place, {})
            if live:
                referrers[value.place] = value.id
            else:
                referrers.pop(value.place, None)

    def _remove(self, subject: str, version: int) -> None:
        versions = self.subjects.get(subject, {})
        value = versions.pop(version, None)
        if value is None:
            return
        self._note(subject)
        if not versions:
            del self.subjects[subject]
        context = qualified(subject).context
        digest = records.digest_of(value)
        self._refer(value, live=False)
        content_key = (context, value.schema_type, digest)
        content = self._contents.get(content_key)
        if content is not None and content.versions.get(subject) == version:
            del content.versions[subject]
            if not content.versions:
                del self._contents[content_key]
        _forget(self._by_id, (context, value.id), value.place)
        _forget(self._by_guid, digest, value.place)

    def _delete_up_to(self, subject: str, version: int) -> None:
        for value in list(self.subjects.get(subject, {}).values()):
            if value.version <= version and not value.deleted:
                self._put(_deleted(value))

    def _clear(self, prefix: str | None) -> None:
        """Forget deleted versions that compaction may have left behind."""
        for subject in self.matching(prefix):
            for value in list(self.subjects[subject].values()):
                if value.deleted:
                    self._remove(subject, value.version)

    # --- asking -----------------------------------------------------------------------------------------------------

    def matching(self, scope: str | None) -> list[str]:
        """The subject of this name, those of this context (`:.ctx:`), or those of the default context (None)."""
        if scope is None:
            return [s for s in self.subjects if not s.startswith(":.")]
        if qualified(scope).subject:
            return [scope] if scope in self.subjects else []
        return [s for s in self.subjects if s.startswith(scope)]

    def versions(self, subject: str, deleted: bool = False) -> list[SchemaValue]:
        """In ascending order; the deleted ones too where `deleted` is set."""
        return [v for v in self.subjects.get(subject, {}).values() if deleted or not v.deleted]

    def has(self, subject: str, deleted: bool = False) -> bool:
        """Whether the subject has a version."""
        return any(deleted or not v.deleted for v in self.subjects.get(subject, {}).values())

    def version(self, subject: str, version: int, deleted: bool = False) -> SchemaValue | None:
        """One version; -1 is the latest that is not deleted."""
        if version == -1:
            return self.latest(subject)
        found = self.subjects.get(subject, {}).get(version)
        return found if found is not None and (deleted or not found.deleted) else None

    def latest(self, subject: str) -> SchemaValue | None:
        """The newest version that is not deleted."""
        return next((v for v in reversed(self.subjects.get(subject, {}).values()) if not v.deleted), None)

    def content(self, context: str, kind: str, digest: bytes) -> Content | None:
        """Where a schema with this content is."""
        return self._contents.get((context, kind, digest))

    def with_id(self, context: str, schema_id: int) -> list[SchemaValue]:
        """Every version with this id in a context, the deleted ones too."""
        return [self.subjects[s][v] for s, v in self._by_id.get((context, schema_id), ())]

    def first_with_id(self, context: str, schema_id: int) -> SchemaValue | None:
        """Any version with this id: they have the same schema."""
        found = self._by_id.get((context, schema_id))
        if found is None:
            return None
        subject, version = next(iter(found))
        return self.subjects[subject][version]

    def holders(self, schema_id: int) -> list[SchemaValue]:
        """Every version with this id in any context."""
        return [value for context in self._max_ids for value in self.with_id(context, schema_id)]

    def with_guid(self, guid: bytes) -> list[SchemaValue]:
        """Every version of the schema with this guid, in all contexts."""
        return [self.subjects[s][v] for s, v in self._by_guid.get(guid, ())]

    def max_id(self, context: str) -> int:
        """The highest id that was ever seen in a context; 0 before the first."""
        return self._max_ids.get(context, 0)

    def referrers(self, place: Place) -> list[int]:
        """Ids of the schemas that refer to a version and are not deleted, ascending."""
        return sorted(set(self._referrers.get(place, {}).values()))

    def config(self, subject: str | None) -> ConfigValue:
        """What holds for a subject: its own configuration, else its context's, else the registry's."""
        set_ones = [self.configs[s] for s in scopes(subject) if s in self.configs]
        found = set_ones[0] if set_ones else ConfigValue()
        if found.compatibility_level is not None:
            return found
        levels = (each.compatibility_level for each in set_ones)
        level = next((level for level in levels if level is not None), DEFAULT_COMPATIBILITY)
        return _with_level(found, level)

    def own_config(self, subject: str | None) -> ConfigValue | None:
        """What was configured for exactly this subject; the registry itself always has something."""
        found = self.configs.get(subject)
        if subject is not None or (found and found.compatibility_level is not None):
            return found
        return _with_level(found or ConfigValue(), DEFAULT_COMPATIBILITY)

    def mode(self, subject: str | None) -> str:
        """The mode in force for a subject."""
        if self.modes.get(None) == "READONLY_OVERRIDE":
            return "READONLY_OVERRIDE"
        return next((self.modes[s] for s in scopes(subject) if s in self.modes), DEFAULT_MODE)

    def own_mode(self, subject: str | None) -> str | None:
        """The mode set for exactly this subject; the registry itself always has one."""
        if subject is None or self.modes.get(None) == "READONLY_OVERRIDE":
            return self.modes.get(None, DEFAULT_MODE)
        return self.modes.get(subject)

    def all_versions(self) -> Iterator[SchemaValue]:
        """Every version of every subject, sorted by subject and version."""
        for subject in sorted(self.subjects):
            yield from self.subjects[subject].values()


def _forget(places: dict[K, dict[Place, None]], key: K, place: Place) -> None:
    found = places.get(key, {})
    found.pop(place, None)
    if not found:
        places.pop(key, None)


def _deleted(value: SchemaValue) -> SchemaValue:
    return replace(value, deleted=True)


def _with_level(config: ConfigValue, level: str) -> ConfigValue:
    return replace(config, compatibility_level=level)
