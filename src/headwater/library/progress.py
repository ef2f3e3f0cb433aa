"""How far the queries of a server are, read off what DESCRIBE … EXTENDED says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from headwater.engine.entities import SourceDescription

STATEMENT = "DESCRIBE STREAMS EXTENDED; DESCRIBE TABLES EXTENDED;"
"""What to ask for; it answers with every query that writes somewhere."""


@dataclass(frozen=True)
class Progress:
    """`ends` are those of the queries' inputs by group, topic and partition; `is_done` says that all were consumed."""

    ends: Mapping[tuple[str, str, int], int]
    is_done: bool


def progress(descriptions: Iterable[SourceDescription]) -> Progress:
    """Queries that failed or are paused count as done.

    A source may be described before a query that writes to it makes another step: only two equal answers in a row are
    one moment.
    """
    ends: dict[tuple[str, str, int], int] = {}
    is_done = True
    for description in descriptions:
        resting = [query.id for query in description.write_queries if query.state != "RUNNING"]
        for summary in description.query_offset_summaries:
            if any(summary.group_id.endswith(f"query_{query_id}") for query_id in resting):
                continue
            for topic in summary.topic_summaries:
                for part in topic.offsets:
                    ends[summary.group_id, topic.kafka_topic, part.partition] = part.log_end_offset
                    is_done = is_done and part.consumer_offset >= part.log_end_offset
    return Progress(ends, is_done)
