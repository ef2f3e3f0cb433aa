"""Configuration and mode, of a subject, a context or the whole registry (subject None); and deleting contexts."""

from __future__ import annotations

from msgspec import structs

from headwater.registry import errors, records
from headwater.registry.decisions import Decision
from headwater.registry.deleting import check_writable
from headwater.registry.errors import Code, RegistryError
from headwater.registry.merging import check_rules
from headwater.registry.records import Change, ClearSubjectValue, ConfigValue, ModeValue
from headwater.registry.state import RegistryState
from headwater.registry.subjects import is_within, prefix_of

LEVELS = (
    "NONE",
    "BACKWARD",
    "FORWARD",
    "FULL",
    "BACKWARD_TRANSITIVE",
    "FORWARD_TRANSITIVE",
    "FULL_TRANSITIVE",
)
MODES = ("READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT")


def checked_level(level: str | None) -> str | None:
    """A compatibility level in capitals. Raises `RegistryError`."""
    if level is None:
        return None
    if level.upper() not in LEVELS:
        raise RegistryError(
            Code.INVALID_COMPATIBILITY,
            "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, "
            "forward_transitive, and full_transitive",
        )
    return level.upper()


def checked_mode(mode: str | None) -> str:
    """A mode in capitals. Raises `RegistryError`."""
    if mode is None or mode.upper() not in MODES:
        message = "Invalid mode. Valid values are READWRITE, READONLY, READONLY_OVERRIDE, and IMPORT"
        raise RegistryError(Code.INVALID_MODE, message)
    return mode.upper()


def configure(
    state: RegistryState, subject: str | None, wanted: ConfigValue, cleared: frozenset[str] = frozenset()
) -> Decision[ConfigValue]:
    """Set the members that are given; those in `cleared` are taken back, others stay. Raises `RegistryError`."""
    level = checked_level(wanted.compatibility_level)
    for rules in (wanted.default_rule_set, wanted.override_rule_set):
        check_rules(rules)
    check_writable(state, subject)
    before = state.configs.get(subject) or ConfigValue()
    given = {name: value for name in ConfigValue.__struct_fields__ if (value := getattr(wanted, name)) is not None}
    kept = {name: getattr(before, name) for name in ConfigValue.__struct_fields__ if name not in cleared}
    value = ConfigValue(**{**kept, **given, "subject": subject})
    if level is not None:
        value = structs.replace(value, compatibility_level=level)
    return Decision(value, (Change(records.config_key(subject), value),))


def forget_config(state: RegistryState, subject: str | None) -> Decision[ConfigValue]:
    """Take the configuration back; the answer is what it was."""
    before = state.own_config(subject)
    if before is None:
        raise errors.subject_not_found(str(subject))
    check_writable(state, subject)
    return Decision(before, (Change(records.config_key(subject), None),) if subject in state.configs else ())


def set_mode(state: RegistryState, subject: str | None, mode: str | None, force: bool) -> Decision[str | None]:
    """Set a mode; None takes it back. IMPORT needs a scope without schemas, unless it is forced."""
    if mode is None:
        return Decision(None, (Change(records.mode_key(subject), None),) if subject in state.modes else ())
    mode = checked_mode(mode)
    changes: list[Change] = []
    if mode == "IMPORT" and state.mode(subject) != "IMPORT" and not force:
        names = state.matching(subject)
        if any(state.has(name) for name in names):
            raise errors.not_permitted("Cannot import since found existing subjects")
        for name in names:
            for value in state.versions(name, deleted=True):
                if state.referrers(value.place):
                    raise errors.reference_exists(*value.place)
                changes.append(Change(records.schema_key(*value.place), None))
        changes.append(Change(records.clear_subject_key(subject), ClearSubjectValue(subject)))
    changes.append(Change(records.mode_key(subject), ModeValue(mode, subject)))
    return Decision(mode, tuple(changes))


def forget_mode(state: RegistryState, subject: str | None, recursive: bool = False) -> Decision[str | None]:
    """Take a mode back; the answer is what it was. `recursive`: those of all subjects in the context, too."""
    before = state.own_mode(subject)
    if before is None and not recursive:
        raise errors.subject_not_found(str(subject))
    given_up = {subject} | ({name for name in state.modes if name and is_within(name, subject)} if recursive else set())
    return Decision(before, tuple(Change(records.mode_key(name), None) for name in state.modes if name in given_up))


def delete_context(state: RegistryState, context: str) -> Decision[None]:
    """Forget a context without subjects."""
    if context not in state.contexts:
        raise errors.subject_not_found(prefix_of(context))
    if state.matching(prefix_of(context)):
        raise RegistryError(Code.CONTEXT_NOT_EMPTY, f"The specified context '{context}' is not empty.")
    return Decision(None, (Change(records.context_key(context), None),))
