"""LIKE gives what its definition says, in a time that does not depend on how the text looks."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.plan.expressions.operators import like_regex

LINE_ENDS = "\n\r"


def matches(pattern: str, text: str) -> bool:
    """The definition: a table over all prefixes of both."""
    reached = [True] + [False] * len(text)
    for char in pattern:
        before = reached
        reached = [before[0] and char == "%"]
        for i, letter in enumerate(text):
            if char == "%":
                reached.append(before[i + 1] or (reached[i] and letter not in LINE_ENDS))
            else:
                reached.append(before[i] and (letter == char or (char == "_" and letter not in LINE_ENDS)))
    return reached[-1]


@settings(max_examples=2_000, deadline=None)
@given(st.text("ab\n%_", max_size=9), st.text("ab\n", max_size=12))
def test_like_is_what_its_definition_says(pattern: str, text: str) -> None:
    assert (like_regex(pattern, None).fullmatch(text) is not None) == matches(pattern, text)


def test_many_wildcards_take_no_longer_than_few() -> None:
    text = "a" * 20_000
    for pattern in ("%a" * 40 + "%b", "%aaa_aaa" * 20 + "b%", "%_" * 40 + "b"):
        started = time.process_time()
        assert like_regex(pattern, None).fullmatch(text) is None
        assert time.process_time() - started < 1
