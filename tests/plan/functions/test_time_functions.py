"""Date and time functions, casts of times, and Java's patterns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import FunctionError
from headwater.plan import civil
from headwater.plan.datetime import compile_formatter, compile_parser, timestamp_parser, zone_of
from headwater.plan.datetime.simple_dates import compile_date_parser
from headwater.plan.expressions import ExpressionOptions
from tests.plan.evaluating import evaluate, same

MOMENT = 1_526_075_913_123  # 2018-05-11T21:58:33.123Z, a Friday
DAY = 17_662

COLUMNS: dict[str, tuple[str, object]] = {
    "D": ("DATE", DAY),
    "T": ("TIME", 86_399_995),
    "TS": ("TIMESTAMP", MOMENT),
    "MS": ("BIGINT", MOMENT),
    "NTS": ("TIMESTAMP", None),
    "NS": ("STRING", None),
    "NL": ("BIGINT", None),
    "PATTERN": ("STRING", "yyyy"),
}

VALUES: list[tuple[str, object]] = [
    ("CONVERT_TZ(TS, 'America/Los_Angeles', 'America/New_York')", MOMENT + 3 * civil.HOUR_MS),
    ("CONVERT_TZ(TS, '+0200', '+05:00')", MOMENT + 3 * civil.HOUR_MS),
    ("DATEADD(DAYS, 5, D)", DAY + 5),
    ("DATEADD(HOURS, 47, D)", DAY + 1),
    ("DATESUB(MILLISECONDS, 1, D)", DAY - 1),
    ("TIMEADD(MILLISECONDS, 10, T)", 5),
    ("TIMESUB(DAYS, 2, T)", 86_399_995),
    ("TIMESTAMPADD(MINUTES, 2, TS)", MOMENT + 120_000),
    ("TIMESTAMPSUB(SECONDS, 1, TS)", MOMENT - 1000),
    ("FORMAT_DATE(D, 'dd-MMM-yyyy')", "11-May-2018"),
    ("FORMAT_TIME(T, 'HH:mm:ss.SSS')", "23:59:59.995"),
    ("FORMAT_TIMESTAMP(TS, 'yyyy-MM-dd HH:mm:ss')", "2018-05-11 21:58:33"),
    ("FORMAT_TIMESTAMP(TS, 'HH:mm zzz', 'Europe/Berlin')", "23:58 CEST"),
    ("FORMAT_TIMESTAMP(TS, PATTERN)", "2018"),
    ("FORMAT_TIMESTAMP(NTS, 'yyyy')", None),
    ("PARSE_DATE('2018-05-11', 'yyyy-MM-dd')", DAY),
    ("PARSE_DATE('JAN-2022 and more', 'MMM-yyyy')", 18_993),
    ("PARSE_TIME('01:00:00 Pm', 'hh:mm:ss a')", 46_800_000),
    ("PARSE_TIMESTAMP('2018-05-11T21:58:33', 'yyyy-MM-dd''T''HH:mm:ss')", MOMENT - 123),
    ("PARSE_TIMESTAMP('2018-05-11 23:58', 'yyyy-MM-dd HH:mm', 'Europe/Berlin')", MOMENT - 33_123),
    ("FROM_DAYS(17662)", DAY),
    ("FROM_UNIXTIME(MS)", MOMENT),
    ("UNIX_DATE(D)", DAY),
    ("UNIX_TIMESTAMP(TS)", MOMENT),
    ("DATETOSTRING(17662, 'dd/MM/yyyy')", "11/05/2018"),
    ("STRINGTODATE('11-may-2018', 'dd-MMM-yyyy')", DAY),
    ("TIMESTAMPTOSTRING(MS, 'yyyy-MM-dd HH:mm:ss zzz', 'America/Los_Angeles')", "2018-05-11 14:58:33 PDT"),
    ("STRINGTOTIMESTAMP('2018-05-11T21:58:33Z', 'yyyy-MM-dd''T''HH:mm:ssX')", MOMENT - 123),
    # casts
    ("CAST(TS AS STRING)", "2018-05-11T21:58:33.123"),
    ("CAST(TS AS DATE)", DAY),
    ("CAST(TS AS TIME)", MOMENT % civil.DAY_MS),
    ("CAST(D AS TIMESTAMP)", DAY * civil.DAY_MS),
    ("CAST(D AS STRING)", "2018-05-11"),
    ("CAST('2018-05' AS DATE)", DAY - 10),
    ("CAST('13:25' AS TIME)", 48_300_000),
    ("CAST(CAST('13:25:00.9' AS TIME) AS STRING)", "13:25"),
    ("CAST('2018-05-11T21:58:33.123+0100' AS TIMESTAMP)", MOMENT - civil.HOUR_MS),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[text for text, _ in VALUES])
def test_a_time_function_gives_its_value(text: str, value: object) -> None:
    found = evaluate(text, COLUMNS)
    assert same(found.value, value), found.value
    assert found.failures == ()
    assert not found.raised


FAILING = [
    "CONVERT_TZ(TS, 'Mars/Olympus', 'UTC')",
    "FORMAT_DATE(D, 'HH:mm')",
    "FORMAT_TIME(T, 'yyyy')",
    "FORMAT_TIMESTAMP(TS, 'qqqqqqq')",
    "PARSE_DATE('2018-05-11 10', 'yyyy-MM-dd HH')",
    "PARSE_DATE('oops', 'yyyy')",
    "PARSE_TIME('2018 10:00', 'yyyy HH:mm')",
    "PARSE_TIME('10', 'mm')",
    "PARSE_TIMESTAMP('2018-13-01', 'yyyy-MM-dd')",
    "STRINGTODATE('2018-05', 'yyyy-MM')",
    "STRINGTODATE(NS, 'yyyy')",
    "STRINGTOTIMESTAMP(NS, 'yyyy')",
    "TIMESTAMPTOSTRING(NL, 'yyyy')",
    "CAST('25:00' AS TIME)",
    "CAST('2018-02-30' AS DATE)",
]


@pytest.mark.parametrize("text", FAILING)
def test_a_time_function_refuses(text: str) -> None:
    found = evaluate(text, COLUMNS)
    assert found.raised
    assert (found.value, len(found.failures)) == (None, 1)


class StoppedClock:
    def now_ms(self) -> int:
        return MOMENT

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def test_the_current_time_comes_from_the_clock() -> None:
    options = ExpressionOptions(clock=StoppedClock())
    assert evaluate("UNIX_TIMESTAMP()", options=options).value == MOMENT


FORMATS = [
    ("EEEE, d MMM uuuu", "Friday, 11 May 2018"),
    ("h:mm a 'o''clock'", "9:58 PM o'clock"),
    ("yy D DDD", "18 131 131"),
    ("S SS SSS SSSSSSSSS n A", "1 12 123 123000000 123000000 79113123"),
    ("K k H", "9 21 21"),
    ("Q QQQ QQQQ", "2 Q2 2nd quarter"),
    ("E e MMMMM G GGGG", "Fri 6 M AD Anno Domini"),
    ("X XX XXX x Z ZZZZ ZZZZZ O", "Z Z Z +00 +0000 GMT Z GMT"),
    ("Y w W", "2018 19 2"),
    ("[yyyy][-MM]", "2018-05"),
    ("ppppd|'{'", "  11|{"),
    ("''yyyy''", "'2018'"),
    ("yyyy''\"x\"''", "2018'\"+00\"'"),
    ("yyyy'\"x\"'", '2018"x"'),
    ('yyyy\'{0}\\n\n\\{year}"""\'', '2018{0}\\n\n\\{year}"""'),
]


