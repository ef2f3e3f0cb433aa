"""Java's regular expressions on Python's engine."""

from __future__ import annotations

import contextlib
import time

import pytest

from headwater.core.errors import FunctionError
from headwater.plan.functions.java_regex import Regex, compile_regex, compile_replacement

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
    regex = compile_regex(pattern)
    found = regex.search(text)
    assert (found[0] if found else None) == expected


@pytest.mark.parametrize(("pattern", "text", "expected"), FOUND)
def test_the_engine_with_a_time_limit_agrees(pattern: str, text: str, expected: str | None) -> None:
    quick = compile_regex(pattern)
    limited = Regex(pattern, quick.translated, choices=None)
    found = limited.search(text)
    assert (found[0] if found else None) == expected
    assert [m.span() for m in limited.find_all(text)] == [m.span() for m in quick.find_all(text)]
    assert limited.replace(lambda m: "!", text) == quick.replace(lambda m: "!", text)


ENDLESS = [
    ("(a+)+$", "b"),
    ("^(a|a)*$", "b"),
    (r"(\w+\s?)+[!x]?$", "-"),
    ("(a|aa)+$", "b"),
    ("a?" * 30 + "a" * 30 + "$", "b"),
    ("(?:a|a)" * 30 + "b", "c"),
    ("a*" * 30 + "$", "b"),
]


@pytest.mark.parametrize(("pattern", "last"), ENDLESS)
def test_no_pattern_runs_for_long(pattern: str, last: str) -> None:
    regex = compile_regex(pattern)
    for text in ("a" * 29 + last, "a" * 5_000 + last):
        for call in (regex.search, regex.find_all, lambda text: regex.replace(lambda m: "", text)):
            started = time.process_time()
            with contextlib.suppress(FunctionError):
                call(text)
            assert time.process_time() - started < 1


def test_a_pattern_that_takes_too_long_says_so() -> None:
    with pytest.raises(FunctionError, match=r"'\^\(a\|a\)\*\$' takes too long on a text of 41 characters"):
        compile_regex("^(a|a)*$").search("a" * 40 + "b")


@pytest.mark.parametrize("pattern", ["(", ")", "[a", r"\y", "*", r"\p{Nonsense9}", "a{2,1}", "\\"])
def test_bad_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(FunctionError, match="Invalid regular expression"):
        compile_regex(pattern)


def test_replacements_mention_groups() -> None:
    regex = compile_regex(r"(?<first>\w)(\w)")
    assert regex.replace(compile_replacement(r"$2${first}\$\\$11"), "ab") == "ba$\\a1"


@pytest.mark.parametrize("text", ["$", "${", "\\", "$x"])
def test_bad_replacements_are_refused(text: str) -> None:
    with pytest.raises(FunctionError):
        compile_replacement(text)
