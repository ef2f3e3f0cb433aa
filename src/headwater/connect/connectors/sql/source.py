"""The JDBC source: whole tables again and again, or the rows that are new or changed since the last look."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from headwater.connect import schema as s
from headwater.connect.config import Config, ConfigDef, Importance, Key, Type
from headwater.connect.connectors.sql.address import alchemy
from headwater.connect.connectors.sql.database import AlchemyDatabase, Calls, engine, told
from headwater.connect.connectors.sql.sink import CONNECTION
from headwater.connect.errors import ConnectError
from headwater.connect.record import SourceRecord
from headwater.connect.schema import ConnectSchema
from headwater.connect.spi import SourceConnector, SourceContext, SourceTask
from headwater.core.errors import DataError


def _check(config: Config) -> Mapping[str, str]:
    mode = config.text("mode")
    if "incrementing" in mode and not config.text("incrementing.column.name"):
        return {"incrementing.column.name": f"Must be set with mode={mode}"}
    if "timestamp" in mode and not config.texts("timestamp.column.name"):
        return {"timestamp.column.name": f"Must be set with mode={mode}"}
    if config.text("query") and (config.texts("table.whitelist") or config.texts("table.blacklist")):
        return {"query": "Do not set both query and table.whitelist or table.blacklist"}
    return {}


CONFIG = CONNECTION + ConfigDef(
    Key("mode", Type.STRING, "How new rows are found.", importance=Importance.HIGH,
        choices=("bulk", "incrementing", "timestamp", "timestamp+incrementing")),
    Key("incrementing.column.name", Type.STRING, "Column that only grows.", default="", importance=Importance.HIGH),
    Key("timestamp.column.name", Type.LIST, "Columns with the time of the last change; the first that is not null.",
        default=(), importance=Importance.HIGH),
    Key("topic.prefix", Type.STRING, "Before the table's name; with `query`, the topic itself.",
        importance=Importance.HIGH),
    Key("table.whitelist", Type.LIST, "Tables to read; empty: all.", default=(), aliases=("table.include.list",)),
    Key("table.blacklist", Type.LIST, "Tables to leave alone.", default=(), aliases=("table.exclude.list",)),
    Key("query", Type.STRING, "A SELECT in place of tables, without WHERE unless mode=bulk.", default=""),
    Key("schema.pattern", Type.STRING, "Schema of the database that has the tables.", default="",
        aliases=("catalog.pattern",)),
    Key("poll.interval.ms", Type.LONG, "Pause between two looks at a table, in ms.", default=5000, minimum=1),
    Key("batch.max.rows", Type.INT, "Most rows of one batch.", default=1000, minimum=1),
    Key("timestamp.delay.interval.ms", Type.LONG, "Rows younger than this wait, for transactions under way, in ms.",
        default=0, minimum=0),
    Key("numeric.mapping", Type.STRING, "What NUMERIC columns become.", default="none",
        choices=("none", "precision_only", "best_fit", "best_fit_eager_double")),
    ignored=("table.types", "table.poll.interval.ms", "validate.non.null", "db.timezone", "dialect.name", "quote.sql.*",
             "connection.attempts", "connection.backoff.ms", "timestamp.initial", "transaction.isolation.mode",
             "numeric.precision.mapping", "timestamp.granularity", "query.*"),
    check=_check,
)  # fmt: skip


@dataclass
class _Place:
    """Where a table was read to."""

    moment: datetime | None = None
    number: int | None = None

    @classmethod
    def of(cls, offset: Mapping[str, Any] | None) -> _Place:
        offset = offset or {}
        micros = offset.get("timestamp_us")
        moment = None if micros is None else datetime(1970, 1, 1) + timedelta(microseconds=int(micros))
        return cls(moment, offset.get("incrementing"))

    def offset(self) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if self.moment is not None:
            made["timestamp_us"] = (self.moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)
        if self.number is not None:
            made["incrementing"] = self.number
        return made


class JdbcSourceTask(SourceTask):
    """Reads its share of the tables in turn."""

    async def start(self, config: Config, context: SourceContext) -> None:
        self._config, self._context, self._alchemy = config, context, alchemy()
        self._calls = Calls()
        self._engine = await self._calls.run(engine, config)
        self._number = int(config.raw.get("task.number", "0"))
        self._count = int(config.raw.get("task.count", "1"))
        self._query, self._mode = config.text("query"), config.text("mode")
        self._schema_name = config.text("schema.pattern") or None
        self._limit = config.integer("batch.max.rows")
        self._interval = config.integer("poll.interval.ms") / 1000
        self._due: list[str] = []
        self._last_look: float | None = None
        self._tables: dict[str, Any] = {}
        self._places: dict[str, _Place] = {}
        self._bulk: list[SourceRecord] = []

    async def poll(self) -> Sequence[SourceRecord]:
        if self._bulk:
            batch, self._bulk = self._bulk[: self._limit], self._bulk[self._limit :]
            return batch
        if not self._due:
            if self._last_look is not None:
                passed = self._context.clock.monotonic() - self._last_look
                await self._context.clock.sleep(max(0.0, self._interval - passed))
            self._due = await self._calls.run(self._called, self._names)
            self._last_look = self._context.clock.monotonic()
        if not self._due:
            return []
        name = self._due[0]
        records: list[SourceRecord] = await self._calls.run(self._called, self._read, name)
        if len(records) < self._limit or self._mode == "bulk":
            self._due.pop(0)
        if self._mode == "bulk":
            self._bulk = records[self._limit :]
            return records[: self._limit]
        if records:
            self._places[name] = _Place.of(records[-1].source_offset)
        return records

    async def stop(self) -> None:
        if hasattr(self, "_calls"):
            await self._calls.drain()
        if hasattr(self, "_engine"):
            await asyncio.to_thread(self._engine.dispose)

    def _called(self, function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except self._alchemy.exc.SQLAlchemyError as error:
            raise told(error) from error

    def _names(self) -> list[str]:
        if self._query:
            return [""] if self._number == 0 else []
        wanted, unwanted = self._config.texts("table.whitelist"), self._config.texts("table.blacklist")
        names = self._alchemy.inspect(self._engine).get_table_names(schema=self._schema_name)
        by_last = {name.rpartition(".")[2] for name in wanted}
        found = sorted(n for n in names if (not wanted or n in by_last) and n not in unwanted)
        return [name for i, name in enumerate(found) if i % self._count == self._number]

    def _table(self, name: str) -> Any:
        found = self._tables.get(name)
        if found is None:
            sql = self._alchemy
            if name:
                found = sql.Table(name, sql.MetaData(), schema=self._schema_name, autoload_with=self._engine)
            else:
                text = sql.text(f"SELECT * FROM ({self._query}) headwater_query WHERE 1=0")
                with self._engine.connect() as connection:
                    columns = [sql.column(column) for column in connection.execute(text).keys()]  # noqa: SIM118
                found = sql.text(self._query).columns(*columns).subquery("headwater_query")
            self._tables[name] = found
        return found

    def _read(self, name: str) -> list[SourceRecord]:
        table = self._table(name)
        where = {"query": "query"} if self._query else {"protocol": "1", "table": name}
        place = self._places.get(name) or _Place.of(self._context.offset(where))
        statement = self._statement(table, place)
        with self._engine.connect() as connection:
            rows = [dict(row) for row in connection.execute(statement).mappings()]
        schema = self._schema(name, table, rows)
        topic = self._config.text("topic.prefix") + name
        return [
            SourceRecord(where, self._offset(row, number), topic, value=_values(row, schema), value_schema=schema)
            for number, row in enumerate(rows)
        ]

    def _moment(self, table: Any) -> Any:
        columns = [table.c[name] for name in self._config.texts("timestamp.column.name")]
        return columns[0] if len(columns) == 1 else self._alchemy.func.coalesce(*columns)

    def _statement(self, table: Any, place: _Place) -> Any:
        sql, statement = self._alchemy, self._alchemy.select(table)
        if self._mode == "bulk":
            return statement
        number: Any = table.c[self._config.text("incrementing.column.name")] if "incrementing" in self._mode else None
        if "timestamp" not in self._mode:
            later: list[Any] = [] if place.number is None else [number > place.number]
            return statement.where(*later).order_by(number).limit(self._limit)
        moment = self._moment(table)
        new = self._newer(moment, number, place)
        if number is not None:
            return statement.where(*new).order_by(moment, number).limit(self._limit)
        # Rows of one moment must not be parted: what comes after them is all that the next look asks for.
        edge = sql.select(moment.label("edge")).where(*new).order_by(moment).limit(self._limit).subquery()
        last = sql.select(sql.func.max(edge.c.edge)).scalar_subquery()
        return statement.where(*new, moment <= last).order_by(moment)

    def _newer(self, moment: Any, number: Any, place: _Place) -> list[Any]:
        """Conditions for rows after a place whose time is over."""
        delay = timedelta(milliseconds=self._config.integer("timestamp.delay.interval.ms"))
        now = datetime.fromtimestamp(self._context.clock.now_ms() / 1000, UTC).replace(tzinfo=None)
        new = [moment < now - delay]
        if place.moment is None:
            return new
        later = moment > place.moment
        if number is not None and place.number is not None:
            same = self._alchemy.and_(moment == place.moment, number > place.number)
            later = self._alchemy.or_(later, same)
        return [*new, later]

    def _offset(self, row: Mapping[str, Any], number: int) -> dict[str, Any]:
        if self._mode == "bulk":
            return {"row": number + 1}
        place = _Place()
        if "timestamp" in self._mode:
            found = [row[name] for name in self._config.texts("timestamp.column.name")]
            place.moment = next(value for value in found if value is not None)
            if place.moment.tzinfo is not None:
                place.moment = place.moment.astimezone(UTC).replace(tzinfo=None)
        if "incrementing" in self._mode:
            place.number = int(row[self._config.text("incrementing.column.name")])
        return place.offset()

    def _schema(self, name: str, table: Any, rows: Sequence[Mapping[str, Any]]) -> ConnectSchema:
        fields = []
        for column in table.c:  # whose names are a kind of str that JSON does not take
            found = self._type(column.type)
            if found is None:
                found = _seen(rows, column.name)
            nullable = getattr(column, "nullable", True) or self._query
            fields.append(("".join(column.name), found.as_optional() if nullable else found))
        return s.struct(fields, name or None)

    def _type(self, kind: Any) -> ConnectSchema | None:
        """The schema of a column's type; None where only its values tell."""
        types = self._alchemy.types
        if isinstance(kind, types.Numeric) and not isinstance(kind, types.Float):
            return self._numeric(kind)
        wide = self._engine.dialect.name == "sqlite"
        for found, schema in (
            (types.NullType, None), (types.Boolean, s.BOOLEAN), (types.BigInteger, s.INT64),
            (types.SmallInteger, s.INT64 if wide else s.INT16), (types.Integer, s.INT64 if wide else s.INT32),
            (types.REAL, s.FLOAT64 if wide else s.FLOAT32), (types.Float, s.FLOAT64),
            (types.DateTime, s.TIMESTAMP_SCHEMA),
            (types.Date, s.DATE_SCHEMA), (types.Time, s.TIME_SCHEMA), (types.LargeBinary, s.BYTES),
        ):  # fmt: skip
            if isinstance(kind, found):
                return schema
        return s.STRING

    def _numeric(self, kind: Any) -> ConnectSchema:
        precision: int | None = kind.precision
        scale: int = kind.scale or 0
        mapping = self._config.text("numeric.mapping")
        if mapping != "none" and scale == 0 and precision is not None and precision < 19:
            return s.INT64 if precision > 9 else s.INT32
        if mapping.startswith("best_fit") and (precision is None or precision < 19 or mapping.endswith("double")):
            return s.FLOAT64
        return s.decimal(scale if precision is not None else 9, precision)


