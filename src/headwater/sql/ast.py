"""The syntax tree: what the text says, before anything is resolved.

Nodes are frozen and comparable; `position` (where the node starts) takes no part in comparison. Identifiers hold the
name as it counts: upper-cased when it was unquoted. Numbering of statements follows the statement sheet of the docs.
"""

from __future__ import annotations

import decimal
from dataclasses import dataclass, field
from enum import Enum

from headwater.core.errors import Position
from headwater.core.types import SqlType
from headwater.sql.node import node

# --- types as written ------------------------------------------------------------------------------------------------


@node
class NamedType(SqlType):
    """A custom type by name, resolved when the statement is analysed. May stand anywhere inside a written type."""

    name: str
    position: Position | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.name


# --- expressions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expression:
    """Base of expressions."""

    position: Position | None = field(default=None, compare=False, kw_only=True)


@node
class NullLiteral(Expression):
    pass


@node
class BooleanLiteral(Expression):
    value: bool


@node
class IntegerLiteral(Expression):
    """INTEGER; the sign of `-2147483648` is folded in by the parser."""

    value: int


@node
class BigintLiteral(Expression):
    value: int


@node
class DecimalLiteral(Expression):
    value: decimal.Decimal


@node
class DoubleLiteral(Expression):
    value: float


@node
class StringLiteral(Expression):
    value: str


@node
class ColumnRef(Expression):
    """`name` or `source.name`."""

    name: str
    source: str | None = None


@node
class FieldRef(Expression):
    """`struct -> name`; `name` None is `->*` (select list only)."""

    base: Expression
    name: str


@node
class Subscript(Expression):
    base: Expression
    index: Expression


@node
class FunctionCall(Expression):
    """`name` is upper-cased. COUNT(*) is a call with `star` set and no arguments."""

    name: str
    arguments: tuple[Expression, ...]
    star: bool = False


@node
class IntervalUnit(Expression):
    """DAYS, HOURS, MINUTES, SECONDS or MILLISECONDS as the first argument of DATEADD and its kin."""

    unit: str


@node
class Lambda(Expression):
    parameters: tuple[str, ...]
    body: Expression


class ArithmeticOp(Enum):
    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"
    MODULO = "%"


@node
class Arithmetic(Expression):
    op: ArithmeticOp
    left: Expression
    right: Expression


@node
class Negate(Expression):
    """Unary minus on something that is not a literal; unary plus leaves no trace."""

    operand: Expression


class ComparisonOp(Enum):
    EQUAL = "="
    NOT_EQUAL = "<>"
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="
    DISTINCT = "IS DISTINCT FROM"
    NOT_DISTINCT = "IS NOT DISTINCT FROM"


@node
class Comparison(Expression):
    op: ComparisonOp
    left: Expression
    right: Expression


@node
class And(Expression):
    left: Expression
    right: Expression


@node
class Or(Expression):
    left: Expression
    right: Expression


@node
class Not(Expression):
    operand: Expression


@node
class IsNull(Expression):
    operand: Expression
    negated: bool = False


@node
class Between(Expression):
    operand: Expression
    low: Expression
    high: Expression
    negated: bool = False


@node
class InList(Expression):
    operand: Expression
    items: tuple[Expression, ...]
    negated: bool = False


@node
class Like(Expression):
    operand: Expression
    pattern: Expression
    escape: str | None = None
    negated: bool = False


@node
class When:
    """One branch of a CASE."""

    condition: Expression
    result: Expression


@node
class Case(Expression):
    """CASE WHEN c THEN r … END; with `operand` the simple form, whose conditions are values to compare with it."""

    branches: tuple[When, ...]
    default: Expression | None = None
    operand: Expression | None = None


@node
class Cast(Expression):
    operand: Expression
    target: SqlType


@node
class ArrayConstructor(Expression):
    items: tuple[Expression, ...]


@node
class MapConstructor(Expression):
    entries: tuple[tuple[Expression, Expression], ...]


@node
class StructConstructor(Expression):
    fields: tuple[tuple[str, Expression], ...]


@node
class AtTimeZone(Expression):
    """Parses, is refused by analysis."""

    operand: Expression
    zone: Expression


# --- queries ---------------------------------------------------------------------------------------------------------


class TimeUnit(Enum):
    """Value is the unit's length in ms."""

    DAYS = 86_400_000
    HOURS = 3_600_000
    MINUTES = 60_000
    SECONDS = 1_000
    MILLISECONDS = 1


