"""Configs of topics and of the broker: which there are, their values, and changes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from headwater.broker.acls import CLUSTER_NAME, Operation, Resource
from headwater.broker.dynamic_configs import (
    BROKER,
    DEFAULT,
    DYNAMIC_EVERY_NODE,
    DYNAMIC_GROUP,
    EVERY_NODE,
    GROUP,
    NODE_CONFIGS,
    STATIC,
    Layer,
)
from headwater.broker.errors import Code, code_of
from headwater.broker.fetch_sessions import SLOTS
from headwater.broker.groups.assignors import ASSIGNORS
from headwater.broker.session import Context
from headwater.core.errors import HeadwaterError
from headwater.log.configs import TOPIC_CONFIGS, ConfigDef, ConfigType, limits_of, parse_config
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

TOPIC, BROKER_LOGGER, CLIENT_METRICS = 2, 8, 16
"""More resource types; the latter two have no configs here."""
_TYPES = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP]
SET, DELETE, APPEND, SUBTRACT = range(4)
"""Operations of IncrementalAlterConfigs (KIP-339)."""
DYNAMIC_TOPIC = 1
"""Where a value comes from: the topic itself."""

_WIRE_TYPES = {
    ConfigType.BOOLEAN: 1,
    ConfigType.STRING: 2,
    ConfigType.INT: 3,
    ConfigType.LONG: 5,
    ConfigType.DOUBLE: 6,
    ConfigType.LIST: 7,
}

Entry = DescribeConfigsResponse.DescribeConfigsResourceResult
Synonym = DescribeConfigsResponse.DescribeConfigsSynonym
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
    """Every config of each resource with its value, source and, if asked for, documentation and synonyms."""
    results = []
    for wanted in request.resources:
        kind, name = wanted.resource_type, wanted.resource_name
        result = Result(resource_type=kind, resource_name=name)
        entries: list[Entry] = []
        topic = broker.log.topic(name) if kind == TOPIC else None
        refusal = _refusal(broker, context, Operation.DESCRIBE_CONFIGS, kind, name)
        if refusal is not None:
            result.error_code, result.error_message = refusal
        elif topic is not None:
            entries = topic_entries(broker, topic.configs)
        elif kind == TOPIC:
            result.error_code = Code.UNKNOWN_TOPIC_OR_PARTITION
            result.error_message = f"The topic '{name}' does not exist."
        elif kind == GROUP:
            entries = _group_entries(broker, name)
        elif kind == BROKER and name == EVERY_NODE:
            explicit = broker.configs.explicit(kind, name)
            entries = [
                _entry(NODE_CONFIGS[key], [Layer(DYNAMIC_EVERY_NODE, key, value)]) for key, value in explicit.items()
            ]
        elif kind == BROKER and name == str(broker.settings.node_id):
            entries = [*_node_entries(broker, context), *_dynamic_entries(broker)]
        else:
            result.error_code = Code.INVALID_REQUEST
            result.error_message = f"There are no configs of '{name}' (type {kind})."
        keys = wanted.configuration_keys
        result.configs = [entry for entry in entries if keys is None or entry.name in keys]
        for entry in result.configs:
            entry.synonyms = entry.synonyms if request.include_synonyms else []
            entry.documentation = entry.documentation if request.include_documentation else None
        results.append(result)
    return DescribeConfigsResponse(results=results)


def topic_entries(broker: Broker, explicit: Mapping[str, str]) -> list[Entry]:
    """All topic configs: what `explicit` sets, else what the node or Kafka has as default."""
    entries = []
    for name, definition in TOPIC_CONFIGS.items():
        layers = broker.configs.layers(name)
        if name in explicit:
            layers.insert(0, Layer(DYNAMIC_TOPIC, name, explicit[name]))
        entries.append(_entry(definition, layers))
    return entries


def _dynamic_entries(broker: Broker) -> list[Entry]:
    return [_entry(definition, broker.configs.node_layers(name)) for name, definition in NODE_CONFIGS.items()]


def _group_entries(broker: Broker, group: str) -> list[Entry]:
    explicit = broker.configs.explicit(GROUP, group)
    entries = []
    for name, definition in broker.configs.definitions[GROUP].items():
        layers = [Layer(DYNAMIC_GROUP, name, explicit[name])] if name in explicit else []
        entries.append(_entry(definition, [*layers, Layer(DEFAULT, name, definition.default)]))
    return entries


def _entry(definition: ConfigDef, layers: Sequence[Layer]) -> Entry:
    return Entry(
        name=definition.name,
        value=layers[0].value,
        config_source=layers[0].source,
        config_type=_WIRE_TYPES[definition.type],
        documentation=definition.doc,
        synonyms=[Synonym(name=layer.name, value=layer.value, source=layer.source) for layer in layers],
    )


def _node_entries(broker: Broker, context: Context) -> list[Entry]:
    """What only the settings file changes."""
    settings = broker.settings
    host, port = broker.advertised(context.session)
    values = {
        "advertised.listeners": (f"CLIENTS://{host}:{port}", ConfigType.LIST),
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
            value=str(value).lower() if isinstance(value, bool) else str(value),
            read_only=True,
            config_source=STATIC,
            config_type=_WIRE_TYPES[kind],
        )
        for name, (value, kind) in values.items()
    ]


Outcome = tuple[Code, str | None]


def alter_configs(broker: Broker, context: Context, request: AlterConfigsRequest) -> AlterConfigsResponse:
    """Replace all explicit configs of resources by those given."""
    wanted: list[tuple[int, str, Changes]] = []
    for resource in request.resources:
        kind, name = resource.resource_type, resource.resource_name
        changes: Changes = dict.fromkeys(_explicit(broker, kind, name))
        changes.update({config.name: config.value for config in resource.configs})
        wanted.append((kind, name, changes))
    outcomes = _alter_all(broker, context, wanted, [_FINE] * len(wanted), request.validate_only)
    return AlterConfigsResponse(
        responses=[
            AlterConfigsResponse.AlterConfigsResourceResponse(
                error_code=code, error_message=message, resource_type=kind, resource_name=name
            )
            for (kind, name, _), (code, message) in zip(wanted, outcomes, strict=True)
        ]
    )


def _explicit(broker: Broker, kind: int, name: str) -> Mapping[str, str]:
    """What is set for the resource itself."""
    if kind != TOPIC:
        return broker.configs.explicit(kind, name)
    topic = broker.log.topic(name)
    return {} if topic is None else topic.configs


def incremental_alter_configs(
    broker: Broker, context: Context, request: IncrementalAlterConfigsRequest
) -> IncrementalAlterConfigsResponse:
    """Set, delete, append to or subtract from single configs of resources."""
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
    kind = wanted.resource_type
    definitions = TOPIC_CONFIGS if kind == TOPIC else broker.configs.definitions.get(kind, {})
    present = _explicit(broker, kind, wanted.resource_name)
    changes: Changes = {}
    for config in wanted.configs:
        definition = definitions.get(config.name)
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
    """Why the client may not do this to the configs of a topic, of a group or of the node."""
    if kind == TOPIC:
        resource, name, code = Resource.TOPIC, name, Code.TOPIC_AUTHORIZATION_FAILED
    elif kind == GROUP:
        resource, name, code = Resource.GROUP, name, Code.GROUP_AUTHORIZATION_FAILED
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
    good = {
        (kind, name): changes for (kind, name, changes), (code, _) in zip(wanted, outcomes, strict=True) if not code
    }
    topics = {name: changes for (kind, name), changes in good.items() if kind == TOPIC}
    others = {resource: changes for resource, changes in good.items() if resource[0] != TOPIC}
    errors: dict[tuple[int, str], HeadwaterError] = {}
    try:
        errors = {(TOPIC, name): error for name, error in broker.log.alter_topics(topics).items()}
    except HeadwaterError as error:
        errors = {(TOPIC, name): error for name in topics}
    try:
        if others:
            broker.configs.change(others)
    except HeadwaterError as error:
        errors.update(dict.fromkeys(others, error))
    return [
        outcome if outcome[0] or (kind, name) not in errors else _told(errors[kind, name])
        for (kind, name, _), outcome in zip(wanted, outcomes, strict=True)
    ]


def _told(error: HeadwaterError) -> Outcome:
    return code_of(error), str(error)


def _check(broker: Broker, context: Context, kind: int, name: str, changes: Changes) -> Outcome:
    """What is wrong with the change of a resource."""
    refusal = _refusal(broker, context, Operation.ALTER_CONFIGS, kind, name)
    if refusal is not None:
        return refusal
    if kind != TOPIC:
        return _check_dynamic(broker, kind, name, changes)
    topic = broker.log.topic(name)
    if topic is None:
        return Code.UNKNOWN_TOPIC_OR_PARTITION, f"The topic '{name}' does not exist."
    try:
        for config, value in changes.items():
            if value is not None:
                parse_config(config, value)
        limits_of({**topic.configs, **{k: v for k, v in changes.items() if v is not None}})
    except HeadwaterError as error:
        return _told(error)
    return _FINE


def _check_dynamic(broker: Broker, kind: int, name: str, changes: Changes) -> Outcome:
    if kind not in broker.configs.definitions:
        return Code.INVALID_REQUEST, f"There are no configs of '{name}' (type {kind})."
    if kind == BROKER and name not in (EVERY_NODE, str(broker.settings.node_id)):
        return Code.INVALID_REQUEST, f"There is no node {name}, only {broker.settings.node_id}."
    if kind == GROUP and not name:
        return Code.INVALID_REQUEST, "Configs are of one group, whose name is missing."
    try:
        broker.configs.check(kind, name, changes)
    except HeadwaterError as error:
        return _told(error)
    return _FINE