def _seen(rows: Sequence[Mapping[str, Any]], name: str) -> ConnectSchema:
    first = next((row[name] for row in rows if row[name] is not None), None)
    for kind, schema in ((bool, s.BOOLEAN), (int, s.INT64), (float, s.FLOAT64), (bytes, s.BYTES)):
        if isinstance(first, kind):
            return schema
    return s.TIMESTAMP_SCHEMA if isinstance(first, datetime) else s.STRING


def _values(row: Mapping[str, Any], schema: ConnectSchema) -> dict[str, Any]:
    return {f.name: _value(row[f.name], f.schema) for f in schema.fields}


def _value(value: Any, schema: ConnectSchema) -> Any:
    if value is None:
        return None
    if schema.name == s.DECIMAL:
        return Decimal(value).quantize(Decimal((0, (1,), -schema.scale)))
    if isinstance(value, datetime):
        return s.timestamp_of_ms(s.ms_of_timestamp(value))
    if schema.name is not None:
        return value
    match schema.type:
        case s.Type.INT16 | s.Type.INT32 | s.Type.INT64:
            return int(value)
        case s.Type.FLOAT32 | s.Type.FLOAT64:
            return float(value)
        case s.Type.BYTES:
            return bytes(value)
        case s.Type.STRING if isinstance(value, dict | list):
            return json.dumps(value)
        case s.Type.STRING:
            return str(value)
    return value


class JdbcSource(SourceConnector):
    """Reads the tables of a database that SQLAlchemy has a driver for."""

    names = ("io.confluent.connect.jdbc.JdbcSourceConnector", "JdbcSource")
    title, config, task = "JDBC source", CONFIG, JdbcSourceTask

    async def task_configs(self, config: Config, max_tasks: int) -> Sequence[Mapping[str, str]]:
        count = 1 if config.text("query") else max_tasks
        return [{"task.number": str(i), "task.count": str(count)} for i in range(count)]

    async def validate(self, config: Config) -> Mapping[str, Sequence[str]]:
        try:
            database = await asyncio.to_thread(AlchemyDatabase, config)
            await asyncio.to_thread(database.close)
        except (ConnectError, DataError) as error:
            return {"connection.url": [str(error)]}
        return {}
