"""The object store source: every object beneath a folder, once, in the order of their names."""

from __future__ import annotations

import asyncio
import gzip
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, ClassVar, cast

import regex

from headwater.connect.config import Config, ConfigDef, Importance, Key, Type
from headwater.connect.connectors.object_store import formats
from headwater.connect.connectors.object_store.services import AZURE, FOLDER, GCS, S3, Service, StoreConnector
from headwater.connect.errors import ConnectError
from headwater.connect.record import SourceRecord
from headwater.connect.spi import SourceConnector, SourceContext, SourceTask
from headwater.connect.topic_names import topic_name
from headwater.core.errors import HeadwaterError
from headwater.log.slices import next_turn

_SLICE = 200
"""Rows that are decoded between two pauses: a few ms."""
_MEMORY = 8 << 20
"""Bytes of an object that are kept in memory; larger ones are copied to a temporary file."""


def _patterns(parts: Any) -> str | None:
    for part in parts:
        topic, colon, pattern = part.partition(":")
        if not topic or not colon:
            return f"'{part}' is not of the form topic:pattern"
        if (wrong := topic_name(topic)) is not None:
            return wrong
        try:
            regex.compile(pattern)
        except regex.error as error:
            return f"'{pattern}' is not a regular expression: {error}"
    return None


def _check(config: Config) -> Mapping[str, str]:
    if config.text("mode") == "GENERIC" and not config.texts("topic.regex.list") and not config.text("topic"):
        return {"topic.regex.list": "Must be set with mode GENERIC: pairs topic:pattern"}
    return {}


SOURCE = ConfigDef(
    Key("mode", Type.STRING, "GENERIC: any objects, with topics by `topic.regex.list`. RESTORE_BACKUP: what the sink "
        "wrote, into topics and partitions of the same names.", default="GENERIC",
        choices=("GENERIC", "RESTORE_BACKUP"), importance=Importance.HIGH),
    Key("format.class", Type.STRING, "Format of the objects; others are left alone. Empty: each by its name.",
        default="", validator=formats.known_format, importance=Importance.HIGH),
    Key("topics.dir", Type.STRING, "Folder to read.", default="topics", importance=Importance.HIGH),
    Key("topic.regex.list", Type.LIST, "Pairs topic:pattern; an object goes to the first whose pattern is found in its "
        "path.", default=(), validator=_patterns, importance=Importance.HIGH),
    Key("topic", Type.STRING, "Topic of what no pattern matches. Empty: left alone.", default="",
        validator=topic_name),
    Key("record.batch.max.size", Type.INT, "Most records of one batch.", default=2000, minimum=1, maximum=100_000),
    Key("poll.interval.ms", Type.LONG, "Pause before looking for new objects, in ms.", default=60_000, minimum=1,
        aliases=("azblob.poll.interval.ms", "s3.poll.interval.ms", "gcs.poll.interval.ms")),
    ignored=("path.format", "partition.field.name", "partitioner.class", "file.discovery.starting.timestamp",
             "behavior.on.error", "format.*", "topic.*", "directory.delim", "filename.regex", "topics", "tasks.*",
             "schema.cache.size", "errors.*", "bootstrap.servers", "parse.*", "folders.*", "num.*", "object.*"),
    check=_check,
)  # fmt: skip


@dataclass
class _Open:
    """An object being read: `done` rows of it are given out."""

    path: str
    size: int
    topic: str
    partition: int | None
    file: IO[bytes]
    batches: Iterator[formats.Rows]
    done: int = 0


