"""Topics chosen by a regular expression on the broker (KIP-848): the language is RE2's, matched against whole names.

RE2 has neither references back nor looks around, so such expressions are refused, and every search has a time limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

import regex

from headwater.core.errors import HeadwaterError

TIME_LIMIT = 0.1
"""Seconds for one expression against all topics."""
_REFERENCE = regex.compile(r"\\(?:\\|([1-9]|k<|g<))")
_LITERAL = regex.compile(r"\\.|\[\^?\]?[^\]]*\]")
"""Escaped characters and classes, in which nothing is special."""
_FOREIGN = regex.compile(r"\(\?(?:[=!>#]|<[=!]|P=|P>|\(|[R&0-9|])|[*+?}]\+")
"""Looks around, atomic groups, comments, conditions, recursion, possessive repetition."""


class InvalidPatternError(HeadwaterError):
    """A regular expression that cannot be used."""


@lru_cache(maxsize=1024)
def compile_pattern(text: str) -> regex.Pattern[str]:
    """The expression, ready to match. Raises `InvalidPatternError`."""
    if any(found[1] for found in _REFERENCE.finditer(text)) or _FOREIGN.search(_LITERAL.sub("", text)):
        raise InvalidPatternError(
            f"The regular expression '{text}' uses what RE2 lacks: back references, looks around, atomic groups."
        )
    try:
        return regex.compile(text, flags=regex.VERSION0)
    except regex.error as error:
        raise InvalidPatternError(f"The regular expression '{text}' is invalid: {error}.") from None


def matching(
    text: str, names: Iterable[str], monotonic: Callable[[], float], limit: float = TIME_LIMIT
) -> frozenset[str]:
    """The names that the expression matches from end to end. Raises `InvalidPatternError`, also after `limit` seconds.

    `monotonic` is the clock.
    """
    pattern = compile_pattern(text)
    deadline = monotonic() + limit
    try:
        return frozenset(n for n in names if pattern.fullmatch(n, timeout=max(0.001, deadline - monotonic())))
    except TimeoutError:
        raise InvalidPatternError(
            f"The regular expression '{text}' takes longer than {limit:g} s over all topics: make it simpler."
        ) from None
