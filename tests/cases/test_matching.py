"""Values: what matches what is expected, and what a difference is called."""

from decimal import Decimal
from typing import Any

import pytest

from headwater.cases.matching import match, plain
from headwater.core import types
from headwater.core.types import SqlType

STRUCT = types.Struct((types.Field("A", types.DOUBLE), types.Field("B", types.Decimal(4, 2))))

EQUAL: list[tuple[Any, Any, SqlType | None]] = [
    (None, None, None),
    (True, True, types.BOOLEAN),
    ("x", "x", types.STRING),
    (5, 5, types.INTEGER),
    (5, Decimal("5.0"), types.BIGINT),
    (5, Decimal("5.9"), types.BIGINT),
    (1.0, 1, types.DOUBLE),
    (0.1 + 0.2, Decimal("0.3"), types.DOUBLE),
    (1e300, Decimal("1E300"), types.DOUBLE),
    (float("nan"), "NaN", types.DOUBLE),
    (float("inf"), "Infinity", types.DOUBLE),
    (Decimal("1.50"), Decimal("1.50"), types.Decimal(4, 2)),
    (Decimal("1.50"), "1.50", types.Decimal(4, 2)),
    (b"\x01", "AQ==", types.BYTES),
    (b"", None, types.BYTES),
    ([1, None], [1, None], types.Array(types.INTEGER)),
    ({"a": 1}, {"a": 1}, types.Map(types.STRING, types.INTEGER)),
    ({"A": 1.0, "B": Decimal("2.00")}, {"a": 1, "b": Decimal("2.00")}, STRUCT),
    ({"a": None, "A": 1}, {"a": 1, "A": 1}, None),
]


@pytest.mark.parametrize(("actual", "expected", "sql_type"), EQUAL)
def test_equal(actual: Any, expected: Any, sql_type: SqlType | None) -> None:
    assert match(actual, expected, sql_type) == ""


DIFFERENT: list[tuple[Any, Any, SqlType | None, str]] = [
    (0, None, types.INTEGER, "value: expected None, found 0"),
    (None, 0, types.INTEGER, "value: expected 0, found None"),
    (True, 1, types.INTEGER, "value: expected 1, found True"),
    (1, True, types.BOOLEAN, "value: expected True, found 1"),
    ("5", 5, types.INTEGER, "value: expected 5, found '5'"),
    (5, "5", types.STRING, "value: expected '5', found 5"),
    (1.1, Decimal("1.2"), types.DOUBLE, "value: expected 1.2, found 1.1"),
    (Decimal("1.5"), Decimal("1.50"), types.Decimal(4, 2), "value: expected 1.50, found 1.5"),
    (Decimal("5.00"), 5, types.Decimal(4, 2), "value: expected 5, found 5.00"),
    (b"\x01", "AA==", types.BYTES, "value: expected 'AA==', found b'\\x01'"),
    ([1, 2], [1], None, "value: expected 1 items, found 2: [1, 2]"),
    ([1, 2], [2, 1], None, "[0]: expected 2, found 1"),
    ("x", [1], None, "value: expected a list, found 'x'"),
    ({"A": 1, "B": 2}, {"A": 1}, None, "value: expected the fields A, found A, B"),
    ({"A": {"B": [1]}}, {"A": {"B": [2]}}, None, ".A.B[0]: expected 2, found 1"),
    ({"a": 1}, {"A": 1}, None, ".A: expected 1, found None"),
    ({"A": 1.0, "B": Decimal("2.0")}, {"A": 1, "B": Decimal("2.00")}, STRUCT, ".B: expected 2.00, found 2.0"),
]


@pytest.mark.parametrize(("actual", "expected", "sql_type", "problem"), DIFFERENT)
def test_different(actual: Any, expected: Any, sql_type: SqlType | None, problem: str) -> None:
    assert match(actual, expected, sql_type) == problem


def test_structs_in_memory_become_objects_at_any_depth() -> None:
    nested = types.Map(types.STRING, types.Array(STRUCT))
    assert plain({"k": [(1.0, None), None]}, nested) == {"k": [{"A": 1.0, "B": None}, None]}
