"""Keys of state: which values identify a row in a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def freeze(value: object) -> object:
    """The value with every list inside it as a tuple, so that it can be hashed."""
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    return value