@pytest.mark.parametrize(("pattern", "text"), FORMATS)
def test_a_pattern_formats(pattern: str, text: str) -> None:
    assert compile_formatter(pattern)(MOMENT) == text


@given(st.text(st.sampled_from("'\"\\{}\nax $") | st.characters(), min_size=1))
def test_quoted_text_is_printed_as_it_is(text: str) -> None:
    quoted = "'" + text.replace("'", "''") + "'"
    assert compile_formatter(f"HH{quoted}yyyy")(MOMENT) == f"21{text}2018"


def test_offsets_are_printed_as_the_letters_say() -> None:
    kolkata = zone_of("Asia/Kolkata")
    assert compile_formatter("X XX XXX x Z ZZZZ O OOOO VV")(MOMENT, kolkata) == (
        "+0530 +0530 +05:30 +0530 +0530 GMT+05:30 GMT+5:30 GMT+05:30 Asia/Kolkata"
    )


PARSED = [
    ("yyyyMMddHHmmssSSS", "20180511215833123", MOMENT),
    ("yyyy-MM-dd'T'HH:mm:ss.SX", "2018-05-11T21:58:33.1+0000", MOMENT - 23),
    ("dd-MMMM-yyyy", "11-MAY-2018", DAY * civil.DAY_MS),
    ("EEE, dd MMM yyyy HH:mm:ss zzz", "Fri, 11 May 2018 14:58:33 PDT", MOMENT - 123),
    ("yyyy-MM-dd HH:mm:ss VV", "2018-05-11 23:58:33 Europe/Berlin", MOMENT - 123),
    ("yyyy-MM-dd'T'HH:mm:ssXXX", "2018-05-11T23:58:33+02:00", MOMENT - 123),
    ("yy-M-d", "18-5-11", DAY * civil.DAY_MS),
    ("yyyy[-MM[-dd]]", "2018", (DAY - 130) * civil.DAY_MS),
    ("yyyy D", "2016 366", 17_166 * civil.DAY_MS),
    ("h a", "12 am", 0),
    ("h", "3", 3 * civil.HOUR_MS),
    ("yyyy-MM-dd", "2018-04-31", (DAY - 11) * civil.DAY_MS),
]


