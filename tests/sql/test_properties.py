"""Invariants over generated texts and trees: printing round-trips, nothing but `ParseError` leaves the parser."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.core.errors import ParseError
from headwater.core.types import SCALARS, Array, Field, Map, SqlType, Struct
from headwater.core.types import Decimal as DecimalType
from headwater.sql import ast
from headwater.sql.expression_text import format_double, format_type
from headwater.sql.parser import (
    Dialect,
    parse_columns,
    parse_expression,
    parse_script,
    parse_statement,
    parse_type,
    split_statements,
)
from headwater.sql.printer import format_expression, format_statement
from headwater.sql.tokens import tokenize
from headwater.sql.words import KEYWORDS
from tests.sql.goldens import read_pairs

NAMES = st.one_of(
    st.sampled_from(sorted(KEYWORDS)),
    st.sampled_from(["A", "b", "my-stream", "x y", "a`b", 'a"b', "1A", "1E5", "A@B", "Ä", "INT", "DECIMAL"]),
    st.text(min_size=1, max_size=5),
)
TYPES: st.SearchStrategy[SqlType] = st.recursive(
    st.one_of(
        st.sampled_from(sorted(SCALARS.values(), key=str)),
        st.builds(lambda scale, more: DecimalType(scale + more, scale), st.integers(0, 5), st.integers(1, 5)),
        st.builds(ast.NamedType, NAMES.filter(lambda name: name not in SCALARS and name != "DECIMAL")),
    ),
    lambda inner: st.one_of(
        st.builds(Array, inner),
        st.builds(Map, inner, inner),
        st.builds(lambda fields: Struct(tuple(fields)), st.lists(st.builds(Field, NAMES, inner), max_size=3)),
    ),
    max_leaves=6,
)
LITERALS: st.SearchStrategy[ast.Expression] = st.one_of(
    st.just(ast.NullLiteral()),
    st.builds(ast.BooleanLiteral, st.booleans()),
    st.builds(ast.IntegerLiteral, st.integers(-(2**31), 2**31 - 1)),
    st.builds(ast.BigintLiteral, st.one_of(st.integers(2**31, 2**63 - 1), st.integers(-(2**63), -(2**31) - 1))),
    st.builds(
        lambda digits, scale: ast.DecimalLiteral(Decimal(digits).scaleb(-scale)),
        st.integers(-(10**20), 10**20),
        st.integers(0, 20),
    ),
    st.builds(ast.DoubleLiteral, st.floats(allow_nan=False, allow_infinity=False)),
    st.builds(ast.StringLiteral, st.text(max_size=8)),
)
LEAVES = st.one_of(LITERALS, st.builds(ast.ColumnRef, NAMES, st.none() | NAMES))


def _expressions(inner: st.SearchStrategy[ast.Expression]) -> st.SearchStrategy[ast.Expression]:
    items = st.lists(inner, min_size=1, max_size=3).map(tuple)
    negated = st.booleans()
    arguments = st.one_of(
        inner,
        st.builds(ast.IntervalUnit, st.sampled_from([unit.name for unit in ast.TimeUnit])),
        st.builds(ast.Lambda, st.lists(NAMES, min_size=1, max_size=3).map(tuple), inner),
    )
    functions = NAMES.map(str.upper) | st.just("CONCAT")
    return st.one_of(
        st.builds(ast.FieldRef, inner, NAMES),
        st.builds(ast.Subscript, inner, inner),
        st.builds(ast.FunctionCall, functions, st.lists(arguments, max_size=3).map(tuple)),
        st.builds(ast.Arithmetic, st.sampled_from(ast.ArithmeticOp), inner, inner),
        st.builds(ast.Negate, inner),
        st.builds(ast.Comparison, st.sampled_from(ast.ComparisonOp), inner, inner),
        st.builds(ast.And, inner, inner),
        st.builds(ast.Or, inner, inner),
        st.builds(ast.Not, inner),
        st.builds(ast.IsNull, inner, negated),
        st.builds(ast.Between, inner, inner, inner, negated),
        st.builds(ast.InList, inner, items, negated),
        st.builds(ast.Like, inner, inner, st.none() | st.text(max_size=2), negated),
        st.builds(
            ast.Case,
            st.lists(st.builds(ast.When, inner, inner), min_size=1, max_size=2).map(tuple),
            st.none() | inner,
            st.none() | inner,
        ),
        st.builds(ast.Cast, inner, TYPES),
        st.builds(ast.ArrayConstructor, items | st.just(())),
        st.builds(ast.MapConstructor, st.lists(st.tuples(inner, inner), max_size=2).map(tuple)),
        st.builds(ast.StructConstructor, st.lists(st.tuples(NAMES, inner), max_size=2).map(tuple)),
        st.builds(ast.AtTimeZone, inner, inner),
    )


EXPRESSIONS = st.recursive(LEAVES, _expressions, max_leaves=12)


@given(EXPRESSIONS)
@settings(max_examples=400, deadline=None)
def test_any_expression_reads_back_from_its_text(expression: ast.Expression) -> None:
    assert parse_expression(format_expression(expression)) == expression


@given(TYPES)
@settings(max_examples=200, deadline=None)
def test_any_type_reads_back_from_its_text(sql_type: SqlType) -> None:
    assert parse_type(format_type(sql_type)) == sql_type


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_double_reads_back_from_its_literal(value: float) -> None:
    text = format_double(value)
    assert float(text) == value
    assert "E" in text


def refusal(parse: Callable[[str], object], text: str) -> ParseError | None:
    """The error with which a text is refused, or None."""
    try:
        parse(text)
    except ParseError as error:
        return error
    return None


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_any_text_is_sql_or_a_parse_error(text: str) -> None:
    for parse in (parse_script, parse_statement, parse_expression, parse_type, parse_columns):
        error = refusal(parse, text)
        assert error is None or (error.position is not None and str(error))


@given(st.text())
def test_tokens_and_splits_lose_nothing(text: str) -> None:
    tokens = tokenize(text)
    for kind, written, start, end in zip(tokens.kinds, tokens.texts, tokens.starts, tokens.ends, strict=True):
        assert kind
        assert text[start:end] == written
    statements, rest = split_statements(text)
    assert all(statement in text for statement in [*statements, rest])


SEEDS = [pair.given for name in ("statements.txt", "errors.txt") for pair in read_pairs(name)][:-1]
PIECES = (
    sorted(KEYWORDS) + list("()[]<>,.;:='`\"$%*+-/|\n ") + ["${v}", "->", ":=", "=>", "||", "--", "/*", "*/", "1e5"]
)


def _mutant(choice: random.Random, text: str) -> str:
    at, to = sorted((choice.randrange(len(text) + 1), choice.randrange(len(text) + 1)))
    kind = choice.randrange(4)
    if kind == 0:
        return text[:at] + text[min(to, at + 8) :]
    if kind == 1:
        return text[:at] + f" {choice.choice(PIECES)} " + text[at:]
    if kind == 2:
        return text[:at] + choice.choice(PIECES) + text[at + 1 :]
    return text[:at] + choice.choice(SEEDS)[: to - at] + text[to:]


@pytest.mark.parametrize("seed", range(int(os.environ.get("HEADWATER_SQL_MUTANTS", "3000")) // 1000))
def test_a_mutant_of_a_statement_is_sql_or_a_parse_error(seed: int) -> None:
    choice = random.Random(seed)
    for _ in range(1000):
        text = choice.choice(SEEDS)
        for _ in range(choice.randrange(1, 4)):
            text = _mutant(choice, text)
        variables = {"v": choice.choice(["a", "1", "'x'", "b c"])}
        try:
            statements = parse_script(text, variables, dialect=Dialect.TEST)
        except ParseError:
            continue
        for statement in statements:
            assert parse_statement(format_statement(statement), dialect=Dialect.TEST) == statement, text
