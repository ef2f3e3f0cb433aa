"""Topics that a source writes to and that do not exist: made as its configuration says (KIP-158)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from headwater.cluster.api import Cluster, TopicSpec
from headwater.connect.config import Config
from headwater.connect.errors import ConnectError, RetriableError
from headwater.core.errors import ClusterError, LogError, TopicExistsError

_PREFIX = "topic.creation."
_SPECIAL = ("partitions", "replication.factor", "include", "exclude")


class TopicCreation:
    """The groups of one connector, each a set of patterns and settings; `default` takes what no group does."""

    def __init__(self, config: Config) -> None:
        names = [*config.texts("topic.creation.groups"), "default"]
        self._groups = [config.starting_with(f"{_PREFIX}{name}.") for name in dict.fromkeys(names)]

    def spec(self, topic: str) -> TopicSpec:
        """What to create. Raises `ConnectError` for settings that are not numbers or patterns."""
        group = next((group for group in self._groups[:-1] if _matches(group, topic)), self._groups[-1])
        configs = {key: value for key, value in group.items() if key not in _SPECIAL}
        partitions = _number(group, "partitions", self._groups[-1])
        replication = _number(group, "replication.factor", self._groups[-1])
        return TopicSpec(topic, 1 if partitions == -1 else partitions, replication, configs)

    async def create_missing(self, cluster: Cluster, topics: Iterable[str]) -> None:
        """Make those that do not exist. Raises `RetriableError`, `ConnectError`."""
        missing = [topic for topic in topics if cluster.topic(topic) is None]
        if not missing:
            return
        await cluster.refresh()
        for topic in missing:
            if cluster.topic(topic) is None:
                await self._create(cluster, topic)

    async def _create(self, cluster: Cluster, topic: str) -> None:
        try:
            await cluster.create_topics([self.spec(topic)])
        except TopicExistsError:
            await cluster.refresh()
        except ClusterError as error:
            raise RetriableError(f"Cannot create topic {topic}: {error}") from error
        except LogError as error:
            raise ConnectError(f"Cannot create topic {topic}: {error}") from error


def problems(config: Config) -> dict[str, str]:
    """What is wrong with the groups, by key."""
    out: dict[str, str] = {}
    for name in config.texts("topic.creation.groups"):
        prefix = f"{_PREFIX}{name}."
        for key, value in config.starting_with(prefix).items():
            problem = _problem(key, value)
            if problem is not None:
                out[prefix + key] = f"Invalid value {value} for configuration {prefix}{key}: {problem}"
        if not config.raw.get(f"{prefix}include"):
            out[f"{prefix}include"] = f'Missing required configuration "{prefix}include" which has no default value.'
    return out


def _problem(key: str, value: str) -> str | None:
    if key in ("partitions", "replication.factor"):
        return None if re.fullmatch(r"-1|[1-9]\d*", value.strip()) else "must be a positive number, or -1"
    if key in ("include", "exclude"):
        try:
            re.compile(value)
        except re.error as error:
            return f"not a pattern: {error}"
    return None


def _matches(group: dict[str, str], topic: str) -> bool:
    def any_of(key: str) -> bool:
        return any(re.fullmatch(p.strip(), topic) for p in group.get(key, "").split(",") if p.strip())

    return any_of("include") and not any_of("exclude")


def _number(group: dict[str, str], key: str, default: dict[str, str]) -> int:
    return int(group.get(key) or default.get(key) or -1)
