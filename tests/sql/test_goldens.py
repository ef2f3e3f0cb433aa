"""Statements, expressions and syntax errors, as pairs of texts."""

from __future__ import annotations

import pytest

from headwater.core.errors import ParseError
from headwater.sql.parser import Dialect, parse_expression, parse_script, parse_statement
from headwater.sql.printer import format_expression, format_statement
from tests.sql.goldens import check_pairs


def test_statements_print_as_their_canonical_text() -> None:
    def printed(text: str) -> str:
        statement = parse_statement(text, dialect=Dialect.TEST)
        canonical = format_statement(statement)
        assert parse_statement(canonical, dialect=Dialect.TEST) == statement
        return canonical

    check_pairs("statements.txt", printed)


def test_expressions_print_with_their_structure_in_parentheses() -> None:
    def printed(text: str) -> str:
        expression = parse_expression(text)
        canonical = format_expression(expression)
        assert parse_expression(canonical) == expression
        return canonical

    check_pairs("expressions.txt", printed)


def test_errors_say_where_what_and_what_to_do() -> None:
    def message(text: str) -> str:
        with pytest.raises(ParseError) as caught:
            parse_script(text, {})
        assert caught.value.position is not None
        assert str(caught.value) == caught.value.message
        return caught.value.message

    check_pairs("errors.txt", message)
