"""The lexer: one regular expression cuts SQL text into words, literals and signs, each with its place in the text.

A token's kind is a string: the word itself for a keyword (`SELECT`), the sign itself for a sign (`->`), else one of the
kinds named below. Comments and white space leave no token. Tokens are held as parallel lists, since a parser asks for
nothing but kinds most of the time.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from headwater.core.errors import Position
from headwater.sql.words import KEYWORDS

IDENTIFIER = "identifier"
QUOTED_IDENTIFIER = "quoted identifier"
STRING_VALUE = "STRING_VALUE"
INTEGER_VALUE = "INTEGER_VALUE"
DECIMAL_VALUE = "DECIMAL_VALUE"
FLOATING_POINT_VALUE = "FLOATING_POINT_VALUE"
VARIABLE = "VARIABLE"
BAD = "unrecognised text"
END = "<EOF>"

OPENERS = frozenset({"'", '"', "`", "/"})
"""Texts of `BAD` tokens that begin something which is never closed; the rest of the source belongs to it."""

_WORD, _NUMBER, _SIGN, _STRING, _QUOTED, _DIGITS, _VARIABLE, _END, _BAD = range(1, 10)
"""Groups of the expression below, in its order."""

_KINDS = {
    _STRING: STRING_VALUE,
    _QUOTED: QUOTED_IDENTIFIER,
    _DIGITS: IDENTIFIER,
    _VARIABLE: VARIABLE,
    _END: END,
    _BAD: BAD,
}

_LINE_END = re.compile("\n")
_SKIP = r"(?:[\s]++|--[^\n]*+|/\*(?s:.*?)\*/)*+"
_TOKEN = re.compile(
    _SKIP + r"(?:"
    r"([A-Za-z_][A-Za-z0-9_@]*+)"
    r"|((?:[0-9]++\.[0-9]*+|[0-9]++|\.[0-9]++)(?:[eE][+-]?[0-9]++)?+(?![A-Za-z0-9_@]))"
    r"|(<>|<=|>=|!=|\|\||->|=>|:=|[-+*%=<>().,;\[\]:]|/(?!\*))"
    r"|('[^']*+(?:''[^']*+)*+')"
    r"|(`[^`]*+(?:``[^`]*+)*+`|\"[^\"]*+(?:\"\"[^\"]*+)*+\")"
    r"|([0-9]++[A-Za-z_@][A-Za-z0-9_@]*+)"
    r"|(\$\{[A-Za-z_][A-Za-z0-9_]*+\})"
    r"|(\Z)"
    r"|((?s:.))"
    r")"
)


class TokenList:
    """The tokens of one text, closed by an `END` token.

    `kinds[i]`, `texts[i]` (as written), `starts[i]` and `ends[i]` (offsets in `source`, end exclusive) are of token i.
    After variable substitution texts differ from the source; places do not.
    """

    def __init__(
        self, source: str, kinds: list[str], texts: list[str], starts: list[int], ends: list[int], lines: list[int]
    ) -> None:
        self.source = source
        self.kinds = kinds
        self.texts = texts
        self.starts = starts
        self.ends = ends
        self.lines = lines
        """Offsets at which the lines of the source begin."""
        self.substituted = False
        """Whether some texts are not those of the source."""

    def position(self, offset: int, length: int) -> Position:
        """The place of an offset in the source."""
        line = bisect_right(self.lines, offset)
        return Position(line, offset - self.lines[line - 1], length)

    def line_text(self, line: int) -> str:
        """A line of the source, counted from 1, without its line end."""
        return self.source.split("\n")[line - 1].rstrip("\r")

    def text(self, first: int, last: int) -> str:
        """The text from one token to another (inclusive), as written but for substituted variables."""
        if not self.substituted:
            return self.source[self.starts[first] : self.ends[last]]
        parts = [self.texts[first]]
        for index in range(first + 1, last + 1):
            parts.append(self.source[self.ends[index - 1] : self.starts[index]])
            parts.append(self.texts[index])
        return "".join(parts)

    def slice(self, start: int, stop: int) -> TokenList:
        """Tokens start to stop (exclusive) and an END token at the start of token `stop`; the source stays whole."""
        at = self.starts[stop]
        return TokenList(
            self.source,
            [*self.kinds[start:stop], END],
            [*self.texts[start:stop], ""],
            [*self.starts[start:stop], at],
            [*self.ends[start:stop], at],
            self.lines,
        )

    def replaced(self, kinds: list[str], texts: list[str], starts: list[int], ends: list[int]) -> TokenList:
        """Other tokens for the same source, some of their texts being substituted."""
        tokens = TokenList(self.source, kinds, texts, starts, ends, self.lines)
        tokens.substituted = True
        return tokens


def tokenize(source: str) -> TokenList:
    """Cut SQL text into tokens, in time proportional to its length.

    Never fails: what is no token becomes a `BAD` token. A quote or comment that is never closed is `BAD` and the last.
    """
    kinds: list[str] = []
    texts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for match in _TOKEN.finditer(source):
        group = match.lastindex or 0
        text = match[group]
        if group == _WORD:
            upper = text.upper()
            kinds.append(upper if upper in KEYWORDS else IDENTIFIER)
        elif group == _SIGN:
            kinds.append(text)
        elif group == _NUMBER:
            kinds.append(_number_kind(text))
        else:
            kinds.append(_KINDS[group])
        texts.append(text)
        end = match.end()
        ends.append(end)
        starts.append(end - len(text))
        if group == _END or (group == _BAD and text in OPENERS):
            break
    if not kinds or kinds[-1] != END:
        kinds.append(END)
        texts.append("")
        starts.append(len(source))
        ends.append(len(source))
    return TokenList(source, kinds, texts, starts, ends, [0, *(line.end() for line in _LINE_END.finditer(source))])


def _number_kind(text: str) -> str:
    if text.isdigit():
        return INTEGER_VALUE
    return FLOATING_POINT_VALUE if "e" in text or "E" in text else DECIMAL_VALUE


def unquote(text: str) -> str:
    """The content of a quoted token, doubled quotes halved."""
    mark = text[0]
    return text[1:-1].replace(mark + mark, mark)
