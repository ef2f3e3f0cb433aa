"""How metadata and rules of a schema, its predecessor and the configuration become one (Confluent's data contracts)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from headwater.registry.errors import Code, RegistryError
from headwater.registry.records import ConfigValue, Metadata, Rule, RuleSet, SchemaValue, Strings

V = TypeVar("V")

VERSION_PROPERTY = "confluent:version"
"""A property that always says the version it is in, once it is there."""

_KINDS = frozenset({"TRANSFORM", "CONDITION"})
_DOMAIN_MODES = frozenset({"READ", "WRITE", "WRITEREAD"})
_MIGRATION_MODES = frozenset({"UPGRADE", "DOWNGRADE", "UPDOWN"})
_ACTION_SEPARATOR = ","


def merged_metadata(base: Metadata | None, over: Metadata | None) -> Metadata | None:
    """Both; what the second says about a path or a property replaces what the first says."""
    if base is None or over is None:
        return over if base is None else base
    return Metadata(
        _union(base.tags, over.tags),
        _union(base.properties, over.properties),
        _united(base.sensitive, over.sensitive),
    )


def merged_rules(base: RuleSet | None, over: RuleSet | None) -> RuleSet | None:
    """Both; a rule of the second replaces the one of the same name."""
    if base is None or over is None:
        return over if base is None else base
    return RuleSet(
        _merged(base.migration_rules, over.migration_rules),
        _merged(base.domain_rules, over.domain_rules),
        _merged(base.encoding_rules, over.encoding_rules),
    )


def _merged(base: list[Rule] | None, over: list[Rule] | None) -> list[Rule] | None:
    if base is None or over is None:
        return over if base is None else base
    replaced = {rule.name for rule in over}
    return [rule for rule in base if rule.name not in replaced] + over


def _union(base: dict[str, V] | None, over: dict[str, V] | None) -> dict[str, V] | None:
    if base is None or over is None:
        return over if base is None else base
    return {**base, **over}


def _united(base: list[str] | None, over: list[str] | None) -> list[str] | None:
    if base is None or over is None:
        return over if base is None else base
    return sorted({*base, *over})


def contract(
    config: ConfigValue,
    metadata: Metadata | None,
    rules: RuleSet | None,
    previous: SchemaValue | None,
    version: tuple[int, int],
) -> tuple[Metadata | None, RuleSet | None]:
    """What a schema is registered with, given what the request says and the latest version says.

    `version` is the one asked for (0: none) and the one that it will be.
    """
    if previous is not None:
        metadata = previous.metadata if metadata is None else metadata
        rules = previous.rule_set if rules is None else rules
    metadata = merged_metadata(merged_metadata(config.default_metadata, metadata), config.override_metadata)
    rules = merged_rules(merged_rules(config.default_rule_set, rules), config.override_rule_set)
    asked, given = version
    properties: Strings = (metadata.properties if metadata is not None else None) or {}
    if asked != 0 or VERSION_PROPERTY in properties:
        metadata = merged_metadata(metadata, Metadata(properties={VERSION_PROPERTY: str(given)}))
    return metadata, rules


def same_contract(metadata: Metadata | None, rules: RuleSet | None, held: SchemaValue) -> bool:
    """Whether a version that is held has this metadata and these rules.

    Where only one of them says its version, that does not count, but what is asked for must be the held one's.
    """
    asked, known = (_version_said(part) for part in (metadata, held.metadata))
    if asked is not None and known is None and asked != str(held.version):
        return False
    if (asked is None) != (known is None):
        metadata, held_metadata = (_without_version(part) for part in (metadata, held.metadata))
        return rules == held.rule_set and metadata == held_metadata
    return rules == held.rule_set and metadata == held.metadata


def _version_said(metadata: Metadata | None) -> str | None:
    return None if metadata is None else (metadata.properties or {}).get(VERSION_PROPERTY)


def _without_version(metadata: Metadata | None) -> Metadata:
    if metadata is None:
        return Metadata()
    kept = {name: value for name, value in (metadata.properties or {}).items() if name != VERSION_PROPERTY}
    return Metadata(metadata.tags or None, kept or None, metadata.sensitive or None)


RESERVED_PROPERTY = "confluent:reserved"
"""Names, with commas between them, that no field may have."""


def reserved_conflicts(metadata: Metadata | None, fields: frozenset[str], previous: SchemaValue | None) -> list[str]:
    """How a schema with these fields at the top violates what it, and the version before, reserve."""
    own = _reserved(metadata)
    gone = _reserved(previous.metadata) - own if previous is not None else frozenset()
    return [
        *(
            "{errorType:'RESERVED_FIELD_REMOVED', description:'The new schema does not reserve the field "
            f"{name} any more, which the old schema reserves'}}"
            for name in sorted(gone)
        ),
        *(
            "{errorType:'FIELD_CONFLICTS_WITH_RESERVED_FIELD', description:'The new schema has the field "
            f"{name}, which it reserves'}}"
            for name in sorted(own & fields)
        ),
    ]


def _reserved(metadata: Metadata | None) -> frozenset[str]:
    said = "" if metadata is None else (metadata.properties or {}).get(RESERVED_PROPERTY, "")
    return frozenset(filter(None, map(str.strip, said.split(","))))


def has_contract(config: ConfigValue) -> bool:
    """Whether the configuration adds metadata or rules to schemas."""
    return any((config.default_metadata, config.override_metadata, config.default_rule_set, config.override_rule_set))


def check_rules(rules: RuleSet | None) -> None:
    """Raise `RegistryError` for rules that no client could carry out."""
    if rules is None:
        return
    for part, modes in (
        (rules.migration_rules, _MIGRATION_MODES),
        (rules.domain_rules, _DOMAIN_MODES),
        (rules.encoding_rules, _DOMAIN_MODES),
    ):
        _check_names(part or ())
        for rule in part or ():
            _check_rule(rule, modes)


def _check_names(part: Iterable[Rule]) -> None:
    names = [rule.name for rule in part]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise _invalid(f"Found rule with duplicate name '{twice}'")


def _check_rule(rule: Rule, modes: frozenset[str]) -> None:
    if not rule.name:
        raise _invalid("Found rule with empty name")
    if len(rule.name) > 64 or not rule.name.isascii():
        raise _invalid(f"Rule name '{rule.name[:80]}' is invalid: it must be at most 64 ASCII characters")
    if rule.kind is not None and rule.kind not in _KINDS:
        raise _invalid(f"Rule '{rule.name}' has the unknown kind '{rule.kind}': use one of {', '.join(sorted(_KINDS))}")
    if rule.mode is not None and rule.mode not in modes:
        raise _invalid(
            f"Rule '{rule.name}' has the unsupported mode '{rule.mode}': use one of {', '.join(sorted(modes))}"
        )
    two = rule.mode in ("WRITEREAD", "UPDOWN")
    for action in (rule.on_success, rule.on_failure):
        if action is not None and _ACTION_SEPARATOR in action and not two:
            raise _invalid(f"Rule '{rule.name}' may name two actions only with mode WRITEREAD or UPDOWN")


def _invalid(message: str) -> RegistryError:
    return RegistryError(Code.INVALID_RULE_SET, f"Invalid rule set: {message}")
