"""SQL text to syntax trees: scripts, single statements, and the parts that other texts contain.

Every function raises `ParseError` for text that is not SQL and nothing else. The grammar itself is in `sql.rules`, one
method per rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from headwater.core.errors import ParseError
from headwater.core.types import SqlType
from headwater.sql import ast
from headwater.sql.diagnostics import located, unexpected
from headwater.sql.rules.administration import FIRST_WORDS, AdministrationRules
from headwater.sql.rules.cursor import Cursor, Dialect, Unexpected
from headwater.sql.scripts import split_statements
from headwater.sql.tokens import END, TokenList, tokenize
from headwater.sql.variables import lookup, substitute

__all__ = [
    "Dialect",
    "iterate_statements",
    "parse_columns",
    "parse_expression",
    "parse_script",
    "parse_statement",
    "parse_type",
    "split_statements",
]

T = TypeVar("T")


def parse_script(
    text: str, variables: Mapping[str, str] | None = None, *, dialect: Dialect = Dialect.SERVER
) -> list[ast.Statement]:
    """All statements of a script, each ended by `;`.

    With `variables`, `${name}` is substituted; DEFINE and UNDEFINE in the script change what later statements see (the
    mapping itself is not touched). Without, `${` has no meaning.
    """
    known = None if variables is None else dict(variables)
    statements: list[ast.Statement] = []
    for statement in iterate_statements(text, known, dialect=dialect):
        statements.append(statement)
        if known is not None:
            _define(known, statement)
    return statements


def iterate_statements(
    text: str, variables: Mapping[str, str] | None = None, *, dialect: Dialect = Dialect.SERVER
) -> Iterator[ast.Statement]:
    """The statements of a script one by one, each parsed only when it is asked for.

    `variables` is read anew for each statement, so the caller may change it in between.
    """
    tokens = tokenize(text)
    refers = "${" in text
    start, last = 0, len(tokens.kinds) - 1
    while start < last:
        try:
            stop = tokens.kinds.index(";", start) + 1
        except ValueError:
            stop = last
        part = tokens.slice(start, stop)
        if variables is not None and refers:
            part = substitute(part, variables)
        yield _read(part, _Parser.terminated_statement, dialect)
        start = stop


def parse_statement(
    text: str, variables: Mapping[str, str] | None = None, *, dialect: Dialect = Dialect.SERVER
) -> ast.Statement:
    """Exactly one statement; its final `;` may be missing."""
    tokens = tokenize(text)
    if variables is not None and "${" in text:
        tokens = substitute(tokens, variables)
    return _read(tokens, _Parser.single_statement, dialect)


def parse_expression(text: str) -> ast.Expression:
    """An expression on its own."""
    return _read(tokenize(text), AdministrationRules.expression)


def parse_type(text: str) -> SqlType:
    """A type on its own."""
    return _read(tokenize(text), AdministrationRules.sql_type)


def parse_columns(text: str) -> tuple[ast.ColumnDef, ...]:
    """A column list as in CREATE, without its parentheses: `K INT KEY, V STRING`."""
    return _read(tokenize(text), AdministrationRules.columns)


def _define(variables: dict[str, str], statement: ast.Statement) -> None:
    if isinstance(statement, ast.DefineVariable):
        _undefine(variables, statement.name)
        variables[statement.name] = statement.value
    elif isinstance(statement, ast.UndefineVariable):
        _undefine(variables, statement.name)


def _undefine(variables: dict[str, str], name: str) -> None:
    while lookup(variables, name) is not None:
        del variables[next(known for known in variables if known.lower() == name.lower())]


class _Parser(AdministrationRules):
    """The whole grammar."""

    def terminated_statement(self) -> ast.Statement:
        statement = self.complete_statement()
        self.expect(";")
        return statement

    def single_statement(self) -> ast.Statement:
        statement = self.complete_statement()
        self.accept(";")
        return statement


class _Observer(Cursor):
    """Reads as the parser does and notes which kinds of token were looked for where; too slow for correct text."""

    def __init__(self, tokens: TokenList, dialect: Dialect) -> None:
        super().__init__(tokens, dialect)
        self.wanted: dict[int, dict[str, None]] = {}

    def _note(self, kind: str) -> None:
        self.wanted.setdefault(self.i, {})[kind] = None

    def at(self, kind: str) -> bool:
        self._note(kind)
        return super().at(kind)

    def accept(self, kind: str) -> bool:
        self._note(kind)
        return super().accept(kind)

    def expect(self, kind: str) -> int:
        self._note(kind)
        return super().expect(kind)

    def starts_name(self) -> bool:
        self._note("identifier")
        return super().starts_name()


class _ObservedParser(_Observer, _Parser):
    """The parser that finds out what was expected, once it is known that the text is wrong."""


def _read(tokens: TokenList, rule: Callable[[_Parser], T], dialect: Dialect = Dialect.SERVER) -> T:
    try:
        return _whole(_Parser(tokens, dialect), rule)
    except Unexpected as error:
        raise _explained(tokens, rule, dialect, error) from None


def _whole(parser: _Parser, rule: Callable[[_Parser], T]) -> T:
    result = rule(parser)
    if not parser.at(END):
        parser.fail()
    return result


def _explained(tokens: TokenList, rule: Callable[[_Parser], object], dialect: Dialect, error: Unexpected) -> ParseError:
    observer = _ObservedParser(tokens, dialect)
    try:
        _whole(observer, rule)
    except Unexpected:
        expected = list(observer.wanted.get(error.index, ()))
        return unexpected(tokens, error.index, error.production, expected, FIRST_WORDS)
    return located(tokens, error.index, "Syntax Error")
