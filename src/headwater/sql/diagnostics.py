"""What a syntax error says: the place, what was found, what was expected, the line with a marker, and a remedy."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.core.errors import ParseError
from headwater.sql.hints import nearest, remedy
from headwater.sql.tokens import (
    BAD,
    DECIMAL_VALUE,
    END,
    FLOATING_POINT_VALUE,
    IDENTIFIER,
    INTEGER_VALUE,
    STRING_VALUE,
    TokenList,
)

_LINE_WIDTH = 120
_MOST_EXPECTED = 10
_TERMINALS = frozenset({IDENTIFIER, STRING_VALUE, INTEGER_VALUE, DECIMAL_VALUE, FLOATING_POINT_VALUE, END})


def located(
    tokens: TokenList, index: int, message: str, *, last: int | None = None, meaning: bool = False
) -> ParseError:
    """An error at a token, or from there to token `last`.

    With `meaning` the text is grammatical but wrong, and is introduced as ksqlDB does then.

    Columns are printed counting from 1, as ksqlDB prints them; `ParseError.position` counts them from 0.
    """
    start = tokens.starts[index]
    end = tokens.ends[index if last is None else max(index, last)]
    position = tokens.position(start, max(end - start, 1))
    line, column = position.line, position.column + 1
    head = f"Line: {line}, Col: {column}: " if meaning else f"line {line}:{column}: "
    return ParseError(f"{head}{message}\n{_excerpt(tokens, line, position.column, position.length)}", position)


def unexpected(
    tokens: TokenList, index: int, production: str | None, expected: Sequence[str], first_words: Sequence[str]
) -> ParseError:
    """The error for a token that no rule can use.

    `production` is the kind of phrase that should begin there, if one was wanted; `expected` the kinds of token that
    could have stood there.
    """
    found = "<EOF>" if tokens.kinds[index] == END else _shortened(tokens.texts[index])
    lines = ["Syntax Error"]
    if tokens.kinds[index] == BAD:
        pass
    elif production == "statement":
        lines.append(f"Unknown statement '{found}'")
        if (word := nearest(found, first_words)) is not None and word != found.upper():
            lines.append(f"Did you mean '{word}'?")
    elif production is not None:
        start = tokens.position(tokens.starts[index], 1)
        lines.append(f"Syntax error at or near '{found}' at line {start.line}:{start.column + 1}")
        lines.append(f"expecting {production}")
    elif len(expected) == 1:
        lines.append(f"missing {_shown(expected[0])} at '{found}'")
    elif expected:
        lines.append(f"{_expecting(tokens.kinds[index], expected)}, found '{found}'")
    hint = remedy(tokens, index, production, expected)
    if hint is not None:
        lines.append(hint)
    return located(tokens, index, "\n".join(lines))


def _expecting(found: str, expected: Sequence[str]) -> str:
    if found == END and ";" in expected:
        return "expecting ';'"
    shown = [_shown(kind) for kind in expected[:_MOST_EXPECTED]]
    if len(expected) > _MOST_EXPECTED:
        shown.append("...")
    return f"Expecting {{{', '.join(shown)}}}"


def _shown(kind: str) -> str:
    return kind if kind in _TERMINALS else f"'{kind}'"


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _excerpt(tokens: TokenList, line: int, column: int, length: int) -> str:
    """The line with a marker under the place, cut to a window around it when it is long."""
    text = tokens.line_text(line).replace("\t", " ")
    begin = max(0, column - _LINE_WIDTH * 2 // 3) if len(text) > _LINE_WIDTH else 0
    shown = text[begin : begin + _LINE_WIDTH]
    marker = "^" * max(1, min(length, len(shown) - (column - begin)))
    return f"  {shown}\n  {' ' * (column - begin)}{marker}"
