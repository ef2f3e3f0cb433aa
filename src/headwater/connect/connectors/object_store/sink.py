"""The object store sink: objects of so many records or so much time, named after their first offset."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from headwater.cluster.api import TopicPartition
from headwater.connect.config import Config, ConfigDef, Importance, Key, Type
from headwater.connect.connectors.object_store import formats, partitioners
from headwater.connect.connectors.object_store.services import AZURE, FOLDER, GCS, S3, Service, StoreConnector
from headwater.connect.record import SinkRecord
from headwater.connect.schema import ConnectSchema
from headwater.connect.spi import SinkConnector, SinkContext, SinkTask
from headwater.core.errors import DataError

SINK = ConfigDef(
    Key("format.class", Type.STRING, "Format of the objects: Avro, Parquet, Json, Csv, String or ByteArray.",
        default="json", validator=formats.known_format, importance=Importance.HIGH),
    Key("flush.size", Type.INT, "Records of one object.", default=1000, minimum=1, importance=Importance.HIGH),
    Key("rotate.interval.ms", Type.LONG, "Longest time that the records of an object span, in ms; -1: any.",
        default=-1),
    Key("rotate.schedule.interval.ms", Type.LONG, "Longest time that an object is kept open, in ms of the clock; "
        "names are then no longer the same after a crash. -1: any.", default=-1),
    Key("topics.dir", Type.STRING, "Folder that holds a folder per topic.", default="topics"),
    Key("file.delim", Type.STRING, "Between the parts of an object's name.", default="+"),
    Key("filename.offset.zero.pad.width", Type.INT, "Digits of the offset in the name.", default=10, minimum=1),
    Key("behavior.on.null.values", Type.STRING, "What becomes of tombstones.", default="ignore",
        choices=("ignore", "fail")),
    Key("compression.type", Type.STRING, "Compression of JSON, CSV, text and bytes.", default="none",
        choices=("none", "gzip"), aliases=("s3.compression.type", "az.compression.type", "gcs.compression.type")),
    ignored=("storage.class", "schema.compatibility", "s3.part.size", "gcs.part.size", "directory.delim", "format.*",
             "schema.generator.class", "avro.codec", "parquet.codec", "enhanced.avro.schema.support",
             "connect.meta.data", "time.interval", "allow.optional.map.keys"),
) + partitioners.KEYS  # fmt: skip


_FEW = 100
"""Records that take about a ms to encode. More are encoded in a thread: an object may have any number."""


@dataclass
class _Buffer:
    """The records of an object to be."""

    schema: ConnectSchema | None
    first_time: int
    opened: int
    records: list[SinkRecord] = field(default_factory=list)


@dataclass
class _Progress:
    """A partition: objects under construction by folder, in the order in which they were begun."""

    buffers: dict[str, _Buffer] = field(default_factory=dict)
    next_offset: int = 0
    durable: int | None = None


class ObjectStoreSinkTask(SinkTask):
    """An object's records are committed once it is written; an unfinished one is read again after a restart, so that
    the same objects come out under the same names."""

    service: ClassVar[Service]

    async def start(self, config: Config, context: SinkContext) -> None:
        self._context = context
        self._store = await asyncio.to_thread(self.service.open, config, context.folder)
        self._format = formats.format_of_class(config.text("format.class")) or "json"
        self._size = config.integer("flush.size")
        self._span, self._scheduled = (
            config.integer("rotate.interval.ms"),
            config.integer("rotate.schedule.interval.ms"),
        )
        self._time, self._folder = partitioners.time_of(config), partitioners.partitioner(config)
        self._dir, self._delimiter = config.text("topics.dir").strip("/"), config.text("file.delim")
        self._width = config.integer("filename.offset.zero.pad.width")
        self._nulls_fail = config.text("behavior.on.null.values") == "fail"
        self._gzip = config.text("compression.type") == "gzip" and self._format not in ("avro", "parquet")
        self._partitions: dict[TopicPartition, _Progress] = {}

    async def open(self, partitions: Sequence[TopicPartition]) -> None:
        for partition in partitions:
            self._partitions.setdefault(partition, _Progress())

    async def put(self, records: Sequence[SinkRecord]) -> None:
        now = self._context.clock.now_ms()
        await self._write_due(now)
        for record in records:
            try:
                await self._add(record, now)
            except DataError as error:
                self._context.report(record, error)

    async def _write_due(self, now: int) -> None:
        """Objects whose time is over, and those that are full because writing them has failed before."""
        for progress in self._partitions.values():
            for folder, buffer in list(progress.buffers.items()):
                late = 0 < self._scheduled <= now - buffer.opened
                if late or len(buffer.records) >= self._size:
                    await self._write(progress, folder)

    async def flush(self, offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int] | None:
        return {
            where: self._durable(self._partitions[where], end) if where in self._partitions else end
            for where, end in offsets.items()
        }

    async def close(self, partitions: Sequence[TopicPartition]) -> None:
        for partition in partitions:
            self._partitions.pop(partition, None)

    @staticmethod
    def _durable(progress: _Progress, end: int) -> int:
        """Everything before the first record that is not in an object."""
        return min((buffer.records[0].offset for buffer in progress.buffers.values()), default=end)

    async def _add(self, record: SinkRecord, now: int) -> None:
        where = TopicPartition(record.original_topic, record.partition)
        progress = self._partitions.setdefault(where, _Progress())
        if record.offset < progress.next_offset:
            return  # a batch that is put again after a failed write
        if record.value is None:
            if self._nulls_fail:
                raise DataError("A null value cannot be written to an object")
            progress.next_offset = record.offset + 1
            return
        folder = self._folder(record, now)
        time = self._time(record, now)
        buffer = progress.buffers.get(folder)
        if buffer is not None and (
            buffer.schema != record.value_schema or (self._span > 0 and time - buffer.first_time >= self._span)
        ):
            await self._write(progress, folder)
            buffer = None
        if buffer is None:
            buffer = progress.buffers[folder] = _Buffer(record.value_schema, time, now)
        buffer.records.append(record)
        progress.next_offset = record.offset + 1
        if len(buffer.records) >= self._size:
            await self._write(progress, folder)

    async def _write(self, progress: _Progress, folder: str) -> None:
        """Raises `RetriableError` with the records still in their place, `ConnectError` for what is not tolerated."""
        buffer = progress.buffers[folder]
        encode = partial(formats.objects, self._format, buffer.records, zipped=self._gzip)
        made = encode() if len(buffer.records) <= _FEW else await asyncio.to_thread(encode)
        for records, data in made.written:
            path = self._path(folder, records[0])
            await self._store.call(f"write {path}", self._store.write, path, data)
        for record, error in made.refused:  # last: whatever is tried again before is not told twice
            self._context.report(record, error)
        del progress.buffers[folder]

    def _path(self, folder: str, first: SinkRecord) -> str:
        """Of the object that begins with a record."""
        parts = (first.topic, str(first.partition), str(first.offset).zfill(self._width))
        name = self._delimiter.join(parts) + formats.extension(self._format) + (".gz" if self._gzip else "")
        return "/".join(part for part in (self._dir, first.topic, folder, name) if part)


class ObjectStoreSink(StoreConnector, SinkConnector):
    """What the sinks have in common."""

    kind, keys, works = "sink", SINK, ObjectStoreSinkTask


class AzureBlobSink(ObjectStoreSink, service=AZURE):
    """Writes objects into an Azure Blob Storage container."""

    names = ("io.confluent.connect.azure.blob.AzureBlobStorageSinkConnector", "AzureBlobSink")


class S3Sink(ObjectStoreSink, service=S3):
    """Writes objects into an S3 bucket."""

    names = ("io.confluent.connect.s3.S3SinkConnector", "S3_SINK", "S3Sink")


class GcsSink(ObjectStoreSink, service=GCS):
    """Writes objects into a Google Cloud Storage bucket."""

    names = ("io.confluent.connect.gcs.GcsSinkConnector", "GcsSink")


class FolderSink(ObjectStoreSink, service=FOLDER):
    """Writes files into a folder of this machine."""

    names = ("headwater.connectors.FolderSink", "FolderSink")
