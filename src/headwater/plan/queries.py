"""SELECT … as a physical plan: the clauses in the order in which they run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from headwater.core.errors import AnalysisError
from headwater.core.names import quote
from headwater.core.schema import Column, Schema
from headwater.core.types import SqlType
from headwater.plan.aggregation import Aggregation, aggregate_calls, plan_aggregation, unqualified
from headwater.plan.catalog import DataSource, MetaStore
from headwater.plan.joins import plan_joins, source_step
from headwater.plan.partitioning import plan_partition_by, qualified_partitions, star_keys
from headwater.plan.problems import did_you_mean, listing, problem
from headwater.plan.projection import project_persistent, project_transient
from headwater.plan.relation import Context, KeyOrigin, Relation
from headwater.plan.rewriting import function_calls, substitute
from headwater.plan.scope import Scope, build_scope
from headwater.plan.select_list import NameGenerator, SelectColumn, StarRules, expand_select, key_names
from headwater.plan.steps import Filter, FlatMap, FormatSpec, Project, QueryPlan, WindowSpec
from headwater.plan.timestamps import with_magic_timestamps
from headwater.plan.typing import Typer
from headwater.plan.windows import window_spec
from headwater.sql.ast import ColumnRef, Emit, Expression, FunctionCall, Query, Source, SourceKind, Star
from headwater.sql.expression_text import format_expression
from headwater.sql.words import quote_identifier

SUPPRESS_ENABLED = "ksql.suppress.enabled"
NEW_PLANNER = "ksql.new.query.planner.enabled"


@dataclass(frozen=True)
class PlannedQuery:
    """A query without its sink: `projection` is the root; `key_format` what a sink's key inherits; `scope` its
    sources.
    """

    projection: Project
    schema: Schema
    key_format: FormatSpec
    scope: Scope
    window: WindowSpec | None
    limit: int | None

    @property
    def kind(self) -> SourceKind:
        return SourceKind.TABLE if self.projection.is_table else SourceKind.STREAM

    @property
    def sources(self) -> tuple[DataSource, ...]:
        return tuple(s.source for s in self.scope.sources)

    @property
    def source_names(self) -> tuple[str, ...]:
        return tuple(s.name for s in self.sources)


def find_source(metastore: MetaStore, source: Source) -> DataSource:
    """The stream or table of FROM or JOIN. Raises AnalysisError naming near misses."""
    found = metastore.get(source.name)
    if found is None:
        raise problem(
            f"Source {quote(source.name)} does not exist.{similar_sources(metastore, source.name)}", source.position
        )
    return found


def similar_sources(metastore: MetaStore, name: str) -> str:
    """A hint naming sources that differ by case only, or are spelled alike; starts with a blank or line break, may
    be empty.
    """
    similar = metastore.same_but_for_case(name)
    if similar:
        only = len(similar) == 1
        names = listing([quote_identifier(s.name) + ("" if only else f" ({s.kind.value})") for s in similar], "or")
        if name != name.upper():
            return f"\nDid you mean {names}? Hint: try removing double quotes from the source name."
        return f"\nDid you mean {names}? Hint: wrap the source name in double quotes or backticks to keep its case."
    return did_you_mean(name, (s.name for s in metastore))


def plan_query(query: Query, context: Context, *, sink: str | None) -> PlannedQuery:
    """Plan a persistent query (`sink` is its target's name) or a push query (None). Raises AnalysisError."""
    written = (query.source, *(j.source for j in query.joins))
    scope = build_scope([(s.qualifier, find_source(context.metastore, s)) for s in written], context.metastore.types)
    return _QueryPlanner(query, context, scope, sink).plan()


class _QueryPlanner:
    def __init__(self, query: Query, context: Context, scope: Scope, sink: str | None) -> None:
        self._query = query
        self._context = context
        self._scope = scope
        self._sink = sink
        self._typer = Typer(scope.type_of_internal, context.functions)
        self._names = NameGenerator(scope.names())

    def plan(self) -> PlannedQuery:
        query = self._query
        self._check_windowed_tables()
        relation = self._source()
        window = self._window()
        partitions = None
        if query.partition_by is not None:
            partitions = qualified_partitions(query, self._scope, self._context)
        select = self._select(relation.synthetic, partitions)
        where = self._condition(query.where, "WHERE")
        having = self._qualified(query.having, "HAVING")
        if where is not None:
            relation = self._filtered(relation, where, "WHERE")
        relation, select = self._flat_mapped(relation, select, having)
        aggregation = None
        if partitions is not None:
            self._check_partition_by()
            relation = self._partitioned(relation, partitions, select)
        elif self._is_aggregation(select, having):
            aggregation = plan_aggregation(
                relation, query, select, having, window, query.emit is Emit.FINAL,
                self._scope, self._typer, self._context, self._names,
            )  # fmt: skip
            relation = aggregation.relation
            if having is not None:
                relation = self._having(aggregation, having)
        projection, schema = self._project(relation, select, aggregation)
        return PlannedQuery(projection, schema, relation.key_format, self._scope, window, query.limit)

    # --- clauses ----------------------------------------

    def _check_windowed_tables(self) -> None:
        if self._sink is None:
            return
        for source in self._scope.sources:
            if source.source.is_table and source.source.window is not None:
                raise AnalysisError(
                    f"KSQL does not support persistent queries on windowed tables. {quote(source.source.name)} is one."
                )

    def _source(self) -> Relation:
        if self._query.joins:
            relation = plan_joins(self._query.joins, self._scope, self._context, self._type_of)
            if relation.synthetic is not None:
                key = relation.step.schema.key[0]
                self._scope.add_synthetic(relation.synthetic, key.name, key.type)
            return relation
        only = self._scope.sources[0]
        meaning = tuple((c.ref,) for c in only.keys)
        return Relation(source_step(only), only.source.formats.key, meaning, KeyOrigin.SOURCE)

    def _window(self) -> WindowSpec | None:
        query = self._query
        final = query.emit is Emit.FINAL
        if final and (query.window is None or query.group_by is None):
            raise AnalysisError("EMIT FINAL is only supported for windowed aggregations.")
        if final and not self._context.flag(SUPPRESS_ENABLED, default=True):
            raise AnalysisError(
                f"Suppression is currently disabled. You can enable it by setting {SUPPRESS_ENABLED} to true"
            )
        if query.window is None:
            return None
        if query.group_by is None:
            raise AnalysisError("WINDOW clause requires a GROUP BY clause.")
        self._scope.aggregate_windows()
        return window_spec(query.window, final=final)

    def _select(self, synthetic: str | None, partitions: list[Expression] | None) -> list[SelectColumn]:
        rules = StarRules(windows=self._sink is None, repartitioned=partitions is not None)
        select = expand_select(self._query, self._scope, rules, self._names, synthetic, self._type_of)
        if partitions and any(isinstance(i, Star) and i.source is None for i in self._query.select):
            select = star_keys(partitions, select, self._names) + select
        return [replace(c, expression=with_magic_timestamps(c.expression)) for c in select]

    def _qualified(self, expression: Expression | None, clause: str) -> Expression | None:
        if expression is None:
            return None
        return with_magic_timestamps(self._scope.qualify(expression, clause))

    def _condition(self, expression: Expression | None, clause: str) -> Expression | None:
        qualified = self._qualified(expression, clause)
        if qualified is not None:
            for call in function_calls(qualified):
                for kind, is_kind in (
                    ("Aggregate", self._context.functions.is_aggregate),
                    ("Table", self._context.functions.is_table),
                ):
                    if is_kind(call.name):
                        raise problem(f"{kind} functions are not allowed in {clause}: {call.name}", call.position)
        return qualified

    def _filtered(self, relation: Relation, condition: Expression, clause: str) -> Relation:
        lowered = self._scope.lower(condition)
        self._typer.condition(lowered, clause)
        step = relation.step
        return replace(relation, step=Filter(step.schema, step.is_table, step, lowered))

    def _having(self, aggregation: Aggregation, having: Expression) -> Relation:
        self._typer.condition(self._scope.lower(having), "HAVING")
        relation = aggregation.relation
        lowered = self._scope.lower(aggregation.rewrite(having))
        step = relation.step
        return replace(relation, step=Filter(step.schema, step.is_table, step, lowered))

    def _flat_mapped(
        self, relation: Relation, select: list[SelectColumn], having: Expression | None
    ) -> tuple[Relation, list[SelectColumn]]:
        functions = self._context.functions
        calls: list[FunctionCall] = []
        for column in select:
            for call in function_calls(column.expression):
                if not functions.is_table(call.name):
                    continue
                if any(functions.is_table(c.name) for a in call.arguments for c in function_calls(a)):
                    raise problem(
                        f"Table functions can not be nested: {format_expression(unqualified(call, self._scope))}",
                        call.position,
                    )
                calls.append(call)
        if not calls:
            return relation, select
        if self._is_aggregation(select, having):
            raise AnalysisError("Table functions cannot be used with aggregations.")
        if relation.step.is_table:
            raise AnalysisError("Table source is not supported with table functions")
        replacements: dict[Expression, Expression] = {}
        added: list[tuple[str, Expression, SqlType]] = []
        for call in calls:
            if call in replacements:
                continue
            lowered = self._scope.lower(call)
            sql_type = self._typer.value(lowered)
            name = self._scope.new_internal(f"KSQL_SYNTH_{len(added)}", sql_type)
            replacements[call] = ColumnRef(name)
            added.append((name, lowered, sql_type))
        step = relation.step
        schema = Schema((*step.schema.columns, *(Column(n, t) for n, _, t in added)))
        flat = FlatMap(schema, False, step, tuple((n, e) for n, e, _ in added))
        replaced = [replace(c, expression=substitute(c.expression, replacements)) for c in select]
        return replace(relation, step=flat), replaced

    def _partitioned(
        self, relation: Relation, partitions: Sequence[Expression], select: Sequence[SelectColumn]
    ) -> Relation:
        return plan_partition_by(
            relation, partitions, self._scope, self._typer, self._context, key_names(select, self._names)
        )

    def _check_partition_by(self) -> None:
        if self._query.group_by is not None:
            raise AnalysisError("PARTITION BY and GROUP BY cannot be used in one query: GROUP BY already sets the key.")
        if self._query.having is not None:
            raise AnalysisError("HAVING requires a GROUP BY clause.")

    def _is_aggregation(self, select: Sequence[SelectColumn], having: Expression | None) -> bool:
        expressions = [c.expression for c in select] + ([having] if having is not None else [])
        used = list(dict.fromkeys(c.name for e in expressions for c in aggregate_calls(e, self._context)))
        if self._query.group_by is not None:
            return True
        if having is not None and not used:
            raise AnalysisError("HAVING requires a GROUP BY clause.")
        if used and (self._sink is not None or self._query.partition_by is not None):
            raise self._without_group_by(used, expressions)
        return bool(used)

    def _without_group_by(self, used: Sequence[str], expressions: Sequence[Expression]) -> AnalysisError:
        plain = [e for e in expressions if not aggregate_calls(e, self._context)]
        others = ", ".join(format_expression(unqualified(e, self._scope)) for e in plain)
        detail = f"\nNon-aggregate SELECT expression(s) not part of GROUP BY: {others}" if plain else ""
        return AnalysisError(
            f"Use of aggregate function{'s' if len(used) > 1 else ''} {listing(used, 'and')} requires a GROUP BY "
            f"clause.{detail}"
        )

    def _project(
        self, relation: Relation, select: list[SelectColumn], aggregation: Aggregation | None
    ) -> tuple[Project, Schema]:
        def lower(expression: Expression) -> Expression:
            return self._scope.lower(aggregation.rewrite(expression) if aggregation else expression)

        relation = self._without_unselected_key(relation, select)
        if self._sink is None:
            return project_transient(relation, select, lower, self._typer.value)
        projection = project_persistent(
            relation, select, lower, self._typer.value, self._sink,
            lambda e: format_expression(unqualified(e, self._scope)),
        )  # fmt: skip
        return projection, projection.schema

    def _without_unselected_key(self, relation: Relation, select: list[SelectColumn]) -> Relation:
        """ksqlDB's new planner lets a stream's key go by leaving it out of the projection, as PARTITION BY NULL
        does.
        """
        droppable = self._sink is not None and relation.origin is KeyOrigin.SOURCE and not relation.step.is_table
        if not droppable or not self._context.flag(NEW_PLANNER, default=False):
            return relation
        if any(c.expression in meanings for meanings in relation.keys for c in select):
            return relation
        return self._partitioned(relation, [], select)

    def _type_of(self, qualified: Expression) -> SqlType | None:
        return self._typer.type_of(self._scope.lower(qualified))


def transient_plan(planned: PlannedQuery) -> QueryPlan:
    """The plan of a push query."""
    return QueryPlan(planned.projection, planned.schema, planned.source_names, None, planned.limit)
