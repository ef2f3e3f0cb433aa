"""Renders `docs/sql-grammar.md` from the rules: `python -m headwater.sql.grammar_page > docs/sql-grammar.md`."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from headwater.sql.rules.administration import AdministrationRules
from headwater.sql.words import NON_RESERVED, RESERVED

_HEAD = """\
# SQL grammar

<!-- Rendered from src/headwater/sql/rules by `make docs`; do not edit. -->

Notation: `"WORD"` a keyword or sign as written, `|` choice, `( )` grouping, `x?` once or not at all, `x*` any number of
times, `x+` at least once. A script is any number of statements, each ended by `;`.

## Lexical rules

| Token | Written as |
|---|---|
| keywords | in any case |
| `IDENTIFIER` | letters, digits, `_` and `@`, not beginning with `@`, not all digits; counts as upper case |
| `QUOTED_IDENTIFIER` | `` `Name` `` or `"Name"`, case kept; the quote itself is written twice |
| `STRING_VALUE` | `'text'`, may span lines; the quote itself is written twice; no other escapes |
| `INTEGER_VALUE` | `42`: INTEGER, or BIGINT from 2147483648 on |
| `DECIMAL_VALUE` | `1.5`, `.5`, `1.` |
| `FLOATING_POINT_VALUE` | `1E3`, `1.5e-2`: DOUBLE |
| comments | `-- to the end of the line`, `/* anything */` |
| variables | `${name}` for one identifier or literal, or inside quotes; `$${name}` for the text itself |

These words are reserved, and are names only in quotes:

{reserved}

These words mean something to the grammar and can be names too (`non_reserved` below):

{non_reserved}"""

_RULE = re.compile(r"[a-z_]+ = ")


@dataclass(frozen=True)
class Rule:
    """A method's part of the grammar: its `text` may define several rules; `about` is what else the docstring says."""

    about: str
    text: str


def rules_of(cls: type) -> Iterator[Rule]:
    """The rules that a class itself defines, in the order of its source."""
    for member in vars(cls).values():
        if inspect.isfunction(member) and member.__doc__:
            paragraphs = inspect.cleandoc(member.__doc__).split("\n\n")
            text = "\n".join(p for p in paragraphs if _RULE.match(p))
            if text:
                yield Rule(" ".join(p for p in paragraphs if not _RULE.match(p)).replace("\n", " "), text)


def rule_classes() -> list[type]:
    """The classes that the grammar is spread over, from statements down to names."""
    return [cls for cls in AdministrationRules.__mro__ if cls is not object]


def render() -> str:
    """The whole page, as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD.replace("{reserved}", _words(RESERVED)).replace("{non_reserved}", _words(NON_RESERVED))
    for cls in rule_classes():
        heading = inspect.cleandoc(sys.modules[cls.__module__].__doc__ or "").split("\n")[0].rstrip(".")
        yield f"\n## {heading}"
        for rule in rules_of(cls):
            yield f"\n{rule.about}\n" if rule.about else ""
            yield f"```ebnf\n{rule.text}\n```"


def _words(words: frozenset[str]) -> str:
    return " ".join(f"`{word}`" for word in sorted(words))


if __name__ == "__main__":
    sys.stdout.write(render())
