"""Comparing error messages with expected ones: exactly, or by their words."""

from __future__ import annotations

import re

from headwater.cases.model import Message

_POSITION = re.compile(r"line:? ?\d+[:,] ?(col: ?)?\d+:? ?")
_NOISE = re.compile(r"[^\w\s]")
_ENOUGH_WORDS = 0.8


def closeness(actual: str, expected: str | None, sql: str = "") -> Message:
    """How close; `sql` is the statement, which the original appends to some messages."""
    if expected is None:
        return Message.NONE
    if expected in actual or expected in f"{actual}\nStatement: {sql}":
        return Message.EXACT
    ours, theirs = _loose(actual), _loose(expected)
    if theirs in ours:
        return Message.LOOSE
    words = theirs.split()
    known = set(ours.split())
    if words and sum(word in known for word in words) >= _ENOUGH_WORDS * len(words):
        return Message.LOOSE
    return Message.OTHER


def _loose(text: str) -> str:
    text = _POSITION.sub(" ", text.lower())
    return " ".join(_NOISE.sub(" ", text).split())
