"""Rows as tuples with names, and as a list that knows its columns."""

from __future__ import annotations

import pickle

import pytest

from headwater.core.schema import Column
from headwater.core.types import BIGINT, STRING
from headwater.library.rows import Row, Rows, row_class

COLUMNS = (Column("NAME", STRING), Column("TOTAL", BIGINT))
Total = row_class(("NAME", "TOTAL"))


def test_a_value_has_a_place_and_a_name() -> None:
    row = Total(("a", 1))
    assert (row.TOTAL, row["TOTAL"], row[1], row[-1], row.total, row["total"]) == (1,) * 6
    assert row[:1] == ("a",)
    assert row._asdict() == {"NAME": "a", "TOTAL": 1}
    name, total = row
    assert (name, total) == ("a", 1) == row
    assert repr(row) == "Row(NAME='a', TOTAL=1)"


def test_names_that_differ_only_by_case_are_told_apart() -> None:
    row = row_class(("a", "A"))((1, 2))
    assert (row.a, row["a"], row.A, row["A"]) == (1, 1, 2, 2)


@pytest.mark.parametrize("name", ["count", "index", "class", "1", "a b", "_fields", "__class__"])
def test_any_name_of_a_column_works_in_brackets(name: str) -> None:
    assert row_class((name,))((7,))[name] == 7


def test_a_name_that_is_none_is_refused_with_those_that_are() -> None:
    row = Total(("a", 1))
    with pytest.raises(KeyError, match="no column 'SUM'; there are NAME, TOTAL"):
        row["SUM"]
    with pytest.raises(AttributeError, match="no column 'SUM'"):
        row.SUM  # noqa: B018 - asking is the test
    assert not hasattr(row, "SUM")


def test_rows_of_the_same_columns_share_a_class_and_survive_pickling() -> None:
    assert row_class(("NAME", "TOTAL")) is Total
    row = Total(("a", 1))
    again = pickle.loads(pickle.dumps(row))
    assert again == row
    assert again.TOTAL == 1


def test_rows_are_a_list_that_does_not_change() -> None:
    rows = Rows(COLUMNS, [Total(("a", 1)), Total(("b", 2)), Total(("c", 3))])
    assert (len(rows), rows[0], rows[-1].NAME) == (3, ("a", 1), "c")
    assert isinstance(rows[1:], Rows)
    assert rows[1:] == [("b", 2), ("c", 3)]
    assert ("b", 2) in rows
    assert rows == Rows(COLUMNS, list(rows))
    assert rows != [("a", 1)]
    assert rows != "abc"
    assert rows.to_dicts()[0] == {"NAME": "a", "TOTAL": 1}


def test_many_rows_are_shown_in_part() -> None:
    rows = Rows(COLUMNS, [Total(("a", number)) for number in range(100)])
    assert repr(rows).endswith("TOTAL=19), … 80 more])")
    assert repr(Rows(COLUMNS, [])) == "Rows([])"


def test_a_row_is_a_tuple() -> None:
    assert issubclass(Total, Row)
    assert hash(Total(("a", 1))) == hash(("a", 1))
