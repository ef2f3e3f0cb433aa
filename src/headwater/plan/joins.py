"""FROM … JOIN …: the join rules and the tree of join steps (semantics section 13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headwater.core.errors import AnalysisError
from headwater.core.names import quote
from headwater.core.schema import Column, Role, Schema
from headwater.core.types import SqlType
from headwater.plan import serdes
from headwater.plan.problems import problem
from headwater.plan.relation import Context, KeyOrigin, Relation, TypeOf, as_values, rekeyed_schema
from headwater.plan.rewriting import column_refs
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
    WindowInfo,
)
from headwater.sql.ast import And, ColumnRef, Comparison, ComparisonOp, Expression, Join, JoinKind, WindowKind
from headwater.sql.expression_text import format_expression

_KIND_TEXT = {
    JoinKind.INNER: "[INNER] JOIN",
    JoinKind.LEFT: "LEFT [OUTER] JOIN",
    JoinKind.RIGHT: "RIGHT [OUTER] JOIN",
    JoinKind.FULL: "[FULL] OUTER JOIN",
}


@dataclass(frozen=True)
class _Criteria:
    """ON, its sides ordered as the join's; `text` as written."""

    left: Expression
    right: Expression
    text: str
    typed_text: str


def source_step(source: ScopeSource) -> SourceStep:
    """The leaf that reads a source."""
    data = source.source
    return SourceStep(data.schema, data.is_table, data.name, data.topic, data.formats, data.window, data.timestamp)


def plan_joins(joins: Sequence[Join], scope: Scope, context: Context, type_of: TypeOf) -> Relation:
    """The join tree of a query with joins. `type_of` types qualified expressions. Raises AnalysisError."""
    _check_sources(scope, context)
    return _JoinPlanner(scope, context, type_of).plan(joins)


def _check_sources(scope: Scope, context: Context) -> None:
    names = [s.source.name for s in scope.sources]
    if len(names) == 2 and names[0] == names[1]:
        raise AnalysisError(f"Can not join '{names[0]}' to '{names[1]}': self joins are not yet supported.")
    for i, name in enumerate(names):
        if name in names[:i]:
            raise AnalysisError(f"N-way joins do not support multiple occurrences of the same source. Source: '{name}'")
    for i, source in enumerate(scope.sources):
        if any(source.alias == other.alias for other in scope.sources[:i]):
            raise AnalysisError(f"'{source.alias}' names two sources of the join. Give each its own alias.")
    check_value_format_supports("JOIN", scope)


def check_value_format_supports(clause: str, scope: Scope) -> None:
    """JOIN and GROUP BY need sources whose values can hold several columns."""
    bad = [s.source.name for s in scope.sources if s.source.formats.value.name == "KAFKA"]
    if bad:
        raise AnalysisError(
            f"Source(s) {', '.join(bad)} are using the 'KAFKA' value format. This format does not yet support {clause}."
        )


