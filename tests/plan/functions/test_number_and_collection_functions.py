"""Mathematical, geographical, array, map, lambda and NULL functions by their sheet."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from tests.plan.evaluating import evaluate, same

COLUMNS: dict[str, tuple[str, object]] = {
    "NI": ("INT", None),
    "ND": ("DOUBLE", None),
    "NS": ("STRING", None),
    "NAN": ("DOUBLE", math.nan),
    "INF": ("DOUBLE", math.inf),
    "NA": ("ARRAY<INT>", None),
    "NM": ("MAP<STRING, INT>", None),
    "A": ("ARRAY<INT>", [3, None, 1, 3]),
    "E": ("ARRAY<INT>", []),
    "M": ("MAP<STRING, INT>", {"b": 1, "a": None}),
    "DAY": ("DATE", 10),
}

VALUES: list[tuple[str, object]] = [
    ("ABS(-2147483648)", -(2**31)),
    ("ABS(-5)", 5),
    ("ABS(-1.50)", Decimal("1.50")),
    ("CEIL(1.23)", Decimal("2.00")),
    ("FLOOR(-1.23)", Decimal("-2.00")),
    ("CEIL(-0.5E0)", -0.0),
    ("FLOOR(5)", 5),
    ("ROUND(2.5E0)", 3),
    ("ROUND(-2.5E0)", -2),
    ("ROUND(NAN)", 0),
    ("ROUND(INF)", 2**63 - 1),
    ("ROUND(2.55)", Decimal("3")),
    ("ROUND(-2.5)", Decimal("-2")),
    ("ROUND(1.2345E0, 2)", 1.23),
    ("ROUND(1.235E0, 2)", 1.24),
    ("ROUND(1250.5, -2)", Decimal("1300.0")),
    ("TRUNC(-1.7E0)", -1),
    ("TRUNC(1.29, 1)", Decimal("1.20")),
    ("TRUNC(1299E0, -2)", 1200.0),
    ("CAST(TRUNC(-1.1E0, -1) AS STRING)", "0.0"),
    ("CAST(ROUND(-0.04E0, 1) AS STRING)", "0.0"),
    ("SIGN(NAN)", 0),
    ("SIGN(-3)", -1),
    ("SQRT(-1)", math.nan),
    ("CBRT(-27)", -3.0),
    ("EXP(1000)", math.inf),
    ("LN(0)", -math.inf),
    ("LOG(-1)", math.nan),
    ("ROUND(LOG(8, 2), 9)", 0.333333333),
    ("LOG(1, 2)", math.nan),
    ("POWER(2, 10)", 1024.0),
    ("POWER(-8, 0.5E0)", math.nan),
    ("POWER(0, -1)", math.inf),
    ("POWER(10, 400)", math.inf),
    ("PI()", math.pi),
    ("ACOS(2)", math.nan),
    ("COT(0)", math.inf),
    ("SIN(INF)", math.nan),
    ("SINH(-1000)", -math.inf),
    ("DEGREES(PI())", 180.0),
    ("ATAN2(NI, 1)", None),
    ("GREATEST(1, NULL, 5)", 5),
    ("GREATEST(NI, NI)", None),
    ("LEAST('b', NS, 'a')", "a"),
    ("GREATEST('\U0001f600', '\uffff')", "\uffff"),
    ("GREATEST(DAY, '1970-01-12')", 11),
    ("GREATEST(TO_BYTES('80', 'hex'), TO_BYTES('01', 'hex'))", b"\x01"),
    ("GREATEST(1, 2147483648, 1.5, 2E0)", 2147483648.0),
    ("ROUND(GEO_DISTANCE(37.4439E0, -122.1663E0, 51.5257E0, -0.1122E0), 2)", 8634.66),
    ("ROUND(GEO_DISTANCE(37.4439E0, -122.1663E0, 51.5257E0, -0.1122E0, 'Miles'), 2)", 5365.66),
    ("GEO_DISTANCE(ND, 1, 1, 1)", None),
    # arrays
    ("ARRAY_LENGTH(A)", 4),
    ("ARRAY_CONTAINS(A, NULL)", True),
    ("ARRAY_CONTAINS(NA, 1)", False),
    ("ARRAY_CONCAT(A, NA)", [3, None, 1, 3]),
    ("ARRAY_CONCAT(NA, NA)", None),
    ("ARRAY_DISTINCT(A)", [3, None, 1]),
    ("ARRAY_DISTINCT(ARRAY[ARRAY[1], ARRAY[1]])", [[1]]),
    ("ARRAY_EXCEPT(A, ARRAY[3])", [None, 1]),
    ("ARRAY_INTERSECT(A, ARRAY[1, 3])", [3, 1]),
    ("ARRAY_UNION(A, ARRAY[4, 1])", [3, None, 1, 4]),
    ("ARRAY_REMOVE(A, NULL)", [3, 1, 3]),
    ("ARRAY_REMOVE(A, 3)", [None, 1]),
    ("ARRAY_JOIN(A)", "3,null,1,3"),
    ("ARRAY_JOIN(ARRAY[1.50, 2.00], NS)", "1.502.00"),
    ("ARRAY_JOIN(ARRAY[TRUE, FALSE], '-')", "true-false"),
    ("ARRAY_MAX(A)", 3),
    ("ARRAY_MIN(E)", None),
    ("ARRAY_MAX(ARRAY[FALSE, TRUE])", True),
    ("ARRAY_SORT(A)", [1, 3, 3, None]),
    ("ARRAY_SORT(A, 'desc')", [3, 3, 1, None]),
    ("ARRAY_SORT(A, 'sideways')", None),
    ("SLICE(A, 2, 3)", [None, 1]),
    ("SLICE(A, NULL, 2)", [3, None]),
    ("SLICE(A, 3, 2)", []),
    ("SLICE(A, 2, 9)", None),
    ("GENERATE_SERIES(1, 3)", [1, 2, 3]),
    ("GENERATE_SERIES(3, 1)", [3, 2, 1]),
    ("GENERATE_SERIES(1, 6, 2)", [1, 3, 5]),
    ("GENERATE_SERIES(2, 2)", [2]),
    ("ENTRIES(M, TRUE)", [("a", None), ("b", 1)]),
    # maps
    ("AS_MAP(ARRAY['a', 'b'], ARRAY[1])", {"a": 1, "b": None}),
    ("MAP_KEYS(M)", ["b", "a"]),
    ("MAP_VALUES(M)", [1, None]),
    ("MAP_UNION(M, MAP('a' := 2))", {"b": 1, "a": 2}),
    ("MAP_UNION(NM, M)", {"b": 1, "a": None}),
    # lambdas
    ("FILTER(ARRAY[5, 4, 6], x => x > 4)", [5, 6]),
    ("FILTER(NA, x => x > 4)", None),
    ("REDUCE(A, NI, (x, y) => x + 1)", None),
    ("REDUCE(MAP('yes' := 2, 'no' := 3), 1, (x, k, v) => x * v)", 6),
    # NULL handling
    ("COALESCE(NI, NULL, 3)", 3),
    ("COALESCE(NI)", None),
    ("IFNULL(NS, 'x')", "x"),
    ("NULLIF(1, 1)", None),
    ("NULLIF(1, 2)", 1),
    ("NULLIF(NI, 2)", None),
    ("AS_VALUE(A)", [3, None, 1, 3]),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[text for text, _ in VALUES])
def test_a_function_gives_its_value(text: str, value: object) -> None:
    found = evaluate(text, COLUMNS)
    assert same(found.value, value), found.value
    assert found.failures == ()
    assert not found.raised


FAILING = [
    "ROUND(NI)",
    "ROUND(NAN, 1)",
    "TRUNC(INF, 1)",
    "GEO_DISTANCE(91, 0, 0, 0)",
    "GEO_DISTANCE(1, 0, 0, 0, 'furlong')",
    "GENERATE_SERIES(1, 3, 0)",
    "GENERATE_SERIES(1, 3, -1)",
    "GENERATE_SERIES(1, NI)",
    "ARRAY_JOIN(ARRAY[ARRAY[1]])",
    "FILTER(A, x => CAST(NULL AS BOOLEAN))",
    "FILTER(M, (k, v) => TRUE)",
    "TRANSFORM(M, (k, v) => 'same', (k, v) => 1)",
    "TRANSFORM(M, (k, v) => k, (k, v) => v)",
]


@pytest.mark.parametrize("text", FAILING)
def test_a_function_refuses(text: str) -> None:
    found = evaluate(text, COLUMNS)
    assert found.raised
    assert found.value is None
    assert len(found.failures) == 1


def test_random_numbers_lie_between_0_and_1() -> None:
    assert all(evaluate("RANDOM() >= 0 AND RANDOM() < 1").value for _ in range(20))


RESULT_TYPES = [
    ("ROUND(1.25)", "DECIMAL(1, 0)"),
    ("ROUND(1.25, 1)", "DECIMAL(3, 2)"),
    ("CEIL(1.25)", "DECIMAL(3, 2)"),
    ("ROUND(5)", "BIGINT"),
    ("SIGN(1E0)", "INTEGER"),
    ("GREATEST(1.50, 10.1)", "DECIMAL(4, 2)"),
    ("ENTRIES(M, TRUE)", "ARRAY<STRUCT<`K` STRING, `V` INTEGER>>"),
    ("COALESCE(NULL, NULL)", "None"),
]


@pytest.mark.parametrize(("text", "expected"), RESULT_TYPES)
def test_result_types_follow_argument_types(text: str, expected: str) -> None:
    assert str(evaluate(text, COLUMNS).type) == expected
