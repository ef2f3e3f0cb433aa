"""What expressions give: tables of expression, type and value, evaluated in both ways."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from headwater.plan.expressions import ExpressionOptions
from tests.plan.evaluating import evaluate, same

COLUMNS: dict[str, tuple[str, object]] = {
    "I": ("INT", 7),
    "J": ("INT", -2),
    "L": ("BIGINT", 2**40),
    "D": ("DOUBLE", 1.5),
    "N": ("DECIMAL(4, 2)", Decimal("1.00")),
    "S": ("STRING", "text"),
    "T": ("BOOLEAN", True),
    "B": ("BYTES", b"\x80\x01"),
    "DAY": ("DATE", 10),
    "CLOCK": ("TIME", 3_600_000),
    "MOMENT": ("TIMESTAMP", 864_000_000),
    "ROWTIME": ("BIGINT", 1_514_764_800_000),
    "ITEMS": ("ARRAY<INT>", [1, 2, None]),
    "M": ("MAP<STRING, INT>", {"x": 1}),
    "R": ("STRUCT<A INT, B STRUCT<C STRING>>", (1, ("q",))),
    "NI": ("INT", None),
    "NS": ("STRING", None),
    "NT": ("BOOLEAN", None),
    "NL": ("ARRAY<INT>", None),
    "NR": ("STRUCT<A INT, B STRUCT<C STRING>>", None),
}

VALUES: list[tuple[str, str, object]] = [
    # literals
    ("12", "INTEGER", 12),
    ("-2147483648", "INTEGER", -(2**31)),
    ("2147483648", "BIGINT", 2**31),
    ("1.50", "DECIMAL(3, 2)", Decimal("1.50")),
    ("0.05", "DECIMAL(3, 2)", Decimal("0.05")),
    ("1E3", "DOUBLE", 1000.0),
    ("'it''s'", "STRING", "it's"),
    # integer arithmetic wraps, division truncates, the remainder has the dividend's sign
    ("I + J * 2", "INTEGER", 3),
    ("2147483647 + I", "INTEGER", -(2**31) + 6),
    ("9223372036854775807 + L - L + 1", "BIGINT", -(2**63)),
    ("2147483647 * 2 + L", "BIGINT", 2**40 - 2),
    ("I / J", "INTEGER", -3),
    ("I % J", "INTEGER", 1),
    ("-I / 2", "INTEGER", -3),
    ("-I % 2", "INTEGER", -1),
    ("-(-2147483648)", "INTEGER", -(2**31)),
    ("L / 3", "BIGINT", 2**40 // 3),
    # DOUBLE is IEEE
    ("D * 2", "DOUBLE", 3.0),
    ("D + N", "DOUBLE", 2.5),
    ("D / 0", "DOUBLE", math.inf),
    ("-D / 0", "DOUBLE", -math.inf),
    ("(D - D) / 0", "DOUBLE", math.nan),
    ("D % 0", "DOUBLE", math.nan),
    ("-5.5E0 % 2", "DOUBLE", -1.5),
    # DECIMAL is exact
    ("N + 10", "DECIMAL(13, 2)", Decimal("11.00")),
    ("N * 1.5", "DECIMAL(7, 3)", Decimal("1.500")),
    ("N / 4", "DECIMAL(15, 13)", Decimal("0.2500000000000")),
    ("-N % 0.3", "DECIMAL(3, 2)", Decimal("-0.10")),
    # text
    ("S + 'x'", "STRING", "textx"),
    ("S || NS || '!'", "STRING", "text!"),
    ("S + NS", "STRING", "textnull"),
    # comparison is two-valued
    ("I > 5", "BOOLEAN", True),
    ("NI > 5", "BOOLEAN", False),
    ("NI = NI", "BOOLEAN", False),
    ("NOT (NI = 1)", "BOOLEAN", True),
    ("NI <> 1", "BOOLEAN", False),
    ("NI IS DISTINCT FROM 1", "BOOLEAN", True),
    ("NI IS NOT DISTINCT FROM NI", "BOOLEAN", True),
    ("9007199254740993 = 9.007199254740992E15", "BOOLEAN", True),
    ("N = 1", "BOOLEAN", True),
    ("'\U0001f600' < '\uffff'", "BOOLEAN", True),
    ("B < TO_BYTES('00', 'hex')", "BOOLEAN", True),
    ("DAY = '1970-01-11'", "BOOLEAN", True),
    ("DAY = MOMENT", "BOOLEAN", True),
    ("CLOCK < '01:00:00.001'", "BOOLEAN", True),
    ("ROWTIME = '2018'", "BOOLEAN", True),
    ("ROWTIME BETWEEN '2017-12-31T23:00' AND '2018-01-01T00:00:00+0000'", "BOOLEAN", True),
    ("ITEMS = ARRAY[1, 2, NULL]", "BOOLEAN", True),
    ("R = STRUCT(A := 1, B := STRUCT(C := 'q'))", "BOOLEAN", True),
    ("I BETWEEN 7 AND 9", "BOOLEAN", True),
    ("NI NOT BETWEEN 7 AND 9", "BOOLEAN", True),
    ("S BETWEEN 'a' AND 'u'", "BOOLEAN", True),
    # IN
    ("I IN (1, '7.0')", "BOOLEAN", True),
    ("NI IN (1, NULL)", "BOOLEAN", False),
    ("NI NOT IN (1)", "BOOLEAN", True),
    ("I IN (J, J + 9)", "BOOLEAN", True),
    ("T IN ('yes')", "BOOLEAN", True),
    ("ITEMS IN (ARRAY['1', 2, NULL])", "BOOLEAN", True),
    ("DAY IN ('1970-01-11')", "BOOLEAN", True),
    # LIKE: wildcards do not match line ends
    ("S LIKE 't%'", "BOOLEAN", True),
    ("S LIKE '%x%'", "BOOLEAN", True),
    ("S LIKE '%xt'", "BOOLEAN", True),
    ("S LIKE 'te_t'", "BOOLEAN", True),
    ("S LIKE 'tex'", "BOOLEAN", False),
    ("'a\nb' LIKE 'a%'", "BOOLEAN", False),
    ("'50%' LIKE '__!%' ESCAPE '!'", "BOOLEAN", True),
    ("'a.c' LIKE 'a.c'", "BOOLEAN", True),
    ("'abc' LIKE 'a.c'", "BOOLEAN", False),
    # logic stops early
    ("FALSE AND NT", "BOOLEAN", False),
    ("TRUE OR NT", "BOOLEAN", True),
    ("NI IS NULL AND S IS NOT NULL", "BOOLEAN", True),
    # CASE is lazy
    ("CASE WHEN I > 5 THEN 'big' WHEN 1 / 0 = 1 THEN 'x' ELSE 'small' END", "STRING", "big"),
    ("CASE I WHEN 7 THEN 'seven' END", "STRING", "seven"),
    ("CASE I WHEN 8 THEN 'eight' END", "STRING", None),
    ("CASE WHEN T THEN NULL ELSE I END", "INTEGER", None),
    # literals alone
    ("3 IS NULL", "BOOLEAN", False),
    ("NULL IS NULL", "BOOLEAN", True),
    ("STRUCT(A := I) IS NOT NULL", "BOOLEAN", True),
    ("ARRAY[1, 2][2]", "INTEGER", 2),
    ("CAST(NULL AS ARRAY<INT>)[1]", "INTEGER", None),
    ("CAST(NULL AS STRUCT<A INT>)->A", "INTEGER", None),
    ("CAST(NULL AS INT) > 1", "BOOLEAN", False),
    ("SUBSTRING('abc', 2)", "STRING", "bc"),
    # access
    ("ITEMS[1]", "INTEGER", 1),
    ("ITEMS[-2]", "INTEGER", 2),
    ("ITEMS[0]", "INTEGER", None),
    ("ITEMS[4]", "INTEGER", None),
    ("NL[1]", "INTEGER", None),
    ("M['x']", "INTEGER", 1),
    ("M['y']", "INTEGER", None),
    ("M[NS]", "INTEGER", None),
    ("R->B->C", "STRING", "q"),
    ("NR->B->C", "STRING", None),
    # construction
    ("ARRAY[NULL, 10, '2e1', L]", "ARRAY<DECIMAL(19, 0)>", [None, Decimal(10), Decimal(20), Decimal(2**40)]),
    ("ARRAY[STRUCT(X := I), STRUCT(Y := J)]", "ARRAY<STRUCT<`X` INTEGER, `Y` INTEGER>>", [(7, None), (None, -2)]),
    ("MAP('a' := 1, S := L)", "MAP<STRING, BIGINT>", {"a": 1, "text": 2**40}),
    ("STRUCT(F := I, g := NS)", "STRUCT<`F` INTEGER, `G` STRING>", (7, None)),
    # lambdas
    ("TRANSFORM(ARRAY[1, 2], x => x * I)", "ARRAY<INTEGER>", [7, 14]),
    ("REDUCE(ARRAY[1, 2], 0, (y, x) => y + x)", "INTEGER", 3),
    ("FILTER(MAP('a' := 1, 'b' := 2), (k, v) => v > 1)", "MAP<STRING, INTEGER>", {"b": 2}),
    ("TRANSFORM(MAP('a' := 1), (k, v) => UCASE(k), (k, v) => v + 1)", "MAP<STRING, INTEGER>", {"A": 2}),
    ("TRANSFORM(ARRAY[ARRAY[1], ARRAY[2]], x => TRANSFORM(x, y => y + I))", "ARRAY<ARRAY<INTEGER>>", [[8], [9]]),
    ("REDUCE(NL, 2, (y, x) => y + x)", "INTEGER", 2),
]


RAISING = {"S + NS", "D / 0", "-D / 0", "(D - D) / 0", "D % 0"}
"""Where Python raises though SQL has a value: careful evaluation gives it."""


@pytest.mark.parametrize(("text", "sql_type", "value"), VALUES, ids=[text for text, _, _ in VALUES])
def test_an_expression_has_its_type_and_value(text: str, sql_type: str, value: object) -> None:
    found = evaluate(text, COLUMNS)
    assert str(found.type) == sql_type
    assert same(found.value, value)
    assert found.failures == ()
    assert found.raised == (text in RAISING)


FAILURES: list[tuple[str, object, int]] = [
    ("NI + 1", None, 1),
    ("-NI", None, 1),
    ("I / 0", None, 1),
    ("I % 0", None, 1),
    ("N / 3", None, 1),
    ("1.0 / 0", None, 1),
    ("NOT NT", None, 1),
    ("NT AND TRUE", None, 1),
    ("TRUE AND NT", None, 1),
    ("NS LIKE 'a%'", None, 1),
    ("S LIKE NS", None, 1),
    ("CASE WHEN NT THEN 1 ELSE 2 END", None, 1),
    ("CAST(S AS INT)", None, 1),
    ("CAST(100 AS DECIMAL(3, 1))", None, 1),
    ("DAY > 'no date'", None, 1),
    # only the inner value is lost
    ("ARRAY[44, STRINGTODATE(S, 'yyyyMMdd')]", [44, None], 1),
    ("MAP('a' := CAST(S AS INT), 'b' := 3)", {"a": None, "b": 3}, 1),
    ("STRUCT(A := I / 0, B := 'x')", (None, "x"), 1),
    ("IFNULL(CAST(S AS INT), 5)", 5, 1),
    ("COALESCE(PARSE_DATE(S, 'yyyy'), PARSE_DATE('2004', 'yyyy'))", 12418, 1),
    ("CAST(ARRAY['1', S] AS ARRAY<INT>)", [1, None], 1),
    # a lambda that fails loses the call
    ("TRANSFORM(ITEMS, x => x + 5)", None, 1),
    ("IFNULL(TRANSFORM(ITEMS, x => x + 5), ARRAY[0])", [0], 1),
]


@pytest.mark.parametrize(("text", "value", "failures"), FAILURES, ids=[text for text, _, _ in FAILURES])
def test_a_failure_makes_null_of_what_failed_and_is_reported(text: str, value: object, failures: int) -> None:
    found = evaluate(text, COLUMNS)
    assert found.raised
    assert same(found.value, value)
    assert len(found.failures) == failures


def test_without_nested_nulls_a_failure_inside_loses_the_whole_expression() -> None:
    found = evaluate("IFNULL(CAST(S AS INT), 5)", COLUMNS, options=ExpressionOptions(nested_error_null=False))
    assert found.value is None
    assert len(found.failures) == 1


def test_pull_queries_give_null_for_text_plus_null() -> None:
    found = evaluate("S + NS", COLUMNS, options=ExpressionOptions(null_concat_is_text=False))
    assert (found.value, found.failures) == (None, ())


def test_null_can_be_cast_to_the_text_null() -> None:
    found = evaluate("CAST(NS AS STRING)", COLUMNS, options=ExpressionOptions(preserve_null_strings=False))
    assert found.value == "null"


def test_a_condition_of_thousands_of_terms_compiles() -> None:
    text = " OR ".join(f"I = {i}" for i in range(3000))
    assert evaluate(text, COLUMNS).value is True


def test_columns_are_listed_once_in_order_of_use() -> None:
    found = evaluate("J + I + J", COLUMNS)
    assert found.value == 3
    assert found.source.count("c_J") == 2
