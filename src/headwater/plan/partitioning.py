"""PARTITION BY (semantics section 10)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from headwater.core.errors import AnalysisError
from headwater.core.schema import Column, Role, Schema
from headwater.plan import serdes
from headwater.plan.problems import problem
from headwater.plan.relation import Context, KeyOrigin, Relation, as_values, rekeyed_schema
from headwater.plan.rewriting import function_calls
from headwater.plan.scope import SYSTEM_COLUMNS, Scope
from headwater.plan.select_list import NameGenerator, SelectColumn
from headwater.plan.steps import FormatSpec, Rekey
from headwater.plan.typing import Typer
from headwater.sql.ast import ColumnRef, Expression, NullLiteral, Query


def qualified_partitions(query: Query, scope: Scope, context: Context) -> list[Expression]:
    """The PARTITION BY list, qualified; a lone NULL gives an empty list. Raises AnalysisError."""
    written = query.partition_by or ()
    if not written:
        raise problem("PARTITION BY requires at least one expression", query.position)
    if any(isinstance(e, NullLiteral) for e in written):
        if len(written) > 1:
            raise problem("Cannot PARTITION BY multiple columns including NULL", written[0].position)
        return []
    found: list[Expression] = []
    for expression in written:
        qualified = scope.qualify(expression, "PARTITION BY")
        for call in function_calls(qualified):
            kind = context.functions.kind(call.name)
            if context.functions.is_aggregate(call.name) or context.functions.is_table(call.name):
                word = kind.value.lower() if kind else ""
                raise problem(f"PARTITION BY does not support {word} functions: {call.name}.", expression.position)
        if qualified in found:
            raise problem("Duplicate PARTITION BY expression", expression.position)
        found.append(qualified)
    return found


def plan_partition_by(
    relation: Relation,
    partitions: Sequence[Expression],
    scope: Scope,
    typer: Typer,
    context: Context,
    name_of: Callable[[Expression], str],
) -> Relation:
    """The relation re-keyed; rows go straight on, without an internal topic."""
    step = relation.step
    if step.is_table:
        raise AnalysisError("PARTITION BY clause is not supported for tables: the key of a table is its primary key.")
    if step.windowed is not None:
        raise AnalysisError(
            "Implicit repartitioning of windowed sources is not supported. "
            "See https://github.com/confluentinc/ksql/issues/4385."
        )
    if not partitions:
        schema = Schema(as_values(step.schema.columns))
        keyless = Rekey(schema, False, step, (), serdes.NONE, repartition=False)
        return Relation(keyless, serdes.NONE, (), KeyOrigin.PARTITION)
    keys = []
    for partition in partitions:
        lowered = scope.lower(partition)
        sql_type = typer.value(lowered)
        if isinstance(lowered, ColumnRef) and lowered.name not in SYSTEM_COLUMNS:
            name = lowered.name
        else:
            name = scope.new_internal(name_of(partition), sql_type)
        keys.append((name, lowered, sql_type))
    kept = relation.key_format
    if kept.name == "NONE":
        kept = FormatSpec(serdes.default_key_format(context.settings))
    serdes.check_key([Column(n, t, Role.KEY) for n, _, t in keys], FormatSpec("JSON"))
    schema = rekeyed_schema(step.schema, tuple((n, t) for n, _, t in keys))
    rekeyed = Rekey(schema, False, step, tuple((n, e) for n, e, _ in keys), kept, repartition=False)
    return Relation(rekeyed, kept, tuple((p,) for p in partitions), KeyOrigin.PARTITION)


def star_keys(
    partitions: Sequence[Expression], select: Sequence[SelectColumn], names: NameGenerator
) -> list[SelectColumn]:
    """What PARTITION BY adds to `*`: a column for each key that is not a source column and not selected otherwise."""
    selected = {c.expression for c in select}
    return [
        SelectColumn(names.for_key(p), p, from_star=True)
        for p in partitions
        if not (isinstance(p, ColumnRef) and p.name not in SYSTEM_COLUMNS) and p not in selected
    ]
