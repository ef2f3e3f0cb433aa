"""Deletions: softly, which hides a version but keeps its id readable, then permanently."""

from __future__ import annotations

from msgspec.structs import replace

from headwater.registry import errors, records
from headwater.registry.decisions import Decision
from headwater.registry.errors import Code, RegistryError
from headwater.registry.records import Change, DeleteSubjectValue, SchemaValue
from headwater.registry.state import RegistryState

READ_ONLY = frozenset({"READONLY", "READONLY_OVERRIDE"})


def check_writable(state: RegistryState, subject: str | None) -> None:
    """Raise `RegistryError` in a read-only mode."""
    if state.mode(subject) in READ_ONLY:
        raise errors.read_only(subject)


def delete_subject(state: RegistryState, subject: str, permanent: bool) -> Decision[list[int]]:
    """Delete every version; the answer has their numbers. Raises `RegistryError`."""
    if not state.has(subject, deleted=True):
        raise errors.subject_not_found(subject)
    if not permanent and not state.has(subject):
        message = f"Subject '{subject}' was soft deleted.Set permanent=true to delete permanently"
        raise RegistryError(Code.SUBJECT_SOFT_DELETED, message)
    check_writable(state, subject)
    versions = state.versions(subject, deleted=permanent)
    for value in versions:
        if state.referrers(value.place):
            raise errors.reference_exists(*value.place)
        if permanent and not value.deleted:
            message = f"Subject '{subject}' was not deleted first before being permanently deleted"
            raise RegistryError(Code.SUBJECT_NOT_SOFT_DELETED, message)
    numbers = [value.version for value in versions]
    if permanent:
        return Decision(numbers, tuple(_gone(value) for value in versions))
    softly = Change(records.delete_subject_key(subject), DeleteSubjectValue(subject, numbers[-1]))
    return Decision(numbers, (softly, *_without_settings(state, subject)))


def delete_version(
    state: RegistryState, subject: str, version: int, permanent: bool, asked: str | None = None
) -> Decision[int]:
    """Delete one version (-1: the latest); the answer is its number. `asked` is how the request names it."""
    value = state.version(subject, version, deleted=True)
    if value is None:
        raise errors.version_not_found(version) if state.has(subject, True) else errors.subject_not_found(subject)
    name = asked or str(version)
    if not permanent and value.deleted:
        message = f"Subject '{subject}' Version {name} was soft deleted.Set permanent=true to delete permanently"
        raise RegistryError(Code.VERSION_SOFT_DELETED, message)
    check_writable(state, subject)
    if state.referrers(value.place):
        raise errors.reference_exists(*value.place)
    if not permanent:
        softly = Change(records.schema_key(*value.place), replace(value, deleted=True))
        last = len(state.versions(subject)) == 1
        return Decision(value.version, (softly, *(_without_settings(state, subject) if last else ())))
    if not value.deleted:
        message = f"Subject '{subject}' Version {value.version} was not deleted first before being permanently deleted"
        raise RegistryError(Code.VERSION_NOT_SOFT_DELETED, message)
    return Decision(value.version, (_gone(value),))


def _gone(value: SchemaValue) -> Change:
    return Change(records.schema_key(*value.place), None)


def _without_settings(state: RegistryState, subject: str) -> list[Change]:
    """A subject that is deleted gives up its mode and configuration."""
    gone = []
    if subject in state.modes:
        gone.append(Change(records.mode_key(subject), None))
    if subject in state.configs:
        gone.append(Change(records.config_key(subject), None))
    return gone
