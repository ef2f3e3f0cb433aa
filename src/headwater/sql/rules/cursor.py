"""Names and other terminals; the parser's place in the tokens, how rules move it and refuse the text."""

from __future__ import annotations

from enum import Enum
from typing import NoReturn

from headwater.core.errors import Position
from headwater.sql.diagnostics import located
from headwater.sql.tokens import IDENTIFIER, INTEGER_VALUE, QUOTED_IDENTIFIER, STRING_VALUE, TokenList, unquote
from headwater.sql.words import NON_RESERVED

NAME_KINDS = NON_RESERVED | {IDENTIFIER, QUOTED_IDENTIFIER}
"""Kinds of token that can be a name."""

_SOURCE_NAME_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")

MAX_DEPTH = 80
"""How deep expressions and types may nest. Each level costs up to four Python frames of the interpreter's thousand."""


class Dialect(Enum):
    """Who reads the text: some statements exist only for the shell or for test scripts."""

    SERVER = "server"
    SHELL = "shell"
    TEST = "test"


class Unexpected(Exception):
    """A rule met a token that it cannot use. Never leaves the parser, which turns it into a `ParseError`."""

    def __init__(self, index: int, production: str | None) -> None:
        super().__init__(index)
        self.index = index
        self.production = production
        """The kind of phrase that should begin here; None when only certain tokens could follow."""


class Cursor:
    """Reads tokens from left to right; the base of all rules."""

    def __init__(self, tokens: TokenList, dialect: Dialect = Dialect.SERVER) -> None:
        self.tokens = tokens
        self.dialect = dialect
        self.kinds = tokens.kinds
        self.texts = tokens.texts
        self.i = 0
        self.kind = tokens.kinds[0]
        self.depth = 0

    # --- looking and moving

    def at(self, kind: str) -> bool:
        """Whether the next token is of this kind."""
        return self.kind == kind

    def peek(self, ahead: int = 1) -> str:
        """The kind of a token further on."""
        at = self.i + ahead
        return self.kinds[at] if at < len(self.kinds) else self.kinds[-1]

    def advance(self) -> int:
        """Take the next token whatever it is; gives its index."""
        i = self.i
        self.i = i + 1
        self.kind = self.kinds[i + 1]
        return i

    def accept(self, kind: str) -> bool:
        """Take the next token if it is of this kind."""
        if self.kind == kind:
            self.advance()
            return True
        return False

    def accept_all(self, *kinds: str) -> bool:
        """Take a run of tokens if the first of them is there; the others must then follow."""
        if not self.accept(kinds[0]):
            return False
        for kind in kinds[1:]:
            self.expect(kind)
        return True

    def expect(self, kind: str) -> int:
        """Take the next token, which must be of this kind; gives its index."""
        if self.kind != kind:
            self.fail()
        return self.advance()

    def starts_name(self) -> bool:
        """Whether the next token can be a name."""
        return self.kind in NAME_KINDS

    # --- terminals

    def name(self) -> str:
        """An identifier as it counts: upper-cased unless quoted.

        name = IDENTIFIER | QUOTED_IDENTIFIER | non_reserved ;
        """
        if self.kind not in NAME_KINDS:
            self.fail("identifier")
        return self.folded(self.advance())

    def folded(self, index: int) -> str:
        """What the identifier at a token index names."""
        text = self.texts[index]
        if self.kinds[index] != QUOTED_IDENTIFIER:
            return text.upper()
        name = unquote(text)
        if not name:
            self.refuse("An identifier cannot be empty.", index)
        return name

    def name_with_case(self) -> str:
        """An identifier whose case counts even without quotes: topics, subjects and variables are not SQL objects."""
        if self.kind not in NAME_KINDS:
            self.fail("identifier")
        index = self.advance()
        return self.folded(index) if self.kinds[index] == QUOTED_IDENTIFIER else self.texts[index]

    def name_or_string(self) -> str:
        """A topic or subject.

        name_or_string = name | STRING_VALUE ;
        """
        if self.at(STRING_VALUE):
            return self.string()
        return self.name_with_case()

    def source_name(self) -> str:
        """The name of a stream or table: letters, digits, `_` and (in quotes) `-`.

        source_name = name ;
        """
        if self.kind not in NAME_KINDS:
            self.fail("source name")
        index = self.advance()
        name = self.folded(index)
        if not _SOURCE_NAME_LETTERS.issuperset(name):
            self.refuse(
                f"Source name may only contain alphanumeric values, '_' or '-'. Got: '{name}'. "
                "(Hyphens need quotes around the name.)",
                index,
            )
        return name

    def string(self) -> str:
        """The content of a string literal."""
        return unquote(self.texts[self.expect(STRING_VALUE)])

    def integer(self) -> int:
        """An unsigned integer literal within BIGINT."""
        index = self.expect(INTEGER_VALUE)
        value = int(self.texts[index]) if len(self.texts[index]) < 100 else 1 << 63
        if value >= 1 << 63:
            self.refuse(f"Invalid numeric literal: {self.texts[index]} is beyond the range of BIGINT.", index)
        return value

    # --- places and errors

    def position(self, index: int) -> Position:
        """The place of one token."""
        start = self.tokens.starts[index]
        return self.tokens.position(start, self.tokens.ends[index] - start)

    def span(self, start: int) -> Position:
        """The place of everything from a token up to the last one taken."""
        offset = self.tokens.starts[start]
        return self.tokens.position(offset, self.tokens.ends[self.i - 1] - offset)

    def fail(self, production: str | None = None) -> NoReturn:
        """Refuse the next token; `production` names the kind of phrase that should begin here."""
        raise Unexpected(self.i, production)

    def refuse(self, message: str, index: int) -> NoReturn:
        """Refuse something that is grammatical but wrong, with a message of its own."""
        raise located(self.tokens, index, message, last=self.i - 1)

    def refuse_meaning(self, message: str, index: int) -> NoReturn:
        """As `refuse`, for what a statement says rather than how it is written."""
        raise located(self.tokens, index, message, last=self.i - 1, meaning=True)

    def nest(self) -> None:
        """Count one level of nesting; the caller takes it back when it leaves."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.refuse(f"Nested too deeply: more than {MAX_DEPTH} levels.", self.i)
