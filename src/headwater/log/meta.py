"""The file `meta.json`: cluster id, topics, and the folders a deletion has still to remove. Replaced as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from headwater.core.errors import StartupError

META = "meta.json"
_VERSION = 1


@dataclass
class TopicMeta:
    """One topic as stored."""

    name: str
    topic_id: bytes
    partitions: int
    replication: int
    configs: dict[str, str]


@dataclass
class Meta:
    """All of the file. `deleting` are partition folders of deleted topics that may still be there."""

    cluster_id: str
    topics: list[TopicMeta] = field(default_factory=list)
    deleting: list[str] = field(default_factory=list)


def encode_meta(cluster_id: str, topics: Iterable[TopicMeta], deleting: Iterable[str]) -> bytes:
    """The file's bytes."""
    # One line per topic, so that a person can read it; all of it indented would take ten times as long.
    lines = ",\n  ".join(
        json.dumps(
            {
                "name": t.name,
                "id": t.topic_id.hex(),
                "partitions": t.partitions,
                "replication": t.replication,
                "configs": t.configs,
            }
        )
        for t in topics
    )
    return (
        f'{{\n "version": {_VERSION},\n "cluster_id": {json.dumps(cluster_id)},\n "topics": [\n  {lines}\n ],\n'
        f' "deleting": {json.dumps(list(deleting))}\n}}\n'
    ).encode()


def decode_meta(data: bytes) -> Meta:
    """Raises `StartupError` if it is not such a file."""
    try:
        document: dict[str, Any] = json.loads(data)
        version = document["version"]
        if version != _VERSION:
            raise StartupError(
                f"{META} has version {version}, this program knows {_VERSION}: another version of it was used here."
            )
        topics = [
            TopicMeta(
                t["name"], bytes.fromhex(t["id"]), int(t["partitions"]), int(t["replication"]), dict(t["configs"])
            )
            for t in document["topics"]
        ]
        return Meta(document["cluster_id"], topics, list(document["deleting"]))
    except (ValueError, KeyError, TypeError) as error:
        raise StartupError(f"{META} is damaged ({error!r}). Restore it from a copy of the data folder.") from error
