"""/schemas: by id, by guid, and all of them."""

from __future__ import annotations

import uuid
from typing import Any

from headwater.http.registry.access import Action
from headwater.http.registry.call import RegistryCall
from headwater.http.registry.rendering import Text, formatted, listed, schema_shown
from headwater.http.registry.subjects import subjects_of
from headwater.registry.decisions import KINDS
from headwater.registry.errors import schema_not_found
from headwater.registry.records import RuleSet, SchemaValue
from headwater.registry.subjects import DEFAULT_CONTEXT, in_context, prefix_of, qualified


def list_schemas(call: RegistryCall) -> list[dict[str, Any]]:
    """Versions with their schemas, by subject and version."""
    deleted, latest = call.flag("deleted"), call.flag("latestOnly")
    found: list[SchemaValue] = []
    for subject in subjects_of(call):
        versions = call.state.versions(subject, deleted)
        found += versions[-1:] if latest else versions
    kind = call.text("ruleType")
    if kind:
        found = [value for value in found if _has_rule(value.rule_set, kind)]
    shown = call.page(found)
    aliases = _aliases(call) if call.flag("aliases") else {}
    return [
        {**listed(call, value), **({"aliases": aliases[value.subject]} if value.subject in aliases else {})}
        for value in shown
    ]


def _aliases(call: RegistryCall) -> dict[str, list[str]]:
    """The other names that subjects have, which the caller may read."""
    found: dict[str, list[str]] = {}
    for name, config in sorted(call.state.configs.items(), key=lambda item: item[0] or ""):
        if name and config.alias and call.allows(Action.READ, name):
            found.setdefault(in_context(qualified(name).context, config.alias), []).append(name)
    return found


def _has_rule(rules: RuleSet | None, kind: str) -> bool:
    parts = () if rules is None else (rules.migration_rules, rules.domain_rules, rules.encoding_rules)
    return any(rule.type == kind for part in parts for rule in part or ())


def list_kinds(call: RegistryCall) -> tuple[str, ...]:
    """The kinds of schema."""
    return KINDS


async def get_by_id(call: RegistryCall) -> dict[str, Any]:
    """The schema of an id."""
    value = _with_id(call)
    answer = await schema_shown(call, value)
    if call.flag("fetchMaxId"):
        answer["maxId"] = call.state.max_id(qualified(value.subject).context)
    return answer


async def get_text_by_id(call: RegistryCall) -> Text:
    """The schema alone."""
    return Text(await formatted(call, _with_id(call)))


def subjects_of_id(call: RegistryCall) -> list[str]:
    """The subjects that have the schema of an id."""
    return call.page(list(dict.fromkeys(value.subject for value in _versions_of_id(call))))


def versions_of_id(call: RegistryCall) -> list[dict[str, Any]]:
    """The versions that have the schema of an id."""
    return call.page([{"subject": value.subject, "version": value.version} for value in _versions_of_id(call)])


def _versions_of_id(call: RegistryCall) -> list[SchemaValue]:
    value = _with_id(call)
    wanted = call.text("subject")
    versions = call.state.with_id(qualified(value.subject).context, value.id)
    if wanted and qualified(wanted).subject:
        versions = [v for v in versions if v.subject == in_context(call.context, wanted)]
    shown = [v for v in versions if call.flag("deleted") or not v.deleted]
    return [v for v in shown if call.allows(Action.READ, v.subject)]


def _with_id(call: RegistryCall) -> SchemaValue:
    """A version with the id of the path: of the subject asked for, in its context, else in any context it is in."""
    schema_id, named = call.number("id"), call.text("subject")
    subject = in_context(call.context, named)
    parts = qualified(subject)
    value = _held(call, parts.context, schema_id, parts.subject)
    unsure = value is None or value.subject != subject
    if unsure and parts.subject and parts.context == DEFAULT_CONTEXT:
        others = (_held(call, context, schema_id, parts.subject, True) for context in call.state.contexts)
        value = next((other for other in others if other is not None), value)
    if value is None:
        raise schema_not_found(schema_id)
    call.require(Action.READ, value.subject)
    return value


def _held(call: RegistryCall, context: str, schema_id: int, subject: str, only: bool = False) -> SchemaValue | None:
    if not subject and call.allows(Action.READ, None):
        return call.state.first_with_id(context, schema_id)
    versions = call.state.with_id(context, schema_id)
    name = prefix_of(context) + subject
    best = [v for v in versions if v.subject == name] if subject else []
    readable = [] if only else [v for v in versions if call.allows(Action.READ, v.subject)]
    return next(iter([*best, *readable, *([] if only else versions)]), None)


async def get_by_guid(call: RegistryCall) -> dict[str, Any]:
    """The schema of a guid."""
    return await schema_shown(call, _with_guid(call)[0])


def ids_of_guid(call: RegistryCall) -> list[dict[str, Any]]:
    """The ids that the schema of a guid has, by context."""
    found = {(qualified(value.subject).context, value.id): None for value in _with_guid(call)}
    return [{"context": context, "id": schema_id} for context, schema_id in found]


def _with_guid(call: RegistryCall) -> list[SchemaValue]:
    named = call.parameters["guid"]
    try:
        found = call.state.with_guid(uuid.UUID(named).bytes)
    except ValueError:
        found = []
    readable = [value for value in found if call.allows(Action.READ, value.subject)]
    if found and not readable:
        call.require(Action.READ, found[0].subject)
    if not found:
        raise schema_not_found(named)
    return readable
