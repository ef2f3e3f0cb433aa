"""The last step of a query: which select items are keys, what must be there, what may not (semantics section 9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headwater.core.errors import AnalysisError
from headwater.core.names import quote, quote_if_needed
from headwater.core.schema import Column, Role, Schema
from headwater.core.types import SqlType
from headwater.plan.problems import listing, problem
from headwater.plan.relation import KeyOrigin, Relation
from headwater.plan.scope import SYSTEM_COLUMNS
from headwater.plan.select_list import SelectColumn
from headwater.plan.steps import Project
from headwater.sql.ast import ColumnRef, Expression
from headwater.sql.expression_text import format_expression

_KEY_MISSING = "Key missing from projection (ie, SELECT). See https://cnfl.io/2LV7ouS."

ValueType = Callable[[Expression], SqlType]
Lower = Callable[[Expression], Expression]


@dataclass(frozen=True)
class _Matched:
    """For each key column the select item that is it; and the other items, in order."""

    keys: tuple[SelectColumn, ...]
    values: tuple[SelectColumn, ...]


def project_persistent(
    relation: Relation,
    select: Sequence[SelectColumn],
    lower: Lower,
    type_of: ValueType,
    sink: str,
    text: Callable[[Expression], str],
) -> Project:
    """The projection into a sink: every key exactly once, at least one value, no system columns.

    `lower` and `type_of` turn a qualified expression into one over the relation's columns and give its type.
    """
    _refuse_system_columns(select)
    matched = _match_keys(relation, select, sink, text)
    if not matched.values:
        raise AnalysisError("The projection contains no value columns.")
    values = tuple((c.name, lower(c.expression)) for c in matched.values)
    keys = tuple(
        Column(c.name, key.type, Role.KEY) for c, key in zip(matched.keys, relation.step.schema.key, strict=True)
    )
    columns = (*keys, *(Column(name, type_of(expression)) for name, expression in values))
    _refuse_duplicates(keys, columns)
    return Project(Schema(columns), relation.step.is_table, relation.step, tuple(k.name for k in keys), values)


def project_transient(
    relation: Relation, select: Sequence[SelectColumn], lower: Lower, type_of: ValueType
) -> tuple[Project, Schema]:
    """The projection of a push query and the columns as its reader sees them.

    Key columns that are not selected keep their names in the step (made unique), so that rows of tables stay
    identifiable.
    """
    outputs = {c.name for c in select}
    if len(outputs) != len(select):
        _refuse_duplicates((), tuple(Column(c.name, type_of(lower(c.expression))) for c in select))
    chosen: dict[int, SelectColumn] = {}
    keys: list[Column] = []
    for column, meanings in zip(relation.step.schema.key, relation.keys, strict=True):
        item = next((c for m in meanings for c in select if c.expression == m and id(c) not in chosen), None)
        if item is not None:
            chosen[id(item)] = item
            keys.append(Column(item.name, column.type, Role.KEY))
        else:
            name = _unused(column.name, outputs | {k.name for k in keys})
            keys.append(Column(name, column.type, Role.KEY))
    values = tuple((c.name, lower(c.expression)) for c in select if id(c) not in chosen)
    typed = tuple(Column(name, type_of(expression)) for name, expression in values)
    step = Project(Schema((*keys, *typed)), relation.step.is_table, relation.step, tuple(k.name for k in keys), values)
    types = {c.name: c.type for c in step.schema.columns}
    return step, Schema(tuple(Column(c.name, types[c.name]) for c in select))


def _unused(name: str, taken: set[str]) -> str:
    candidate, n = name, 1
    while candidate in taken:
        candidate, n = f"{name}_{n}", n + 1
    return candidate


def _refuse_system_columns(select: Sequence[SelectColumn]) -> None:
    for column in select:
        if column.name in SYSTEM_COLUMNS and not column.from_star:
            raise problem(
                f"Reserved column name in select: {quote(column.name)}. Please remove or alias the column.",
                column.position,
            )


def _refuse_duplicates(keys: Sequence[Column], columns: Sequence[Column]) -> None:
    seen: dict[str, Column] = {}
    for column in columns:
        if column.name in seen:
            kind = "key" if column in keys else "value"
            raise AnalysisError(
                f"Duplicate {kind} columns found in schema: {quote(column.name)} {column.type}. "
                "Give one of them another name with AS."
            )
        seen[column.name] = column


def _match_keys(
    relation: Relation, select: Sequence[SelectColumn], sink: str, text: Callable[[Expression], str]
) -> _Matched:
    keys: list[SelectColumn] = []
    missing: list[int] = []
    for i, meanings in enumerate(relation.keys):
        matches = next((m for m in ([c for c in select if c.expression == e] for e in meanings) if m), [])
        if not matches:
            missing.append(i)
        elif len(matches) > 1:
            raise AnalysisError(_twice(relation, i, matches))
        keys.extend(matches[:1])
    if missing:
        raise AnalysisError(_missing(relation, missing, sink, text))
    taken = {id(k) for k in keys}
    return _Matched(tuple(keys), tuple(c for c in select if id(c) not in taken))


def _twice(relation: Relation, index: int, matches: Sequence[SelectColumn]) -> str:
    aliases = sorted(quote_if_needed(m.name) for m in matches)
    advice = "Use AS_VALUE to copy a key into the value, for example: SELECT K, AS_VALUE(K) AS K2."
    if relation.origin is KeyOrigin.GROUP:
        names = listing([f"`{a}`" for a in aliases], "and")
        return f"The projection contains a key column more than once: {names}.\n{advice}"
    column = quote(relation.step.schema.key[index].name)
    if relation.origin is KeyOrigin.JOIN:
        column = quote(
            min(m.name for m in matches if not m.named) if any(not m.named for m in matches) else matches[0].name
        )
    names = listing(aliases, "and")
    return f"The projection contains a key column ({column}) more than once, aliased as: {names}.\n{advice}"


def _missing(relation: Relation, missing: Sequence[int], sink: str, text: Callable[[Expression], str]) -> str:
    origin = relation.origin
    if origin is KeyOrigin.FOREIGN_KEY:
        refs = [e for i in missing for e in relation.keys[i] if isinstance(e, ColumnRef)]
        plural = "s" if len(refs) > 1 else ""
        return (
            f"Primary key column{plural} missing in projection. For foreign-key table-table joins, the projection must "
            f"include all primary key columns from the left input table ({quote(str(refs[0].source))}). "
            f"Missing column{plural}: {', '.join(quote(r.name) for r in refs)}."
        )
    shown = format_expression if origin in (KeyOrigin.PARTITION, KeyOrigin.JOIN) else text
    if origin is KeyOrigin.JOIN:
        texts = [shown(e) for e in relation.keys[missing[0]]]
        what, examples = listing(texts, "or"), texts[:1]
    else:
        texts = [shown(relation.keys[i][0]) for i in missing]
        what, examples = listing(texts, "and"), texts
    plural = "s" if len(texts) > 1 else ""
    message = (
        f"{_KEY_MISSING}\nThe query used to build {quote(sink)} must include the {origin.value}{plural} {what} "
        f"in its projection (eg, SELECT {', '.join(examples)}...)."
    )
    if relation.synthetic is not None and origin is KeyOrigin.JOIN:
        message += (
            f"\n{relation.synthetic} was added as a synthetic key column because the join criteria did not match any "
            "source column. This expression must be included in the projection and may be aliased."
        )
    return message
