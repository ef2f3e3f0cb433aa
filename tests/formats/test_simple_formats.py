"""KAFKA, DELIMITED and NONE payloads."""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core import types as t
from headwater.core.errors import AnalysisError, DeserializationError, SerializationError
from headwater.core.schema import Column, Role
from headwater.formats.api import Reader, SerdeOptions
from headwater.formats.registry import FORMATS, get

VALUE = SerdeOptions(is_key=False)
KEY = SerdeOptions(is_key=True)


def columns(*types: t.SqlType, role: Role = Role.VALUE) -> tuple[Column, ...]:
    return tuple(Column(f"C{i}", ty, role) for i, ty in enumerate(types))


def both_ways(r: Reader, payload: bytes) -> tuple[object, ...]:
    """The exact reading, after checking that the quick one agrees or refuses."""
    row = r.decode(payload)
    values = tuple(eval(e, {"row": row}) for e in r.access)
    if r.fast is not None:
        try:
            quick = r.fast()(payload)
        except r.fast_errors:
            return values
        assert repr(tuple(eval(e, {"row": quick}) for e in r.access)) == repr(values)
    return values


@pytest.mark.parametrize(
    ("sql_type", "value", "payload"),
    [
        (t.INTEGER, -1, b"\xff\xff\xff\xff"),
        (t.BIGINT, 1, b"\0\0\0\0\0\0\0\1"),
        (t.DOUBLE, 1.5, struct.pack(">d", 1.5)),
        (t.STRING, "é", b"\xc3\xa9"),
        (t.BYTES, b"\0\xff", b"\0\xff"),
    ],
)
def test_kafka_values_are_the_bytes_of_kafkas_serializers(sql_type: t.SqlType, value: object, payload: bytes) -> None:
    fmt = get("kafka")
    w = fmt.writer(columns(sql_type), VALUE, "topic", None)
    assert w.encode(value) == payload
    assert w.encode(None) is None
    assert w.inline is not None
    run: dict[str, Any] = dict(w.names)
    exec(f"def run(v):\n    return {w.inline.format(args='v')}", run)
    assert (run["run"](value), run["run"](None)) == (payload, None)
    assert both_ways(fmt.reader(columns(sql_type), VALUE, "topic", None), payload) == (value,)


def test_kafka_numbers_need_their_exact_size() -> None:
    r = get("KAFKA").reader(columns(t.INTEGER), VALUE, "topic", None)
    for payload in (b"", b"12345"):
        with pytest.raises(DeserializationError, match="is not 4"):
            r.decode(payload)
    with pytest.raises(SerializationError):
        get("KAFKA").writer(columns(t.INTEGER), VALUE, "topic", None).encode(2**31)


def test_kafka_text_that_is_not_utf8_is_replaced() -> None:
    assert both_ways(get("KAFKA").reader(columns(t.STRING), VALUE, "topic", None), b"a\xff") == ("a\ufffd",)


@pytest.mark.parametrize(
    ("types", "row", "text"),
    [
        ((t.BIGINT, t.STRING, t.INTEGER), (0, "zero", 0), "0,zero,0"),
        ((t.INTEGER, t.INTEGER), (-1, -1), '"-1",-1'),
        ((t.DOUBLE, t.DOUBLE), (-0.0, float("-inf")), '"-0.0",-Infinity'),
        ((t.DOUBLE, t.BOOLEAN), (float("-inf"), None), '"-Infinity",'),
        ((t.BIGINT, t.DATE, t.TIMESTAMP), (2**63 - 1, -(2**31), 0), "9223372036854775807,-2147483648,0"),
        ((t.STRING, t.STRING), ('a"b', "c,d"), '"a""b","c,d"'),
        ((t.STRING, t.STRING), (None, " x "), '," x "'),
        ((t.BOOLEAN, t.DOUBLE), (True, 1e10), "true,1.0E10"),
        ((t.Decimal(6, 4), t.BYTES), (Decimal("12.3650"), b"abc"), "12.3650,YWJj"),
        ((t.DATE, t.TIME, t.TIMESTAMP), (1, 2, 3), "1,2,3"),
        ((t.STRING,), (None,), ""),
    ],
)  # fmt: skip
def test_delimited_rows_are_one_csv_record(types: tuple[t.SqlType, ...], row: tuple[object, ...], text: str) -> None:
    fmt = get("DELIMITED")
    assert fmt.writer(columns(*types), VALUE, "topic", None).encode(*row) == text.encode()
    if text:
        assert both_ways(fmt.reader(columns(*types), VALUE, "topic", None), text.encode()) == row


@pytest.mark.parametrize(
    ("text", "row"),
    [('"x" ,1', ("x", 1)), ("x,1\r\nrest", ("x", 1)), ("\n\nx,1", ("x", 1)), ('a"b,1', ('a"b', 1)),
     ('" x",', (" x", None)),
     (" x,1", (" x", 1)), ('"a\nb","1"', ("a\nb", 1))],
)  # fmt: skip
def test_delimited_reads_what_csv_allows(text: str, row: tuple[object, ...]) -> None:
    r = get("DELIMITED").reader(columns(t.STRING, t.INTEGER), VALUE, "topic", None)
    assert both_ways(r, text.encode()) == row


