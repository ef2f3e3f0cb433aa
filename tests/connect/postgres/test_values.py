"""PostgreSQL's text forms (dates, times, intervals, arrays, hstore, COPY), and which transactions were seen."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.connect.connectors.postgres import times
from headwater.connect.connectors.postgres.literals import read_array, read_copy_row, read_hstore
from headwater.connect.connectors.postgres.lsn import lsn_text, parse_lsn
from headwater.connect.connectors.postgres.position import Position, Visible, read_position
from headwater.core.errors import DataError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01", 0), ("2024-02-29", 19782), ("0001-01-01 BC", -719528), ("10000-01-01", 2932897),
        ("infinity", 2147483647), ("-infinity", -2147483648), ("4713-01-01 BC", -2440550),
    ],
)  # fmt: skip
def test_days_of_a_date(text: str, expected: int) -> None:
    assert times.days(text) == expected


@given(st.dates(min_value=date(1, 1, 1)))
def test_days_of_any_date_are_those_of_python(day: date) -> None:
    assert date(1970, 1, 1) + timedelta(days=times.days(day.isoformat())) == day


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01 00:00:00", 0), ("2024-02-29 12:34:56.789012", 1709210096789012),
        ("1969-12-31 23:59:59.5", -500000),
        ("2024-02-29 12:34:56+00", 1709210096000000), ("infinity", times.INFINITY_US),
        ("0001-01-01 00:00:00 BC", -719528 * times.DAY_US),
    ],
)  # fmt: skip
def test_microseconds_of_a_timestamp(text: str, micros: int) -> None:
    assert times.timestamp_us(text) == micros


@pytest.mark.parametrize(
    ("text", "digits", "expected"),
    [
        ("2024-02-29 12:34:56+00", 6, "2024-02-29T12:34:56.000000Z"),
        ("2024-02-29 12:34:56.5+00", 3, "2024-02-29T12:34:56.500Z"),
        ("2024-02-29 12:34:56+00", 0, "2024-02-29T12:34:56Z"),
        ("infinity", 6, "infinity"),
        ("0044-03-15 12:00:00+00 BC", 0, "-0043-03-15T12:00:00Z"),
    ],
)
def test_a_timestamp_with_its_zone_is_a_text(text: str, digits: int, expected: str) -> None:
    assert times.timestamp_iso(text, digits) == expected


@pytest.mark.parametrize(
    ("text", "micros", "iso"),
    [
        ("P1Y2M3DT4H5M6.789S", 37091106789000, "P1Y2M3DT4H5M6.789S"),
        ("PT0S", 0, "P0Y0M0DT0H0M0S"),
        ("P-1M", -2629800000000, "P0Y-1M0DT0H0M0S"),
        ("PT-0.5S", -500000, "P0Y0M0DT0H0M-0.5S"),
        ("P1W", 7 * times.DAY_US, "P0Y0M7DT0H0M0S"),
        ("PT-1H-2M-3S", -3723000000, "P0Y0M0DT-1H-2M-3S"),
    ],
)
def test_an_interval_is_a_number_or_a_text(text: str, micros: int, iso: str) -> None:
    assert times.interval_us(text) == micros
    assert times.interval_iso(text) == iso


@pytest.mark.parametrize(
    ("text", "expected"),
    [("12:34:56.789+02", "10:34:56.789Z"), ("00:30:00+01:30", "23:00:00Z"), ("24:00:00+00", "00:00:00Z")],
)
def test_a_time_with_its_zone_is_in_utc(text: str, expected: str) -> None:
    assert times.zoned_time(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", []), ("{1,2,NULL}", ["1", "2", None]),
        ('{a,"b,c","d\\"e",NULL,"","NULL"}', ["a", "b,c", 'd"e', None, "", "NULL"]),
        ("{{1,2},{3,4}}", [["1", "2"], ["3", "4"]]), ("[0:1]={1,2}", ["1", "2"]), ('{"{}"}', ["{}"]),
    ],
)  # fmt: skip
def test_an_array_is_read(text: str, expected: list[Any]) -> None:
    assert read_array(text) == expected


@given(st.text(max_size=30))
def test_any_text_is_an_array_or_an_error(text: str) -> None:
    for candidate in (text, "{" + text, "{" + text + "}"):
        try:
            read_array(candidate)
        except DataError:
            continue


def test_an_hstore_is_read() -> None:
    assert read_hstore('"k"=>"v", "n"=>NULL, "q r"=>"s\\"t"') == {"k": "v", "n": None, "q r": 's"t'}
    assert read_hstore("") == {}
    with pytest.raises(DataError):
        read_hstore("nonsense")


def test_a_line_of_copy_is_read() -> None:
    assert read_copy_row(b"1\t\\N\ta\\tb\\\\\\n\t\n") == [b"1", None, b"a\tb\\\n", b""]
    assert read_copy_row(b"1\tx\n") == [b"1", b"x"]


def test_a_place_in_the_log_is_a_number() -> None:
    assert parse_lsn("16/B374D848") == 0x16B374D848
    assert lsn_text(parse_lsn("16/B374D848")) == "16/B374D848"


@pytest.mark.parametrize(
    ("xid", "commit", "seen"),
    [(99, 5, True), (100, 5, False), (101, 5, True), (105, 5, False), (104, 5, True), (99, 11, False)],
)
def test_a_snapshot_has_seen_what_was_complete_when_it_was_taken(xid: int, commit: int, seen: bool) -> None:
    assert Visible.parse("100:105:100,103", 10).has_seen(xid, commit) is seen


def test_a_snapshot_knows_ids_of_another_epoch() -> None:
    visible = Visible.parse(f"{(1 << 32) + 5}:{(1 << 32) + 9}:", 10)
    assert visible.has_seen(0xFFFFFFF0, 5)
    assert visible.has_seen(6, 5)
    assert not visible.has_seen(9, 5)
    assert str(visible) == f"{(1 << 32) + 5}:{(1 << 32) + 9}:"


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        ({"lsn": 5, "txId": 1, "ts_usec": 1}, Position(5)),
        ({"lsn": 9, "lsn_commit": 5, "lsn_proc": 9, "txId": 7, "tx_events": 2}, Position(5, 7, 2)),
        ({"lsn": 9, "snapshot": "INITIAL", "snapshot_completed": False}, Position(9, snapshot_done=False)),
        ({"lsn": 9, "snapshot": "INITIAL", "snapshot_completed": True}, Position(9)),
        ({"something": 1}, None),
    ],
)
def test_an_offset_of_ours_or_of_debezium_names_a_place(offset: dict[str, Any], expected: Position | None) -> None:
    assert read_position(offset) == expected
