"""CREATE TYPE: written types with their custom names resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from headwater.core.errors import AnalysisError
from headwater.core.names import quote
from headwater.core.types import Array, Field, Map, SqlType, Struct
from headwater.plan.problems import did_you_mean, problem
from headwater.plan.rewriting import transform, walk
from headwater.sql.ast import Cast, Expression, NamedType


def resolve_casts(expression: Expression, types: Mapping[str, SqlType]) -> Expression:
    """The expression with custom names in the targets of its casts replaced. Raises AnalysisError for unknown names."""

    casts = [n for n in walk(expression) if isinstance(n, Cast) and resolve_type(n.target, types) != n.target]
    if not casts:
        return expression

    def enter(node: Expression, _: frozenset[str]) -> Expression | None:
        if not isinstance(node, Cast):
            return None
        return replace(node, operand=resolve_casts(node.operand, types), target=resolve_type(node.target, types))

    return transform(expression, enter)


def resolve_type(written: SqlType, types: Mapping[str, SqlType]) -> SqlType:
    """The type with every custom name replaced by what it stands for.

    Raises AnalysisError for unknown names, and for structs with two fields of one name.
    """
    if isinstance(written, NamedType):
        found = types.get(written.name)
        if found is None:
            raise problem(
                f"Cannot resolve unknown type: {written.name}.{did_you_mean(written.name, types)}", written.position
            )
        return found
    if isinstance(written, Array):
        return Array(resolve_type(written.element, types))
    if isinstance(written, Map):
        return Map(resolve_type(written.key, types), resolve_type(written.value, types))
    if isinstance(written, Struct):
        names = [field.name for field in written.fields]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise AnalysisError(f"Duplicate field names found in STRUCT: {', '.join(map(quote, repeated))}")
        return Struct(tuple(Field(f.name, resolve_type(f.type, types)) for f in written.fields))
    return written
