"""SELECT lists: stars expanded, every column named, references qualified (semantics section 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from headwater.core.errors import Position
from headwater.core.names import quote
from headwater.core.types import SqlType, Struct
from headwater.plan.problems import problem
from headwater.plan.scope import SYSTEM_COLUMNS, Scope, ScopeColumn, ScopeSource, column_text, unknown_source
from headwater.sql.ast import ColumnRef, Expression, FieldRef, Query, SelectItem, SingleColumn, Star, StructStar

TypeOf = Callable[[Expression], SqlType | None]
"""The type of a qualified expression."""


@dataclass(frozen=True)
class SelectColumn:
    """One output column: its name and its qualified expression. `named` when the user wrote an alias."""

    name: str
    expression: Expression
    named: bool = False
    from_star: bool = False
    position: Position | None = None


class NameGenerator:
    """Names for what has none: KSQL_COL_n, struct fields with a number where taken. One per query."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = set(taken)
        self._next = 0

    def column(self) -> str:
        while (name := f"KSQL_COL_{self._next}") in self._taken:
            self._next += 1
        self._next += 1
        return name

    def field(self, field: str) -> str:
        name, n = field, 1
        while name in self._taken:
            name, n = f"{field}_{n}", n + 1
        self._taken.add(name)
        return name

    def for_key(self, expression: Expression) -> str:
        """The name of a grouping or partitioning expression that the projection does not name."""
        if isinstance(expression, ColumnRef):
            return expression.name
        return self.field(expression.name) if isinstance(expression, FieldRef) else self.column()


@dataclass(frozen=True)
class StarRules:
    """What `*` means in a query. `windows`: window columns of a single source are included (push queries)."""

    windows: bool
    repartitioned: bool

    def columns(self, source: ScopeSource, joined: bool) -> Iterator[ScopeColumn]:
        """The columns of one source, in the order of ksqlDB."""
        windows = source.windows if self.windows or joined else ()
        if not self.repartitioned:
            yield from (*source.keys, *windows, *source.values)
            return
        # After PARTITION BY the old key is appended to the value; under joins the system columns come along with it.
        yield from source.values
        if joined:
            yield from source.pseudo
        yield from (*source.keys, *windows)


def expand_select(
    query: Query, scope: Scope, rules: StarRules, names: NameGenerator, synthetic: str | None, type_of: TypeOf
) -> list[SelectColumn]:
    """The select list, item by item. `synthetic` is the name of a join's synthetic key, part of `*`."""
    found: list[SelectColumn] = []
    for item in query.select:
        found.extend(_expand(item, scope, rules, names, synthetic, type_of))
    return found


def _expand(
    item: SelectItem, scope: Scope, rules: StarRules, names: NameGenerator, synthetic: str | None, type_of: TypeOf
) -> Iterator[SelectColumn]:
    if isinstance(item, SingleColumn):
        yield _single(item, scope, names)
    elif isinstance(item, StructStar):
        yield from _struct_star(item, scope, names, type_of)
    elif isinstance(item, Star):
        sources = scope.sources
        if item.source is not None:
            one = scope.source(item.source)
            if one is None:
                raise unknown_source(item.source, scope, item.position)
            sources = (one,)
        elif synthetic is not None:
            yield SelectColumn(synthetic, ColumnRef(synthetic), from_star=True, position=item.position)
        for source in sources:
            for column in rules.columns(source, scope.is_join):
                name = f"{column.qualifier}_{column.name}" if scope.is_join else column.name
                yield SelectColumn(name, column.ref, from_star=True, position=item.position)


def _single(item: SingleColumn, scope: Scope, names: NameGenerator) -> SelectColumn:
    expression = scope.qualify(item.expression, "SELECT")
    name = item.alias
    if name is None:
        return SelectColumn(_default_name(expression, scope, names), expression, position=item.position)
    same = isinstance(expression, ColumnRef) and expression.name == name
    if name in SYSTEM_COLUMNS and not same:
        raise problem(
            f"{quote(name)} is a reserved column name. You cannot use it as an alias for a column.", item.position
        )
    return SelectColumn(name, expression, named=True, position=item.position)


def _default_name(expression: Expression, scope: Scope, names: NameGenerator) -> str:
    if isinstance(expression, ColumnRef):
        clashing = expression.source is not None and scope.clashes(expression.name)
        return f"{expression.source}_{expression.name}" if clashing else expression.name
    if isinstance(expression, FieldRef):
        return names.field(expression.name)
    return names.column()


def _struct_star(item: StructStar, scope: Scope, names: NameGenerator, type_of: TypeOf) -> Iterator[SelectColumn]:
    base = scope.qualify(item.base, "SELECT")
    struct = type_of(base)
    if not isinstance(struct, Struct):
        text = column_text(base) if isinstance(base, ColumnRef) else "the expression"
        raise problem(f"Cannot expand the fields of {text} with '->*': it is {struct}, not a STRUCT.", item.position)
    for field in struct.fields:
        yield SelectColumn(names.field(field.name), FieldRef(base, field.name), position=item.position)


def key_names(select: Sequence[SelectColumn], names: NameGenerator) -> Callable[[Expression], str]:
    """What grouping and partitioning expressions are called: as the select list calls them, else by themselves."""

    def name(expression: Expression) -> str:
        selected = next((c.name for c in select if c.expression == expression), None)
        return selected or names.for_key(expression)

    return name