@pytest.mark.parametrize(("pattern", "text", "ms"), PARSED)
def test_a_pattern_parses(pattern: str, text: str, ms: int) -> None:
    assert timestamp_parser(pattern, zone_of("UTC"))(text) == ms


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy", "18"),
        ("MM", "5"),
        ("HH", "24"),
        ("yyyy-MM", "2018-05-11"),
        ("yyyy yyyy", "2018 2019"),
        ("d", "x"),
        ("VV", "Moon/Base"),
    ],
)
def test_text_that_does_not_fit_is_refused(pattern: str, text: str) -> None:
    with pytest.raises(FunctionError):
        timestamp_parser(pattern, zone_of("UTC"))(text)


@pytest.mark.parametrize("pattern", ["b", "yyyy{", "[yyyy]]", "'open", "HHH", "VVV", "p"])
def test_bad_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(FunctionError):
        compile_formatter(pattern)
    with pytest.raises(FunctionError):
        compile_parser(pattern)


@pytest.mark.parametrize(
    ("pattern", "text", "days"),
    [
        ("yyyyMMdd", "20180511", DAY),
        ("yyyy-MM-dd", "2018-5-11", DAY),
        ("yyyy-MM-dd", "2018-04-41", DAY),
        ("dd MMM yy", "11 may 18", DAY),
        ("yyyy DDD", "2018 131", DAY),
        ("yyyy-MM-dd Z", "2018-05-11 +0000", DAY),
    ],
)
def test_simple_dates_are_lenient(pattern: str, text: str, days: int) -> None:
    assert compile_date_parser(pattern)(text) == days


def test_wall_clock_times_in_gaps_and_overlaps_mean_what_java_takes_them_for() -> None:
    berlin = zone_of("Europe/Berlin")
    parse = timestamp_parser("yyyy-MM-dd HH:mm", berlin)
    assert parse("2021-03-28 02:30") == parse("2021-03-28 03:30")
    assert parse("2021-10-31 02:30") == parse("2021-10-31 01:30") + civil.HOUR_MS


@pytest.mark.parametrize(
    ("zone", "offset"), [("Z", 0), ("UTC", 0), ("GMT+2", 2), ("+01:00", 1), ("-0300", -3), ("UT-5", -5)]
)
def test_zone_ids(zone: str, offset: int) -> None:
    assert zone_of(zone).offset_at(0) == offset * civil.HOUR_MS


def test_unknown_zones_are_refused() -> None:
    for zone in ("", "Nowhere", "+19:00", "../etc/passwd"):
        with pytest.raises(FunctionError):
            zone_of(zone)


def test_the_calendar_counts_days() -> None:
    assert civil.days_from_civil(2000, 2, 29) + 1 == civil.days_from_civil(2000, 3, 1) == 11_017
    assert all(civil.days_from_civil(*civil.civil_from_days(day)) == day for day in range(-900_000, 900_000, 991))
    assert civil.timestamp_text(-1) == "1969-12-31T23:59:59.999"
    assert civil.parse_timestamp("1969-12-31T23:59:59.999") == -1