class _JoinPlanner:
    def __init__(self, scope: Scope, context: Context, type_of: TypeOf) -> None:
        self._scope = scope
        self._context = context
        self._type_of = type_of

    def plan(self, joins: Sequence[Join]) -> Relation:
        sources = self._scope.sources
        relation = self._leaf(sources[0])
        for i, join in enumerate(joins):
            relation = self._join(relation, sources[: i + 1], join, sources[i + 1], i)
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

    def _join(
        self, left: Relation, left_sources: tuple[ScopeSource, ...], join: Join, source: ScopeSource, index: int
    ) -> Relation:
        criteria = self._criteria(join, left_sources, source)
        right = self._leaf(source)
        self._check_shape(left, left_sources, join, source)
        left_is_key, right_is_key = _is_key(left, criteria.left), _is_key(right, criteria.right)
        foreign = False
        if right.step.is_table:
            if not right_is_key:
                raise problem(_needs_primary_key(left.step.is_table, criteria), join.position)
            foreign = left.step.is_table and not left_is_key
            if foreign:
                self._check_foreign(left, join, criteria, source, index)
        self._check_types(criteria, join)
        if foreign:
            return self._foreign_key_join(left, right, join, criteria)
        self._check_partitions(left_sources[0], source)
        key_format = self._key_format(left, right, left_is_key, right_is_key, (*left_sources, source))
        left_step = self._rekeyed(left, criteria.left, left_is_key, key_format, f"KSQL_LEFT_KEY_{index}")
        right_step = self._rekeyed(right, criteria.right, right_is_key, key_format, f"KSQL_RIGHT_KEY_{index}")
        return self._result(left, left_step, right_step, join, criteria, left_is_key, key_format, index)

    # --- ON ---------------------------------------------------------------------------------------------------------------

    def _criteria(self, join: Join, left_sources: tuple[ScopeSource, ...], source: ScopeSource) -> _Criteria:
        on = self._scope.qualify(join.on, "JOIN ON")
        if isinstance(on, And):
            raise problem(
                "Invalid join condition: joins on multiple conditions are not yet supported. "
                f"Got {format_expression(on)}.",
                join.on.position,
            )
        if not isinstance(on, Comparison) or on.op is not ComparisonOp.EQUAL:
            raise problem(
                f"Invalid join condition: a join needs one equality comparison. Got {format_expression(on)}.",
                join.on.position,
            )
        first, second = self._side(on.left, on), self._side(on.right, on)
        if first == second:
            raise problem(
                "Each side of the join must reference exactly one source and not the same source. "
                f"Left side references {quote(first)} and right references {quote(second)}",
                join.on.position,
            )
        known = {s.alias for s in left_sources} | {source.alias}
        if source.alias not in (first, second) or not {first, second} <= known:
            raise problem(
                f"A join criteria is expected to reference the source ({quote(source.alias)}) in the FROM clause, instead "
                f"the right source references {quote(second)} and the left source references {quote(first)}",
                join.on.position,
            )
        left, right = (on.right, on.left) if first == source.alias else (on.left, on.right)
        text = f"{format_expression(on.left)} = {format_expression(on.right)}"
        typed = " = ".join(f"{format_expression(side)}{{{self._type_of(side)}}}" for side in (on.left, on.right))
        return _Criteria(left, right, text, typed)

    def _side(self, side: Expression, on: Expression) -> str:
        sources = {ref.source for ref in column_refs(side)}
        if len(sources) != 1:
            raise problem(
                f"Invalid comparison expression '{format_expression(side)}' in join '{format_expression(on)}'. "
                "Each side of the join comparision must contain references from exactly one source.",
                side.position,
            )
        return str(sources.pop())

    def _check_types(self, criteria: _Criteria, join: Join) -> None:
        if self._type_of(criteria.left) != self._type_of(criteria.right):
            raise problem(
                f"Invalid join condition: types don't match. Got {criteria.typed_text}. Use CAST to make them equal.",
                join.on.position,
            )

    # --- what may be joined -----------------------------------------------------------------------------------------------

    def _check_shape(
        self, left: Relation, left_sources: tuple[ScopeSource, ...], join: Join, source: ScopeSource
    ) -> None:
        left_table, right_table = left.step.is_table, source.source.is_table
        words = f"{left_sources[0].alias} {_KIND_TEXT[join.kind]} {source.alias}"
        if left_table and not right_table:
            raise problem(
                f"Invalid join order: table-stream joins are not supported; only stream-table joins. Got {words}.",
                join.position,
            )
        if not left_table and right_table and join.kind in (JoinKind.RIGHT, JoinKind.FULL):
            kind = "full" if join.kind is JoinKind.FULL else "right"
            raise problem(
                f"Invalid join type: {kind}-outer join not supported for stream-table join. Got {words}.", join.position
            )
        if not right_table and join.within is None:
            raise problem(
                "Stream-Stream joins must have a WITHIN clause specified. None was provided. "
                f"Got {words}: add for example WITHIN 1 HOUR before ON.",
                join.position,
            )
        if right_table and join.within is not None:
            left_word = "Table" if left_table else "Stream"
            raise problem(
                f"A window definition was provided for a {left_word}-Table join. These joins are not windowed. "
                "Please drop the window definition (i.e. the WITHIN clause) and try to execute your join again.",
                join.position,
            )
        _check_windows(left.step.windowed, left_sources[0].alias, source.source.window, source.alias)

    def _check_foreign(self, left: Relation, join: Join, criteria: _Criteria, source: ScopeSource, index: int) -> None:
        if left.step.windowed or source.source.window:
            raise problem("Foreign-key table-table joins are not supported on windowed tables.", join.position)
        if index > 0:
            raise problem(
                "Invalid join condition: foreign-key table-table joins are not supported as part of n-way joins. "
                f"Got {criteria.text}.",
                join.position,
            )
        if join.kind in (JoinKind.RIGHT, JoinKind.FULL):
            word = "RIGHT OUTER" if join.kind is JoinKind.RIGHT else "FULL OUTER"
            raise problem(f"{word} JOIN on a foreign key is not supported", join.position)

    def _check_partitions(self, left: ScopeSource, right: ScopeSource) -> None:
        one = self._context.topics.partitions(left.source.topic)
        two = self._context.topics.partitions(right.source.topic)
        if one is not None and two is not None and one != two:
            raise AnalysisError(
                f"Can't join {quote(left.alias)} with {quote(right.alias)} since the number of partitions don't match. "
                f"{quote(left.alias)} partitions = {one}; {quote(right.alias)} partitions = {two}. "
                "Please repartition either one so that the number of partitions match."
            )

    # --- steps ------------------------------------------------------------------------------------------------------------

    def _key_format(
        self, left: Relation, right: Relation, left_is_key: bool, right_is_key: bool, sources: Sequence[ScopeSource]
    ) -> FormatSpec:
        if left_is_key:
            return left.key_format
        if right_is_key:
            return right.key_format
        for source in sources:
            if source.source.formats.key.name != "NONE":
                return source.source.formats.key
        return FormatSpec(serdes.default_key_format(self._context.settings))

    def _rekeyed(self, side: Relation, key: Expression, is_key: bool, key_format: FormatSpec, name: str) -> Step:
        if is_key and side.key_format.name == key_format.name:
            return side.step
        if side.step.windowed is not None:
            if is_key:
                return side.step
            raise AnalysisError(
                "Implicit repartitioning of windowed sources is not supported. "
                "See https://github.com/confluentinc/ksql/issues/4385."
            )
        sql_type = self._sql_type(key)
        lowered = self._scope.lower(key)
        column = lowered.name if isinstance(lowered, ColumnRef) else self._scope.new_internal(name, sql_type)
        if is_key:
            column = side.step.schema.key[0].name
            lowered = ColumnRef(column)
        serdes.check_key((Column(column, sql_type, Role.KEY),), FormatSpec("JSON"))
        spec = serdes.internal_key_format(key_format, (sql_type,), self._context.settings)
        schema = rekeyed_schema(side.step.schema, ((column, sql_type),))
        return Rekey(
            schema, side.step.is_table, side.step, ((column, lowered),), spec, drop_null=not side.step.is_table
        )

    def _sql_type(self, expression: Expression) -> SqlType:
        found = self._type_of(expression)
        if found is None:
            raise problem("Cannot join on NULL.", expression.position)
        return found

    def _result(
        self,
        left: Relation,
        left_step: Step,
        right_step: Step,
        join: Join,
        criteria: _Criteria,
        left_is_key: bool,
        key_format: FormatSpec,
        index: int,
    ) -> Relation:
        sql_type = self._sql_type(criteria.left)
        meaning: list[Expression] = []
        if join.kind is not JoinKind.FULL:
            known = left.keys[0] if left_is_key else (criteria.left,)
            meaning = [e for e in (*known, criteria.right) if isinstance(e, ColumnRef) and e.source is not None]
        key = self._scope.new_internal(f"KSQL_JOIN_KEY_{index}", sql_type)
        synthetic = None
        if not meaning:
            synthetic = self._synthetic_name()
            meaning = [ColumnRef(synthetic)]
        schema = Schema(
            (
                Column(key, sql_type, Role.KEY),
                *as_values(left_step.schema.columns),
                *as_values(right_step.schema.columns),
            )
        )
        step: Step
        if join.within is not None:
            grace = join.within.grace
            step = StreamStreamJoin(
                schema,
                False,
                left_step,
                right_step,
                join.kind,
                key,
                join.within.before.ms,
                join.within.after.ms,
                None if grace is None else grace.ms,
            )
        elif left_step.is_table:
            step = TableTableJoin(schema, True, left_step, right_step, join.kind, key)
        else:
            step = StreamTableJoin(schema, False, left_step, right_step, join.kind, key)
        return Relation(step, key_format, (tuple(meaning),), KeyOrigin.JOIN, synthetic)

    def _synthetic_name(self) -> str:
        taken = self._scope.names()
        name, n = "ROWKEY", 1
        while name in taken:
            name, n = f"ROWKEY_{n}", n + 1
        return name

    def _foreign_key_join(self, left: Relation, right: Relation, join: Join, criteria: _Criteria) -> Relation:
        keys = tuple(c.name for c in left.step.schema.key)
        columns = (*left.step.schema.columns, *as_values(right.step.schema.columns))
        step = ForeignKeyJoin(
            Schema(columns), True, left.step, right.step, join.kind, "", self._scope.lower(criteria.left), keys
        )
        return Relation(step, left.key_format, left.keys, KeyOrigin.FOREIGN_KEY)


def _is_key(relation: Relation, expression: Expression) -> bool:
    return len(relation.keys) == 1 and expression in relation.keys[0]


def _needs_primary_key(left_is_table: bool, criteria: _Criteria) -> str:
    if left_is_table:
        rule = "table-table joins require to join on the primary key of the right input table"
    else:
        rule = "stream-table joins require to join on the table's primary key"
    return f"Invalid join condition: {rule}. Got {criteria.text}."


def _check_windows(left: WindowInfo | None, left_alias: str, right: WindowInfo | None, right_alias: str) -> None:
    if left is None and right is None:
        return

    def describe(window: WindowInfo | None) -> str:
        return "is not windowed" if window is None else f"is {window.kind.value} windowed"

    both = f"{quote(left_alias)} {describe(left)}\n{quote(right_alias)} {describe(right)}"
    if left is None or right is None:
        raise AnalysisError(f"Can not join windowed source to non-windowed source.\n{both}")
    if (left.kind is WindowKind.SESSION) != (right.kind is WindowKind.SESSION):
        raise AnalysisError(f"Incompatible windowed sources.\n{both}")
