"""Values on their way out and in: from the engine's and REST's forms to Python's, and back."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from headwater.core import types
from headwater.core.schema import Column
from headwater.core.types import SqlType
from headwater.library.coercion import InsertRow, RowCoercion, Target, converter
from headwater.library.rows import Row
from headwater.library.values import from_json, from_memory
from headwater.sql.parser import parse_type

UTC = datetime.UTC
POINT = "STRUCT<`X` DATE, `y` ARRAY<TIME>>"

DAY, SECOND = datetime.date(1970, 1, 1), datetime.time(0, 0, 1)

OUT: list[tuple[str, Any, Any, Any]] = [
    # type, in memory, in REST's JSON, in Python
    ("BOOLEAN", True, True, True),
    ("INTEGER", -5, -5, -5),
    ("DOUBLE", 1.0, Decimal("1.0"), 1.0),
    ("DOUBLE", float("inf"), "Infinity", float("inf")),
    ("DECIMAL(5, 2)", Decimal("1.50"), Decimal("1.50"), Decimal("1.50")),
    ("STRING", "x", "x", "x"),
    ("BYTES", b"\x00\x01", "AAE=", b"\x00\x01"),
    ("DATE", -1, "1969-12-31", datetime.date(1969, 12, 31)),
    ("DATE", 2_932_897, "+10000-01-01", 2_932_897),
    ("TIME", 3_723_000, "01:02:03", datetime.time(1, 2, 3)),
    ("TIMESTAMP", -1, "1969-12-31T23:59:59.999", datetime.datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)),
    ("TIMESTAMP", 253_402_300_800_000, "+10000-01-01T00:00:00.000", 253_402_300_800_000),
    ("ARRAY<STRING>", ["a", None], ["a", None], ["a", None]),
    ("ARRAY<DATE>", [0, None], ["1970-01-01", None], [datetime.date(1970, 1, 1), None]),
    ("MAP<STRING, INTEGER>", {"a": 1}, {"a": 1}, {"a": 1}),
    ("MAP<STRING, DATE>", {"a": 0, "b": None}, {"a": "1970-01-01", "b": None}, {"a": DAY, "b": None}),
    ("MAP<INTEGER, BYTES>", {1: b""}, {"1": ""}, {1: b""}),
    (POINT, (0, [1_000]), {"X": "1970-01-01", "y": ["00:00:01"]}, (DAY, [SECOND])),
    (POINT, (None, None), {"X": None}, (None, None)),
    (f"ARRAY<{POINT}>", [(0, None), None], [{"X": "1970-01-01"}, None], [(DAY, None), None]),
]  # fmt: skip


@pytest.mark.parametrize(("sql_type", "memory", "json", "expected"), OUT)
def test_values_on_their_way_out(sql_type: str, memory: object, json: object, expected: object) -> None:
    for rule, raw in ((from_memory, memory), (from_json, json)):
        convert = rule(parse_type(sql_type))
        value = raw if convert is None else convert(raw)
        assert value == expected
        assert type(value) is type(expected) or isinstance(value, Row)


def test_structs_are_rows_all_the_way_down() -> None:
    convert = from_memory(parse_type("STRUCT<A STRUCT<B DATE>>"))
    assert convert is not None
    assert datetime.date(1970, 1, 1) == convert(((0,),)).A.B


@pytest.mark.parametrize(("sql_type", "memory", "json", "python"), OUT)
def test_what_came_out_goes_in_again(sql_type: str, memory: object, json: object, python: object) -> None:
    if isinstance(python, int) and sql_type in ("DATE", "TIMESTAMP"):
        with pytest.raises(TypeError):
            converter(parse_type(sql_type))(python)
    else:
        assert converter(parse_type(sql_type))(python) == memory


IN: list[tuple[str, Any, Any]] = [
    ("BIGINT", -(2**63), -(2**63)),
    ("DOUBLE", 3, 3.0),
    ("DOUBLE", Decimal("0.1"), 0.1),
    ("DECIMAL(5, 2)", 7, Decimal("7.00")),
    ("DECIMAL(5, 2)", 0.1 + 0.2, Decimal("0.30")),
    ("DECIMAL(5, 2)", Decimal("999.99"), Decimal("999.99")),
    ("BYTES", bytearray(b"x"), b"x"),
    ("BYTES", "AAE=", b"\x00\x01"),
    ("DATE", "2020-01-01", 18_262),
    ("TIME", "00:00:01", 1_000),
    ("TIMESTAMP", "1970-01-01T00:00:01", 1_000),
    ("TIMESTAMP", datetime.datetime(1970, 1, 1, 0, 0, 1), 1_000),
    ("TIMESTAMP", datetime.datetime(1970, 1, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1))), 0),
    ("TIMESTAMP", datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC), -1),
    ("ARRAY<DOUBLE>", (1, None), [1.0, None]),
    (POINT, {"x": None, "y": []}, (None, [])),
    (POINT, {"y": ["00:00:01"]}, (None, [1_000])),
]


@pytest.mark.parametrize(("sql_type", "given", "memory"), IN)
def test_values_on_their_way_in(sql_type: str, given: object, memory: object) -> None:
    value = converter(parse_type(sql_type))(given)
    assert value == memory
    assert type(value) is type(memory)


REFUSED: list[tuple[str, Any, str]] = [
    ("BOOLEAN", 1, "1 is a int, not a bool"),
    ("INTEGER", True, "True is a bool"),
    ("INTEGER", 1.0, "not an int"),
    ("BIGINT", 2**63, "needs more than 64 bits"),
    ("DOUBLE", "1", "not a number"),
    ("DECIMAL(5, 2)", Decimal("0.001"), "more fraction digits"),
    ("DECIMAL(5, 2)", 1000, "overflow"),
    ("DECIMAL(5, 2)", float("nan"), "not finite"),
    ("STRING", 1, "not a str"),
    ("BYTES", 1, "not bytes"),
    ("DATE", datetime.datetime(2020, 1, 1), "not a date"),
    ("DATE", "tomorrow", "'tomorrow' is not a DATE"),
    ("TIME", datetime.time(tzinfo=UTC), "without a zone"),
    ("TIMESTAMP", 5, "not a datetime"),
    ("ARRAY<INTEGER>", "ab", "not a list"),
    ("ARRAY<INTEGER>", ["x"], "'x' is a str"),
    ("MAP<STRING, INTEGER>", [1], "not a dict"),
    ("MAP<STRING, INTEGER>", {1: 1}, "not a str"),
    (POINT, {"z": 1}, "has no field z"),
    (POINT, (1,), "has 1 values"),
    (POINT, 1, "not a dict or tuple"),
]


@pytest.mark.parametrize(("sql_type", "given", "complaint"), REFUSED)
def test_values_that_do_not_fit(sql_type: str, given: object, complaint: str) -> None:
    with pytest.raises((TypeError, ValueError), match=complaint):
        converter(parse_type(sql_type))(given)


def test_a_row_is_matched_by_name_whatever_its_case_and_missing_columns_are_null() -> None:
    columns = (Column("K", types.STRING), Column("V", types.INTEGER), Column("v", types.INTEGER))
    coercion = RowCoercion(Target("T", is_table=False, columns=columns, key=("K",)))
    assert coercion.row({"k": "a", "V": 1, "v": 2}, 0) == InsertRow(("a", 1, 2), None)
    assert coercion.row({"v": 2, "ROWTIME": 7}, 0) == InsertRow((None, None, 2), 7)
    assert coercion.row(["a", 1, 2], 0) == InsertRow(("a", 1, 2), None)


def test_a_type_has_one_rule_per_direction() -> None:
    rules: list[Callable[[SqlType], object]] = [from_memory, from_json, converter]
    for scalar in types.SCALARS.values():
        for rule in rules:
            rule(scalar)
