"""Compacted topics as the durable form of small tables: making one, and reading on from where one has come to."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from headwater.cluster.api import EARLIEST, LATEST, Cluster, TopicInfo, TopicPartition, TopicSpec
from headwater.core.errors import TopicExistsError
from headwater.wire.records import Record, read_records

_FETCH_BYTES = 1 << 20
_WAIT_SECONDS = 1.0
"""A remote cluster may take a moment to hand out what it says is there, as while a transaction ends."""


async def ensure_compacted(cluster: Cluster, name: str) -> TopicInfo | None:
    """The topic, which is made with one partition if it is missing: one append then holds what belongs together.

    Raises `ClusterError`, `LogError`.
    """
    if cluster.topic(name) is None:
        with contextlib.suppress(TopicExistsError):
            await cluster.create_topics([TopicSpec(name, 1, configs={"cleanup.policy": "compact"})])
        if cluster.topic(name) is None:
            await cluster.refresh()
    return cluster.topic(name)


async def read_on(
    cluster: Cluster, place: TopicPartition, position: int | None = None
) -> AsyncIterator[tuple[Sequence[Record], int]]:
    """Everything that a partition holds now, from `position` (None: the start) on: some records, and the offset behind.

    Remember the last offset once all is applied, to read on from there. Raises `ClusterError`, `LogError`.
    """
    start = await cluster.list_offset(place, EARLIEST)
    at = start if position is None else max(position, start)
    end = await cluster.list_offset(place, LATEST)
    while at < end:
        fetched = await cluster.fetch({place: at}, _FETCH_BYTES)
        if not fetched:
            await cluster.wait({place: at}, _WAIT_SECONDS)
        for part in fetched:
            records = read_records(part.data, at)
            at = part.next_offset
            yield records, at
