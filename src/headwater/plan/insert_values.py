"""INSERT INTO … VALUES: one row, checked and converted (statements section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headwater.core.clock import Clock
from headwater.core.errors import AnalysisError, FunctionError
from headwater.core.names import quote
from headwater.core.schema import Column, Role
from headwater.core.types import BIGINT
from headwater.plan.catalog import DataSource
from headwater.plan.constants import constant_as
from headwater.plan.expressions import evaluate_constant
from headwater.plan.functions import FunctionRegistry
from headwater.plan.problems import did_you_mean, problem
from headwater.plan.queries import similar_sources
from headwater.plan.registered_schemas import check_key_schema
from headwater.plan.relation import Context
from headwater.sql.ast import Expression, InsertValues
from headwater.sql.expression_text import format_expression

INSERT_VALUES_ENABLED = "ksql.insert.into.values.enabled"


@dataclass(frozen=True)
class InsertValuesPlan:
    """A record to write: values of the key and value columns by name (NULL ones included), and its timestamp in ms."""

    target: DataSource
    values: dict[str, Any]
    rowtime: int


def plan_insert_values(statement: InsertValues, clock: Clock, context: Context) -> InsertValuesPlan:
    """Check the target and turn the values into the columns' types. Raises AnalysisError."""
    if not context.flag(INSERT_VALUES_ENABLED, default=True):
        raise AnalysisError(
            f"The server has disabled INSERT INTO ... VALUES functionality. See {INSERT_VALUES_ENABLED}."
        )
    target = _target(statement, context)
    check_key_schema(target, context)
    names = list(statement.columns) if statement.columns is not None else _all_columns(target)
    row = convert_row(target, names, statement.values, context.functions)
    rowtime = row.pop("ROWTIME", None)
    if target.is_table:
        missing = [c.name for c in target.schema.key if c.name not in names]
        if missing:
            raise AnalysisError(
                f"Failed to insert values into '{target.name}'. Value for primary key column(s) "
                f"{', '.join(map(str, missing))} is required for tables"
            )
    columns = (*target.schema.key, *target.schema.value)
    values = {c.name: row.get(c.name) for c in columns}
    return InsertValuesPlan(target, values, clock.now_ms() if rowtime is None else rowtime)


def _target(statement: InsertValues, context: Context) -> DataSource:
    target = context.metastore.get(statement.target)
    if target is None:
        raise problem(
            f"Cannot insert values into an unknown stream/table: {quote(statement.target)}"
            f"{similar_sources(context.metastore, statement.target)}",
            statement.position,
        )
    if target.window is not None:
        raise AnalysisError(f"Cannot insert values into windowed {target.kind_word}: {target.name}")
    if target.read_only:
        raise AnalysisError(f"Cannot insert values into read-only {target.kind_word}: {target.name}")
    return target


def _all_columns(target: DataSource) -> list[str]:
    if target.schema.headers:
        headers = ", ".join(c.name for c in target.schema.headers)
        raise AnalysisError(
            f"Cannot insert into HEADER columns: {headers}. List the columns to insert after the name of the "
            f"{target.kind_word}."
        )
    return [c.name for c in (*target.schema.key, *target.schema.value)]


def convert_row(
    target: DataSource, names: Sequence[str], values: Sequence[Expression], functions: FunctionRegistry
) -> dict[str, Any]:
    """The given values by column name, converted to the columns' types; ROWTIME among them where it is listed.

    Raises AnalysisError naming the column and both types.
    """
    if len(names) != len(values):
        raise AnalysisError(
            f"Expected number columns and values to match: {len(names)}, {len(values)}. "
            f"Columns of {target.name} are {target.schema}."
        )
    row: dict[str, Any] = {}
    for name, value in zip(names, values, strict=True):
        column = _column(target, name)
        if name in row:
            raise problem(f"Column {quote(name)} is listed twice.", value.position)
        row[name] = _value(column, value, target, functions)
    return row


def _column(target: DataSource, name: str) -> Column:
    if name == "ROWTIME":
        return Column(name, BIGINT)
    if name in ("ROWPARTITION", "ROWOFFSET"):
        raise AnalysisError(f"Inserting into column {quote(name)} is not allowed.")
    column = target.schema.by_name.get(name)
    if column is None:
        raise AnalysisError(
            f"Column name {quote(name)} does not exist in {target.name}.{did_you_mean(name, target.schema.by_name)}"
        )
    if column.role is Role.HEADER:
        raise AnalysisError(f"Cannot insert into HEADER columns: {name}")
    return column


def _value(column: Column, expression: Expression, target: DataSource, functions: FunctionRegistry) -> Any:
    try:
        return constant_as(expression, column.type, functions)
    except FunctionError as error:
        raise AnalysisError(
            f"Failed to insert values into '{target.name}'. Could not evaluate {format_expression(expression)}: "
            f"{error}",
            expression.position,
        ) from error
    except ValueError as error:
        _, given = evaluate_constant(expression, functions)
        raise problem(
            f"Failed to insert values into '{target.name}'. Expected type {column.type} for field {quote(column.name)} "
            f"but got {given}({format_expression(expression)}): {error}",
            expression.position,
        ) from None
