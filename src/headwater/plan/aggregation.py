"""GROUP BY, aggregates and HAVING: the rules and the Aggregate step (semantics section 11)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headwater.core.errors import AnalysisError
from headwater.core.schema import WINDOW_COLUMNS, Column, Role, Schema
from headwater.core.types import BIGINT, SqlType
from headwater.plan import serdes
from headwater.plan.functions import BoundAggregate, bind_aggregate
from headwater.plan.join_rules import check_value_formats
from headwater.plan.problems import listing, problem
from headwater.plan.relation import Context, KeyOrigin, Relation
from headwater.plan.rewriting import column_refs, function_calls, rewrite_columns, substitute
from headwater.plan.scope import SYSTEM_COLUMNS, Scope, column_text
from headwater.plan.select_list import NameGenerator, SelectColumn, key_names
from headwater.plan.steps import Aggregate, AggregateCall, WindowSpec
from headwater.plan.typing import Typer
from headwater.sql.ast import ColumnRef, Expression, FunctionCall, Query, WindowKind
from headwater.sql.expression_text import format_expression


@dataclass(frozen=True)
class Aggregation:
    """The aggregated relation, and how expressions over the source become expressions over it."""

    relation: Relation
    replacements: dict[Expression, Expression]

    def rewrite(self, expression: Expression) -> Expression:
        """A qualified expression in terms of the Aggregate step's columns."""
        return substitute(expression, self.replacements)


def aggregate_calls(expression: Expression, context: Context) -> list[FunctionCall]:
    """The aggregate calls under the expression, outermost first."""
    return [c for c in function_calls(expression) if context.functions.is_aggregate(c.name)]


def plan_aggregation(
    relation: Relation,
    query: Query,
    select: Sequence[SelectColumn],
    having: Expression | None,
    window: WindowSpec | None,
    final: bool,
    scope: Scope,
    typer: Typer,
    context: Context,
    names: NameGenerator,
) -> Aggregation:
    """Build the Aggregate step over `relation`. Raises AnalysisError for everything section 11 forbids."""
    return _Planner(relation, scope, typer, context, names).plan(query, select, having, window, final)


