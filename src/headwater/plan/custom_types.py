"""CREATE TYPE: written types with their custom names resolved."""

from __future__ import annotations

from collections.abc import Mapping

from headwater.core.types import Array, Field, Map, SqlType, Struct
from headwater.plan.problems import did_you_mean, problem
from headwater.sql.ast import NamedType


def resolve_type(written: SqlType, types: Mapping[str, SqlType]) -> SqlType:
    """The type with every custom name replaced by what it stands for. Raises AnalysisError for unknown names."""
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
        return Struct(tuple(Field(f.name, resolve_type(f.type, types)) for f in written.fields))
    return written
