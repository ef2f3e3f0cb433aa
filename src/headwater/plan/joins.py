"""FROM … JOIN …: the tree of join steps (semantics section 13); what may be joined is in `join_rules`."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.core.errors import AnalysisError
from headwater.core.schema import Column, Role, Schema
from headwater.core.types import SqlType
from headwater.plan import join_rules, serdes
from headwater.plan.join_rules import Criteria
from headwater.plan.problems import problem
from headwater.plan.relation import Context, KeyOrigin, Relation, TypeOf, as_values, rekeyed_schema
from headwater.plan.scope import Scope, ScopeSource
from headwater.plan.steps import (
    ForeignKeyJoin,
    FormatSpec,
    Project,
    Rekey,
    SourceStep,
    Step,
    StreamStreamJoin,
    StreamTableJoin,
    TableTableJoin,
)
from headwater.sql.ast import ColumnRef, Expression, Join, JoinKind


def source_step(source: ScopeSource) -> SourceStep:
    """The leaf that reads a source."""
    data = source.source
    return SourceStep(data.schema, data.is_table, data.name, data.topic, data.formats, data.window, data.timestamp)


def plan_joins(joins: Sequence[Join], scope: Scope, context: Context, type_of: TypeOf) -> Relation:
    """The join tree of a query with joins. `type_of` types qualified expressions. Raises AnalysisError."""
    join_rules.check_sources(scope)
    return _JoinPlanner(scope, context, type_of).plan(joins)


class _JoinPlanner:
    def __init__(self, scope: Scope, context: Context, type_of: TypeOf) -> None:
        self._scope = scope
        self._context = context
        self._type_of = type_of

    def plan(self, joins: Sequence[Join]) -> Relation:
        sources = self._scope.sources
        criteria = [
            join_rules.join_criteria(join, sources[: i + 1], sources[i + 1], self._scope)
            for i, join in enumerate(joins)
        ]
        relation = self._leaf(sources[0])
        for i, join in enumerate(joins):
            relation = self._join(relation, join, criteria[i], i)
        return relation

    def _leaf(self, source: ScopeSource) -> Relation:
        """The source with every column, system columns included, under its name in the join."""
        keys = tuple(c.internal for c in source.keys)
        others = [c for c in source.columns if c.role is not Role.KEY]
        columns = [Column(c.internal, c.type, Role.KEY) for c in source.keys]
        columns += [Column(c.internal, c.type) for c in others]
        values = tuple((c.internal, ColumnRef(c.name)) for c in others)
        step = Project(Schema(tuple(columns)), source.source.is_table, source_step(source), keys, values)
        meaning = tuple((c.ref,) for c in source.keys)
        return Relation(step, source.source.formats.key, meaning, KeyOrigin.SOURCE)

    def _join(self, left: Relation, join: Join, criteria: Criteria, index: int) -> Relation:
        leftmost, source = self._scope.sources[0], self._scope.sources[index + 1]
        right = self._leaf(source)
        join_rules.check_kinds(left, leftmost, join, source)
        foreign = False
        if right.step.is_table:
            join_rules.check_primary_key(left, right, criteria, join)
            foreign = left.step.is_table and not left.is_key(criteria.left)
        if foreign:
            join_rules.check_foreign(left, source, join, criteria, index)
        join_rules.check_types(criteria, join, self._type_of)
        if foreign:
            return self._foreign_key_join(left, right, join, criteria)
        join_rules.check_partitions(leftmost, source, self._context)
        key_format = self._key_format(left, right, criteria, self._scope.sources[: index + 2])
        left_step = self._rekeyed(left, criteria.left, key_format, f"KSQL_LEFT_KEY_{index}")
        right_step = self._rekeyed(right, criteria.right, key_format, f"KSQL_RIGHT_KEY_{index}")
        key = self._scope.new_internal(f"KSQL_JOIN_KEY_{index}", self._sql_type(criteria.left))
        step = self._step(left_step, right_step, join, key, self._sql_type(criteria.left))
        meaning, synthetic = self._meaning(left, join, criteria)
        return Relation(step, key_format, (meaning,), KeyOrigin.JOIN, synthetic)

    def _key_format(
        self, left: Relation, right: Relation, criteria: Criteria, sources: Sequence[ScopeSource]
    ) -> FormatSpec:
        """That of the side that stays where it is, the left preferred; else the left-most source's that has a key."""
        if left.is_key(criteria.left):
            return left.key_format
        if right.is_key(criteria.right):
            return right.key_format
        for source in sources:
            if source.source.formats.key.name != "NONE":
                return source.source.formats.key
        return FormatSpec(serdes.default_key_format(self._context.settings))

    def _rekeyed(self, side: Relation, key: Expression, key_format: FormatSpec, name: str) -> Step:
        """The side keyed by the join expression, in the join's key format."""
        is_key = side.is_key(key)
        if is_key and (side.key_format.name == key_format.name or side.step.windowed is not None):
            return side.step
        if side.step.windowed is not None:
            raise AnalysisError(
                "Implicit repartitioning of windowed sources is not supported. "
                "See https://github.com/confluentinc/ksql/issues/4385."
            )
        sql_type = self._sql_type(key)
        lowered = ColumnRef(side.step.schema.key[0].name) if is_key else self._scope.lower(key)
        column = lowered.name if isinstance(lowered, ColumnRef) else self._scope.new_internal(name, sql_type)
        serdes.check_key((Column(column, sql_type, Role.KEY),), FormatSpec("JSON"))
        spec = serdes.internal_key_format(key_format, (sql_type,), self._context.settings)
        schema = rekeyed_schema(side.step.schema, ((column, sql_type),))
        is_table = side.step.is_table
        return Rekey(schema, is_table, side.step, ((column, lowered),), spec, drop_null=not is_table)

    def _sql_type(self, expression: Expression) -> SqlType:
        found = self._type_of(expression)
        if found is None:
            raise problem("Cannot join on NULL.", expression.position)
        return found

    def _step(self, left: Step, right: Step, join: Join, key: str, sql_type: SqlType) -> Step:
        columns = (*as_values(left.schema.columns), *as_values(right.schema.columns))
        schema = Schema((Column(key, sql_type, Role.KEY), *columns))
        if join.within is not None:
            before, after, grace = join.within.before.ms, join.within.after.ms, join.within.grace
            grace_ms = None if grace is None else grace.ms
            return StreamStreamJoin(schema, False, left, right, join.kind, key, before, after, grace_ms)
        if left.is_table:
            return TableTableJoin(schema, True, left, right, join.kind, key)
        return StreamTableJoin(schema, False, left, right, join.kind, key)

    def _meaning(self, left: Relation, join: Join, criteria: Criteria) -> tuple[tuple[Expression, ...], str | None]:
        """The columns that equal the result's key, or the name of the synthetic one."""
        if join.kind is not JoinKind.FULL:
            known = left.keys[0] if left.is_key(criteria.left) else (criteria.left,)
            equal = (*known, criteria.right)
            columns = tuple(e for e in equal if isinstance(e, ColumnRef) and e.source is not None)
            if columns:
                return columns, None
        taken = self._scope.names()
        name, n = "ROWKEY", 1
        while name in taken:
            name, n = f"ROWKEY_{n}", n + 1
        return (ColumnRef(name),), name

    def _foreign_key_join(self, left: Relation, right: Relation, join: Join, criteria: Criteria) -> Relation:
        keys = tuple(c.name for c in left.step.schema.key)
        schema = Schema((*left.step.schema.columns, *as_values(right.step.schema.columns)))
        lowered = self._scope.lower(criteria.left)
        step = ForeignKeyJoin(schema, True, left.step, right.step, join.kind, "", lowered, keys)
        return Relation(step, left.key_format, left.keys, KeyOrigin.FOREIGN_KEY)
