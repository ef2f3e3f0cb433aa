"""How far a sink has come: the offsets of its consumer group, as the REST API shows and changes them (KIP-875)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from headwater.cluster.api import EARLIEST, Cluster, Commit, TopicPartition
from headwater.connect.errors import UsageError

Place = Mapping[str, Any]


def group_of(name: str, config: Mapping[str, str]) -> str:
    """The consumer group of a sink connector."""
    return config.get("consumer.override.group.id") or f"connect-{name}"


async def listed(cluster: Cluster, name: str, config: Mapping[str, str]) -> list[dict[str, Any]]:
    """Committed offsets, by partition."""
    await cluster.refresh()
    places = [
        TopicPartition(topic, partition)
        for topic in _topics(cluster, config)
        for partition in range(cluster.topics()[topic].partitions)
    ]
    found = await cluster.committed(group_of(name, config), places)
    return [
        {
            "partition": {"kafka_partition": place.partition, "kafka_topic": place.topic},
            "offset": {"kafka_offset": offset},
        }
        for place, offset in found.items()
    ]


async def alter(
    cluster: Cluster, name: str, config: Mapping[str, str], changes: Sequence[tuple[Place, Place | None]]
) -> None:
    """Commit offsets for the group; None goes back to the start. Raises `UsageError` for what is no partition or
    offset."""
    offsets = {}
    for partition, offset in changes:
        place = _place(partition)
        info = cluster.topic(place.topic)
        if info is None or not 0 <= place.partition < info.partitions:
            raise UsageError(f"Topic partition {place.topic}-{place.partition} does not exist", 400)
        offsets[place] = await cluster.list_offset(place, EARLIEST) if offset is None else _offset(offset)
    await cluster.commit(Commit(group=group_of(name, config), offsets=offsets))


def _place(partition: Place) -> TopicPartition:
    topic, number = partition.get("kafka_topic"), partition.get("kafka_partition")
    if not isinstance(topic, str) or not str(number).isdigit():
        raise UsageError(
            "The partition for a sink connector offset must have the keys 'kafka_topic' and 'kafka_partition'", 400
        )
    return TopicPartition(topic, int(str(number)))


def _offset(offset: Place) -> int:
    number = offset.get("kafka_offset")
    if not str(number).isdigit():
        raise UsageError("The offset for a sink connector should have the key 'kafka_offset', a number from 0 on", 400)
    return int(str(number))


def _topics(cluster: Cluster, config: Mapping[str, str]) -> list[str]:
    listed_topics = [topic.strip() for topic in config.get("topics", "").split(",") if topic.strip()]
    if listed_topics:
        return [topic for topic in listed_topics if cluster.topic(topic) is not None]
    pattern = re.compile(config.get("topics.regex", ""))
    return sorted(topic for topic in cluster.topics() if pattern.fullmatch(topic))
