"""/compatibility: would a schema be taken?"""

from __future__ import annotations

from typing import Any

from headwater.http.registry.bodies import SchemaBody
from headwater.http.registry.call import RegistryCall, missing
from headwater.registry import registering
from headwater.registry.errors import Code, RegistryError, invalid_schema
from headwater.registry.records import SchemaValue


async def check_version(call: RegistryCall) -> dict[str, Any]:
    """Whether the schema may follow one version."""
    subject, number = call.alias_of_subject, call.version()
    body = call.read(SchemaBody)
    value = call.state.version(subject, number)
    if value is None and number != -1:
        raise missing(call.state, subject, number)
    return await _answer(call, subject, body, [] if value is None else [value])


async def check_all(call: RegistryCall) -> dict[str, Any]:
    """Whether the schema may follow the versions that the configuration says it must be compatible with."""
    subject = call.alias_of_subject
    return await _answer(call, subject, call.read(SchemaBody), call.state.versions(subject))


async def _answer(call: RegistryCall, subject: str, body: SchemaBody, olds: list[SchemaValue]) -> dict[str, Any]:
    candidate = body.candidate()
    if not candidate.schema.strip():
        raise invalid_schema("Empty schema")
    try:
        await registering.prepare_check(call.schemas, subject, candidate, olds)
        call.schemas.parse_new(subject, candidate, call.normalizes(subject))
        reasons = registering.incompatibilities(call.schemas, subject, candidate, olds)
    except RegistryError as error:
        if error.code is not Code.INVALID_SCHEMA or not call.flag("verbose"):
            raise
        reasons = [str(error)]  # as Confluent's: who asks why not is told
    answer: dict[str, Any] = {"is_compatible": not reasons}
    if call.flag("verbose"):
        answer["messages"] = reasons
    return answer
