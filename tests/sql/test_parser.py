"""What trees hold beyond what their printed text shows: literals, places, texts, dialects, parts on their own."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from decimal import Decimal

import pytest

from headwater.core import types
from headwater.core.errors import ParseError, Position
from headwater.sql import ast
from headwater.sql.parser import (
    Dialect,
    iterate_statements,
    parse_columns,
    parse_expression,
    parse_script,
    parse_statement,
    parse_type,
)
from headwater.sql.printer import format_expression, format_statement
from headwater.sql.words import NON_RESERVED, RESERVED


def in_fresh_process(script: str, given: bytes = b"") -> str:
    """What a script prints, run by a Python that has imported nothing yet."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, input=given, env=environment, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1", ast.IntegerLiteral(1)),
        ("-2147483648", ast.IntegerLiteral(-(2**31))),
        ("2147483648", ast.BigintLiteral(2**31)),
        ("-9223372036854775808", ast.BigintLiteral(-(2**63))),
        ("1.50", ast.DecimalLiteral(Decimal("1.50"))),
        (".5", ast.DecimalLiteral(Decimal("0.5"))),
        ("1.", ast.DecimalLiteral(Decimal(1))),
        ("1e3", ast.DoubleLiteral(1000.0)),
        ("'it''s'", ast.StringLiteral("it's")),
        ("+1", ast.IntegerLiteral(1)),
        ("-(1)", ast.Negate(ast.IntegerLiteral(1))),
        ("a - 1", ast.Arithmetic(ast.ArithmeticOp.SUBTRACT, ast.ColumnRef("A"), ast.IntegerLiteral(1))),
        ("a -1", ast.Arithmetic(ast.ArithmeticOp.SUBTRACT, ast.ColumnRef("A"), ast.IntegerLiteral(1))),
        ("a || b", ast.FunctionCall("CONCAT", (ast.ColumnRef("A"), ast.ColumnRef("B")))),
        ("+a", ast.ColumnRef("A")),
        ("s.`c`", ast.ColumnRef("c", "S")),
        ('"a""b"', ast.ColumnRef('a"b')),
        ("COUNT(*)", ast.FunctionCall("COUNT", (), star=True)),
        ("f(DAYS)", ast.FunctionCall("F", (ast.IntervalUnit("DAYS"),))),
        ("dateadd(day, 1)", ast.FunctionCall("DATEADD", (ast.IntervalUnit("DAYS"), ast.IntegerLiteral(1)))),
        ("f(day, 1)", ast.FunctionCall("F", (ast.ColumnRef("DAY"), ast.IntegerLiteral(1)))),
    ],
)
def test_expressions_become_the_nodes_they_stand_for(text: str, wanted: ast.Expression) -> None:
    assert parse_expression(text) == wanted
    assert parse_expression(format_expression(wanted)) == wanted


def test_decimals_keep_their_digits() -> None:
    literal = parse_expression("1.50")
    assert isinstance(literal, ast.DecimalLiteral)
    assert literal.value.as_tuple() == Decimal("1.50").as_tuple()


def test_positions_span_what_a_node_was_written_as() -> None:
    expression = parse_expression("a +\n  f(b.c) = 'x'")
    assert isinstance(expression, ast.Comparison)
    assert expression.position == Position(1, 0, 18)
    assert isinstance(expression.left, ast.Arithmetic)
    assert expression.left.right.position == Position(2, 2, 6)
    assert expression.right.position == Position(2, 11, 3)


def test_positions_take_no_part_in_comparison() -> None:
    assert parse_expression("a+b") == parse_expression("  a  +  b ")


def test_a_statement_knows_its_text_without_comments_around_it() -> None:
    statements = parse_script("-- first\n SHOW /* all */ TOPICS ;\n\nEXPLAIN\tSELECT * FROM s; -- last")
    assert [s.text for s in statements] == ["SHOW /* all */ TOPICS", "EXPLAIN\tSELECT * FROM s"]
    assert [s.position for s in statements] == [Position(2, 1, 21), Position(4, 0, 23)]
    explain = statements[1]
    assert isinstance(explain, ast.Explain)
    assert explain.statement is not None
    assert explain.statement.text == "SELECT * FROM s"


@pytest.mark.parametrize("text", ["", "  \n", "-- nothing", "/* ; */"])
def test_a_script_may_be_empty(text: str) -> None:
    assert parse_script(text) == []


@pytest.mark.parametrize("text", [";", "SHOW TYPES;;", "SHOW TYPES", "SHOW TYPES; SHOW TYPES"])
def test_every_statement_of_a_script_ends_with_a_semicolon(text: str) -> None:
    with pytest.raises(ParseError):
        parse_script(text)


def test_a_single_statement_needs_no_semicolon_and_stands_alone() -> None:
    assert parse_statement("SHOW TYPES") == parse_statement("SHOW TYPES;") == ast.Show(ast.ShowWhat.TYPES)
    for text in ("", "SHOW TYPES; SHOW TYPES;"):
        with pytest.raises(ParseError):
            parse_statement(text)


def test_the_whole_script_is_refused_if_one_statement_is_wrong() -> None:
    with pytest.raises(ParseError) as caught:
        parse_script("SHOW TYPES;\nSHOW TYPES;\nSHOW NOTHING;")
    assert caught.value.position == Position(3, 5, 7)


