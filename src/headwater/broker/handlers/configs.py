"""Configs of topics and of the broker: which there are, their values, and changes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from headwater.broker.acls import CLUSTER_NAME, Operation, Resource
from headwater.broker.errors import Code, code_of
from headwater.broker.fetch_sessions import SLOTS
from headwater.broker.groups.assignors import ASSIGNORS
from headwater.broker.session import Context
from headwater.core.errors import HeadwaterError
from headwater.log.configs import TOPIC_CONFIGS, ConfigType, limits_of, parse_config
from headwater.wire.messages import (
    AlterConfigsRequest,
    AlterConfigsResponse,
    DescribeConfigsRequest,
    DescribeConfigsResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
    ListConfigResourcesRequest,
    ListConfigResourcesResponse,
)

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
"""Resource types; those after the second have no configs here."""
_TYPES = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP]
SET, DELETE, APPEND, SUBTRACT = range(4)
"""Operations of IncrementalAlterConfigs (KIP-339)."""
DYNAMIC_TOPIC, STATIC_BROKER, DEFAULT = 1, 4, 5
"""Where a value comes from."""

_WIRE_TYPES = {
    ConfigType.BOOLEAN: 1,
    ConfigType.STRING: 2,
    ConfigType.INT: 3,
    ConfigType.LONG: 5,
    ConfigType.DOUBLE: 6,
    ConfigType.LIST: 7,
}

Entry = DescribeConfigsResponse.DescribeConfigsResourceResult
Result = DescribeConfigsResponse.DescribeConfigsResult
Changes = dict[str, str | None]


def list_config_resources(
    broker: Broker, context: Context, request: ListConfigResourcesRequest
) -> ListConfigResourcesResponse:
    """What has configs (KIP-1142): of the types asked for, or of all. Version 0 asks for subscriptions to clients'
    metrics, of which there are none."""
    if not broker.allows(context, Operation.DESCRIBE_CONFIGS, Resource.CLUSTER, CLUSTER_NAME):
        return ListConfigResourcesResponse(error_code=Code.CLUSTER_AUTHORIZATION_FAILED)
    wanted = request.resource_types or ([] if context.version == 0 else _TYPES)
    if not set(wanted) <= set(_TYPES):
        return ListConfigResourcesResponse(error_code=Code.UNSUPPORTED_VERSION)
    names = {TOPIC: list(broker.log.topics()), BROKER: [str(broker.settings.node_id)]}
    return ListConfigResourcesResponse(
        config_resources=[
            ListConfigResourcesResponse.ConfigResource(resource_name=name, resource_type=kind)
            for kind in wanted
            for name in names.get(kind, [])
        ]
    )


def describe_configs(broker: Broker, context: Context, request: DescribeConfigsRequest) -> DescribeConfigsResponse:
    """Every config of each resource with its value, source and, if asked for, its documentation."""
    results = []
    for wanted in request.resources:
        result = Result(resource_type=wanted.resource_type, resource_name=wanted.resource_name)
        entries: list[Entry] = []
        refusal = _refusal(broker, context, Operation.DESCRIBE_CONFIGS, wanted.resource_type, wanted.resource_name)
        if refusal is not None:
            result.error_code, result.error_message = refusal
        elif wanted.resource_type == TOPIC:
            topic = broker.log.topic(wanted.resource_name)
            if topic is None:
                result.error_code = Code.UNKNOWN_TOPIC_OR_PARTITION
                result.error_message = f"The topic '{wanted.resource_name}' does not exist."
            else:
                entries = config_entries(broker, topic.configs, documented=request.include_documentation)
        elif wanted.resource_type == BROKER and wanted.resource_name in ("", str(broker.settings.node_id)):
            entries = _broker_entries(broker)
        else:
            result.error_code = Code.INVALID_REQUEST
            result.error_message = f"There are no configs of '{wanted.resource_name}' (type {wanted.resource_type})."
        keys = wanted.configuration_keys
        result.configs = [entry for entry in entries if keys is None or entry.name in keys]
        results.append(result)
    return DescribeConfigsResponse(results=results)


def config_entries(broker: Broker, explicit: Mapping[str, str], *, documented: bool = False) -> list[Entry]:
    """All topic configs: what `explicit` sets, else what the broker or Kafka has as default."""
    defaults = broker.topic_defaults
    entries = []
    for name, definition in TOPIC_CONFIGS.items():
        if name in explicit:
            value, source = explicit[name], DYNAMIC_TOPIC
        elif name in defaults:
            value, source = defaults[name], STATIC_BROKER
        else:
            value, source = definition.default, DEFAULT
        entries.append(
            Entry(
                name=name,
                value=value,
                config_source=source,
                config_type=_WIRE_TYPES[definition.type],
                documentation=definition.doc if documented else None,
            )
        )
    return entries


def _broker_entries(broker: Broker) -> list[Entry]:
    settings = broker.settings
    values = {
        "broker.id": (settings.node_id, ConfigType.INT),
        "node.id": (settings.node_id, ConfigType.INT),
        "num.partitions": (settings.default_partitions, ConfigType.INT),
        "default.replication.factor": (1, ConfigType.INT),
        "auto.create.topics.enable": (settings.auto_create_topics, ConfigType.BOOLEAN),
        "delete.topic.enable": (True, ConfigType.BOOLEAN),
        "socket.request.max.bytes": (settings.max_request_bytes, ConfigType.INT),
        "fetch.max.bytes": (settings.max_fetch_bytes, ConfigType.INT),
        "group.min.session.timeout.ms": (settings.group_min_session_timeout_ms, ConfigType.INT),
        "group.max.session.timeout.ms": (settings.group_max_session_timeout_ms, ConfigType.INT),
        "group.consumer.session.timeout.ms": (settings.group_consumer_session_timeout_ms, ConfigType.INT),
        "group.consumer.heartbeat.interval.ms": (settings.group_consumer_heartbeat_interval_ms, ConfigType.INT),
        "group.consumer.assignors": (",".join(ASSIGNORS), ConfigType.LIST),
        "max.incremental.fetch.session.cache.slots": (SLOTS, ConfigType.INT),
        "group.initial.rebalance.delay.ms": (settings.group_initial_rebalance_delay_ms, ConfigType.INT),
        "offset.metadata.max.bytes": (settings.max_offset_metadata_bytes, ConfigType.INT),
    }
    return [
        Entry(
            name=name,
            value=str(value).lower(),
            read_only=True,
            config_source=STATIC_BROKER,
            config_type=_WIRE_TYPES[kind],
        )
        for name, (value, kind) in values.items()
    ]


Outcome = tuple[Code, str | None]


def alter_configs(broker: Broker, context: Context, request: AlterConfigsRequest) -> AlterConfigsResponse:
    """Replace all explicit configs of topics by those given."""
    wanted: list[tuple[int, str, Changes]] = []
    for resource in request.resources:
        topic = broker.log.topic(resource.resource_name)
        changes: Changes = dict.fromkeys(topic.configs if topic is not None else ())
        changes.update({config.name: config.value for config in resource.configs})
        wanted.append((resource.resource_type, resource.resource_name, changes))
    outcomes = _alter_all(broker, context, wanted, [_FINE] * len(wanted), request.validate_only)
    return AlterConfigsResponse(
        responses=[
            AlterConfigsResponse.AlterConfigsResourceResponse(
                error_code=code, error_message=message, resource_type=kind, resource_name=name
            )
            for (kind, name, _), (code, message) in zip(wanted, outcomes, strict=True)
        ]
    )


def incremental_alter_configs(
    broker: Broker, context: Context, request: IncrementalAlterConfigsRequest
) -> IncrementalAlterConfigsResponse:
    """Set, delete, append to or subtract from single configs of topics."""
    wanted: list[tuple[int, str, Changes]] = []
    found: list[Outcome] = []
    for resource in request.resources:
        code, message, changes = _changes(broker, resource)
        found.append((code, message))
        wanted.append((resource.resource_type, resource.resource_name, changes))
    outcomes = _alter_all(broker, context, wanted, found, request.validate_only)
    return IncrementalAlterConfigsResponse(
        responses=[
            IncrementalAlterConfigsResponse.AlterConfigsResourceResponse(
                error_code=code, error_message=message, resource_type=kind, resource_name=name
            )
            for (kind, name, _), (code, message) in zip(wanted, outcomes, strict=True)
        ]
    )


def _changes(
    broker: Broker, wanted: IncrementalAlterConfigsRequest.AlterConfigsResource
) -> tuple[Code, str | None, Changes]:
    topic = broker.log.topic(wanted.resource_name)
    present = topic.configs if topic is not None else {}
    changes: Changes = {}
    for config in wanted.configs:
        definition = TOPIC_CONFIGS.get(config.name)
        operation = config.config_operation
        if operation in (SET, DELETE):
            changes[config.name] = config.value if operation == SET else None
            continue
        if operation not in (APPEND, SUBTRACT) or definition is None or definition.type is not ConfigType.LIST:
            what = "is not a list" if definition is not None else "does not exist"
            return Code.INVALID_CONFIG, f"Config {config.name} {what}: operation {operation} cannot be applied.", {}
        items = [item for item in present.get(config.name, definition.default).split(",") if item]
        given = [item for item in (config.value or "").split(",") if item]
        if operation == APPEND:
            items += [item for item in given if item not in items]
        else:
            items = [item for item in items if item not in given]
        changes[config.name] = ",".join(items)
    return Code.NONE, None, changes


def _refusal(broker: Broker, context: Context, operation: Operation, kind: int, name: str) -> tuple[Code, str] | None:
    """Why the client may not do this to the configs of a topic or of the node."""
    if kind == TOPIC:
        resource, name, code = Resource.TOPIC, name, Code.TOPIC_AUTHORIZATION_FAILED
    else:
        resource, name, code = Resource.CLUSTER, CLUSTER_NAME, Code.CLUSTER_AUTHORIZATION_FAILED
    if broker.allows(context, operation, resource, name):
        return None
    return code, f"{operation.name} on '{name}' is not allowed."


_FINE: Outcome = (Code.NONE, None)


def _alter_all(
    broker: Broker,
    context: Context,
    wanted: Sequence[tuple[int, str, Changes]],
    found: Sequence[Outcome],
    validate_only: bool,
) -> list[Outcome]:
    """Change all resources with which nothing is wrong, with one write of the metadata. `found` is what is known to be
    wrong with them already."""
    seen = Counter((kind, name) for kind, name, _ in wanted)
    outcomes: list[Outcome] = []
    for (kind, name, changes), known in zip(wanted, found, strict=True):
        if seen[kind, name] > 1:
            known = Code.INVALID_REQUEST, f"The request names '{name}' more than once."
        outcomes.append(known if known[0] else _check(broker, context, kind, name, changes))
    if validate_only:
        return outcomes
    good = {name: changes for (_, name, changes), (code, _) in zip(wanted, outcomes, strict=True) if not code}
    try:
        errors = broker.log.alter_topics(good)
    except HeadwaterError as error:
        errors = dict.fromkeys(good, error)
    return [
        outcome if outcome[0] or name not in errors else (code_of(errors[name]), str(errors[name]))
        for (_, name, _), outcome in zip(wanted, outcomes, strict=True)
    ]


def _check(broker: Broker, context: Context, kind: int, name: str, changes: Changes) -> Outcome:
    """What is wrong with the change of a resource."""
    refusal = _refusal(broker, context, Operation.ALTER_CONFIGS, kind, name)
    if refusal is not None:
        return refusal
    if kind != TOPIC:
        return (
            Code.INVALID_REQUEST,
            "Only configs of topics can be altered; the node's settings are in its settings file.",
        )
    topic = broker.log.topic(name)
    if topic is None:
        return Code.UNKNOWN_TOPIC_OR_PARTITION, f"The topic '{name}' does not exist."
    try:
        for config, value in changes.items():
            if value is not None:
                parse_config(config, value)
        limits_of({**topic.configs, **{k: v for k, v in changes.items() if v is not None}})
    except HeadwaterError as error:
        return code_of(error), str(error)
    return _FINE