@node
class Duration:
    amount: int
    unit: TimeUnit

    @property
    def ms(self) -> int:
        return self.amount * self.unit.value


@dataclass(frozen=True)
class SelectItem:
    """Base of what a select list holds."""

    position: Position | None = field(default=None, compare=False, kw_only=True)


@node
class SingleColumn(SelectItem):
    expression: Expression
    alias: str | None = None


@node
class Star(SelectItem):
    """`*`, or `source.*`."""

    source: str | None = None


@node
class StructStar(SelectItem):
    """`expression -> *`."""

    base: Expression


@node
class Source:
    """A stream or table in FROM or JOIN; without an alias its own name qualifies its columns."""

    name: str
    alias: str | None = None
    position: Position | None = field(default=None, compare=False, kw_only=True)

    @property
    def qualifier(self) -> str:
        return self.alias or self.name


class JoinKind(Enum):
    INNER = "INNER"
    LEFT = "LEFT OUTER"
    RIGHT = "RIGHT OUTER"
    FULL = "FULL OUTER"


@node
class Within:
    """WITHIN before / after, in ms; `grace` None when not written."""

    before: Duration
    after: Duration
    grace: Duration | None = None


@node
class Join:
    kind: JoinKind
    source: Source
    on: Expression
    within: Within | None = None
    position: Position | None = field(default=None, compare=False, kw_only=True)


class WindowKind(Enum):
    TUMBLING = "TUMBLING"
    HOPPING = "HOPPING"
    SESSION = "SESSION"


@node
class Window:
    """`size` is the gap of a session window; `advance` only for hopping windows."""

    kind: WindowKind
    size: Duration
    advance: Duration | None = None
    retention: Duration | None = None
    grace: Duration | None = None


class Emit(Enum):
    CHANGES = "CHANGES"
    FINAL = "FINAL"


@node
class Query:
    """SELECT. Top-level without `emit` it is a pull query. Empty `group_by`/`partition_by` mean written but empty."""

    select: tuple[SelectItem, ...]
    source: Source
    joins: tuple[Join, ...] = ()
    window: Window | None = None
    where: Expression | None = None
    group_by: tuple[Expression, ...] | None = None
    partition_by: tuple[Expression, ...] | None = None
    having: Expression | None = None
    emit: Emit | None = None
    limit: int | None = None
    position: Position | None = field(default=None, compare=False, kw_only=True)


# --- statements ------------------------------------------------------------------------------------------------------


class ColumnKind(Enum):
    VALUE = "VALUE"
    KEY = "KEY"
    PRIMARY_KEY = "PRIMARY KEY"
    HEADERS = "HEADERS"


@node
class ColumnDef:
    """A column of CREATE STREAM/TABLE; a HEADERS column with `header_key` is HEADER('key')."""

    name: str
    type: SqlType
    kind: ColumnKind = ColumnKind.VALUE
    header_key: str | None = None
    position: Position | None = field(default=None, compare=False, kw_only=True)


Literal = NullLiteral | BooleanLiteral | IntegerLiteral | BigintLiteral | DecimalLiteral | DoubleLiteral | StringLiteral


@node
class Property:
    """One WITH entry; `name` as written (unquoted names upper-cased, quoted ones verbatim)."""

    name: str
    value: Literal
    position: Position | None = field(default=None, compare=False, kw_only=True)


@dataclass(frozen=True)
class Statement:
    """Base of statements. `text` is the statement as written without the final `;`, after variable substitution."""

    text: str = field(default="", compare=False, kw_only=True)
    position: Position | None = field(default=None, compare=False, kw_only=True)


class SourceKind(Enum):
    STREAM = "STREAM"
    TABLE = "TABLE"


@node
class CreateSource(Statement):
    """(1, 2) CREATE [OR REPLACE] [SOURCE] STREAM|TABLE."""

    kind: SourceKind
    name: str
    columns: tuple[ColumnDef, ...] = ()
    properties: tuple[Property, ...] = ()
    or_replace: bool = False
    if_not_exists: bool = False
    read_only: bool = False


@node
class CreateAsSelect(Statement):
    """(3, 4) CREATE [OR REPLACE] STREAM|TABLE … AS SELECT."""

    kind: SourceKind
    name: str
    query: Query
    properties: tuple[Property, ...] = ()
    or_replace: bool = False
    if_not_exists: bool = False


@node
class InsertInto(Statement):
    """(5) INSERT INTO … SELECT."""

    target: str
    query: Query
    properties: tuple[Property, ...] = ()


