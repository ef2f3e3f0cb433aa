"""Python's compiler for generated text, which comes again and again: for every query over columns of the same types."""

from __future__ import annotations

from functools import lru_cache
from types import CodeType

_KEPT = 512
"""A text of a hundred lines and its code take some 20 kB."""


@lru_cache(maxsize=_KEPT)
def compiled(text: str, filename: str) -> CodeType:
    """The code of a module's text; tracebacks name `filename`. Raises what `compile` raises.

    The text is generated, never taken from users: what is theirs is in it as `repr` of a string, or not at all.
    """
    return compile(text, filename, "exec")
