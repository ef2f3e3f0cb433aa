"""Where to move a consumer group: what was asked for, as offsets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from headwater.cluster.admin import EARLIEST, LATEST, ClusterAdmin
from headwater.cluster.api import TopicPartition
from headwater.core.errors import ClusterError, ConfigError

_SHIFT = re.compile(r"[+-]\d+")


@dataclass(frozen=True)
class Target:
    """One of the three: a time in ms (or EARLIEST, LATEST), an offset, a number of records from the present offset."""

    timestamp: int | None = None
    offset: int | None = None
    shift: int | None = None


def parse_target(text: str) -> Target:
    """Raises `ConfigError`."""
    if text in ("earliest", "latest"):
        return Target(timestamp=EARLIEST if text == "earliest" else LATEST)
    if text.isdecimal():
        return Target(offset=int(text))
    if _SHIFT.fullmatch(text):
        return Target(shift=int(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"--to takes earliest, latest, an offset, +N, -N or a time like 2026-01-31T12:00Z, not `{text}`"
        ) from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return Target(timestamp=round(moment.timestamp() * 1000))


async def planned_offsets(
    admin: ClusterAdmin, group: str, topic: str, partitions: Sequence[int], target: Target
) -> dict[TopicPartition, tuple[int | None, int]]:
    """For each partition (none named: all) where the group is, None for nowhere, and where it would be; never outside
    what the partition holds. Raises `ClusterError`."""
    info = admin.topic(topic)
    beyond = [index for index in partitions if not 0 <= index < info.partitions]
    if beyond:
        raise ClusterError(f"topic {topic} has no partition {beyond[0]}: it has {info.partitions}")
    every = [TopicPartition(topic, index) for index in partitions or range(info.partitions)]
    known = any(found.name == group for found in await admin.groups())
    committed = (await admin.describe_group(group)).committed if known else {}
    starts, ends = await admin.offsets(every, EARLIEST), await admin.offsets(every, LATEST)
    by_time = {} if target.timestamp is None else await admin.offsets(every, target.timestamp)
    planned: dict[TopicPartition, tuple[int | None, int]] = {}
    for p in every:
        before = committed.get(p)
        if target.timestamp is not None:
            wanted = by_time[p] if by_time[p] >= 0 else ends[p]  # nothing so late: only what is still to come
        elif target.offset is not None:
            wanted = target.offset
        elif before is None:
            continue
        else:
            wanted = before + (target.shift or 0)
        planned[p] = before, min(max(wanted, starts[p]), ends[p])
    if not planned:
        raise ClusterError(f"group {group} has no offsets in topic {topic} to count from")
    return planned
