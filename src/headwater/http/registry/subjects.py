"""/subjects: listing, looking up, registering and deleting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from headwater.http.registry.access import Action
from headwater.http.registry.bodies import SchemaBody
from headwater.http.registry.call import RegistryCall, missing
from headwater.http.registry.rendering import Text, formatted, version_shown
from headwater.registry import deleting, lookup, registering
from headwater.registry.decisions import Candidate
from headwater.registry.errors import schema_not_found, subject_not_found
from headwater.registry.records import SchemaValue, guid, shown_age, shown_schema
from headwater.registry.state import RegistryState
from headwater.registry.subjects import DEFAULT_CONTEXT, WILDCARD, in_context, prefix_of, qualified


def list_subjects(call: RegistryCall) -> list[str]:
    """Names of subjects, sorted."""
    names = [name for name in subjects_of(call) if _is_listed(call, name)]
    return call.page(names)


def _is_listed(call: RegistryCall, name: str) -> bool:
    versions = call.state.subjects[name].values()
    live = any(not value.deleted for value in versions)
    if call.flag("deletedOnly"):
        return not live
    return live or call.flag("deleted")


def subjects_of(call: RegistryCall) -> list[str]:
    """The subjects that `subjectPrefix` names and the caller may read, sorted; without one those of all contexts, or
    of the one that the path begins with."""
    prefix = call.text("subjectPrefix", WILDCARD)
    names: Iterable[str] = call.state.subjects
    if call.request.scope["path"].startswith("/contexts/"):
        prefix = in_context(call.context, prefix.removeprefix(WILDCARD))
    if prefix.startswith(WILDCARD):
        rest = prefix.removeprefix(WILDCARD)
        names = [name for name in names if qualified(name).subject.startswith(rest)]
    else:
        prefix = prefix.removeprefix(":.:")
        default = not prefix.startswith(":.")
        names = [n for n in names if n.startswith(prefix) and (not default or not n.startswith(":."))]
    return sorted(name for name in names if call.allows(Action.READ, name))


async def look_up(call: RegistryCall) -> dict[str, Any]:
    """The version of the subject that has the schema of the body."""
    subject, deleted = call.alias_of_subject, call.flag("deleted")
    candidate = call.read(SchemaBody).candidate()
    await lookup.prepare_lookup(call.schemas, subject, candidate)
    found = lookup.in_any_context(call.schemas, subject, candidate, call.normalizes(subject), deleted)
    if found is None:
        raise schema_not_found() if call.state.has(subject, deleted) else subject_not_found(subject)
    return await version_shown(call, found)


async def delete_subject(call: RegistryCall) -> list[int]:
    """Numbers of the versions that were deleted."""
    subject, permanent = call.subject, call.flag("permanent")
    return await call.registry.carry_out(lambda state: deleting.delete_subject(state, subject, permanent))


async def latest_with_metadata(call: RegistryCall) -> dict[str, Any]:
    """The newest version whose metadata has all the properties asked for."""
    subject, deleted = call.alias_of_subject, call.flag("deleted")
    wanted = dict(zip(call.texts("key"), call.texts("value"), strict=False))
    for value in reversed(call.state.versions(subject, deleted)):
        properties = (value.metadata.properties if value.metadata is not None else None) or {}
        if value.metadata is not None and wanted.items() <= properties.items():
            return await version_shown(call, value)
    raise schema_not_found() if call.state.has(subject, deleted) else subject_not_found(subject)


def list_versions(call: RegistryCall) -> list[int]:
    """Numbers of versions, ascending."""
    subject = call.alias_of_subject
    deleted, only = call.flag("deleted"), call.flag("deletedOnly")
    if not call.state.has(subject, deleted or only):
        raise subject_not_found(subject)
    versions = call.state.versions(subject, deleted or only)
    return call.page([value.version for value in versions if not only or value.deleted])


async def register(call: RegistryCall) -> dict[str, Any]:
    """The id of the schema; with what else it has where the registry added something."""
    subject, normalize = call.subject_to_write, call.flag("normalize")
    candidate: Candidate = call.read(SchemaBody).candidate()
    await registering.prepare(call.schemas, subject, candidate, normalize)
    now = call.registry.clock.now_ms()
    registered = await call.registry.carry_out(
        lambda state: registering.register(call.schemas, subject, candidate, normalize, now)
    )
    value = registered.value
    named = {"id": value.id, "version": value.version, "guid": guid(value)}
    if registered.populated:
        return {**named, **shown_schema(value)}
    # Not the schema: clients hold it in the form in which they sent it, which may be another.
    return {**named, **shown_age(value)} if call.takes_more else {"id": value.id}


def found_version(call: RegistryCall, deleted: bool) -> SchemaValue:
    """The version of the path; a subject without a context is looked for in the others too."""
    subject, number = call.alias_of_subject, call.version()
    for name in _same_name(call.state, subject):
        value = call.state.version(name, number, deleted)
        if value is not None:
            return value
    raise missing(call.state, subject, number, deleted)


def _same_name(state: RegistryState, subject: str) -> Iterable[str]:
    yield subject
    if qualified(subject).context == DEFAULT_CONTEXT and not state.has(subject, deleted=True):
        yield from (prefix_of(context) + subject for context in state.contexts)


async def get_version(call: RegistryCall) -> dict[str, Any]:
    """One version with its schema."""
    return await version_shown(call, found_version(call, call.flag("deleted")))


async def get_schema(call: RegistryCall) -> Text:
    """The schema alone."""
    return Text(await formatted(call, found_version(call, call.flag("deleted"))))


def get_referrers(call: RegistryCall) -> list[int]:
    """Ids of the schemas that refer to the version."""
    return call.page(call.state.referrers(found_version(call, deleted=True).place))


async def delete_version(call: RegistryCall) -> int:
    """The number of the version that was deleted."""
    subject, number, permanent = call.subject, call.version(), call.flag("permanent")
    named = call.parameters["version"]
    return await call.registry.carry_out(
        lambda state: deleting.delete_version(state, subject, number, permanent, named)
    )
