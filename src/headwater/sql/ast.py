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

# --- types as written ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class NullLiteral(Expression):
    pass


@dataclass(frozen=True)
class BooleanLiteral(Expression):
    value: bool


@dataclass(frozen=True)
class IntegerLiteral(Expression):
    """INTEGER; the sign of `-2147483648` is folded in by the parser."""

    value: int


@dataclass(frozen=True)
class BigintLiteral(Expression):
    value: int


@dataclass(frozen=True)
class DecimalLiteral(Expression):
    value: decimal.Decimal


@dataclass(frozen=True)
class DoubleLiteral(Expression):
    value: float


@dataclass(frozen=True)
class StringLiteral(Expression):
    value: str


@dataclass(frozen=True)
class ColumnRef(Expression):
    """`name` or `source.name`."""

    name: str
    source: str | None = None


@dataclass(frozen=True)
class FieldRef(Expression):
    """`struct -> name`; `name` None is `->*` (select list only)."""

    base: Expression
    name: str


@dataclass(frozen=True)
class Subscript(Expression):
    base: Expression
    index: Expression


@dataclass(frozen=True)
class FunctionCall(Expression):
    """`name` is upper-cased. COUNT(*) is a call with `star` set and no arguments."""

    name: str
    arguments: tuple[Expression, ...]
    star: bool = False


@dataclass(frozen=True)
class IntervalUnit(Expression):
    """DAYS, HOURS, MINUTES, SECONDS or MILLISECONDS as the first argument of DATEADD and its kin."""

    unit: str


@dataclass(frozen=True)
class Lambda(Expression):
    parameters: tuple[str, ...]
    body: Expression


class ArithmeticOp(Enum):
    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"
    MODULO = "%"


@dataclass(frozen=True)
class Arithmetic(Expression):
    op: ArithmeticOp
    left: Expression
    right: Expression


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Comparison(Expression):
    op: ComparisonOp
    left: Expression
    right: Expression


@dataclass(frozen=True)
class And(Expression):
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Or(Expression):
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Not(Expression):
    operand: Expression


@dataclass(frozen=True)
class IsNull(Expression):
    operand: Expression
    negated: bool = False


@dataclass(frozen=True)
class Between(Expression):
    operand: Expression
    low: Expression
    high: Expression
    negated: bool = False


@dataclass(frozen=True)
class InList(Expression):
    operand: Expression
    items: tuple[Expression, ...]
    negated: bool = False


@dataclass(frozen=True)
class Like(Expression):
    operand: Expression
    pattern: Expression
    escape: str | None = None
    negated: bool = False


@dataclass(frozen=True)
class When:
    """One branch of a CASE."""

    condition: Expression
    result: Expression


@dataclass(frozen=True)
class Case(Expression):
    """CASE WHEN c THEN r … END; with `operand` the simple form, whose conditions are values to compare with it."""

    branches: tuple[When, ...]
    default: Expression | None = None
    operand: Expression | None = None


@dataclass(frozen=True)
class Cast(Expression):
    operand: Expression
    target: SqlType


@dataclass(frozen=True)
class ArrayConstructor(Expression):
    items: tuple[Expression, ...]


@dataclass(frozen=True)
class MapConstructor(Expression):
    entries: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True)
class StructConstructor(Expression):
    fields: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class SingleColumn(SelectItem):
    expression: Expression
    alias: str | None = None


@dataclass(frozen=True)
class Star(SelectItem):
    """`*`, or `source.*`."""

    source: str | None = None


@dataclass(frozen=True)
class StructStar(SelectItem):
    """`expression -> *`."""

    base: Expression


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Within:
    """WITHIN before / after, in ms; `grace` None when not written."""

    before: Duration
    after: Duration
    grace: Duration | None = None


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Query:
    """SELECT. Top-level without `emit` it is a pull query. Empty `group_by`/`partition_by` tuples mean written but empty."""

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


@dataclass(frozen=True)
class ColumnDef:
    """A column of CREATE STREAM/TABLE; a HEADERS column with `header_key` is HEADER('key')."""

    name: str
    type: SqlType
    kind: ColumnKind = ColumnKind.VALUE
    header_key: str | None = None
    position: Position | None = field(default=None, compare=False, kw_only=True)


Literal = NullLiteral | BooleanLiteral | IntegerLiteral | BigintLiteral | DecimalLiteral | DoubleLiteral | StringLiteral


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class CreateSource(Statement):
    """(1, 2) CREATE [OR REPLACE] [SOURCE] STREAM|TABLE."""

    kind: SourceKind
    name: str
    columns: tuple[ColumnDef, ...] = ()
    properties: tuple[Property, ...] = ()
    or_replace: bool = False
    if_not_exists: bool = False
    read_only: bool = False


