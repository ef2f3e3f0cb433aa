"""Configs that clients change while the node runs: the node's own (KIP-226) and those of consumer groups (KIP-848).

The node's dynamic configs are what topics without a value of their own have, under the names that Kafka's brokers give
them. They are set for this node or, under the empty name, for all nodes; the former come first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from headwater.broker.settings import BrokerSettings
from headwater.core.errors import StartupError
from headwater.log.configs import TOPIC_CONFIGS, ConfigDef, ConfigType, check_config
from headwater.log.errors import InvalidTopicConfigError
from headwater.log.log import Log

BROKER, GROUP = 4, 32
"""Resource types."""
EVERY_NODE = ""

_FILE = "configs.json"
_VERSION = 1

_BROKER_NAMES = {
    "cleanup.policy": "log.cleanup.policy",
    "compression.type": "compression.type",
    "delete.retention.ms": "log.cleaner.delete.retention.ms",
    "file.delete.delay.ms": "log.segment.delete.delay.ms",
    "flush.messages": "log.flush.interval.messages",
    "flush.ms": "log.flush.interval.ms",
    "index.interval.bytes": "log.index.interval.bytes",
    "local.retention.bytes": "log.local.retention.bytes",
    "local.retention.ms": "log.local.retention.ms",
    "max.compaction.lag.ms": "log.cleaner.max.compaction.lag.ms",
    "max.message.bytes": "message.max.bytes",
    "message.timestamp.after.max.ms": "log.message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms": "log.message.timestamp.before.max.ms",
    "message.timestamp.type": "log.message.timestamp.type",
    "min.cleanable.dirty.ratio": "log.cleaner.min.cleanable.ratio",
    "min.compaction.lag.ms": "log.cleaner.min.compaction.lag.ms",
    "min.insync.replicas": "min.insync.replicas",
    "preallocate": "log.preallocate",
    "retention.bytes": "log.retention.bytes",
    "retention.ms": "log.retention.ms",
    "segment.bytes": "log.segment.bytes",
    "segment.index.bytes": "log.index.size.max.bytes",
    "segment.jitter.ms": "log.roll.jitter.ms",
    "segment.ms": "log.roll.ms",
    "unclean.leader.election.enable": "unclean.leader.election.enable",
}
"""What a topic's config is called where it is the default of all topics."""
_TOPIC_NAMES = {broker: topic for topic, broker in _BROKER_NAMES.items()}
_IGNORED = "Accepted for compatibility; this node has no use for it."


def _ignored(name: str, default: int) -> ConfigDef:
    return ConfigDef(name, ConfigType.LONG, str(default), _IGNORED, 0)


NODE_CONFIGS: Mapping[str, ConfigDef] = {
    **{name: replace(TOPIC_CONFIGS[topic], name=name) for name, topic in _TOPIC_NAMES.items()},
    **{
        name: _ignored(name, default)
        for name, default in (
            ("background.threads", 10),
            ("log.cleaner.backoff.ms", 15_000),
            ("log.cleaner.threads", 1),
            ("num.io.threads", 8),
            ("num.network.threads", 3),
            ("num.recovery.threads.per.data.dir", 2),
            ("num.replica.fetchers", 1),
            ("sasl.kerberos.min.time.before.relogin", 60_000),
        )
    },
}
"""The node's dynamic configs."""


class Layer(NamedTuple):
    """One place where a config may be set: the source as the protocol numbers it, the name there, the value."""

    source: int
    name: str
    value: str


DYNAMIC_NODE, DYNAMIC_EVERY_NODE, STATIC, DEFAULT, DYNAMIC_GROUP = 2, 3, 4, 5, 8
"""Sources."""


