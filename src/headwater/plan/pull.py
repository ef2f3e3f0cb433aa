"""Pull queries: which rows of a materialised table, or of a stream's log, answer a SELECT (semantics section 14)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from headwater.core.errors import AnalysisError
from headwater.core.names import quote
from headwater.core.schema import PSEUDO_COLUMNS, WINDOW_COLUMNS, Column, Role, Schema
from headwater.core.types import SqlType
from headwater.plan.catalog import DataSource
from headwater.plan.problems import problem
from headwater.plan.pull_keys import KeyLookup, KeyRange, find_keys
from headwater.plan.queries import find_source
from headwater.plan.relation import Context
from headwater.plan.rewriting import column_refs, function_calls
from headwater.plan.scope import Scope, build_scope
from headwater.plan.select_list import NameGenerator, SelectColumn, StarRules, expand_select
from headwater.plan.timestamps import with_magic_timestamps
from headwater.plan.typing import Typer
from headwater.sql.ast import ColumnRef, Expression, Query, Star

LIMIT_ENABLED = "ksql.query.pull.limit.clause.enabled"
STREAMS_ENABLED = "ksql.query.pull.stream.enabled"

_SEE = "See https://cnfl.io/queries for more info.\nAdd EMIT CHANGES if you intended to issue a push query."
_UNSUPPORTED_COLUMNS = tuple(n for n in PSEUDO_COLUMNS if n != "ROWTIME")


@dataclass(frozen=True)
class PullPlan:
    """How to answer a pull query.

    Candidates come from `lookups` (exact keys, each with window bounds), or `key_range`, or, with both None, a scan of
    everything; `where` must then still hold (it is the whole WHERE clause). Expressions name the source's columns,
    ROWTIME
    and, where it is windowed, WINDOWSTART and WINDOWEND. `projection` yields `schema`'s columns in order.
    """

    source: DataSource
    projection: tuple[tuple[str, Expression], ...]
    schema: Schema
    where: Expression | None = None
    lookups: tuple[KeyLookup, ...] | None = None
    key_range: KeyRange | None = None
    limit: int | None = None


def plan_pull_query(query: Query, context: Context) -> PullPlan:
    """Plan a SELECT without EMIT. Raises AnalysisError."""
    _check_clauses(query, context)
    source = find_source(context.metastore, query.source)
    _check_queryable(source, context)
    scope = build_scope([(query.source.qualifier, source)], context.metastore.types)
    return _Planner(query, source, scope, context).plan()


def _check_clauses(query: Query, context: Context) -> None:
    for clause, used in (
        ("JOIN", bool(query.joins)),
        ("WINDOW", query.window is not None),
        ("GROUP BY", query.group_by is not None),
        ("PARTITION BY", query.partition_by is not None),
        ("HAVING", query.having is not None),
    ):
        if used:
            raise problem(f"Pull queries don't support {clause} clauses. {_SEE}", query.position)
    if query.limit is not None and not context.flag(LIMIT_ENABLED, default=True):
        raise AnalysisError(
            "LIMIT clause in pull queries is currently disabled. "
            f"You can enable them by setting {LIMIT_ENABLED}=true. {_SEE}"
        )


def _check_queryable(source: DataSource, context: Context) -> None:
    if not source.is_table:
        if not context.flag(STREAMS_ENABLED, default=True):
            raise AnalysisError(
                "Pull queries on streams are disabled. To create a push query on the stream, add EMIT CHANGES to "
                f"the end. To enable pull queries on streams, set the {STREAMS_ENABLED} config to 'true'."
            )
        return
    if source.materialized_by is None:
        derived = f"QUERYABLE_{source.name}"
        raise AnalysisError(
            f"The {quote(source.name)} table isn't queryable. To derive a queryable table, you can do "
            f"'CREATE TABLE {derived} AS SELECT * FROM {source.name}'. See https://cnfl.io/queries for more info."
        )
    if source.materialized_by not in context.metastore.queries:
        raise AnalysisError(
            f"The {quote(source.name)} table isn't queryable: its query {source.materialized_by} has been terminated."
        )


class _Planner:
    def __init__(self, query: Query, source: DataSource, scope: Scope, context: Context) -> None:
        self._query = query
        self._source = source
        self._scope = scope
        self._context = context
        self._typer = Typer(scope.type_of_internal, context.functions)

    def plan(self) -> PullPlan:
        select = self._select()
        projection = tuple((c.name, self._scope.lower(c.expression)) for c in select)
        schema = Schema(tuple(self._column(c, e) for c, (_, e) in zip(select, projection, strict=True)))
        where = self._where()
        plan = PullPlan(self._source, projection, schema, where, limit=self._query.limit)
        if not self._source.is_table:
            return plan
        keys = find_keys(where, self._source, self._context)
        return replace(plan, lookups=keys.lookups, key_range=keys.key_range)

    def _select(self) -> list[SelectColumn]:
        stars = [i for i in self._query.select if isinstance(i, Star)]
        if stars and len(self._query.select) > 1:
            raise problem(
                "Pull queries only support wildcards in the projection if they are the only expression in the "
                f"SELECT clause. {_SEE}",
                stars[0].position,
            )
        rules = StarRules(windows=True, repartitioned=False)
        names = NameGenerator(self._scope.names())
        select = expand_select(self._query, self._scope, rules, names, None, self._type_of)
        select = [replace(c, expression=with_magic_timestamps(c.expression)) for c in select]
        seen: set[str] = set()
        for column in select:
            self._check(column.expression, "SELECT")
            if column.name in seen:
                raise problem(f"Duplicate column names in the SELECT clause: {quote(column.name)}", column.position)
            seen.add(column.name)
        return select

    def _where(self) -> Expression | None:
        if self._query.where is None:
            return None
        qualified = with_magic_timestamps(self._scope.qualify(self._query.where, "WHERE"))
        self._check(qualified, "WHERE")
        lowered = self._scope.lower(qualified)
        self._typer.condition(lowered, "WHERE")
        return lowered

    def _check(self, expression: Expression, clause: str) -> None:
        bad = [r.name for r in column_refs(expression) if r.name in _UNSUPPORTED_COLUMNS]
        if bad:
            listed = ", ".join(quote(n) for n in dict.fromkeys(bad))
            raise problem(
                f"Pull queries don't support the following columns in {clause} clauses: {listed}. {_SEE}",
                expression.position,
            )
        functions = self._context.functions
        for call in function_calls(expression):
            if functions.is_aggregate(call.name) or functions.is_table(call.name):
                word = "aggregate" if functions.is_aggregate(call.name) else "table"
                raise problem(f"Pull queries don't support {word} functions: {call.name}. {_SEE}", call.position)

    def _column(self, item: SelectColumn, lowered: Expression) -> Column:
        is_key = (
            self._source.is_table
            and isinstance(lowered, ColumnRef)
            and (lowered.name in WINDOW_COLUMNS or lowered.name in {c.name for c in self._source.schema.key})
        )
        return Column(item.name, self._typer.value(lowered), Role.KEY if is_key else Role.VALUE)

    def _type_of(self, qualified: Expression) -> SqlType | None:
        return self._typer.type_of(self._scope.lower(qualified))
