"""Java's regular expressions on Python's engine."""

from __future__ import annotations

import pytest

from headwater.core.errors import FunctionError
from headwater.plan.functions.java_regex import compile_regex, compile_replacement

FOUND: list[tuple[str, str, str | None]] = [
    (r"\d+", "a12", "12"),
    (r"\w+", "éab", "ab"),
    ("a.b", "a\nb a\u2028b a-b", "a-b"),
    (r"(?s)a.b", "a\nb", "a\nb"),
    ("x(?i)AB", "xab", "xab"),
    ("(?i:A)b", "ab", "ab"),
    (r"\p{Lu}+", "aÉB", "ÉB"),
    (r"\P{L}+", "ab12é", "12"),
    (r"\p{Alpha}+", "é12ab", "ab"),
    (r"\p{IsCyrillic}+", "abвг", "вг"),
    (r"\p{Punct}", "a]b", "]"),
    (r"[\p{Lower}&&[^aeiou]]+", "aebcd", "bcd"),
    ("[a-c[x-z]]+", "mbxy", "bxy"),
    ("[^a-c&&[a-z]]+", "abcdef", "def"),
    (r"[\w&&[^\d]]+", "12ab3", "ab"),
    ("[]a]+", "x]a", "]a"),
    (r"(?<year>\d{4})-\k<year>", "2018-2018", "2018-2018"),
    (r"\Qa.b\E+", "a.bb", "a.bb"),
    (r"\x{1F600}", "\U0001f600", "\U0001f600"),
    (r"\u0041", "A", "A"),
    (r"\h+", "a \u00a0b", " \u00a0"),
    (r"a\R", "a\r\n", "a\r\n"),
    (r"\Aab\z", "ab", "ab"),
    (r"b\Z", "ab\n", "b"),
    ("a++b", "aab", "aab"),
    ("(?>a+)b", "aab", "aab"),
    ("(?<!a)b", "abb", "b"),
    ("[&~|-]+", "a&~|-", "&~|-"),
    ("x*", "abc", ""),
    ("(a|b)(?i)C", "bc", "bc"),
]


@pytest.mark.parametrize(("pattern", "text", "expected"), FOUND)
def test_the_first_match(pattern: str, text: str, expected: str | None) -> None:
    found = compile_regex(pattern).search(text)
    assert (found[0] if found else None) == expected


@pytest.mark.parametrize("pattern", ["(", ")", "[a", r"\y", "*", r"\p{Nonsense9}", "a{2,1}", "\\"])
def test_bad_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(FunctionError, match="Invalid regular expression"):
        compile_regex(pattern)


def test_replacements_mention_groups() -> None:
    regex = compile_regex(r"(?<first>\w)(\w)")
    assert regex.sub(compile_replacement(r"$2${first}\$\\$11"), "ab") == "ba$\\a1"


@pytest.mark.parametrize("text", ["$", "${", "\\", "$x"])
def test_bad_replacements_are_refused(text: str) -> None:
    with pytest.raises(FunctionError):
        compile_replacement(text)