@dataclass(frozen=True)
class CreateAsSelect(Statement):
    """(3, 4) CREATE [OR REPLACE] STREAM|TABLE … AS SELECT."""

    kind: SourceKind
    name: str
    query: Query
    properties: tuple[Property, ...] = ()
    or_replace: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True)
class InsertInto(Statement):
    """(5) INSERT INTO … SELECT."""

    target: str
    query: Query
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True)
class InsertValues(Statement):
    """(6) INSERT INTO … VALUES; `columns` None when not written."""

    target: str
    columns: tuple[str, ...] | None
    values: tuple[Expression, ...]


@dataclass(frozen=True)
class DropSource(Statement):
    """(7, 8)"""

    kind: SourceKind
    name: str
    if_exists: bool = False
    delete_topic: bool = False


@dataclass(frozen=True)
class AlterSource(Statement):
    """(9, 10) ALTER STREAM|TABLE … ADD COLUMN."""

    kind: SourceKind
    name: str
    columns: tuple[ColumnDef, ...]


@dataclass(frozen=True)
class CreateType(Statement):
    """(11)"""

    name: str
    type: SqlType
    if_not_exists: bool = False


@dataclass(frozen=True)
class DropType(Statement):
    """(12)"""

    name: str
    if_exists: bool = False


@dataclass(frozen=True)
class TerminateQuery(Statement):
    """(13) `query_id` None means ALL."""

    query_id: str | None


@dataclass(frozen=True)
class PauseQuery(Statement):
    """(14)"""

    query_id: str | None


@dataclass(frozen=True)
class ResumeQuery(Statement):
    """(15)"""

    query_id: str | None


@dataclass(frozen=True)
class AlterSystem(Statement):
    """(16)"""

    name: str
    value: str


@dataclass(frozen=True)
class QueryStatement(Statement):
    """(17, 18) a top-level SELECT: pull without EMIT, push with it."""

    query: Query


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Show(Statement):
    """(20-29) SHOW/LIST; `all` only for topics."""

    what: ShowWhat
    extended: bool = False
    all: bool = False


@dataclass(frozen=True)
class DescribeSource(Statement):
    """(30)"""

    name: str
    extended: bool = False


@dataclass(frozen=True)
class DescribeSources(Statement):
    """(31, 32) DESCRIBE STREAMS|TABLES."""

    kind: SourceKind
    extended: bool = False


@dataclass(frozen=True)
class DescribeFunction(Statement):
    """(33)"""

    name: str


@dataclass(frozen=True)
class DescribeConnector(Statement):
    """(34)"""

    name: str


@dataclass(frozen=True)
class Explain(Statement):
    """(35) of a statement or of a running query: exactly one is set."""

    statement: Statement | None = None
    query_id: str | None = None


@dataclass(frozen=True)
class SetProperty(Statement):
    """(36)"""

    name: str
    value: str


@dataclass(frozen=True)
class UnsetProperty(Statement):
    """(37)"""

    name: str


@dataclass(frozen=True)
class DefineVariable(Statement):
    """(38)"""

    name: str
    value: str


@dataclass(frozen=True)
class UndefineVariable(Statement):
    """(39)"""

    name: str


@dataclass(frozen=True)
class CreateConnector(Statement):
    """(40)"""

    is_source: bool
    name: str
    properties: tuple[Property, ...]
    if_not_exists: bool = False


@dataclass(frozen=True)
class DropConnector(Statement):
    """(41)"""

    name: str
    if_exists: bool = False


@dataclass(frozen=True)
class AssertTopic(Statement):
    """(42)"""

    name: str
    properties: tuple[Property, ...] = ()
    timeout: Duration | None = None
    exists: bool = True


@dataclass(frozen=True)
class AssertSchema(Statement):
    """(43)"""

    subject: str | None = None
    schema_id: int | None = None
    timeout: Duration | None = None
    exists: bool = True


@dataclass(frozen=True)
class AssertValues(Statement):
    """(44)"""

    source: str
    columns: tuple[str, ...] | None
    values: tuple[Expression, ...]


@dataclass(frozen=True)
class AssertTombstone(Statement):
    """(45)"""

    source: str
    columns: tuple[str, ...] | None
    values: tuple[Expression, ...]


@dataclass(frozen=True)
class AssertSource(Statement):
    """(46, 47)"""

    kind: SourceKind
    name: str
    columns: tuple[ColumnDef, ...] = ()
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True)
class RunScript(Statement):
    """(48)"""

    path: str


@dataclass(frozen=True)
class Spool(Statement):
    """(49) `path` None is OFF."""

    path: str | None
