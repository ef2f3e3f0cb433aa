"""What a partition's agents have put out since the last commit, and what the record in hand puts out."""

from __future__ import annotations

from typing import Any

from headwater.agents.codec import encode
from headwater.agents.context import Context
from headwater.agents.record import SAME, Message
from headwater.cluster.batches import OutputRecord


class Outbox:
    """`pending` becomes part of `topics` when the record is done, and is thrown away when it fails."""

    def __init__(self) -> None:
        self.topics: dict[str, list[OutputRecord]] = {}
        self.pending: list[tuple[str, OutputRecord]] = []
        self.count = 0

    def put(self, topic: str, value: Any, context: Context) -> None:
        """An output of the record that `context` is at. Raises `TypeError` for what cannot be written."""
        self.pending.append((topic, output(value, context)))

    def settle(self) -> None:
        """The record is done."""
        topics = self.topics
        for topic, record in self.pending:
            if topic in topics:
                topics[topic].append(record)
            else:
                topics[topic] = [record]
        self.count += len(self.pending)
        self.pending.clear()

    def take(self) -> dict[str, list[OutputRecord]]:
        """Everything of records that are done; the box is empty then."""
        taken, self.topics, self.count = self.topics, {}, 0
        return taken


def output(value: Any, context: Context) -> OutputRecord:
    """The record of an output: key and timestamp of its input unless it is a `Message` that says otherwise."""
    if type(value) is not Message:
        record = context.record
        if record is None:
            return None, encode(value), context.clock_ms, ()
        return record.key, encode(value), record.timestamp, ()
    key = context.raw_key if value.key is SAME else encode(value.key)
    timestamp = context.timestamp if value.timestamp is None else value.timestamp
    return key, encode(value.value), timestamp, value.headers
