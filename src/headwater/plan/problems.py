"""Wording helpers of analysis errors: place, candidates, lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import wraps
from typing import ParamSpec, TypeVar

from headwater.core.errors import AnalysisError, Position

P = ParamSpec("P")
T = TypeVar("T")


def problem(message: str, position: Position | None = None) -> AnalysisError:
    """An AnalysisError whose message starts with the place, lines and columns from 1, when it is known."""
    if position is None:
        return AnalysisError(message)
    return AnalysisError(f"Line: {position.line}, Col: {position.column + 1}: {message}", position)


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate a person most likely meant, ignoring case; None when none is close."""
    by_upper = {c.upper(): c for c in candidates}
    found = get_close_matches(name.upper(), by_upper, n=1, cutoff=0.65)
    return by_upper[found[0]] if found else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """` Did you mean X?`, or nothing."""
    best = nearest(name, candidates)
    return f" Did you mean {best}?" if best else ""


def listing(items: Sequence[str], conjunction: str) -> str:
    """`A`, `A and B`, `A, B and C`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {conjunction} {items[-1]}"


def refuse_depth(function: Callable[P, T]) -> Callable[P, T]:
    """Statements too deep for Python's stack are refused like any other that cannot be planned."""

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except RecursionError:
            raise AnalysisError("The statement is nested too deeply. Split it over several queries.") from None

    return guarded
