"""Variables: where they are replaced, what they may stand for, and what they may not do."""

from __future__ import annotations

import pytest

from headwater.core.errors import ParseError, Position
from headwater.sql import ast
from headwater.sql.parser import iterate_statements, parse_script, parse_statement


@pytest.mark.parametrize(
    ("text", "variables", "wanted"),
    [
        ("DROP STREAM ${s}", {"s": "orders"}, "DROP STREAM orders"),
        ("DROP STREAM `${s}`", {"s": "my-orders"}, "DROP STREAM `my-orders`"),
        ("DROP STREAM ${s}", {"s": "`my-orders`"}, "DROP STREAM `my-orders`"),
        ("SELECT ${a} FROM s", {"a": "-1"}, "SELECT -1 FROM s"),
        ("SELECT ${a} FROM s", {"a": "1.5"}, "SELECT 1.5 FROM s"),
        ("SELECT ${a} FROM s", {"a": "true"}, "SELECT true FROM s"),
        ("SELECT ${a} FROM s", {"a": "'it's'"}, "SELECT 'it''s' FROM s"),
        ("SELECT '${a}' FROM s", {"a": "it's"}, "SELECT 'it''s' FROM s"),
        ("SELECT '<${a}${b}>' FROM s", {"a": "1", "b": "2"}, "SELECT '<12>' FROM s"),
        ("SELECT '$${a} ${a}' FROM s", {"a": "1"}, "SELECT '${a} 1' FROM s"),
        ("SELECT '${nowhere}' FROM s", {"a": "1"}, "SELECT '${nowhere}' FROM s"),
        ("CREATE STREAM s WITH (${k}=${v})", {"k": "partitions", "v": "3"}, "CREATE STREAM s WITH (`PARTITIONS`=3)"),
        ("PRINT ${topic}", {"topic": "myTopic"}, "PRINT myTopic"),
        ("DEFINE a = '${b}'", {"b": "${c}"}, "DEFINE a = '${c}'"),
        ("DROP STREAM ${UPPER}", {"upper": "a"}, "DROP STREAM a"),
        ("DESCRIBE ${t}", {"t": "tables"}, "DESCRIBE `TABLES`"),
        ("DROP STREAM /* ${s} */ a", {"s": "b"}, "DROP STREAM /* ${s} */ a"),
    ],
)
def test_a_variable_stands_for_one_name_or_literal(text: str, variables: dict[str, str], wanted: str) -> None:
    statement = parse_statement(text, variables)
    assert statement == parse_statement(wanted)
    assert statement.text == wanted


@pytest.mark.parametrize("value", ["a; DROP STREAM b", "a b", "", "1 2", "a.b", "-- x", "/* x */", "(1)", "'a", "a-b"])
def test_a_variable_cannot_smuggle_sql_in(value: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_statement("SELECT ${v} FROM s", {"v": value})
    assert caught.value.position == Position(1, 7, 4)


def test_a_value_in_quotes_is_one_string_whatever_is_in_it() -> None:
    statement = parse_statement("SELECT ${v} FROM s", {"v": "'a' || 'b'"})
    assert statement == parse_statement("SELECT 'a'' || ''b' FROM s")


@pytest.mark.parametrize("text", ["${v} STREAMS;", "SHOW ${v};", "SELECT * ${v} s;"])
def test_a_variable_cannot_be_a_keyword(text: str) -> None:
    for value in ("SHOW", "STREAMS", "FROM"):
        with pytest.raises(ParseError):
            parse_script(text, {"v": value})


def test_without_variables_nothing_is_replaced() -> None:
    statement = parse_statement("SET 'a' = '${b}'")
    assert statement == ast.SetProperty("a", "${b}")
    with pytest.raises(ParseError):
        parse_statement("DROP STREAM ${s}")


def test_places_are_those_of_the_text_as_it_was_written() -> None:
    with pytest.raises(ParseError) as caught:
        parse_script("SELECT ${long} FROM s\nWHERE;", {"long": "a_very_long_name_of_a_column"})
    assert caught.value.position == Position(2, 5, 1)


def test_define_and_undefine_change_what_later_statements_see() -> None:
    variables = {"a": "outer"}
    statements = parse_script(
        "SET 'x' = '${a}'; DEFINE a = 'inner'; SET 'x' = '${A}'; UNDEFINE A; SET 'x' = '${a}';", variables
    )
    values = [s.value for s in statements if isinstance(s, ast.SetProperty)]
    assert values == ["outer", "inner", "${a}"]
    assert variables == {"a": "outer"}


def test_one_by_one_the_caller_owns_the_variables() -> None:
    variables = {"a": "1"}
    seen = []
    for statement in iterate_statements("SET 'x' = '${a}'; SET 'x' = '${a}';", variables):
        assert isinstance(statement, ast.SetProperty)
        seen.append(statement.value)
        variables["a"] = "2"
    assert seen == ["1", "2"]
