"""Keys of state: which values identify a row in a store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from headwater.core import types
from headwater.core.types import SqlType

if TYPE_CHECKING:
    from headwater.engine.compiler import StageCompiler
    from headwater.engine.rows import Row


def state_key(stage: StageCompiler, row: Row) -> str:
    """Code of the key under which state of a row is kept; a windowed key includes its window's bounds."""
    codes = key_items(stage, row)
    if row.window is not None:
        codes = [*codes, *row.window]
    return key_code(codes)


def group_key(stage: StageCompiler, row: Row) -> str:
    """As `state_key`, without the window."""
    return key_code(key_items(stage, row))


def key_items(stage: StageCompiler, row: Row) -> list[str]:
    """Codes of the key columns as hashable values."""
    items = []
    for name in row.keys:
        binding = row.columns[name]
        if _has_array(binding.type):
            items.append(f"{stage.names.add(freeze, 'freeze')}({binding.code})")
        else:
            items.append(binding.code)
    return items


def key_code(codes: list[str]) -> str:
    """The value itself for one column, a tuple for several."""
    return codes[0] if len(codes) == 1 else f"({', '.join(codes)}{',' if codes else ''})"


def _has_array(sql_type: SqlType) -> bool:
    if isinstance(sql_type, types.Struct):
        return any(_has_array(f.type) for f in sql_type.fields)
    return isinstance(sql_type, types.Array)


def thaw(stage: StageCompiler, sql_type: SqlType, code: str) -> str:
    """Code of a key column's value, given code of the hashable form that a store holds."""
    if not _has_array(sql_type):
        return code
    return f"{stage.names.add(thawer(sql_type), 'thaw')}({code})"


def thawer(sql_type: SqlType) -> Callable[[Any], Any]:
    """A function that turns what `freeze` made of a value of the type back into it."""
    match sql_type:
        case types.Array(element):
            inner = thawer(element)
            return lambda value: None if value is None else [inner(item) for item in value]
        case types.Struct(fields):
            parts = [thawer(field.type) for field in fields]
            return lambda value: None if value is None else tuple(part(v) for part, v in zip(parts, value, strict=True))
        case _:
            return lambda value: value


def freeze(value: object) -> object:
    """The value with every list inside it as a tuple, so that it can be hashed."""
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    return value
