"""The sink: a row per record, or per key."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime

from headwater.connect.config import Config
from headwater.connect.connectors.bigquery.fields import Fields, joined, widened
from headwater.connect.connectors.bigquery.merge import latest
from headwater.connect.connectors.bigquery.rows import Row
from headwater.connect.connectors.bigquery.server import ServerTarget
from headwater.connect.connectors.bigquery.settings import CONFIG, Options, dataset_of, is_embedded
from headwater.connect.connectors.bigquery.target import EmbeddedTarget, TableName, Target
from headwater.connect.errors import ConnectError, RetriableError
from headwater.connect.record import SinkRecord
from headwater.connect.spi import SinkConnector, SinkContext, SinkTask
from headwater.log.slices import run_in_slices

Paired = list[tuple[SinkRecord, Row]]
_Tables = dict[TableName, Paired]
_FORMATS = {"HOUR": "%Y%m%d%H", "DAY": "%Y%m%d", "MONTH": "%Y%m", "YEAR": "%Y"}
"""Decorators of partitions by the time that one has."""


class BigQueryTask(SinkTask):
    """Writes a batch table by table; tables are made and widened before their rows."""

    async def start(self, config: Config, context: SinkContext) -> None:
        self._context = context
        self._options = Options.of(config)
        self._tables: dict[str, Fields] = {}
        self._target: Target = EmbeddedTarget(context.folder) if is_embedded(config) else ServerTarget(config)
        for dataset in _datasets(config, sorted({place.topic for place in context.assignment})):
            await self._target.check(dataset)

    async def put(self, records: Sequence[SinkRecord]) -> None:
        tables, needed = await run_in_slices(self._sorted(records))
        try:
            for name, paired in tables.items():
                await self._fill(name, paired, needed[str(name)])
        except RetriableError:
            self._tables.clear()  # another look at them: one may be gone, or wider by another task
            raise

    def _sorted(self, records: Sequence[SinkRecord]) -> Generator[None, None, tuple[_Tables, dict[str, Fields]]]:
        """Records and their rows by table, and the columns that those need by its name."""
        tables: _Tables = {}
        needed: dict[str, Fields] = {}
        now = self._context.clock.now_ms()
        for record in records:
            yield
            try:
                name = self._table(record)
                row, fields = self._options.shape.row(record, now)
            except ValueError as error:
                self._context.report(record, ConnectError(f"{_place(record)}: {error}"))
                continue
            if row.values is None and not self._options.deletes:
                continue
            tables.setdefault(name, []).append((record, row))
            held = needed.get(str(name))
            needed[str(name)] = fields if held is None or held == fields else joined(held, fields)
        return tables, needed

    async def _fill(self, name: TableName, paired: Paired, wanted: Fields) -> None:
        await self._prepare(name, wanted, deletes=all(row.values is None for _, row in paired))
        if str(name) in self._tables:
            await self._write(name, paired)
        else:
            self._refuse(paired)

    def _table(self, record: SinkRecord) -> TableName:
        dataset, table = self._options.place(record.topic)
        if not dataset:
            raise ValueError(f"no dataset of `datasets` is for the topic {record.topic}")
        partition = ""
        if self._options.by_record_time and record.timestamp_ms is not None:
            moment = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
            partition = moment.strftime(_FORMATS[self._options.partitioning.unit or "DAY"])
        return TableName(dataset, table, partition)

    async def _prepare(self, name: TableName, wanted: Fields, *, deletes: bool) -> None:
        """See to it that there is a table for these columns. Raises `ConnectError` where that is not allowed."""
        options, known = self._options, self._tables.get(str(name))
        if known is not None and (not options.widens or _takes(known, wanted, relaxes=self._relaxes(deletes))):
            return
        held = await self._target.fields(name)
        if held is None:
            if not options.creates:
                raise ConnectError(f"Table {name} is missing: make it, or set auto.create.tables=true")
            if not wanted:
                return  # no value yet says what its columns are
            held = wanted
            await self._target.create(name, wanted, options.partitioning)
        elif options.widens:
            wider = widened(held, wanted, relaxes=self._relaxes(deletes))
            if wider != held:
                await self._target.widen(name, wider)
                held = wider
        self._tables[str(name)] = held

    def _relaxes(self, deletes: bool) -> bool:
        return self._options.relaxes and not deletes

    async def _write(self, name: TableName, paired: Paired) -> None:
        size = self._options.batch_size
        for at in range(0, len(paired), size):
            part = paired[at : at + size]
            if self._options.keyed:
                by_row = {row.id: record for record, row in part}
                rows = latest(row for _, row in part)
                refused = await self._target.merge(name, self._tables.get(str(name), ()), rows)
                part = [(by_row[row.id], row) for row in rows]
            else:
                refused = await self._target.insert(name, [row for _, row in part])
            for one in refused:
                record = part[one.index][0]
                self._context.report(record, ConnectError(f"{_place(record)}: BigQuery refuses it: {one.reason}"))

    def _refuse(self, paired: Paired) -> None:
        """There is no table, and nothing says what its columns are. Where there are no rows, none has to go."""
        for record, row in paired:
            if row.values is not None:
                self._context.report(record, ConnectError(f"{_place(record)}: it has no field with a value"))

    async def stop(self) -> None:
        if hasattr(self, "_target"):
            await self._target.close()


class BigQuerySink(SinkConnector):
    """Writes records as rows into BigQuery, one each or one per key; the table is named after the topic.

    Columns come from the record's schema, or from its JSON values. A batch that comes twice within a minute is added
    once, since each row has the record's place as its `insertId`; written by key it is there once in any case. With
    `project` `embedded` the tables are those of the SQLite file `datasets.db` among the node's embedded data, each
    named `dataset.table`.
    """

    names = (
        "com.wepay.kafka.connect.bigquery.BigQuerySinkConnector",
        "BigQuerySink",
        "BigQueryStorageSink",
    )
    title = "BigQuery sink"
    config = CONFIG
    task = BigQueryTask

    async def validate(self, config: Config) -> Mapping[str, Sequence[str]]:
        if is_embedded(config):
            return {}
        target: ServerTarget | None = None
        try:
            target = ServerTarget(config)
            for dataset in _datasets(config, config.texts("topics")):
                await target.check(dataset)
        except ConnectError as error:
            return {_key_of(str(error)): [str(error)]}
        finally:
            if target is not None:
                await target.close()
        return {}


def _key_of(message: str) -> str:
    """The key that an error of the server is about."""
    if message.startswith("keyfile"):
        return "keyfile"
    return "datasets" if message.startswith("project or datasets") else "project"


def _datasets(config: Config, topics: Sequence[str]) -> list[str]:
    """The datasets of topics, each once."""
    found = (dataset_of(topic, config.text("datasets")) for topic in topics)
    return [dataset for dataset in dict.fromkeys(found) if dataset]


def _takes(held: Fields, wanted: Fields, *, relaxes: bool) -> bool:
    return wanted is held or widened(held, wanted, relaxes=relaxes) == held


def _place(record: SinkRecord) -> str:
    return f"{record.original_topic}-{record.partition} offset {record.offset}"
