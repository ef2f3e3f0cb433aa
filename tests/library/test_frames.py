"""Rows as tables of pyarrow, pandas and polars: the same values and NULLs, with types."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

import headwater
from headwater.errors import MissingPackageError
from headwater.library.rows import Rows
from tests.conftest import IN_CI
from tests.library.suite import EVERY_TYPE, FULL

NAMES = [name.upper() for name in FULL]


@pytest.fixture(scope="module")
def rows() -> Iterator[Rows]:
    with headwater.start(memory=True) as node:
        node.execute(f"CREATE STREAM s ({EVERY_TYPE}) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');")
        node.insert("s", [FULL, dict.fromkeys(FULL)])
        yield node.query("SELECT * FROM s").rows()


def require(package: str) -> None:
    if not IN_CI:
        pytest.importorskip(package)


def test_an_arrow_table_has_types_and_values(rows: Rows) -> None:
    require("pyarrow")
    table = rows.to_arrow()
    assert table.column_names == NAMES
    assert [str(kind) for kind in table.schema.types[:10]] == [
        "string", "bool", "int32", "int64", "double", "decimal128(12, 3)", "binary", "date32[day]", "time32[ms]",
        "timestamp[ms, tz=UTC]",
    ]  # fmt: skip
    first, second = table.to_pylist()
    assert first["E"] == FULL["e"]
    assert first["TS"] == FULL["ts"]
    assert first["M"] == [("one", 1), ("none", None)]
    assert first["ST"] == {"X": 1, "y": [{"Z": rows[0].ST.y[0].Z}, None]}
    assert set(second.values()) == {None}


def test_a_pandas_frame_has_nullable_types(rows: Rows) -> None:
    require("pandas")
    frame = rows.to_pandas()
    assert list(frame.columns) == NAMES
    assert [str(kind) for kind in frame.dtypes[["B", "I", "L", "D", "TS"]]] == [
        "boolean", "Int32", "Int64", "Float64", "datetime64[ms, UTC]",
    ]  # fmt: skip
    assert frame["L"][0] == 2**62
    assert frame["TS"][0] == FULL["ts"]
    assert frame["E"][0] == FULL["e"]
    assert frame.iloc[1].isna().all()


def test_a_polars_frame_has_types_and_values(rows: Rows) -> None:
    require("polars")
    frame = rows.to_polars()
    assert frame.columns == NAMES
    first, second = frame.to_dicts()
    assert (first["E"], first["TS"], first["DA"], first["TI"]) == (FULL["e"], FULL["ts"], FULL["da"], FULL["ti"])
    assert first["M"] == [{"key": "one", "value": 1}, {"key": "none", "value": None}]
    assert set(second.values()) == {None}


@pytest.mark.parametrize("package", ["pyarrow", "pandas", "polars"])
def test_no_rows_make_an_empty_table_with_columns(rows: Rows, package: str) -> None:
    require(package)
    method = {"pyarrow": "to_arrow", "pandas": "to_pandas", "polars": "to_polars"}[package]
    assert getattr(rows[:0], method)().shape == (0, len(NAMES))


@pytest.mark.parametrize(
    ("package", "method"), [("pyarrow", "to_arrow"), ("pandas", "to_pandas"), ("polars", "to_polars")]
)
def test_a_missing_package_is_named_with_the_command(
    rows: Rows, package: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=f"pip install {package}"):
        getattr(rows, method)()