class _Planner:
    def __init__(self, relation: Relation, scope: Scope, typer: Typer, context: Context, names: NameGenerator) -> None:
        self._relation = relation
        self._scope = scope
        self._typer = typer
        self._context = context
        self._names = names
        self._name_of: Callable[[Expression], str] = names.for_key

    def plan(
        self,
        query: Query,
        select: Sequence[SelectColumn],
        having: Expression | None,
        window: WindowSpec | None,
        final: bool,
    ) -> Aggregation:
        check_value_formats("GROUP BY", self._scope)
        self._name_of = key_names(select, self._names)
        groups = self._groups(query)
        expressions = [c.expression for c in select] + ([having] if having is not None else [])
        calls = self._calls(expressions)
        for call in (c for e in expressions for c in function_calls(e)):
            if self._context.functions.kind(call.name) is None:
                self._context.functions.scalar(call.name)  # raises, with candidates
        if groups and not calls:
            raise AnalysisError("GROUP BY requires aggregate functions in either the SELECT or HAVING clause.")
        group_columns = [(self._group_name(g), self._scope.lower(g)) for g in groups]
        types = [self._group_type(g) for _, g in group_columns]
        replacements: dict[Expression, Expression] = {
            g: ColumnRef(name) for g, (name, _) in zip(groups, group_columns, strict=True)
        }
        session = window is not None and window.kind is WindowKind.SESSION
        planned, columns, bound = self._bind(calls, replacements, session)
        self._check_functions(bound, window)
        self._check_only_groups(select, having, replacements, windowed=window is not None)
        schema = Schema((*(Column(n, t, Role.KEY) for (n, _), t in zip(group_columns, types, strict=True)), *columns))
        kept = self._relation.key_format
        step = Aggregate(
            schema=schema,
            is_table=True,
            input=self._relation.step,
            groups=tuple(group_columns),
            calls=tuple(planned),
            key_format=serdes.internal_key_format(kept, types, self._context.settings) if types else kept,
            window=window,
            final=final,
            repartition=not self._already_keyed(groups),
        )
        grouped = Relation(step, kept, tuple((g,) for g in groups), KeyOrigin.GROUP)
        return Aggregation(grouped, replacements)

    def _already_keyed(self, groups: Sequence[Expression]) -> bool:
        keys = self._relation.keys
        return len(groups) == len(keys) and all(g in k for g, k in zip(groups, keys, strict=True))

    # --- GROUP BY ----------------------------------------

    def _groups(self, query: Query) -> list[Expression]:
        if query.group_by is None:
            return []
        if not query.group_by:
            raise problem("GROUP BY requires at least one expression", query.position)
        groups: list[Expression] = []
        for written in query.group_by:
            group = self._scope.qualify(written, "GROUP BY")
            for call in function_calls(group):
                if self._context.functions.is_aggregate(call.name):
                    raise problem(
                        f"GROUP BY does not support aggregate functions: {call.name} is an aggregate function.",
                        written.position,
                    )
                if self._context.functions.is_table(call.name):
                    raise problem(
                        f"GROUP BY does not support table functions: {call.name} is a table function.", written.position
                    )
            self._check_no_bounds(group)
            if group in groups:
                raise problem(f"Duplicate GROUP BY expression: {self._text(group)}", written.position)
            groups.append(group)
        return groups

    def _group_name(self, group: Expression) -> str:
        lowered = self._scope.lower(group)
        if isinstance(lowered, ColumnRef) and lowered.name not in SYSTEM_COLUMNS:
            return lowered.name
        return self._scope.new_internal(self._name_of(group), self._group_type(lowered))

    def _group_type(self, lowered: Expression) -> SqlType:
        return self._typer.value(lowered)

    # --- aggregates ----------------------------------------

    def _calls(self, expressions: Sequence[Expression]) -> list[FunctionCall]:
        found: list[FunctionCall] = []
        for expression in expressions:
            for call in aggregate_calls(expression, self._context):
                inner = [c for a in call.arguments for c in aggregate_calls(a, self._context)]
                if inner:
                    raise problem(f"Aggregate functions can not be nested: {self._text(call)}", call.position)
                for argument in call.arguments:
                    self._check_no_bounds(argument)
                if call not in found:
                    found.append(call)
        return found

    def _bind(
        self, calls: Sequence[FunctionCall], replacements: dict[Expression, Expression], session: bool
    ) -> tuple[list[AggregateCall], list[Column], list[BoundAggregate]]:
        planned, columns, bound = [], [], []
        for n, call in enumerate(calls):
            arguments = tuple(self._scope.lower(a) for a in call.arguments)
            if call.star or not arguments:
                arguments = (ColumnRef("ROWTIME"),)
                types: list[SqlType | None] = [BIGINT]
            else:
                types = [self._typer.type_of(a) for a in arguments]
            aggregate = bind_aggregate(call.name, arguments, types, self._context.functions, session=session)
            name = self._scope.new_internal(f"KSQL_AGG_VARIABLE_{n}", aggregate.returns)
            planned.append(AggregateCall(name, call.name, arguments))
            columns.append(Column(name, aggregate.returns))
            bound.append(aggregate)
            replacements[call] = ColumnRef(name)
        return planned, columns, bound

    def _check_functions(self, bound: Sequence[BoundAggregate], window: WindowSpec | None) -> None:
        if self._relation.step.is_table:
            if window is not None:
                raise AnalysisError("WINDOW clause is not supported on a table: only streams can be windowed.")
            fixed = list(dict.fromkeys(b.name for b in bound if b.undo is None))
            if fixed:
                plural = "s" if len(fixed) > 1 else ""
                raise AnalysisError(
                    f"The aggregation function{plural} {listing(fixed, 'and')} cannot be applied to a table source, "
                    "only to a stream source."
                )
        if window is not None and window.kind is WindowKind.SESSION:
            unmergeable = [b.name for b in bound if b.merge is None]
            if unmergeable:
                raise AnalysisError(f"{listing(unmergeable, 'and')} cannot be used with SESSION windows.")
        value_format = self._scope.sources[0].source.formats.value.name
        if value_format in ("DELIMITED", "KAFKA") and any(b.structured for b in bound):
            raise AnalysisError(
                "One of the functions used in the statement has an intermediate type that the value format can not "
                "handle. Please remove the function or change the format."
            )

    # --- what may stand in SELECT and HAVING ----------------------------------------

    def _check_only_groups(
        self,
        select: Sequence[SelectColumn],
        having: Expression | None,
        replacements: dict[Expression, Expression],
        *,
        windowed: bool,
    ) -> None:
        allowed = {r.name for r in replacements.values() if isinstance(r, ColumnRef)}
        if windowed:
            allowed |= set(WINDOW_COLUMNS)

        def strays(expression: Expression) -> list[ColumnRef]:
            rewritten = substitute(expression, replacements)
            return [r for r in column_refs(rewritten) if r.source is not None or r.name not in allowed]

        wrong: list[str] = []
        for column in select:
            found = strays(column.expression)
            if found and not aggregate_calls(column.expression, self._context):
                wrong.append(self._text(column.expression))
            else:
                wrong.extend(self._text(r) for r in found)
        if wrong:
            raise AnalysisError(
                f"Non-aggregate SELECT expression(s) not part of GROUP BY: {', '.join(dict.fromkeys(wrong))}\n"
                "Either add the column(s) to the GROUP BY or remove them from the SELECT."
            )
        if having is not None and (stray := strays(having)):
            texts = ", ".join(dict.fromkeys(self._text(r) for r in stray))
            raise AnalysisError(f"Non-aggregate HAVING expression not part of GROUP BY: {texts}")

    def _check_no_bounds(self, expression: Expression) -> None:
        for ref in column_refs(expression):
            if ref.source is None and ref.name in WINDOW_COLUMNS:
                raise problem(
                    f"Window bounds column {column_text(ref)} can only be used in the SELECT clause of windowed "
                    "aggregations",
                    ref.position,
                )

    def _text(self, expression: Expression) -> str:
        return format_expression(unqualified(expression, self._scope))


def unqualified(expression: Expression, scope: Scope) -> Expression:
    """For messages: the expression with sources dropped where there is only one."""
    if scope.is_join:
        return scope.lower(expression)

    return rewrite_columns(expression, lambda ref: ColumnRef(ref.name, position=ref.position))