def test_statements_come_one_by_one_so_that_a_session_can_change_in_between() -> None:
    statements = iterate_statements("SHOW TYPES; nonsense;")
    assert next(statements) == ast.Show(ast.ShowWhat.TYPES)
    with pytest.raises(ParseError):
        next(statements)


@pytest.mark.parametrize("word", sorted(NON_RESERVED))
def test_non_reserved_words_are_names_without_quotes(word: str) -> None:
    text = f"CREATE STREAM {word} ({word} INT, x INT) WITH (KAFKA_TOPIC='t');"
    statement = parse_script(text)[0]
    assert isinstance(statement, ast.CreateSource)
    assert statement.name == word
    assert statement.columns[0].name == word
    query = parse_script(f"SELECT {word}, {word}.{word}, x AS {word} FROM {word} AS {word} WHERE {word} = 1;")[0]
    assert parse_statement(format_statement(query)) == query
    assert parse_statement(format_statement(statement)) == statement


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_reserved_words_are_names_only_in_quotes(word: str) -> None:
    with pytest.raises(ParseError):
        parse_script(f"CREATE STREAM {word} (x INT);")
    with pytest.raises(ParseError):
        parse_script(f"CREATE STREAM s ({word} INT);")
    quoted = parse_script(f"SELECT `{word}`, x AS `{word}` FROM `{word}`;")[0]
    assert parse_statement(format_statement(quoted)) == quoted


def test_words_are_read_in_any_case_and_names_folded() -> None:
    assert parse_statement("sElEcT Ab, `Ab` fRoM S") == parse_statement("SELECT AB, `Ab` FROM s")


def test_source_names_may_have_hyphens_in_quotes() -> None:
    statement = parse_statement("DROP STREAM `my-Stream_1`")
    assert statement == ast.DropSource(ast.SourceKind.STREAM, "my-Stream_1")


def test_types_on_their_own() -> None:
    assert parse_type("MAP<STRING, ARRAY<STRUCT<a INT, `b` DECIMAL(4, 2)>>>") == types.Map(
        types.STRING,
        types.Array(types.Struct((types.Field("A", types.INTEGER), types.Field("b", types.Decimal(4, 2))))),
    )
    assert parse_type("address") == ast.NamedType("ADDRESS")
    assert parse_type("VARCHAR(10) ARRAY") == types.Array(types.STRING)
    with pytest.raises(ParseError):
        parse_type("ARRAY<INT")


def test_columns_on_their_own() -> None:
    assert parse_columns("K INT KEY, V STRING, H BYTES HEADER('h')") == (
        ast.ColumnDef("K", types.INTEGER, ast.ColumnKind.KEY),
        ast.ColumnDef("V", types.STRING),
        ast.ColumnDef("H", types.BYTES, ast.ColumnKind.HEADERS, "h"),
    )
    with pytest.raises(ParseError):
        parse_columns("K INT KEY,")


@pytest.mark.parametrize(
    ("text", "dialects"),
    [
        ("ASSERT TOPIC t;", {Dialect.SERVER, Dialect.SHELL, Dialect.TEST}),
        ("ASSERT VALUES s VALUES (1);", {Dialect.TEST}),
        ("ASSERT NULL VALUES s KEY (1);", {Dialect.TEST}),
        ("ASSERT STREAM s;", {Dialect.TEST}),
        ("RUN SCRIPT 'x';", {Dialect.SHELL, Dialect.TEST}),
        ("SPOOL 'x';", {Dialect.SHELL}),
        ("SPOOL OFF;", {Dialect.SHELL}),
    ],
)
def test_some_statements_exist_only_in_the_shell_or_in_test_scripts(text: str, dialects: set[Dialect]) -> None:
    for dialect in Dialect:
        if dialect in dialects:
            statement = parse_script(text, dialect=dialect)[0]
            assert parse_statement(format_statement(statement), dialect=dialect) == statement
        else:
            with pytest.raises(ParseError):
                parse_script(text, dialect=dialect)


def test_long_chains_of_operators_need_no_deep_stack() -> None:
    for operator in ("+", "||", "AND", "OR"):
        expression = parse_expression(f" {operator} ".join(["a"] * 2000))
        assert len(format_expression(expression)) >= 2000


@pytest.mark.parametrize(
    "text",
    [
        *(
            opening * 5000
            for opening in ("(", "NOT ", "- ", "f(", "CASE WHEN ", "ARRAY[", "f(x => ", "a IN (", "a = (")
        ),
        "a" + "[1]" * 5000,
        "a" + "->b" * 5000,
    ],
)
def test_deep_nesting_is_refused_with_a_place(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_expression(text)
    assert caught.value.position is not None


@pytest.mark.parametrize("text", ["ARRAY<" * 5000, "INT" + " ARRAY" * 5000, "STRUCT<a " * 5000])
def test_deep_types_are_refused_with_a_place(text: str) -> None:
    with pytest.raises(ParseError):
        parse_type(text)


def test_trees_survive_pickling_in_a_fresh_process() -> None:
    statement = parse_statement("SELECT a + 1 FROM s WHERE b IN (1, 2)")
    script = "import pickle, sys; a, b = pickle.load(sys.stdin.buffer); assert a == b and hash(a) == hash(b); print(a)"
    assert in_fresh_process(script, pickle.dumps((statement, statement))) == repr(statement)


def test_importing_the_parser_brings_nothing_heavy() -> None:
    script = (
        "import sys, headwater.sql.parser; print([m for m in ('difflib', 'asyncio', 'msgspec') if m in sys.modules])"
    )
    assert in_fresh_process(script) == "[]"