@node
class InsertValues(Statement):
    """(6) INSERT INTO … VALUES; `columns` None when not written."""

    target: str
    columns: tuple[str, ...] | None
    values: tuple[Expression, ...]


@node
class DropSource(Statement):
    """(7, 8)"""

    kind: SourceKind
    name: str
    if_exists: bool = False
    delete_topic: bool = False


@node
class AlterSource(Statement):
    """(9, 10) ALTER STREAM|TABLE … ADD COLUMN."""

    kind: SourceKind
    name: str
    columns: tuple[ColumnDef, ...]


@node
class CreateType(Statement):
    """(11)"""

    name: str
    type: SqlType
    if_not_exists: bool = False


@node
class DropType(Statement):
    """(12)"""

    name: str
    if_exists: bool = False


@node
class TerminateQuery(Statement):
    """(13) `query_id` None means ALL."""

    query_id: str | None


@node
class PauseQuery(Statement):
    """(14)"""

    query_id: str | None


@node
class ResumeQuery(Statement):
    """(15)"""

    query_id: str | None


@node
class AlterSystem(Statement):
    """(16)"""

    name: str
    value: str


@node
class QueryStatement(Statement):
    """(17, 18) a top-level SELECT: pull without EMIT, push with it."""

    query: Query


@node
class PrintTopic(Statement):
    """(19)"""

    topic: str
    from_beginning: bool = False
    interval: int | None = None
    limit: int | None = None


class ShowWhat(Enum):
    STREAMS = "STREAMS"
    TABLES = "TABLES"
    TOPICS = "TOPICS"
    QUERIES = "QUERIES"
    FUNCTIONS = "FUNCTIONS"
    PROPERTIES = "PROPERTIES"
    TYPES = "TYPES"
    VARIABLES = "VARIABLES"
    CONNECTORS = "CONNECTORS"
    SOURCE_CONNECTORS = "SOURCE CONNECTORS"
    SINK_CONNECTORS = "SINK CONNECTORS"
    CONNECTOR_PLUGINS = "CONNECTOR PLUGINS"


@node
class Show(Statement):
    """(20-29) SHOW/LIST; `all` only for topics."""

    what: ShowWhat
    extended: bool = False
    all: bool = False


@node
class DescribeSource(Statement):
    """(30)"""

    name: str
    extended: bool = False


@node
class DescribeSources(Statement):
    """(31, 32) DESCRIBE STREAMS|TABLES."""

    kind: SourceKind
    extended: bool = False


@node
class DescribeFunction(Statement):
    """(33)"""

    name: str


@node
class DescribeConnector(Statement):
    """(34)"""

    name: str


@node
class Explain(Statement):
    """(35) of a statement or of a running query: exactly one is set."""

    statement: Statement | None = None
    query_id: str | None = None


@node
class SetProperty(Statement):
    """(36)"""

    name: str
    value: str


@node
class UnsetProperty(Statement):
    """(37)"""

    name: str


@node
class DefineVariable(Statement):
    """(38)"""

    name: str
    value: str


@node
class UndefineVariable(Statement):
    """(39)"""

    name: str


@node
class CreateConnector(Statement):
    """(40)"""

    is_source: bool
    name: str
    properties: tuple[Property, ...]
    if_not_exists: bool = False


@node
class DropConnector(Statement):
    """(41)"""

    name: str
    if_exists: bool = False


@node
class AssertTopic(Statement):
    """(42)"""

    name: str
    properties: tuple[Property, ...] = ()
    timeout: Duration | None = None
    exists: bool = True


@node
class AssertSchema(Statement):
    """(43)"""

    subject: str | None = None
    schema_id: int | None = None
    timeout: Duration | None = None
    exists: bool = True


@node
class AssertValues(Statement):
    """(44)"""

    source: str
    columns: tuple[str, ...] | None
    values: tuple[Expression, ...]


@node
class AssertTombstone(Statement):
    """(45)"""

    source: str
    columns: tuple[str, ...] | None
    values: tuple[Expression, ...]


@node
class AssertSource(Statement):
    """(46, 47)"""

    kind: SourceKind
    name: str
    columns: tuple[ColumnDef, ...] = ()
    properties: tuple[Property, ...] = ()


@node
class RunScript(Statement):
    """(48)"""

    path: str


@node
class Spool(Statement):
    """(49) `path` None is OFF."""

    path: str | None
