"""Variable substitution: `${name}` becomes what DEFINE said, and never more than one identifier or literal.

In a string or a quoted identifier the value is inserted as text, the quotes in it doubled. Elsewhere the value must be
a complete identifier, string, number or boolean; a value that is a keyword is a name, so that no variable can change
what a statement does. Undefined variables stay as they are. `$${name}` inside quotes stands for the text `${name}`.
Variables are looked up exactly first, then without regard to case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from headwater.core.names import quote
from headwater.sql.diagnostics import located
from headwater.sql.tokens import (
    END,
    IDENTIFIER,
    QUOTED_IDENTIFIER,
    STRING_VALUE,
    VARIABLE,
    TokenList,
    tokenize,
)
from headwater.sql.words import NON_RESERVED, RESERVED

_REFERENCE = re.compile(r"(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NUMBER_KINDS = frozenset({"INTEGER_VALUE", "DECIMAL_VALUE", "FLOATING_POINT_VALUE"})


def lookup(variables: Mapping[str, str], name: str) -> str | None:
    """A variable's value, or None if it is not defined."""
    if name in variables:
        return variables[name]
    folded = name.lower()
    return next((value for known, value in variables.items() if known.lower() == folded), None)


def substitute(tokens: TokenList, variables: Mapping[str, str]) -> TokenList:
    """The tokens with variables replaced; places stay those of the source.

    Raises `ParseError` at a variable whose value is neither an identifier nor a literal.
    """
    kinds: list[str] = []
    texts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for index, (kind, text) in enumerate(zip(tokens.kinds, tokens.texts, strict=True)):
        start, end = tokens.starts[index], tokens.ends[index]
        replacement = [(kind, text)]
        if kind == VARIABLE:
            value = lookup(variables, text[2:-1])
            if value is not None:
                replacement = _as_tokens(value)
                if not replacement:
                    raise located(tokens, index, _not_a_value(text, value))
        elif kind in (STRING_VALUE, QUOTED_IDENTIFIER) and "${" in text:
            replacement = [(kind, _inside_quotes(text, variables))]
        for new_kind, new_text in replacement:
            kinds.append(new_kind)
            texts.append(new_text)
            starts.append(start)
            ends.append(end)
            start = end
    return tokens.replaced(kinds, texts, starts, ends)


def _not_a_value(reference: str, value: str) -> str:
    return (
        f"The value of {reference} is neither an identifier nor a literal: {value}\n"
        "A variable stands for one name, string in quotes, number or boolean, never for other SQL."
    )


def _inside_quotes(text: str, variables: Mapping[str, str]) -> str:
    mark = text[0]

    def replaced(match: re.Match[str]) -> str:
        escaped, name = match.groups()
        if escaped:
            return match[0][1:]
        value = lookup(variables, name)
        return match[0] if value is None else value.replace(mark, mark + mark)

    return mark + _REFERENCE.sub(replaced, text[1:-1]) + mark


def _as_tokens(value: str) -> list[tuple[str, str]]:
    """The kinds and texts that a value stands for outside quotes; empty if it is not allowed there."""
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] == "'":
        return [(STRING_VALUE, "'" + value[1:-1].replace("'", "''") + "'")]
    tokens = tokenize(value)
    kinds, texts = tokens.kinds, tokens.texts
    if kinds[-1] != END or tokens.ends[0] - tokens.starts[0] == 0:
        return []
    if len(kinds) == 3 and kinds[0] == "-" and kinds[1] in _NUMBER_KINDS:
        return [(kinds[0], texts[0]), (kinds[1], texts[1])]
    if len(kinds) != 2 or texts[0] != value:
        return []
    kind = kinds[0]
    if kind in _NUMBER_KINDS or kind in (IDENTIFIER, QUOTED_IDENTIFIER, "TRUE", "FALSE"):
        return [(kind, texts[0])]
    if kind in NON_RESERVED or kind in RESERVED:
        return [(QUOTED_IDENTIFIER, quote(kind))]
    return []
