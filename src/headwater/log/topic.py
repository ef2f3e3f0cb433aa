"""A topic: name, id, configs and partitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from headwater.log.configs import TOPIC_CONFIGS, ConfigValue, Limits, limits_of, parse_config

if TYPE_CHECKING:
    from headwater.log.partition import Partition

INTERNAL_TOPICS = frozenset({"__consumer_offsets", "__transaction_state"})
"""Kafka's own topics: listed as internal, clients do not write to them."""


@dataclass(frozen=True, slots=True)
class NewTopic:
    """A topic to create, as `Log.create_topics` takes it."""

    name: str
    partitions: int = 1
    replication: int = 1
    configs: Mapping[str, str] = field(default_factory=dict)


class Topic:
    """What exists under a name. `topic_id` is new when a topic is created again; `configs` are those set explicitly."""

    __slots__ = ("_defaults", "configs", "limits", "name", "partitions", "replication", "topic_id")

    def __init__(
        self, name: str, topic_id: bytes, replication: int, configs: Mapping[str, str], defaults: Mapping[str, str]
    ) -> None:
        self.name = name
        self.topic_id = topic_id
        self.replication = replication
        self.configs = dict(configs)
        self.partitions: list[Partition] = []
        self._defaults = defaults
        self.limits: Limits = limits_of({**defaults, **configs})

    def __repr__(self) -> str:
        return f"<Topic {self.name} with {len(self.partitions)} partitions>"

    @property
    def internal(self) -> bool:
        """Whether it is one of Kafka's own topics."""
        return self.name in INTERNAL_TOPICS

    def config_text(self, name: str) -> str:
        """The effective text: set here, else the node's default, else Kafka's. Raises `InvalidTopicConfigError`."""
        if name in self.configs:
            return self.configs[name]
        if name in self._defaults:
            return self._defaults[name]
        parse_config(name, TOPIC_CONFIGS[name].default if name in TOPIC_CONFIGS else "")
        return TOPIC_CONFIGS[name].default

    def config(self, name: str) -> ConfigValue:
        """The effective value, typed. Raises `InvalidTopicConfigError` for an unknown name."""
        return parse_config(name, self.config_text(name))

    def set_configs(self, configs: Mapping[str, str]) -> None:
        """Replace the explicit configs. Raises `InvalidTopicConfigError` and changes nothing if one is wrong."""
        self.limits = limits_of({**self._defaults, **configs})
        self.configs = dict(configs)
        for partition in self.partitions:
            partition.limits = self.limits