class ObjectStoreSourceTask(SourceTask):
    """Reads the objects that fall to this task."""

    service: ClassVar[Service]

    async def start(self, config: Config, context: SourceContext) -> None:
        self._context, self._config = context, config
        self._store = await asyncio.to_thread(self.service.open, config, context.folder)
        self._number = int(config.raw.get("task.number", "0"))
        self._count = int(config.raw.get("task.count", "1"))
        self._format = formats.format_of_class(config.text("format.class"))
        pairs = (part.partition(":") for part in config.texts("topic.regex.list"))
        self._topics = [(topic, regex.compile(pattern)) for topic, _, pattern in pairs]
        self._topics_dir = config.text("topics.dir").strip("/")
        self._size = config.integer("record.batch.max.size")
        self._interval = config.integer("poll.interval.ms") / 1000
        self._progress = {str(p["path"]): o for p, o in context.offsets() if "path" in p}
        self._queue: list[tuple[str, int]] = []
        self._open: _Open | None = None
        self._ready: list[SourceRecord] = []
        self._looked = False

    async def poll(self) -> Sequence[SourceRecord]:
        while len(self._ready) < self._size:
            if self._open is None and not await self._next_object():
                break
            await self._read_some()
            await next_turn()
        ready, self._ready = self._ready, []
        return ready

    async def stop(self) -> None:
        if self._open is not None:
            self._open.file.close()

    async def _next_object(self) -> bool:
        """Open the next one; with none left, wait if nothing is ready, and look again."""
        if not self._queue:
            if self._ready:
                return False
            if self._looked:
                await self._context.clock.sleep(self._interval)
            found = await self._store.call("list objects", self._store.listing, self._topics_dir)
            self._looked = True
            self._queue = [(path, size) for path, size in found if self._is_wanted(path, size)]
            if not self._queue:
                return False
        path, size = self._queue[0]
        topic = self._topic(path)
        assert topic is not None
        file = await self._store.call(f"read {path}", self._fetched, path)
        self._queue.pop(0)
        kind = self._format or formats.format_of_file(path) or "bytes"
        self._open = _Open(path, size, topic, self._partition(path), file, formats.reader(kind)(file, _SLICE))
        return True

    def _is_wanted(self, path: str, size: int) -> bool:
        if zlib.crc32(path.encode()) % self._count != self._number or self._topic(path) is None:
            return False
        name = path.rpartition("/")[2]
        if size == 0 or name.startswith((".", "_")):
            return False
        kind = formats.format_of_file(path)
        if (kind is None and self._format is None) or (kind is not None and self._format not in (None, kind)):
            return False
        seen = self._progress.get(path)
        return seen is None or not seen.get("eof")

    def _topic(self, path: str) -> str | None:
        if self._config.text("mode") == "RESTORE_BACKUP":
            inner = path.removeprefix(f"{self._topics_dir}/") if self._topics_dir else path
            return inner.partition("/")[0] if "/" in inner else None
        for topic, pattern in self._topics:
            if pattern.search(path) is not None:
                return topic
        return self._config.text("topic") or None

    def _partition(self, path: str) -> int | None:
        if self._config.text("mode") != "RESTORE_BACKUP":
            return None
        found = re.search(r"\+(\d+)\+\d+\.", path) or re.search(r"partition=(\d+)/", path)
        return None if found is None else int(found[1])

    def _fetched(self, path: str) -> IO[bytes]:
        """The file, or a copy of the object that can be read without waiting; archives are unpacked while read."""
        found: Any = self._store.open(path) if self._store.is_local else self._copied(path)
        if not path.endswith(".gz"):
            return cast("IO[bytes]", found)
        unpacked: Any = gzip.GzipFile(fileobj=found)
        unpacked.myfileobj = found  # is closed with it
        return cast("IO[bytes]", unpacked)

    def _copied(self, path: str) -> Any:
        made = tempfile.SpooledTemporaryFile(max_size=_MEMORY)  # noqa: SIM115 - closed when it is read
        with self._store.open(path) as opened:
            shutil.copyfileobj(opened, made, 1 << 20)
        made.seek(0)
        return made

    async def _read_some(self) -> None:
        """The next rows of the open object, into `_ready`; those that a restart has already are passed over."""
        opened = self._open
        assert opened is not None
        try:
            rows = next(opened.batches, None)
        except (HeadwaterError, OSError, EOFError, zlib.error, ValueError, TypeError, LookupError,
                StopIteration) as error:  # fmt: skip
            raise ConnectError(
                f"The object {opened.path} in {self._store.name} cannot be read after row {opened.done}: {error}"
            ) from error
        if rows is None:
            self._finish(opened)
            return
        skip = int(self._progress.get(opened.path, {}).get("row", 0))
        where = {"path": opened.path}
        for schema, value in rows:
            opened.done += 1
            if opened.done > skip:
                offset = {"row": opened.done, "eof": False}
                self._ready.append(
                    SourceRecord(where, offset, opened.topic, opened.partition, value=value, value_schema=schema)
                )

    def _finish(self, opened: _Open) -> None:
        """The last record says that the object is done; one whose last record was written before is only remembered."""
        opened.file.close()
        self._open = None
        end = {"row": opened.done, "eof": True, "size": opened.size}
        if self._ready and self._ready[-1].source_partition.get("path") == opened.path:
            self._ready[-1] = self._ready[-1].replace(source_offset=end)
        self._progress[opened.path] = end


class ObjectStoreSource(StoreConnector, SourceConnector):
    """What the sources have in common: objects are shared among the tasks by their names."""

    kind, keys, works = "source", SOURCE, ObjectStoreSourceTask

    async def task_configs(self, config: Config, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{"task.number": str(i), "task.count": str(max_tasks)} for i in range(max_tasks)]


class AzureBlobSource(ObjectStoreSource, service=AZURE):
    """Reads the objects of an Azure Blob Storage container."""

    names = (
        "io.confluent.connect.azure.blob.storage.AzureBlobStorageSourceConnector",
        "io.confluent.connect.azure.blob.AzureBlobStorageSourceConnector",
        "AzureBlobSource",
    )


class S3Source(ObjectStoreSource, service=S3):
    """Reads the objects of an S3 bucket."""

    names = (
        "io.confluent.connect.s3.source.S3SourceConnector",
        "io.confluent.connect.s3.S3SourceConnector",
        "S3Source",
    )


class GcsSource(ObjectStoreSource, service=GCS):
    """Reads the objects of a Google Cloud Storage bucket."""

    names = ("io.confluent.connect.gcs.GcsSourceConnector", "GcsSource")


class FolderSource(ObjectStoreSource, service=FOLDER):
    """Reads the files of a folder of this machine."""

    names = ("headwater.connectors.FolderSource", "FolderSource")