class DynamicConfigs:
    """All of them, kept in a file beside the log's metadata. `Log` is told of the topics' defaults."""

    def __init__(self, log: Log, settings: BrokerSettings) -> None:
        self._log = log
        self._node = str(settings.node_id)
        self._static = dict(log.settings.topic_defaults)
        self._set: dict[tuple[int, str], dict[str, str]] = {}
        self.definitions: Mapping[int, Mapping[str, ConfigDef]] = {BROKER: NODE_CONFIGS, GROUP: group_configs(settings)}

    def load(self) -> None:
        """Read the file, if there is one. Raises `StartupError` if it is damaged, `LogError` if it cannot be read."""
        data = self._log.read_metadata(_FILE)
        if data is None:
            return
        try:
            document = json.loads(data)
            if document["version"] != _VERSION:
                raise ValueError(f"version {document['version']}")
            found = {
                (int(e["type"]), str(e["name"])): {str(name): str(value) for name, value in dict(e["configs"]).items()}
                for e in document["resources"]
            }
            for (kind, name), configs in found.items():
                self._check_stored(kind, name, configs)
        except (ValueError, KeyError, TypeError) as error:
            raise StartupError(f"{_FILE} is damaged ({error!r}). Restore it from a copy of the data folder.") from error
        self._use(found)

    def _check_stored(self, kind: int, name: str, configs: Mapping[str, str]) -> None:
        try:
            self.check(kind, name, configs)
        except InvalidTopicConfigError as error:
            reason = str(error).removesuffix(".")
            raise StartupError(
                f"{_FILE} in the data folder is wrong for '{name}' (type {kind}): {reason}. Correct it or take it out."
            ) from error

    def explicit(self, kind: int, name: str) -> Mapping[str, str]:
        """What is set for the node, for every node, or for a group."""
        return self._set.get((kind, name), {})

    def check(self, kind: int, name: str, changes: Mapping[str, str | None]) -> None:
        """Raises `InvalidTopicConfigError` if there is no such config, a value is wrong, or it does not go with the
        others of the resource."""
        definitions = self.definitions[kind]
        for config, value in changes.items():
            definition = definitions.get(config)
            if definition is None:
                raise InvalidTopicConfigError(f"{config} does not exist, or cannot be changed while the node runs.")
            if value is not None:
                check_config(definition, value)
        if kind == GROUP:
            self._check_group(name, _merged(self.explicit(GROUP, name), changes))

    def _check_group(self, group: str, configs: Mapping[str, str]) -> None:
        """A member that beats no more often than its session lasts would be out before its next heartbeat. Kafka
        refuses it, too."""
        session, interval = (self._number(configs, name) for name in (GROUP_SESSION_TIMEOUT, GROUP_HEARTBEAT_INTERVAL))
        if session <= interval:
            raise InvalidTopicConfigError(
                f"Group '{group}' would have {GROUP_SESSION_TIMEOUT} {session} and {GROUP_HEARTBEAT_INTERVAL} "
                f"{interval}: the former must be the greater one."
            )

    def change(self, changes: Mapping[tuple[int, str], Mapping[str, str | None]]) -> None:
        """Set configs of resources, by type and name, and with None take them away. The changes are valid, see
        `check`. Raises `LogError`; then nothing has changed."""
        wanted = dict(self._set)
        for resource, values in changes.items():
            merged = _merged(wanted.pop(resource, {}), values)
            if merged:
                wanted[resource] = merged
        entries = [{"type": kind, "name": name, "configs": configs} for (kind, name), configs in wanted.items()]
        document = {"version": _VERSION, "resources": entries}
        self._log.write_metadata(_FILE, json.dumps(document, indent=1).encode())
        self._use(wanted)

    def group_number(self, group: str, name: str) -> int:
        """The value that holds for a group."""
        return self._number(self.explicit(GROUP, group), name)

    def _number(self, group_configs: Mapping[str, str], name: str) -> int:
        return int(group_configs.get(name, self.definitions[GROUP][name].default))

    def layers(self, topic_config: str) -> list[Layer]:
        """Where the default of a topic's config is set, what holds first. The last one is Kafka's own."""
        name = _BROKER_NAMES.get(topic_config, topic_config)
        sources = (
            (DYNAMIC_NODE, self.explicit(BROKER, self._node), name),
            (DYNAMIC_EVERY_NODE, self.explicit(BROKER, EVERY_NODE), name),
            (STATIC, self._static, topic_config),
        )
        found = [Layer(source, name, values[key]) for source, values, key in sources if key in values]
        return [*found, Layer(DEFAULT, name, TOPIC_CONFIGS[topic_config].default)]

    def node_layers(self, name: str) -> list[Layer]:
        """The same for a dynamic config of the node."""
        if name in _TOPIC_NAMES:
            return self.layers(_TOPIC_NAMES[name])
        sources = (DYNAMIC_NODE, self._node), (DYNAMIC_EVERY_NODE, EVERY_NODE)
        found = [
            Layer(source, name, self.explicit(BROKER, node)[name])
            for source, node in sources
            if name in self.explicit(BROKER, node)
        ]
        return [*found, Layer(DEFAULT, name, NODE_CONFIGS[name].default)]

    def _use(self, configs: dict[tuple[int, str], dict[str, str]]) -> None:
        self._set = configs
        dynamic = {**self.explicit(BROKER, EVERY_NODE), **self.explicit(BROKER, self._node)}
        topics = {_TOPIC_NAMES[name]: value for name, value in dynamic.items() if name in _TOPIC_NAMES}
        self._log.set_topic_defaults({**self._static, **topics})


def _merged(configs: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """The configs after the changes, of which None takes one away."""
    merged = {**configs, **changes}
    return {name: value for name, value in merged.items() if value is not None}


GROUP_SESSION_TIMEOUT, GROUP_HEARTBEAT_INTERVAL = "consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"
GroupNumber = Callable[[str, str], int]
"""A group's name and a config's to its value."""


def group_configs(settings: BrokerSettings) -> Mapping[str, ConfigDef]:
    """What a consumer group may have; the node's settings are the defaults."""
    low, high = settings.group_min_session_timeout_ms, settings.group_max_session_timeout_ms
    session, interval = settings.group_consumer_session_timeout_ms, settings.group_consumer_heartbeat_interval_ms
    return {
        d.name: d
        for d in (
            ConfigDef(
                GROUP_SESSION_TIMEOUT,
                ConfigType.INT,
                str(session),
                "A member that is not heard of for so long is out.",
                low,
                high,
            ),
            ConfigDef(
                GROUP_HEARTBEAT_INTERVAL, ConfigType.INT, str(interval), "How often members are heard of.", 1, high
            ),
        )
    }
