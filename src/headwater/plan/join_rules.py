"""What may be joined with what, and on what (semantics section 13). Checks return nothing or raise AnalysisError."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headwater.core.errors import AnalysisError
from headwater.core.names import quote
from headwater.plan.problems import problem
from headwater.plan.relation import Context, Relation, TypeOf
from headwater.plan.rewriting import column_refs
from headwater.plan.scope import Scope, ScopeSource
from headwater.plan.steps import WindowInfo
from headwater.sql.ast import And, Comparison, ComparisonOp, Expression, Join, JoinKind, WindowKind
from headwater.sql.expression_text import format_expression

_KIND_TEXT = {
    JoinKind.INNER: "[INNER] JOIN",
    JoinKind.LEFT: "LEFT [OUTER] JOIN",
    JoinKind.RIGHT: "RIGHT [OUTER] JOIN",
    JoinKind.FULL: "[FULL] OUTER JOIN",
}


@dataclass(frozen=True)
class Criteria:
    """ON, qualified: `left` over the sources so far, `right` over the one being joined; `written` in the user's
    order.
    """

    left: Expression
    right: Expression
    written: tuple[Expression, Expression]

    @property
    def text(self) -> str:
        return " = ".join(map(format_expression, self.written))


def check_sources(scope: Scope) -> None:
    """No source twice, no alias twice, values that can hold several columns."""
    names = [s.source.name for s in scope.sources]
    if len(names) == 2 and names[0] == names[1]:
        raise AnalysisError(f"Can not join '{names[0]}' to '{names[1]}': self joins are not yet supported.")
    for i, name in enumerate(names):
        if name in names[:i]:
            raise AnalysisError(f"N-way joins do not support multiple occurrences of the same source. Source: '{name}'")
    for i, source in enumerate(scope.sources):
        if any(source.alias == other.alias for other in scope.sources[:i]):
            raise AnalysisError(f"'{source.alias}' names two sources of the join. Give each its own alias.")
    check_value_formats("JOIN", scope)


def check_value_formats(clause: str, scope: Scope) -> None:
    """JOIN and GROUP BY need sources whose values can hold several columns."""
    bad = [s.source.name for s in scope.sources if s.source.formats.value.name == "KAFKA"]
    if bad:
        raise AnalysisError(
            f"Source(s) {', '.join(bad)} are using the 'KAFKA' value format. This format does not yet support {clause}."
        )


def join_criteria(join: Join, left: Sequence[ScopeSource], source: ScopeSource, scope: Scope) -> Criteria:
    """ON of the join of `source` to the sources `left`: one equality between the two. Raises AnalysisError."""
    on = scope.qualify(join.on, "JOIN ON")
    if isinstance(on, And):
        raise problem(
            f"Invalid join condition: joins on multiple conditions are not yet supported. Got {format_expression(on)}.",
            join.on.position,
        )
    if not isinstance(on, Comparison) or on.op is not ComparisonOp.EQUAL:
        raise problem(
            f"Invalid join condition: a join needs one equality comparison. Got {format_expression(on)}.",
            join.on.position,
        )
    first, second = _only_source(on.left, on), _only_source(on.right, on)
    if first == second:
        raise problem(
            "Each side of the join must reference exactly one source and not the same source. "
            f"Left side references {quote(first)} and right references {quote(second)}",
            join.on.position,
        )
    known = {s.alias for s in left} | {source.alias}
    if source.alias not in (first, second) or not {first, second} <= known:
        raise problem(
            f"A join criteria is expected to reference the source ({quote(source.alias)}) in the FROM clause, instead "
            f"the right source references {quote(second)} and the left source references {quote(first)}",
            join.on.position,
        )
    written = (on.left, on.right)
    return Criteria(on.right, on.left, written) if first == source.alias else Criteria(on.left, on.right, written)


def _only_source(side: Expression, on: Expression) -> str:
    sources = {ref.source for ref in column_refs(side)}
    if len(sources) != 1:
        raise problem(
            f"Invalid comparison expression '{format_expression(side)}' in join '{format_expression(on)}'. "
            "Each side of the join comparision must contain references from exactly one source.",
            side.position,
        )
    return str(sources.pop())


def check_kinds(left: Relation, leftmost: ScopeSource, join: Join, source: ScopeSource) -> None:
    """Streams and tables, kinds of join, WITHIN and windows must fit each other."""
    left_table, right_table = left.step.is_table, source.source.is_table
    words = f"{leftmost.alias} {_KIND_TEXT[join.kind]} {source.alias}"
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
    _check_windows(left.step.windowed, leftmost.alias, source.source.window, source.alias)


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


def check_primary_key(left: Relation, right: Relation, criteria: Criteria, join: Join) -> None:
    """A table may only be joined on its primary key."""
    if right.is_key(criteria.right):
        return
    if left.step.is_table:
        rule = "table-table joins require to join on the primary key of the right input table"
    else:
        rule = "stream-table joins require to join on the table's primary key"
    raise problem(f"Invalid join condition: {rule}. Got {criteria.text}.", join.position)


def check_foreign(left: Relation, source: ScopeSource, join: Join, criteria: Criteria, index: int) -> None:
    """Foreign key joins come first in a chain, are INNER or LEFT, and not windowed."""
    if left.step.windowed or source.source.window:
        raise problem("Foreign-key table-table joins are not supported on windowed tables.", join.position)
    if index > 0:
        raise problem(
            "Invalid join condition: foreign-key table-table joins are not supported as part of n-way joins. Got "
            f"{criteria.text}.",
            join.position,
        )
    if join.kind in (JoinKind.RIGHT, JoinKind.FULL):
        raise problem(f"{join.kind.value} JOIN on a foreign key is not supported", join.position)


def check_types(criteria: Criteria, join: Join, type_of: TypeOf) -> None:
    """Both sides have one type; nothing is widened."""
    if type_of(criteria.left) != type_of(criteria.right):
        typed = " = ".join(f"{format_expression(side)}{{{type_of(side)}}}" for side in criteria.written)
        raise problem(
            f"Invalid join condition: types don't match. Got {typed}. Use CAST to make them equal.", join.on.position
        )


def check_partitions(left: ScopeSource, right: ScopeSource, context: Context) -> None:
    """Both topics have the same number of partitions, as far as they are known."""
    one = context.topics.partitions(left.source.topic)
    two = context.topics.partitions(right.source.topic)
    if one is not None and two is not None and one != two:
        raise AnalysisError(
            f"Can't join {quote(left.alias)} with {quote(right.alias)} since the number of partitions don't match. "
            f"{quote(left.alias)} partitions = {one}; {quote(right.alias)} partitions = {two}. "
            "Please repartition either one so that the number of partitions match."
        )
