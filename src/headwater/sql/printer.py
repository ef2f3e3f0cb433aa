"""Statements as SQL text that reads back as the same tree, and with secrets and values masked."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

from headwater.core.names import quote
from headwater.sql import ast
from headwater.sql.expression_text import (
    format_expression,
    format_list,
    format_primary,
    format_string,
    format_type,
)
from headwater.sql.words import RESERVED, quote_identifier

__all__ = ["format_expression", "format_query", "format_statement", "format_type", "mask"]

_BARE_PROPERTY = re.compile(r"[A-Z_][A-Z0-9_]*\Z")
_BARE_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def format_statement(statement: ast.Statement) -> str:
    """The statement as SQL text without a final `;`. Comments and layout are not kept: `Statement.text` has them."""
    return _FORMATS[type(statement)](statement)


def mask(statement: ast.Statement) -> str:
    """The statement's text for logs, listings and errors: no inserted values, no connector settings but the class.

    Statements without anything to hide keep the text they were written with.
    """
    hidden = _masked(statement)
    if hidden is not statement:
        return format_statement(hidden)
    return statement.text or format_statement(statement)


def _masked(statement: ast.Statement) -> ast.Statement:
    if isinstance(statement, ast.InsertValues):
        return dataclasses.replace(statement, values=(ast.StringLiteral("[value]"),) * len(statement.values))
    if isinstance(statement, ast.CreateConnector):
        return dataclasses.replace(statement, properties=tuple(map(_masked_property, statement.properties)))
    if isinstance(statement, ast.Explain) and statement.statement is not None:
        inner = _masked(statement.statement)
        return statement if inner is statement.statement else dataclasses.replace(statement, statement=inner)
    return statement


def _masked_property(entry: ast.Property) -> ast.Property:
    if entry.name.lower() == "connector.class":
        return entry
    return dataclasses.replace(entry, value=ast.StringLiteral("[string]"))


# --- queries


def format_query(query: ast.Query) -> str:
    """A query, one clause a line."""
    items = ",\n  ".join(map(_select_item, query.select))
    lines = [f"SELECT\n  {items}", f"FROM {_source(query.source)}", *map(_join, query.joins)]
    if query.window is not None:
        lines.append(f"WINDOW {_window(query.window)}")
    if query.where is not None:
        lines.append(f"WHERE {format_expression(query.where)}")
    if query.group_by is not None:
        lines.append(f"GROUP BY {_keys(query.group_by)}")
    if query.partition_by is not None:
        lines.append(f"PARTITION BY {_keys(query.partition_by)}")
    if query.having is not None:
        lines.append(f"HAVING {format_expression(query.having)}")
    if query.emit is not None:
        lines.append(f"EMIT {query.emit.value}")
    if query.limit is not None:
        lines.append(f"LIMIT {query.limit}")
    return "\n".join(lines)


def _select_item(item: ast.SelectItem) -> str:
    if isinstance(item, ast.SingleColumn):
        return format_expression(item.expression) + _alias(item.alias)
    if isinstance(item, ast.StructStar):
        return f"{format_primary(item.base)}->*"
    if isinstance(item, ast.Star) and item.source is not None:
        return f"{quote_identifier(item.source)}.*"
    return "*"


def _alias(alias: str | None) -> str:
    return "" if alias is None else f" AS {quote_identifier(alias)}"


def _source(source: ast.Source) -> str:
    return quote_identifier(source.name) + _alias(source.alias)


def _join(join: ast.Join) -> str:
    within = "" if join.within is None else f" WITHIN {_within(join.within)}"
    return f"{join.kind.value} JOIN {_source(join.source)}{within} ON {format_expression(join.on)}"


def _within(within: ast.Within) -> str:
    before, after = _duration(within.before), _duration(within.after)
    bounds = before if within.before == within.after else f"({before}, {after})"
    return bounds if within.grace is None else f"{bounds} GRACE PERIOD {_duration(within.grace)}"


def _window(window: ast.Window) -> str:
    size = _duration(window.size)
    parts = [size if window.kind is ast.WindowKind.SESSION else f"SIZE {size}"]
    if window.advance is not None:
        parts.append(f"ADVANCE BY {_duration(window.advance)}")
    if window.retention is not None:
        parts.append(f"RETENTION {_duration(window.retention)}")
    if window.grace is not None:
        parts.append(f"GRACE PERIOD {_duration(window.grace)}")
    return f"{window.kind.value} ({', '.join(parts)})"


def _duration(duration: ast.Duration) -> str:
    return f"{duration.amount} {duration.unit.name}"


def _keys(keys: tuple[ast.Expression, ...]) -> str:
    return format_list(keys) if keys else "()"


# --- parts of statements


def _column(column: ast.ColumnDef) -> str:
    suffix = "" if column.kind is ast.ColumnKind.VALUE else f" {column.kind.value}"
    if column.header_key is not None:
        suffix = f" HEADER({format_string(column.header_key)})"
    return f"{quote_identifier(column.name)} {format_type(column.type)}{suffix}"


def _columns(columns: tuple[ast.ColumnDef, ...]) -> str:
    return f" ({', '.join(map(_column, columns))})" if columns else ""


def _names(names: tuple[str, ...] | None) -> str:
    return "" if names is None else f" ({', '.join(map(quote_identifier, names))})"


def _properties(properties: tuple[ast.Property, ...]) -> str:
    return f" WITH ({', '.join(map(_property, properties))})" if properties else ""


def _property(entry: ast.Property) -> str:
    name = entry.name if _BARE_PROPERTY.match(entry.name) else format_string(entry.name)
    return f"{name}={format_expression(entry.value)}"


def _variable(name: str) -> str:
    return name if _BARE_VARIABLE.match(name) and name.upper() not in RESERVED else quote(name)


def _when(condition: bool, text: str) -> str:
    return text if condition else ""


def _timeout(timeout: ast.Duration | None) -> str:
    return "" if timeout is None else f" TIMEOUT {_duration(timeout)}"


# --- statements


def _create(statement: ast.CreateSource | ast.CreateAsSelect) -> str:
    replace = _when(statement.or_replace, "OR REPLACE ")
    read_only = _when(isinstance(statement, ast.CreateSource) and statement.read_only, "SOURCE ")
    exists = _when(statement.if_not_exists, "IF NOT EXISTS ")
    return f"CREATE {replace}{read_only}{statement.kind.value} {exists}{quote_identifier(statement.name)}"


def _create_source(statement: ast.CreateSource) -> str:
    return f"{_create(statement)}{_columns(statement.columns)}{_properties(statement.properties)}"


def _create_as_select(statement: ast.CreateAsSelect) -> str:
    return f"{_create(statement)}{_properties(statement.properties)} AS {format_query(statement.query)}"


def _insert_into(statement: ast.InsertInto) -> str:
    target = quote_identifier(statement.target)
    return f"INSERT INTO {target}{_properties(statement.properties)} {format_query(statement.query)}"


def _insert_values(statement: ast.InsertValues) -> str:
    target = f"{quote_identifier(statement.target)}{_names(statement.columns)}"
    return f"INSERT INTO {target} VALUES ({format_list(statement.values)})"


def _drop_source(statement: ast.DropSource) -> str:
    exists = _when(statement.if_exists, "IF EXISTS ")
    topic = _when(statement.delete_topic, " DELETE TOPIC")
    return f"DROP {statement.kind.value} {exists}{quote_identifier(statement.name)}{topic}"


def _alter_source(statement: ast.AlterSource) -> str:
    added = ", ".join(f"ADD COLUMN {_column(column)}" for column in statement.columns)
    return f"ALTER {statement.kind.value} {quote_identifier(statement.name)} {added}"


def _create_type(statement: ast.CreateType) -> str:
    exists = _when(statement.if_not_exists, "IF NOT EXISTS ")
    return f"CREATE TYPE {exists}{quote_identifier(statement.name)} AS {format_type(statement.type)}"


def _query_id(query_id: str | None) -> str:
    return "ALL" if query_id is None else quote_identifier(query_id)


def _print_topic(statement: ast.PrintTopic) -> str:
    parts = [f"PRINT {format_string(statement.topic)}"]
    if statement.from_beginning:
        parts.append("FROM BEGINNING")
    if statement.interval is not None:
        parts.append(f"INTERVAL {statement.interval}")
    if statement.limit is not None:
        parts.append(f"LIMIT {statement.limit}")
    return " ".join(parts)


def _show(statement: ast.Show) -> str:
    return f"SHOW {_when(statement.all, 'ALL ')}{statement.what.value}{_when(statement.extended, ' EXTENDED')}"


def _explain(statement: ast.Explain) -> str:
    if statement.statement is not None:
        return f"EXPLAIN {format_statement(statement.statement)}"
    return f"EXPLAIN {quote_identifier(statement.query_id or '')}"


def _create_connector(statement: ast.CreateConnector) -> str:
    kind = "SOURCE" if statement.is_source else "SINK"
    exists = _when(statement.if_not_exists, "IF NOT EXISTS ")
    return f"CREATE {kind} CONNECTOR {exists}{quote_identifier(statement.name)}{_properties(statement.properties)}"


def _assert_topic(statement: ast.AssertTopic) -> str:
    exists = _when(not statement.exists, "NOT EXISTS ")
    rest = f"{_properties(statement.properties)}{_timeout(statement.timeout)}"
    return f"ASSERT {exists}TOPIC {format_string(statement.name)}{rest}"


def _assert_schema(statement: ast.AssertSchema) -> str:
    exists = _when(not statement.exists, "NOT EXISTS ")
    subject = "" if statement.subject is None else f" SUBJECT {format_string(statement.subject)}"
    schema_id = "" if statement.schema_id is None else f" ID {statement.schema_id}"
    return f"ASSERT {exists}SCHEMA{subject}{schema_id}{_timeout(statement.timeout)}"


def _assert_values(statement: ast.AssertValues) -> str:
    source = f"{quote_identifier(statement.source)}{_names(statement.columns)}"
    return f"ASSERT VALUES {source} VALUES ({format_list(statement.values)})"


def _assert_tombstone(statement: ast.AssertTombstone) -> str:
    source = f"{quote_identifier(statement.source)}{_names(statement.columns)}"
    return f"ASSERT NULL VALUES {source} KEY ({format_list(statement.values)})"


def _assert_source(statement: ast.AssertSource) -> str:
    rest = f"{_columns(statement.columns)}{_properties(statement.properties)}"
    return f"ASSERT {statement.kind.value} {quote_identifier(statement.name)}{rest}"


_FORMATS: dict[type[ast.Statement], Callable[[Any], str]] = {
    ast.CreateSource: _create_source,
    ast.CreateAsSelect: _create_as_select,
    ast.InsertInto: _insert_into,
    ast.InsertValues: _insert_values,
    ast.DropSource: _drop_source,
    ast.AlterSource: _alter_source,
    ast.CreateType: _create_type,
    ast.DropType: lambda s: f"DROP TYPE {_when(s.if_exists, 'IF EXISTS ')}{quote_identifier(s.name)}",
    ast.TerminateQuery: lambda s: f"TERMINATE {_query_id(s.query_id)}",
    ast.PauseQuery: lambda s: f"PAUSE {_query_id(s.query_id)}",
    ast.ResumeQuery: lambda s: f"RESUME {_query_id(s.query_id)}",
    ast.AlterSystem: lambda s: f"ALTER SYSTEM {format_string(s.name)}={format_string(s.value)}",
    ast.QueryStatement: lambda s: format_query(s.query),
    ast.PrintTopic: _print_topic,
    ast.Show: _show,
    ast.DescribeSource: lambda s: f"DESCRIBE {quote_identifier(s.name)}{_when(s.extended, ' EXTENDED')}",
    ast.DescribeSources: lambda s: f"DESCRIBE {s.kind.value}S{_when(s.extended, ' EXTENDED')}",
    ast.DescribeFunction: lambda s: f"DESCRIBE FUNCTION {quote_identifier(s.name)}",
    ast.DescribeConnector: lambda s: f"DESCRIBE CONNECTOR {quote_identifier(s.name)}",
    ast.Explain: _explain,
    ast.SetProperty: lambda s: f"SET {format_string(s.name)}={format_string(s.value)}",
    ast.UnsetProperty: lambda s: f"UNSET {format_string(s.name)}",
    ast.DefineVariable: lambda s: f"DEFINE {_variable(s.name)}={format_string(s.value)}",
    ast.UndefineVariable: lambda s: f"UNDEFINE {_variable(s.name)}",
    ast.CreateConnector: _create_connector,
    ast.DropConnector: lambda s: f"DROP CONNECTOR {_when(s.if_exists, 'IF EXISTS ')}{quote_identifier(s.name)}",
    ast.AssertTopic: _assert_topic,
    ast.AssertSchema: _assert_schema,
    ast.AssertValues: _assert_values,
    ast.AssertTombstone: _assert_tombstone,
    ast.AssertSource: _assert_source,
    ast.RunScript: lambda s: f"RUN SCRIPT {format_string(s.path)}",
    ast.Spool: lambda s: "SPOOL OFF" if s.path is None else f"SPOOL {format_string(s.path)}",
}