@pytest.mark.parametrize("text", ["", "a", "a,1,2", "a,b", "a, 1", 'a,"1', '"a"b,1', "a,1_0", "a,2147483648"])
def test_delimited_refuses_what_does_not_fit(text: str) -> None:
    r = get("DELIMITED").reader(columns(t.STRING, t.INTEGER), VALUE, "topic", None)
    with pytest.raises(DeserializationError, match="topic"):
        r.decode(text.encode())
    assert r.fast is not None
    with pytest.raises(r.fast_errors):
        r.fast()(text.encode())


@pytest.mark.parametrize(("name", "char"), [("|", "|"), ("TAB", "\t"), ("space", " "), ("$", "$")])
def test_delimiters_are_a_character_or_a_word(name: str, char: str) -> None:
    options = SerdeOptions(is_key=False, properties={"DELIMITER": name})
    fmt = get("DELIMITED")
    fmt.check(columns(t.INTEGER, t.INTEGER), options)
    assert fmt.writer(columns(t.INTEGER, t.INTEGER), options, "t", None).encode(1, 2) == f"1{char}2".encode()
    assert both_ways(fmt.reader(columns(t.INTEGER, t.INTEGER), options, "t", None), f"1{char}2".encode()) == (1, 2)


@given(st.lists(st.text(), min_size=1, max_size=4), st.sampled_from([",", "|", "\t", ".", "a"]))
def test_delimited_text_survives_a_round_trip(texts: list[str], delimiter: str) -> None:
    options = SerdeOptions(is_key=False, properties={"DELIMITER": "TAB" if delimiter == "\t" else delimiter})
    cols = columns(*(t.STRING for _ in texts))
    fmt = get("DELIMITED")
    payload = fmt.writer(cols, options, "t", None).encode(*texts)
    assert payload is not None
    assert both_ways(fmt.reader(cols, options, "t", None), payload) == tuple(text or None for text in texts)


def test_none_reads_and_writes_nothing() -> None:
    fmt = get("NONE")
    assert fmt.reader((), KEY, "t", None).decode(b"anything") == ()
    assert fmt.writer((), KEY, "t", None).encode() is None


REFUSED: list[tuple[str, tuple[Column, ...], SerdeOptions, str]] = [
    ("KAFKA", columns(t.Array(t.INTEGER)), VALUE, "The 'KAFKA' format does not support type 'ARRAY'"),
    ("KAFKA", columns(t.BOOLEAN, role=Role.KEY), KEY,
     "Key format does not support schema.\nformat: KAFKA\n"
     "schema: Persistence{columns=[`C0` BOOLEAN KEY], features=[]}\n"
     "reason: The 'KAFKA' format does not support type 'BOOLEAN'"),
    ("KAFKA", columns(t.INTEGER, t.INTEGER), VALUE,
     "The 'KAFKA' format only supports a single field. Got: [`C0` INTEGER, `C1` INTEGER]"),
    ("KAFKA", columns(t.INTEGER), SerdeOptions(False, wrap=True),
     "Format 'KAFKA' does not support 'WRAP_SINGLE_VALUE' set to 'true'."),
    ("JSON", columns(t.INTEGER, t.INTEGER), SerdeOptions(False, wrap=True),
     "'WRAP_SINGLE_VALUE' is only valid for single-field value schemas"),
    ("JSON", columns(t.Map(t.INTEGER, t.DOUBLE)), VALUE, "JSON only supports MAP types with STRING keys"),
    ("JSON", columns(t.Array(t.Map(t.INTEGER, t.DOUBLE)), role=Role.KEY), KEY,
     "Key column name: `C0`. Column type: ARRAY<MAP<INTEGER, DOUBLE>>."),
    ("JSON", columns(t.INTEGER), SerdeOptions(False, properties={"AVRO_SCHEMA_FULL_NAME": "x"}),
     "JSON does not support the following configs: [fullSchemaName]"),
    ("DELIMITED", columns(t.Struct((t.Field("F", t.DOUBLE),))), VALUE,
     "The 'DELIMITED' format does not support type 'STRUCT', column: `C0`"),
    ("DELIMITED", columns(t.INTEGER), SerdeOptions(False, properties={"DELIMITER": "<~>"}),
     "Configuration VALUE_DELIMITER is invalid: Invalid delimiter value: '<~>'."),
    ("DELIMITED", columns(t.INTEGER), SerdeOptions(False, properties={"DELIMITER": " "}), "Delimiter cannot be empty"),
    ("NONE", columns(t.STRING, role=Role.KEY), KEY,
     "The 'NONE' format can only be used when no columns are defined. Got: [`C0` STRING KEY]"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "cols", "options", "message"), REFUSED)
def test_columns_and_options_are_checked(
    name: str, cols: tuple[Column, ...], options: SerdeOptions, message: str
) -> None:
    with pytest.raises(AnalysisError) as caught:
        get(name).check(cols, options)
    assert message in str(caught.value)


def test_formats_are_found_in_any_case_and_unknown_ones_named() -> None:
    assert [get(name.lower()).capabilities.name for name in ("NONE", "KAFKA", "DELIMITED", "JSON")] == list(FORMATS[:4])
    with pytest.raises(AnalysisError, match="Unknown format: FOO"):
        get("foo")
