"""What the catalog learns of the Connect worker."""

from __future__ import annotations

import re
from collections.abc import Sequence

from headwater.catalog.platform import ConnectorFact
from headwater.cluster.api import Cluster
from headwater.connect.errors import UsageError
from headwater.connect.sink_offsets import group_of
from headwater.connect.worker import Worker


def connector_facts(worker: Worker, cluster: Cluster) -> Sequence[ConnectorFact]:
    """Every connector, with the topics that it reads or has written."""
    return [_fact(worker, cluster, name) for name in worker.names()]


def _fact(worker: Worker, cluster: Cluster, name: str) -> ConnectorFact:
    config = worker.config(name)
    kind = worker.kind(name)
    topics = set(worker.topics(name))
    if kind == "sink":
        topics |= {topic.strip() for topic in config.get("topics", "").split(",") if topic.strip()}
        pattern = config.get("topics.regex")
        topics |= {topic for topic in cluster.topics() if pattern and _matches(pattern, topic)}
    try:
        state = str(worker.status(name)["connector"]["state"])
    except UsageError:
        state = "UNASSIGNED"
    group = group_of(name, config) if kind == "sink" else ""
    return ConnectorFact(name, config.get("connector.class", ""), kind, tuple(sorted(topics)), state, group)


def _matches(pattern: str, topic: str) -> bool:
    try:
        return re.fullmatch(pattern, topic) is not None
    except re.error:
        return False
