"""Numbers are printed and parsed as Java does."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core import javatext


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"), (-0.0, "-0.0"), (1.0, "1.0"), (100000.0, "100000.0"), (9999999.0, "9999999.0"), (1e7, "1.0E7"),
        (1.23e10, "1.23E10"), (1e-3, "0.001"), (1e-4, "1.0E-4"), (0.00012, "1.2E-4"), (-12345678.9, "-1.23456789E7"),
        (1e16, "1.0E16"), (1e22, "1.0E22"), (123456789012345680.0, "1.2345678901234568E17"), (2e-3, "0.002"),
        (5e-324, "4.9E-324"), (1e-323, "9.9E-324"), (1.7976931348623157e308, "1.7976931348623157E308"),
        (math.inf, "Infinity"), (-math.inf, "-Infinity"), (math.nan, "NaN"),
    ],
)  # fmt: skip
def test_doubles_are_printed_as_java_prints_them(value: float, text: str) -> None:
    assert javatext.double_text(value) == text


@given(st.floats())
def test_a_printed_double_reads_back_as_itself(value: float) -> None:
    back = javatext.parse_double(javatext.double_text(value))
    assert back == value or (math.isnan(back) and math.isnan(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [("1.10", "1.10"), ("0E-7", "0.0000000"), ("1E+3", "1000"), ("-0.0", "0.0"), ("1E-9", "0.000000001")],
)
def test_decimals_are_plain_and_keep_their_scale(value: str, text: str) -> None:
    assert javatext.decimal_text(Decimal(value)) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [(" 1.5 ", 1.5), ("1d", 1.0), (".5", 0.5), ("5.", 5.0), ("1e400", math.inf), ("-Infinity", -math.inf),
     ("+Infinity", math.inf), ("0x1.8p1", 3.0), ("0x1p5000", math.inf)],
)  # fmt: skip
def test_doubles_are_parsed_as_java_parses_them(text: str, value: float) -> None:
    assert javatext.parse_double(text) == value


@pytest.mark.parametrize("text", ["", "1_0", "inf", "nan", "Infinit", "1e", "0x1", "--1", "1 2"])
def test_what_java_does_not_call_a_double_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="input string"):
        javatext.parse_double(text)


@pytest.mark.parametrize("text", ["", "+", " 1", "1_0", "1.0", "2147483648", "9" * 10_000])
def test_what_java_does_not_call_an_int_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="input string"):
        javatext.parse_int(text)


def test_ints_take_a_sign_and_leading_zeros() -> None:
    assert [javatext.parse_int(t) for t in ("+5", "-2147483648", "007", "0" * 100 + "7", "-" + "0" * 99 + "7")] == [
        5, -(2**31), 7, 7, -7,
    ]  # fmt: skip


def test_decimals_refuse_what_big_decimal_refuses() -> None:
    assert javatext.parse_decimal("1.10e2") == Decimal("110")
    for text in ("NaN", "Infinity", " 1", "1_0", "", "."):
        with pytest.raises(ValueError, match="input string"):
            javatext.parse_decimal(text)


def test_casts_wrap_like_javas() -> None:
    assert (javatext.wrap_int(2**31), javatext.wrap_int(-(2**31) - 1), javatext.wrap_long(2**64 + 5)) == (
        -(2**31), 2**31 - 1, 5,
    )  # fmt: skip
