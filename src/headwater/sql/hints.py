"""Remedies for mistakes that people make in SQL: each is looked for in the tokens around the place of the error."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from headwater.sql.tokens import BAD, END, IDENTIFIER, QUOTED_IDENTIFIER, STRING_VALUE, VARIABLE, TokenList, unquote
from headwater.sql.words import RESERVED, quote_identifier

_NAMES = ("identifier", "source name")
_CLAUSES = ("SELECT", "FROM", "JOIN", "WINDOW", "WHERE", "GROUP", "PARTITION", "HAVING", "EMIT", "LIMIT")
_CLAUSE_ORDER = (
    "Clauses stand in this order: SELECT, FROM, JOIN, WINDOW, WHERE, GROUP BY, PARTITION BY, HAVING, EMIT, LIMIT."
)
_UNSUPPORTED = {
    "DISTINCT": "SELECT DISTINCT is not part of the language: use GROUP BY.",
    "UNION": "UNION is not part of the language: write into one stream with several INSERT INTO ... SELECT statements.",
    "OFFSET": "OFFSET is not part of the language.",
    "USING": "JOIN ... USING is not part of the language: write ON a.column = b.column.",
}


def remedy(tokens: TokenList, index: int, production: str | None, expected: Sequence[str]) -> str | None:
    """A sentence that helps with the unexpected token, or None. Arguments as for `diagnostics.unexpected`."""
    for rule in _RULES:
        hint = rule(tokens, index, production, expected)
        if hint is not None:
            return hint
    return None


def nearest(word: str, words: Sequence[str], *, cutoff: float = 0.6) -> str | None:
    """The word of a list that a misspelt one is closest to."""
    from difflib import get_close_matches  # imported only for errors: costs more than parsing a script

    found = get_close_matches(word.upper(), words, n=1, cutoff=cutoff)
    return found[0] if found else None


_Rule = Callable[[TokenList, int, "str | None", Sequence[str]], "str | None"]


def _not_closed(tokens: TokenList, index: int, production: str | None, expected: Sequence[str]) -> str | None:
    if tokens.kinds[index] != BAD:
        return None
    text = tokens.texts[index]
    if text == "'":
        return "This string literal has no closing quote. A quote inside a string is written twice."
    if text in ('"', "`"):
        return "This quoted identifier has no closing quote."
    if text == "/":
        return "This comment has no closing */."
    return f"The character {text!r} has no meaning here."


def _undefined_variable(tokens: TokenList, index: int, production: str | None, expected: Sequence[str]) -> str | None:
    if tokens.kinds[index] != VARIABLE:
        return None
    name = tokens.texts[index][2:-1]
    return f"The variable {name} is not defined, or cannot stand here. Define one with: DEFINE {name} = 'value';"


def _unsupported(tokens: TokenList, index: int, production: str | None, expected: Sequence[str]) -> str | None:
    word = tokens.texts[index].upper()
    before = tokens.texts[index - 1].upper() if index else ""
    if (word == "BY" and before == "ORDER") or (word == "ORDER" and "GROUP" in expected):
        return "ORDER BY is not part of the language: streams have no end at which they could be sorted."
    if word == "," and "JOIN" in expected:
        return "A list of sources is not part of the language: write JOIN ... ON."
    if word == "(" and production == "source name":
        return "Subqueries are not part of the language: create a stream or table from the inner query first."
    if word == "=" and before == "=":
        return "Equality is written with a single =."
    return _UNSUPPORTED.get(word) or _UNSUPPORTED.get(before)


def _reserved_word(tokens: TokenList, index: int, production: str | None, expected: Sequence[str]) -> str | None:
    kind = tokens.kinds[index]
    if kind in RESERVED and (production in _NAMES or ("identifier" in expected and kind not in _CLAUSES)):
        return f"'{tokens.texts[index]}' is a reserved keyword: to use it as a name, write it in quotes as `{kind}`."
    return None


def _string_for_name(tokens: TokenList, index: int, production: str | None, expected: Sequence[str]) -> str | None:
    if tokens.kinds[index] != STRING_VALUE or production not in _NAMES:
        return None
    content = unquote(tokens.texts[index])
    name = content if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", content) else quote_identifier(content)
    return f"Single quotes make a string, not a name: did you mean {name}?"


def _name_for_string(tokens: TokenList, index: int, production: str | None, expected: Sequence[str]) -> str | None:
    kind = tokens.kinds[index]
    if STRING_VALUE not in expected and production != "literal":
        return None
    if kind == QUOTED_IDENTIFIER:
        return f"Strings stand in single quotes: did you mean '{unquote(tokens.texts[index])}'?"
    word = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*").match(tokens.source, tokens.starts[index])
    return None if word is None else f"Strings stand in single quotes: did you mean '{word[0]}'?"


def _hyphen_in_name(tokens: TokenList, index: int, production: str | None, expected: Sequence[str]) -> str | None:
    if tokens.kinds[index] not in ("-", ".") or not index or tokens.ends[index - 1] != tokens.starts[index]:
        return None
    rest = re.match(r"[A-Za-z0-9_.-]*", tokens.source[tokens.starts[index] :])
    name = tokens.texts[index - 1] + (rest[0] if rest else "")
    return f"A name with '{tokens.texts[index]}' in it needs quotes: `{name}`."


def _clause_order(tokens: TokenList, index: int, production: str | None, expected: Sequence[str]) -> str | None:
    kind = tokens.kinds[index]
    in_query = "SELECT" in tokens.kinds[:index]
    return _CLAUSE_ORDER if in_query and kind in _CLAUSES and ";" in expected else None


def _elsewhere(tokens: TokenList, index: int, production: str | None, expected: Sequence[str]) -> str | None:
    first = tokens.texts[0].upper()
    if production == "statement" and tokens.texts[index].upper() == "RUN":
        return "RUN SCRIPT is for the shell and for test scripts."
    if production == "statement" and tokens.texts[index].upper() == "SPOOL":
        return "SPOOL is for the shell."
    if first == "ASSERT" and index == 1 and tokens.kinds[index] in ("VALUES", "NULL", "STREAM", "TABLE"):
        return f"ASSERT {tokens.kinds[index]} is for test scripts."
    return None


def _misspelt(tokens: TokenList, index: int, production: str | None, expected: Sequence[str]) -> str | None:
    if tokens.kinds[index] != IDENTIFIER or production is not None:
        return None
    word = nearest(tokens.texts[index], [kind for kind in expected if kind.isupper()], cutoff=0.7)
    return None if word is None else f"Did you mean {word}?"


def _statement_end(tokens: TokenList, index: int, production: str | None, expected: Sequence[str]) -> str | None:
    if tokens.kinds[index] == END and ";" in expected:
        return "Every statement ends with ';'."
    return None


_RULES: tuple[_Rule, ...] = (
    _not_closed,
    _undefined_variable,
    _unsupported,
    _reserved_word,
    _string_for_name,
    _name_for_string,
    _hyphen_in_name,
    _clause_order,
    _elsewhere,
    _misspelt,
    _statement_end,
)
