"""The grammar as documentation: complete, without loose ends, and as committed."""

from __future__ import annotations

import re
from pathlib import Path

from headwater.sql.grammar_page import render, rule_classes, rules_of
from headwater.sql.rules.administration import FIRST_WORDS
from headwater.sql.words import KEYWORDS

PAGE = Path(__file__).parents[2] / "docs" / "sql-grammar.md"
GRAMMAR = "\n".join(rule.text for cls in rule_classes() for rule in rules_of(cls))
DEFINED = re.findall(r"^([a-z_]+) = ", GRAMMAR, re.MULTILINE)
USED = set(re.findall(r"\b[a-z_]{2,}\b", re.sub(r'"[^"]*"', "", GRAMMAR)))
WORDS = set(re.findall(r'"([A-Z]+)"', GRAMMAR))


def test_the_committed_page_is_what_the_rules_say() -> None:
    assert PAGE.read_text("utf-8") == render(), "run `make docs`"


def test_every_rule_is_defined_once_and_used() -> None:
    assert sorted(set(DEFINED)) == sorted(DEFINED)
    assert USED - set(DEFINED) == {"non_reserved"}
    for name in set(DEFINED) - {"script", "statement"}:
        assert len(re.findall(rf"\b{name}\b", GRAMMAR)) > 1, name


def test_every_keyword_of_the_grammar_is_known_to_the_lexer() -> None:
    soft = {"SPOOL", "OFF", "DECIMAL"}
    assert not WORDS - KEYWORDS - soft
    assert not set(FIRST_WORDS) - WORDS
