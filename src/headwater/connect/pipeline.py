"""From a source's records to bytes, and from a topic's bytes to a sink's records: converters and transformations.

Both work on batches. A record that some part refuses is told, with the part's name, to a callback, and left out; the
callback may raise, which ends the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from headwater.cluster.api import TopicPartition
from headwater.cluster.batches import OutputRecord
from headwater.connect.chain import Chain, Refused
from headwater.connect.converters.api import Converted, Converter
from headwater.connect.record import Header, SinkRecord, SourceRecord
from headwater.connect.tasks.failures import Failure, Stage
from headwater.core.errors import DataError
from headwater.wire.records import Headers
from headwater.wire.records import Record as LogRecord

Encoded = tuple[str, int | None, OutputRecord]
"""Topic, partition (None: the key decides), record."""
SourceFailed = Callable[[SourceRecord, Failure], None]
SinkFailed = Callable[[TopicPartition, LogRecord, Failure], None]


@dataclass(frozen=True)
class Converters:
    """Of one connector."""

    key: Converter
    value: Converter
    header: Converter


@dataclass(frozen=True)
class SourcePipeline:
    """Transforms, then converts."""

    converters: Converters
    chain: Chain

    def encode(self, records: Sequence[SourceRecord], now_ms: int, failed: SourceFailed) -> list[Encoded]:
        """What to write, in order; records without a time get `now_ms`."""
        out: list[Encoded] = []
        for topic, run in groupby(self._transformed(records, failed), key=lambda record: record.topic):
            self._convert(topic, list(run), now_ms, failed, out)
        return out

    def _transformed(self, records: Sequence[SourceRecord], failed: SourceFailed) -> Sequence[SourceRecord]:
        if not self.chain:
            return records
        kept: list[SourceRecord] = []
        for record, result in zip(records, self.chain.apply_all(records), strict=True):
            if isinstance(result, SourceRecord):
                kept.append(result)
            elif result is not None:
                failed(record, _refused(result))
        return kept

    def _convert(
        self, topic: str, records: Sequence[SourceRecord], now_ms: int, failed: SourceFailed, out: list[Encoded]
    ) -> None:
        keys = self.converters.key.encode_all(topic, [(r.key_schema, r.key) for r in records])
        values = self.converters.value.encode_all(topic, [(r.value_schema, r.value) for r in records])
        for record, key, value in zip(records, keys, values, strict=True):
            headers: Headers | DataError = ()
            if record.headers:
                headers = self._headers(topic, record.headers)
            if isinstance(key, DataError):
                failed(record, self._failure(Stage.KEY_CONVERTER, self.converters.key, key))
            elif isinstance(value, DataError):
                failed(record, self._failure(Stage.VALUE_CONVERTER, self.converters.value, value))
            elif isinstance(headers, DataError):
                failed(record, self._failure(Stage.HEADER_CONVERTER, self.converters.header, headers))
            else:
                time = now_ms if record.timestamp_ms is None else record.timestamp_ms
                out.append((topic, record.partition, (key, value, time, headers)))

    def _headers(self, topic: str, headers: Iterable[Header]) -> Headers | DataError:
        made: list[tuple[str, bytes | None]] = []
        for header in headers:
            (payload,) = self.converters.header.encode_all(topic, [(header.schema, header.value)])
            if isinstance(payload, DataError):
                return payload
            made.append((header.key, payload))
        return made

    @staticmethod
    def _failure(stage: Stage, converter: Converter, error: DataError) -> Failure:
        return Failure(stage, converter.names[0], error)


@dataclass(frozen=True)
class SinkPipeline:
    """Converts, then transforms."""

    converters: Converters
    chain: Chain

    def decode(self, where: TopicPartition, records: Sequence[LogRecord], failed: SinkFailed) -> list[SinkRecord]:
        """What to deliver, in order."""
        topic, partition = where
        keys = self.converters.key.decode_all(topic, [record.key for record in records])
        values = self.converters.value.decode_all(topic, [record.value for record in records])
        made: list[SinkRecord] = []
        raw: list[LogRecord] = []
        for record, key, value in zip(records, keys, values, strict=True):
            headers = self._headers(topic, record.headers) if record.headers else ()
            problem = self._problem(key, value, headers)
            if problem is not None:
                failed(where, record, problem)
                continue
            assert isinstance(key, Converted)
            assert isinstance(value, Converted)
            assert isinstance(headers, tuple)
            made.append(
                SinkRecord(
                    topic, partition, record.offset, key[1], value[1], key[0], value[0], record.timestamp, headers
                )
            )
            if self.chain:
                raw.append(record)
        return self._transformed(where, made, raw, failed) if self.chain else made

    def _problem(self, key: object, value: object, headers: object) -> Failure | None:
        if isinstance(key, DataError):
            return Failure(Stage.KEY_CONVERTER, self.converters.key.names[0], key)
        if isinstance(value, DataError):
            return Failure(Stage.VALUE_CONVERTER, self.converters.value.names[0], value)
        if isinstance(headers, DataError):
            return Failure(Stage.HEADER_CONVERTER, self.converters.header.names[0], headers)
        return None

    def _headers(self, topic: str, headers: Iterable[tuple[str, bytes | None]]) -> tuple[Header, ...] | DataError:
        made: list[Header] = []
        for key, payload in headers:
            (found,) = self.converters.header.decode_all(topic, [payload])
            if isinstance(found, DataError):
                return found
            made.append(Header(key, found.value, found.schema))
        return tuple(made)

    def _transformed(
        self, where: TopicPartition, made: Sequence[SinkRecord], raw: Sequence[LogRecord], failed: SinkFailed
    ) -> list[SinkRecord]:
        kept: list[SinkRecord] = []
        for record, result in zip(raw, self.chain.apply_all(made), strict=True):
            if isinstance(result, SinkRecord):
                kept.append(result)
            elif result is not None:
                failed(where, record, _refused(result))
        return kept


def _refused(refused: Refused) -> Failure:
    return Failure(Stage.TRANSFORMATION, refused.class_name, refused.error)
