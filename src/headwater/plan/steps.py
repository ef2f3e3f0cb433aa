"""Physical steps: what a query does, as data. A plan is a tree of steps with a source at every leaf.

Expressions inside steps are syntax trees whose every `ColumnRef` has `source` None and names a column that the step's
input offers; nothing else needs resolving, and types follow from the input's columns. Every step offers downstream:

* its `schema`'s columns (key and value columns, declared types),
* `ROWTIME`, the row's timestamp; and, until an Aggregate or a join, its headers and the source record's
  `ROWPARTITION` and `ROWOFFSET`,
* `WINDOWSTART` and `WINDOWEND` where `windowed` is set.

Columns that nothing downstream refers to cost nothing: the engine prunes them when it compiles the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from headwater.core.schema import Schema
from headwater.sql.ast import Expression, JoinKind, SourceKind, WindowKind


@dataclass(frozen=True)
class FormatSpec:
    """How one side (key or value) of a topic is written; see `formats.api.SerdeOptions`."""

    name: str
    wrap: bool | None = None
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TopicFormats:
    key: FormatSpec
    value: FormatSpec


@dataclass(frozen=True)
class WindowInfo:
    """How the keys of a windowed topic are windowed; `size_ms` None for session windows."""

    kind: WindowKind
    size_ms: int | None = None


@dataclass(frozen=True)
class TimestampColumn:
    """The value column that holds a record's event time; `format` is a Java pattern for STRING columns."""

    name: str
    format: str | None = None


@dataclass(frozen=True)
class Step:
    """Base. `schema` is what the step puts out; `is_table` whether its rows are changes of a table."""

    schema: Schema
    is_table: bool

    @property
    def inputs(self) -> tuple[Step, ...]:
        return ()

    @property
    def windowed(self) -> WindowInfo | None:
        """How the keys of this step's rows are windowed; None when they are not."""
        return self.inputs[0].windowed if self.inputs else None


@dataclass(frozen=True)
class SourceStep(Step):
    """Reads the topic of a stream or table. `schema` is the source's schema as declared, header columns included."""

    source_name: str
    topic: str
    formats: TopicFormats
    window: WindowInfo | None = None
    timestamp: TimestampColumn | None = None

    @property
    def windowed(self) -> WindowInfo | None:
        return self.window


@dataclass(frozen=True)
class Filter(Step):
    """WHERE or HAVING. On a table, a row that stops matching becomes a tombstone (once)."""

    input: Step
    condition: Expression

    @property
    def inputs(self) -> tuple[Step, ...]:
        return (self.input,)


@dataclass(frozen=True)
class Project(Step):
    """SELECT list. Key columns are the input's, renamed in order to `keys`; `values` are new columns."""

    input: Step
    keys: tuple[str, ...]
    values: tuple[tuple[str, Expression], ...]

    @property
    def inputs(self) -> tuple[Step, ...]:
        return (self.input,)


@dataclass(frozen=True)
class FlatMap(Step):
    """Table functions (streams only): each input row gives as many rows as the longest function result.

    `functions` are (column name, table function call); the columns are added to the input's.
    """

    input: Step
    functions: tuple[tuple[str, Expression], ...]

    @property
    def inputs(self) -> tuple[Step, ...]:
        return (self.input,)


@dataclass(frozen=True)
class Rekey(Step):
    """PARTITION BY, or the re-keying of a join input: new key columns, computed from the input's columns.

    All input columns stay available (old keys as values); a new key column shadows an input column of its name. Empty
    `keys` (PARTITION BY NULL) gives keyless rows. With `repartition` rows pass through an internal topic, keyed in
    `key_format`, so that rows with equal keys meet in one partition; without it the result goes straight to the sink.
    With `drop_null` (joins) a row whose new key is NULL, or whose value is, is dropped.
    """

    input: Step
    keys: tuple[tuple[str, Expression], ...]
    key_format: FormatSpec
    repartition: bool = True
    drop_null: bool = False

    @property
    def inputs(self) -> tuple[Step, ...]:
        return (self.input,)


@dataclass(frozen=True)
class AggregateCall:
    """One aggregate: its result column (`KSQL_AGG_VARIABLE_n`), the function, its arguments over the input."""

    column: str
    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class WindowSpec:
    """A window clause with its defaults filled in; all in ms. `size_ms` is the gap of a session window."""

    kind: WindowKind
    size_ms: int
    advance_ms: int
    grace_ms: int
    retention_ms: int


@dataclass(frozen=True)
class Aggregate(Step):
    """GROUP BY with aggregates: key columns are `groups` in order, value columns the calls' columns.

    Empty `groups` is the implicit single group of a push query. Input is a stream, or a table (old rows are undone).
    With `repartition` rows are re-keyed through an internal topic first (keyed in `key_format`). `final` is EMIT
    FINAL: only closed windows are put out.
    """

    input: Step
    groups: tuple[tuple[str, Expression], ...]
    calls: tuple[AggregateCall, ...]
    key_format: FormatSpec
    window: WindowSpec | None = None
    final: bool = False
    repartition: bool = True

    @property
    def inputs(self) -> tuple[Step, ...]:
        return (self.input,)

    @property
    def windowed(self) -> WindowInfo | None:
        if self.window is None:
            return None
        size = None if self.window.kind is WindowKind.SESSION else self.window.size_ms
        return WindowInfo(self.window.kind, size)


@dataclass(frozen=True)
class Join(Step):
    """Base of joins: both inputs have exactly one key column, of the same type and key format, except `ForeignKeyJoin`.

    The output offers `key` (the join key; a synthetic name or that of a column of one side) and every column of both
    inputs, whose names do not clash (planned as `ALIAS_COLUMN`).
    """

    left: Step
    right: Step
    kind: JoinKind
    key: str

    @property
    def inputs(self) -> tuple[Step, ...]:
        return (self.left, self.right)


@dataclass(frozen=True)
class StreamStreamJoin(Join):
    """Rows match when `left.ts - before_ms <= right.ts <= left.ts + after_ms`; `grace_ms` None when not written."""

    before_ms: int
    after_ms: int
    grace_ms: int | None


@dataclass(frozen=True)
class StreamTableJoin(Join):
    """Each left row looks up the right table's current row. INNER or LEFT."""


@dataclass(frozen=True)
class TableTableJoin(Join):
    """Primary key join."""


@dataclass(frozen=True)
class ForeignKeyJoin(Join):
    """`foreign_key`, over the left input's columns, gives the right table's key. INNER or LEFT.

    The result's keys are the left's, named `keys`; the base's `key` is unused (empty).
    """

    foreign_key: Expression
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Sink:
    """Where a persistent query's rows go. `schema` is the sink's; rows are written in its column order."""

    source_name: str
    topic: str
    kind: SourceKind
    schema: Schema
    formats: TopicFormats
    window: WindowInfo | None = None
    timestamp: TimestampColumn | None = None
    partitions: int | None = None
    replicas: int | None = None
    retention_ms: int | None = None


@dataclass(frozen=True)
class QueryPlan:
    """A query ready to be compiled: `root` puts out exactly `schema`'s columns, keys first in key order.

    `sources` are the names of the streams and tables read, left to right. `sink` is None for push queries, and for the
    query of CREATE SOURCE TABLE, which only keeps its result readable: that is `materialize`. `schema` lists all
    columns in the order a reader of the query sees them.
    """

    root: Step
    schema: Schema
    sources: tuple[str, ...]
    sink: Sink | None = None
    limit: int | None = None
    materialize: bool = False
