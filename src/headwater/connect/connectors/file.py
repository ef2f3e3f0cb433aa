"""Files of this machine: Kafka's FileStream connectors, which read and write lines."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from headwater.cluster.api import TopicPartition
from headwater.connect import schema as s
from headwater.connect.allowed import a_file
from headwater.connect.config import Config, ConfigDef, Importance, Key, Type
from headwater.connect.converters.java_values import java_text
from headwater.connect.converters.json_values import plain, to_json
from headwater.connect.errors import ConnectError, RetriableError
from headwater.connect.record import SinkRecord, SourceRecord
from headwater.connect.schema import ConnectSchema
from headwater.connect.spi import SinkConnector, SinkContext, SinkTask, SourceConnector, SourceContext, SourceTask
from headwater.connect.topic_names import topic_name

_BLOCK = 256 << 10
"""Bytes that are read at once."""
_PAUSE_SECONDS = 0.1
"""Between two looks at the end of a file."""
_ENCODE = msgspec.json.Encoder(decimal_format="number").encode


class FileStreamSourceTask(SourceTask):
    """A record per line, with the offset behind it in bytes."""

    async def start(self, config: Config, context: SourceContext) -> None:
        self._context, self._topic = context, config.text("topic")
        self._path = Path(config.text("file"))
        self._size = config.integer("batch.size")
        self._where = {"filename": str(self._path)}
        self._position = int((context.offset(self._where) or {"position": 0})["position"])
        self._line = 0

    async def poll(self) -> Sequence[SourceRecord]:
        data = self._read()
        end = data.rfind(b"\n") + 1
        if not end:
            await self._context.clock.sleep(_PAUSE_SECONDS)
            return []
        records: list[SourceRecord] = []
        position = self._position
        for line in data[:end].split(b"\n")[:-1][: self._size]:
            position += len(line) + 1
            text = line.removesuffix(b"\r").decode("utf-8", "replace")
            offset = {"position": position}
            records.append(SourceRecord(self._where, offset, self._topic, value=text, value_schema=s.STRING))
        self._position = position
        return records

    def _read(self) -> bytes:
        """The next block, and more where one line is longer."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._position)
                data = file.read(_BLOCK)
                while b"\n" not in data and (more := file.read(_BLOCK)):
                    data += more
                return data
        except FileNotFoundError:
            return b""  # it may come
        except OSError as error:
            raise ConnectError(f"Cannot read {self._path}: {error.strerror}") from error


class FileStreamSource(SourceConnector):
    """Reads a text file line by line, and goes on as it grows."""

    names = ("org.apache.kafka.connect.file.FileStreamSourceConnector", "FileStreamSource")
    title = "File source"
    config = ConfigDef(
        Key("file", Type.STRING, "File to read; it may be made later.", importance=Importance.HIGH, path=a_file),
        Key("topic", Type.STRING, "Topic to write to.", importance=Importance.HIGH, validator=topic_name),
        Key("batch.size", Type.INT, "Most lines of one batch.", default=2000, minimum=1),
    )
    task = FileStreamSourceTask


class FileStreamSinkTask(SinkTask):
    """Appends lines. A crash between writing and the next commit of offsets writes the lines since then again."""

    async def start(self, config: Config, context: SinkContext) -> None:
        self._path = Path(config.text("file"))
        self._json = config.text("format") == "json"
        self._file = self._opened()
        self._writers: dict[ConnectSchema, Any] = {}

    def _opened(self) -> IO[bytes]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return self._path.open("ab", buffering=0)
        except OSError as error:
            raise ConnectError(f"Cannot write {self._path}: {error.strerror}") from error

    async def put(self, records: Sequence[SinkRecord]) -> None:
        if not records:
            return
        text = self._json_lines(records) if self._json else self._text_lines(records)
        before = self._file.seek(0, os.SEEK_END)
        try:
            written = self._file.write(text)
            if written != len(text):
                raise OSError(28, "the disk took only a part")
        except OSError as error:
            self._file.truncate(before)
            raise RetriableError(f"Cannot write {self._path}: {error.strerror}") from error

    async def flush(self, offsets: Mapping[TopicPartition, int]) -> None:
        try:
            await asyncio.to_thread(os.fsync, self._file.fileno())
        except OSError as error:
            if error.errno != 22:  # pipes and terminals have nothing to flush
                raise RetriableError(f"Cannot write {self._path}: {error.strerror}") from error

    async def stop(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def _text_lines(self, records: Sequence[SinkRecord]) -> bytes:
        return "".join([f"{java_text(record.value, record.value_schema)}\n" for record in records]).encode()

    def _json_lines(self, records: Sequence[SinkRecord]) -> bytes:
        lines = []
        for record in records:
            schema = record.value_schema
            value = plain(record.value) if schema is None else self._writer(schema)(record.value)
            lines.append(_ENCODE(value))
        lines.append(b"")
        return b"\n".join(lines)

    def _writer(self, schema: ConnectSchema) -> Any:
        found = self._writers.get(schema)
        if found is None:
            found = self._writers[schema] = to_json(schema, numeric_decimals=True, use_defaults=True)
        return found


_SINK = ConfigDef(
    Key("file", Type.STRING, "File to append to.", importance=Importance.HIGH, path=a_file),
    Key("format", Type.STRING, "`text`: values as Java prints them. `json`: a JSON document per line.", default="text",
        choices=("text", "json")),
)  # fmt: skip


class FileStreamSink(SinkConnector):
    """Appends values to a text file, a line each."""

    names = ("org.apache.kafka.connect.file.FileStreamSinkConnector", "FileStreamSink")
    title = "File sink"
    config = _SINK
    task = FileStreamSinkTask


class JsonLinesSink(SinkConnector):
    """Appends values to a file of JSON lines."""

    names = ("headwater.connectors.JsonLinesSink", "JsonLinesSink")
    title = "JSON lines sink"
    config = _SINK + ConfigDef(
        Key("format", Type.STRING, "`json`: a JSON document per line. `text`: values as Java prints them.",
            default="json", choices=("json", "text")),
    )  # fmt: skip
    task = FileStreamSinkTask
