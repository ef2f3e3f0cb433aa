"""Nodes of statements, one class for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from headwater.core.errors import Position
from headwater.core.types import SqlType
from headwater.sql.ast.expressions import (
    BigintLiteral,
    BooleanLiteral,
    DecimalLiteral,
    DoubleLiteral,
    Expression,
    IntegerLiteral,
    NullLiteral,
    StringLiteral,
)
from headwater.sql.ast.queries import Duration, Query
from headwater.sql.node import node


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
