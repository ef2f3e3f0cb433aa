"""Keys of state: which values identify a row in a store."""

from __future__ import annotations

from headwater.engine.rows import Row, key_code


def state_key(row: Row) -> str:
    """Code of the key under which state of a row is kept; a windowed key includes its window."""
    codes = row.key_codes()
    if row.window is not None:
        codes = [*codes, *row.window]
    return key_code(codes)
