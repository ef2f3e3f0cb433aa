"""The processing log: why a record was skipped or nulled, written to a topic so that it can be queried like any other.

Record shapes and operator names follow section 17 of the semantics sheet. Reporting is an append to a list; a task
writes the list to the topic a few times a second. A flood of bad records is bounded: per query and operator only so
many entries are kept per flush, the rest is counted and the count is written as one entry.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

import msgspec

from headwater.cluster.api import Append, Cluster, Commit, TopicInfo, TopicPartition, TopicSpec
from headwater.core.clock import Clock
from headwater.core.errors import HeadwaterError, TopicExistsError
from headwater.core.supervisor import Supervised
from headwater.core.surrogates import cleaned
from headwater.wire.records import build_batch

_LOGGER = logging.getLogger(__name__)
_ENTRIES_PER_FLUSH = 50
"""Entries kept per query and operator between two flushes: five flushes a second make 250 a second, some 100 KB."""
_FLUSH_SECONDS = 0.2
_ENTRY_BYTES = 8192
"""Largest entry; the texts of a larger one are cut."""
_CUTS = (2000, 400, 80)
"""To how many characters texts are cut, in turn. A dozen texts of the last, of 4 bytes each, are an entry. Multiples of
four, so that what is left of a payload in base64 can be decoded."""
_CAUSES = 10
"""Longest chain of causes that is written; deeper ones are cut."""


class ProcessingLogger(Protocol):
    """What query tasks report to. Every method is cheap, never raises and never waits.

    `operator` is the path below the query id in the logger's name (`Project`, `KsqlTopic.Source.deserializer`).
    """

    def deserialization_error(
        self,
        query_id: str,
        operator: str,
        topic: str,
        target: str,
        message: str,
        cause: BaseException | None = None,
        payload: bytes | None = None,
    ) -> None:
        """A payload could not be read; `target` is `key` or `value`."""
        ...

    def record_error(
        self, query_id: str, operator: str, message: str, cause: BaseException | None = None, record: str | None = None
    ) -> None:
        """An expression or a rule failed on a row; `record` is the row as JSON text."""
        ...

    def serialization_error(
        self,
        query_id: str,
        operator: str,
        topic: str,
        target: str,
        message: str,
        cause: BaseException | None = None,
        record: str | None = None,
    ) -> None:
        """A row could not be written in the sink's format."""
        ...

    def production_error(self, query_id: str, operator: str, message: str) -> None:
        """The log refused a query's output."""
        ...

    def task_error(self, query_id: str, task: str, message: str, cause: BaseException | None = None) -> None:
        """A query's task died."""
        ...


class Kind(IntEnum):
    """`message.type` of an entry."""

    DESERIALIZATION = 0
    RECORD = 1
    PRODUCTION = 2
    SERIALIZATION = 3
    TASK = 4


_MEMBERS = {
    Kind.DESERIALIZATION: "deserializationError",
    Kind.RECORD: "recordProcessingError",
    Kind.PRODUCTION: "productionError",
    Kind.SERIALIZATION: "serializationError",
    Kind.TASK: "kafkaStreamsThreadError",
}


@dataclass(frozen=True)
class ProcessingLogSettings:
    """Where the log goes: the `ksql.logging.processing.*` properties."""

    topic: str = "default_ksql_processing_log"
    partitions: int = 1
    replication: int = 1
    stream: str = "KSQL_PROCESSING_LOG"
    create_topic: bool = False
    create_stream: bool = False
    include_rows: bool = False

    def create_statement(self) -> str:
        """The SQL that declares the log's stream."""
        return _CREATE_STREAM.format(stream=self.stream, topic=self.topic.replace("'", "''"))


_CREATE_STREAM = """CREATE STREAM IF NOT EXISTS `{stream}` (
  logger STRING, level STRING, time BIGINT,
  message STRUCT<
    type INTEGER,
    deserializationError STRUCT<
      target STRING, errorMessage STRING, recordB64 STRING, cause ARRAY<STRING>, `TOPIC` STRING>,
    recordProcessingError STRUCT<errorMessage STRING, record STRING, cause ARRAY<STRING>>,
    productionError STRUCT<errorMessage STRING>,
    serializationError STRUCT<
      target STRING, errorMessage STRING, record STRING, cause ARRAY<STRING>, `TOPIC` STRING>,
    kafkaStreamsThreadError STRUCT<errorMessage STRING, threadName STRING, cause ARRAY<STRING>>>
) WITH (KAFKA_TOPIC='{topic}', KEY_FORMAT='KAFKA', VALUE_FORMAT='JSON');"""
"""Upper-case field names read the log's mixed-case members too: JSON is matched without regard to case."""


