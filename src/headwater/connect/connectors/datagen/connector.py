"""The datagen source: a stock quickstart or a schema, a pause between records, an end or none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from headwater.connect.allowed import a_file
from headwater.connect.config import Config, ConfigDef, Importance, Key, Type
from headwater.connect.connectors.datagen.generator import generator
from headwater.connect.connectors.datagen.quickstarts import QUICKSTARTS
from headwater.connect.converters.avro_schema import from_avro
from headwater.connect.errors import ConnectError
from headwater.connect.record import SourceRecord
from headwater.connect.spi import SourceConnector, SourceContext, SourceTask
from headwater.connect.topic_names import topic_name
from headwater.core.errors import HeadwaterError

_BATCH = 500
"""Most records of one poll: some ms of work."""
_BATCH_SECONDS = 0.1
"""Shorter pauses between records are gathered into batches of this length."""


def _known(name: str) -> str | None:
    return None if not name or name.lower() in QUICKSTARTS else f"must be one of {', '.join(sorted(QUICKSTARTS))}"


def _check(config: Config) -> Mapping[str, str]:
    given = [key for key in ("quickstart", "schema.string", "schema.filename") if config.text(key)]
    if len(given) != 1:
        return {"quickstart": "Set one of quickstart, schema.string and schema.filename"}
    if not config.text("schema.filename"):
        try:
            _schema(config)
        except ConnectError as error:
            return {"schema.string": str(error)}
    return {}


CONFIG = ConfigDef(
    Key("kafka.topic", Type.STRING, "Topic to write to.", importance=Importance.HIGH, aliases=("topic",),
        validator=topic_name),
    Key("quickstart", Type.STRING, "One of the stock examples.", default="", validator=_known,
        importance=Importance.HIGH, recommender=lambda given: sorted(QUICKSTARTS)),
    Key("schema.string", Type.STRING, "An Avro schema with `arg.properties`, in place of a quickstart.", default=""),
    Key("schema.filename", Type.STRING, "A file with one.", default="", path=a_file),
    Key("schema.keyfield", Type.STRING, "The field that becomes the key too.", default=None),
    Key("max.interval", Type.LONG, "Longest pause between two records, in ms; half of it on average.", default=500,
        minimum=0),
    Key("iterations", Type.LONG, "Records per task, then no more; -1: without end.", default=-1, minimum=-1),
    Key("random.seed", Type.LONG, "The same records every time.", default=None),
    ignored=("generate.timeout", "value.converter", "json.output.decimal.format"),
    check=_check,
)  # fmt: skip


def _schema(config: Config) -> tuple[Any, str | None]:
    """(Avro schema, key field). Raises `ConnectError`."""
    name = config.text("quickstart").lower()
    if name:
        found = QUICKSTARTS[name]
        return found.schema, config["schema.keyfield"] or found.key
    text = config.text("schema.string")
    try:
        document = json.loads(text or Path(config.text("schema.filename")).read_text("utf-8"))
        generator(document, Random(0))
        from_avro(document)
    except OSError as error:
        raise ConnectError(f"Cannot read {config.text('schema.filename')}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, HeadwaterError) as error:
        raise ConnectError(f"The schema cannot be used: {error}") from None
    if not isinstance(document, dict) or document.get("type") != "record":
        raise ConnectError("The schema must be that of a record")
    return document, config["schema.keyfield"]


class DatagenTask(SourceTask):
    """Made-up records, each in its time."""

    async def start(self, config: Config, context: SourceContext) -> None:
        self._clock, self._topic = context.clock, config.text("kafka.topic")
        document, key = _schema(config)
        self._schema = from_avro(document)
        self._key = key
        self._key_schema = None if key is None else self._schema.field(key)
        if key is not None and self._key_schema is None:
            raise ConnectError(f"schema.keyfield: the schema has no field {key}")
        self._where = {"task.id": context.task}
        self._done = int((context.offset(self._where) or {"task.generation": 0})["task.generation"])
        seed = config["random.seed"]
        self._random = Random() if seed is None else Random(int(seed) + context.task)
        self._make = generator(document, self._random)
        for _ in range(self._done if seed is not None or self._done <= 1_000_000 else 0):
            self._make()  # iterations go on where they were
        self._interval = config.integer("max.interval") / 1000
        self._limit = config.integer("iterations")

    async def poll(self) -> Sequence[SourceRecord]:
        if 0 <= self._limit <= self._done:
            await self._clock.sleep(1)
            return []
        count = _BATCH if self._interval == 0 else max(1, min(_BATCH, int(_BATCH_SECONDS / (self._interval / 2))))
        if self._limit >= 0:
            count = min(count, self._limit - self._done)
        if self._interval:
            await self._clock.sleep(self._random.uniform(0, self._interval) * count)
        records = [self._record(self._done + number) for number in range(1, count + 1)]
        self._done += count
        return records

    def _record(self, number: int) -> SourceRecord:
        value = self._make()
        key = None if self._key is None else value[self._key]
        offset = {"task.generation": number}
        return SourceRecord(
            self._where, offset, self._topic, None, key, value, self._key_schema, self._schema, self._clock.now_ms()
        )


class DatagenSource(SourceConnector):
    """Makes up records for tests and examples."""

    names = ("io.confluent.kafka.connect.datagen.DatagenConnector", "DatagenSource", "DatagenSourceInternal")
    title = "Datagen source"
    config = CONFIG
    task = DatagenTask

    async def task_configs(self, config: Config, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{} for _ in range(max_tasks)]
