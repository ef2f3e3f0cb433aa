"""Client quotas (KIP-546): DescribeClientQuotas, AlterClientQuotas; and what a client over its quota is told."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

from headwater.broker import quotas
from headwater.broker.acls import CLUSTER_NAME, Operation, Resource
from headwater.broker.errors import Code, code_of
from headwater.broker.quotas import Entity, InvalidQuotaError
from headwater.broker.session import Context
from headwater.core.errors import HeadwaterError
from headwater.wire.definitions import Struct
from headwater.wire.messages import (
    AlterClientQuotasRequest,
    AlterClientQuotasResponse,
    DescribeClientQuotasRequest,
    DescribeClientQuotasResponse,
    FetchResponse,
)

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

EXACT, DEFAULT, ANY = range(3)
"""How a filter compares names."""
PRODUCE_API, FETCH_API = "Produce", "Fetch"

Filter = Sequence[DescribeClientQuotasRequest.ComponentData]
Changed = AlterClientQuotasResponse.EntryData


def wait_for_quota(
    broker: Broker, context: Context, api: str, size: int, seconds: float, response: Struct | None
) -> float:
    """Charge a request of `size` bytes that took so many seconds, and its answer, to the client's quotas; the seconds
    that it has to wait. The answer says so, if there is one."""
    user, client_id = context.session.principal or "", context.client_id
    waits = {"request": broker.quotas.charge(quotas.REQUEST, user, client_id, seconds * 100)}
    if api == PRODUCE_API:
        waits["produce"] = broker.quotas.charge(quotas.PRODUCE, user, client_id, size)
    elif isinstance(response, FetchResponse) and api == FETCH_API:
        amount = sum(len(p.records or b"") for topic in response.responses for p in topic.partitions)
        waits["fetch"] = broker.quotas.charge(quotas.FETCH, user, client_id, amount)
    kind = max(waits, key=waits.__getitem__)
    told: int = getattr(response, "throttle_time_ms", 0)
    if told > waits[kind] * 1000:  # what the handler itself found
        kind, waits["controller_mutation"] = "controller_mutation", told / 1000
    if waits[kind] > 0:
        broker.statistics.throttle(kind, waits[kind])
        if response is not None and hasattr(response, "throttle_time_ms"):
            response.throttle_time_ms = int(waits[kind] * 1000)
    return waits[kind]


def mutations(broker: Broker, context: Context, count: int, *, strict: bool) -> float | None:
    """Charge the creation or deletion of so many partitions (KIP-599): the seconds to wait afterwards.

    None refuses: with a client that knows THROTTLING_QUOTA_EXCEEDED (`strict`), whose quota is used up already.
    """
    if not broker.quotas.active:
        return 0.0
    user, client_id = context.session.principal or "", context.client_id
    if strict and broker.quotas.wait(quotas.MUTATION, user, client_id) > 0:
        return None
    return broker.quotas.charge(quotas.MUTATION, user, client_id, count)


def describe_client_quotas(
    broker: Broker, context: Context, request: DescribeClientQuotasRequest
) -> DescribeClientQuotasResponse:
    """The rules that match the filter; with none, all."""
    if not broker.allows(context, Operation.DESCRIBE_CONFIGS, Resource.CLUSTER, CLUSTER_NAME):
        return DescribeClientQuotasResponse(error_code=Code.CLUSTER_AUTHORIZATION_FAILED, entries=None)
    kinds = [component.entity_type for component in request.components]
    if len(set(kinds)) != len(kinds) or not set(kinds) <= {quotas.USER, quotas.CLIENT_ID, quotas.IP}:
        message = "A filter names each of user, client-id and ip at most once, and nothing else."
        return DescribeClientQuotasResponse(error_code=Code.INVALID_REQUEST, error_message=message, entries=None)
    response = DescribeClientQuotasResponse
    return response(
        entries=[
            response.EntryData(
                entity=[response.EntityData(entity_type=kind, entity_name=name) for kind, name in entity],
                values=[response.ValueData(key=key, value=value) for key, value in rule.items()],
            )
            for entity, rule in broker.quotas.rules.items()
            if _matches(entity, request.components, strict=request.strict)
        ]
    )


def _matches(entity: Entity, components: Filter, *, strict: bool) -> bool:
    names = dict(entity)
    if strict and len(names) != len(components):
        return False
    return all(
        component.entity_type in names
        and (
            component.match_type == ANY
            or names[component.entity_type] == (component.match if component.match_type == EXACT else None)
        )
        for component in components
    )


def alter_client_quotas(
    broker: Broker, context: Context, request: AlterClientQuotasRequest
) -> AlterClientQuotasResponse:
    """Set and remove quotas; each entry is done as a whole or not at all."""
    allowed = broker.allows(context, Operation.ALTER_CONFIGS, Resource.CLUSTER, CLUSTER_NAME)
    results = []
    changes: dict[Entity, dict[str, float | None]] = {}
    for entry in request.entries:
        result = Changed(
            entity=[
                AlterClientQuotasResponse.EntityData(entity_type=e.entity_type, entity_name=e.entity_name)
                for e in entry.entity
            ]
        )
        results.append(result)
        entity = tuple(sorted(((e.entity_type, e.entity_name) for e in entry.entity), key=lambda pair: pair[0]))
        wanted = {op.key: None if op.remove else op.value for op in entry.ops}
        try:
            if not allowed:
                result.error_code = Code.CLUSTER_AUTHORIZATION_FAILED
                continue
            _check(entity, wanted)
            changes.setdefault(entity, {}).update(wanted)
        except InvalidQuotaError as error:
            result.error_code, result.error_message = Code.INVALID_REQUEST, str(error)
    if changes and not request.validate_only:
        try:
            broker.quotas.change(changes)
        except HeadwaterError as error:
            for result in results:
                if not result.error_code:
                    result.error_code, result.error_message = code_of(error), str(error)
    return AlterClientQuotasResponse(entries=results)


def _check(entity: Entity, wanted: dict[str, float | None]) -> None:
    quotas.check(entity, wanted)
    for kind, name in entity:
        if kind == quotas.IP and name is not None:
            try:
                ip_address(name)
            except ValueError:
                raise InvalidQuotaError(f"'{name}' is not an IP address.") from None