class ProcessingLog:
    """`ProcessingLogger` that writes to a topic of `cluster`."""

    def __init__(self, cluster: Cluster, clock: Clock, settings: ProcessingLogSettings) -> None:
        self.settings = settings
        self._cluster = cluster
        self._clock = clock
        self._flushes = 0
        self._entries: list[tuple[int, bytes]] = []
        self._kept: dict[str, int] = {}
        self._pending = asyncio.Event()
        self.writing = Supervised("processingLog", clock, self._write)

    async def start(self) -> None:
        """Create the topic if that is wanted and begin to write."""
        if self.settings.create_topic and self._cluster.topic(self.settings.topic) is None:
            spec = TopicSpec(self.settings.topic, self.settings.partitions, self.settings.replication)
            with contextlib.suppress(TopicExistsError):
                await self._cluster.create_topics([spec])
        self.writing.start()

    async def close(self) -> None:
        """Write what is pending and stop."""
        await self.writing.close()
        await self.flush()

    async def flush(self) -> None:
        """Write everything reported so far. A log that cannot be written is warned of and disturbs no query."""
        entries = self._entries
        self._entries = []
        self._count_suppressed(entries)
        self._pending.clear()
        topic = self._cluster.topic(self.settings.topic)
        if not entries or topic is None:
            return
        batch = build_batch((None, value, timestamp, ()) for timestamp, value in entries)
        try:
            await self._cluster.commit(Commit([Append(TopicPartition(topic.name, self._next(topic)), batch)]))
        except HeadwaterError as error:
            _LOGGER.warning("%d entries of the processing log were lost: %s", len(entries), error)
        except asyncio.CancelledError:
            self._entries[:0] = entries
            raise

    def deserialization_error(
        self,
        query_id: str,
        operator: str,
        topic: str,
        target: str,
        message: str,
        cause: BaseException | None = None,
        payload: bytes | None = None,
    ) -> None:
        logger = f"processing.{query_id}.{operator}"
        if self._admit(logger):
            shown = base64.b64encode(payload).decode() if payload is not None and self.settings.include_rows else None
            body = {"target": target, "errorMessage": message, "recordB64": shown, "cause": _causes(cause),
                    "topic": topic}  # fmt: skip
            self._add(logger, Kind.DESERIALIZATION, body)

    def record_error(
        self, query_id: str, operator: str, message: str, cause: BaseException | None = None, record: str | None = None
    ) -> None:
        logger = f"processing.{query_id}.{operator}"
        if self._admit(logger):
            body = {"errorMessage": message, "record": self._row(record), "cause": _causes(cause)}
            self._add(logger, Kind.RECORD, body)

    def serialization_error(
        self,
        query_id: str,
        operator: str,
        topic: str,
        target: str,
        message: str,
        cause: BaseException | None = None,
        record: str | None = None,
    ) -> None:
        logger = f"processing.{query_id}.{operator}"
        if self._admit(logger):
            body = {"target": target, "errorMessage": message, "record": self._row(record), "cause": _causes(cause),
                    "topic": topic}  # fmt: skip
            self._add(logger, Kind.SERIALIZATION, body)

    def production_error(self, query_id: str, operator: str, message: str) -> None:
        logger = f"processing.{query_id}.{operator}"
        if self._admit(logger):
            self._add(logger, Kind.PRODUCTION, {"errorMessage": message})

    def task_error(self, query_id: str, task: str, message: str, cause: BaseException | None = None) -> None:
        logger = f"processing.{query_id}"
        if self._admit(logger):
            self._add(logger, Kind.TASK, {"errorMessage": message, "threadName": task, "cause": _causes(cause)})

    def _next(self, topic: TopicInfo) -> int:
        self._flushes += 1
        return self._flushes % topic.partitions

    def _admit(self, logger: str) -> bool:
        kept = self._kept.get(logger, 0)
        self._kept[logger] = kept + 1
        return kept < _ENTRIES_PER_FLUSH

    def _row(self, record: str | None) -> str | None:
        return record if self.settings.include_rows else None

    def _add(self, logger: str, kind: Kind, body: Mapping[str, object]) -> None:
        self._entries.append(self._entry(logger, kind, body))
        self._pending.set()

    def _entry(self, logger: str, kind: Kind, body: Mapping[str, object]) -> tuple[int, bytes]:
        now = self._clock.now_ms()
        message = {"type": int(kind), _MEMBERS[kind]: cleaned(body)}
        entry = {"level": "ERROR", "logger": cleaned(logger), "time": now, "message": message}
        text = msgspec.json.encode(entry)
        for length in _CUTS:
            if len(text) <= _ENTRY_BYTES:
                break
            text = msgspec.json.encode(_cut(entry, length))
        return now, text

    def _count_suppressed(self, entries: list[tuple[int, bytes]]) -> None:
        for logger, count in self._kept.items():
            if count > _ENTRIES_PER_FLUSH:
                text = f"{count - _ENTRIES_PER_FLUSH} more errors of this operator were not logged one by one."
                body: dict[str, object] = {"errorMessage": text, "record": None, "cause": []}
                entries.append(self._entry(logger, Kind.RECORD, body))
        self._kept.clear()

    async def _write(self) -> None:
        await self._pending.wait()
        await self._clock.sleep(_FLUSH_SECONDS)
        await self.flush()


def _cut(value: Any, length: int) -> Any:
    """The value with all its texts cut to a number of characters."""
    if isinstance(value, str):
        return value[:length]
    if isinstance(value, dict):
        return {name: _cut(item, length) for name, item in value.items()}
    return [_cut(item, length) for item in value] if isinstance(value, list) else value


def _text_of(error: BaseException) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - of exceptions that users' functions define, reporting must not fail
        return type(error).__name__


def _causes(error: BaseException | None) -> list[str]:
    """The messages of the error's chain of causes, outermost first, each once."""
    out: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen and len(out) < _CAUSES:
        seen.add(id(error))
        text = _text_of(error)
        if not out or out[-1] != text:
            out.append(text)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return out
