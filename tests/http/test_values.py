"""Rows become JSON as section 5.1 of the REST sheet says, and responses are framed as sections 5.2 to 5.4 say."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from headwater.core.schema import Column, Role, Schema
from headwater.core.types import SqlType
from headwater.engine.rowstream import ResultRow
from headwater.http.framing import Delimited, Framing, JsonArray, StreamedRows
from headwater.http.values import compile_converter
from headwater.sql.parser import parse_type

VALUES = [
    ("BOOLEAN", True, "true"),
    ("INTEGER", -1, "-1"),
    ("BIGINT", 2**63 - 1, "9223372036854775807"),
    ("DOUBLE", 1.0, "1.0"),
    ("DOUBLE", -12345.678, "-12345.678"),
    ("DOUBLE", 1e7, "1.0E7"),
    ("DOUBLE", -1e7, "-1.0E7"),
    ("DOUBLE", 0.0001, "1.0E-4"),
    ("DOUBLE", -0.0, "-0.0"),
    ("DOUBLE", float("nan"), '"NaN"'),
    ("DOUBLE", float("-inf"), '"-Infinity"'),
    ("DECIMAL(4, 2)", Decimal("1.20"), "1.20"),
    ("DECIMAL(10, 8)", Decimal("0E-8"), "0.00000000"),
    ("DECIMAL(40, 0)", Decimal(10**39), "1" + "0" * 39),
    ("STRING", 'a"\n', '"a\\"\\n"'),
    ("BYTES", b"ab", '"YWI="'),
    ("DATE", 18262, '"2020-01-01"'),
    ("DATE", -719529, '"-0001-12-31"'),
    ("TIME", 36_900_000, '"10:15"'),
    ("TIME", 36_930_000, '"10:15:30"'),
    ("TIMESTAMP", 1_577_836_800_000, '"2020-01-01T00:00:00.000"'),
    ("TIMESTAMP", -1, '"1969-12-31T23:59:59.999"'),
    ("TIMESTAMP", 253_402_300_800_000, '"+10000-01-01T00:00:00.000"'),
    ("ARRAY<INTEGER>", [1, None], "[1,null]"),
    ("ARRAY<ARRAY<DOUBLE>>", [[1e9, None], None], "[[1.0E9,null],null]"),
    ("MAP<STRING, TIMESTAMP>", {"a": 0, "b": None}, '{"a":"1970-01-01T00:00:00.000","b":null}'),
    ("MAP<STRING, INTEGER>", {None: 1}, '{"null":1}'),
    ("MAP<DOUBLE, INTEGER>", {1e10: 1}, '{"1.0E10":1}'),
    ("STRUCT<a INTEGER, `b c` STRING>", (1, "x"), '{"A":1,"b c":"x"}'),
    (
        "STRUCT<s STRUCT<d DECIMAL(2, 1), l ARRAY<STRUCT<t TIME>>>>",
        ((Decimal("1.0"), [(0,), None]),),
        '{"S":{"D":1.0,"L":[{"T":"00:00"},null]}}',
    ),
    ("STRUCT<s STRUCT<d DOUBLE>, n MAP<STRING, DOUBLE>>", (None, {"x": 1e8}), '{"S":null,"N":{"x":1.0E8}}'),
]


@pytest.mark.parametrize(("type_text", "value", "expected"), VALUES)
def test_values_as_json(type_text: str, value: object, expected: str) -> None:
    convert = compile_converter([parse_type(type_text)])
    assert msgspec.json.encode(convert([ResultRow((value,)), ResultRow((None,))])).decode() == f"[[{expected}],[null]]"


def schema(*columns: tuple[str, str, Role]) -> Schema:
    return Schema(tuple(Column(name, parse_type(text), role) for name, text, role in columns))


TWO = schema(("K", "INTEGER", Role.KEY), ("V", "DOUBLE", Role.VALUE))
ROWS = [ResultRow((1, 1.5)), ResultRow((2, None), tombstone=True), ResultRow((3, 1e9))]
ERROR = {"@type": "generic_error", "error_code": 50000, "message": "no"}


def whole(framing: Framing, message: str | None) -> str:
    parts = [framing.header("q"), framing.rows(ROWS), framing.rows([]), framing.rows(ROWS[:1]), framing.end(message)]
    return b"".join(parts).decode()


def failed(framing: Framing) -> str:
    return (framing.header("q") + framing.rows(ROWS[:1]) + framing.error(ERROR)).decode()


HEADER = '{"queryId":"q","columnNames":["K","V"],"columnTypes":["INTEGER","DOUBLE"]}'
ERROR_TEXT = '{"@type":"generic_error","error_code":50000,"message":"no"}'


def test_delimited() -> None:
    assert whole(Delimited(TWO), "Limit Reached") == f"{HEADER}\n[1,1.5]\n[3,1.0E9]\n[1,1.5]\n"
    assert failed(Delimited(TWO)) == f"{HEADER}\n[1,1.5]\n{ERROR_TEXT}\n"


def test_json_array() -> None:
    assert whole(JsonArray(TWO), "Limit Reached") == f"[{HEADER},[1,1.5],[3,1.0E9],[1,1.5]]"
    assert failed(JsonArray(TWO)) == f"[{HEADER},[1,1.5],{ERROR_TEXT}]"
    assert JsonArray(TWO).rows(ROWS[1:2]) == b""


def test_streamed_rows_of_a_push_query_end_each_line_at_once() -> None:
    assert whole(StreamedRows(TWO, push=True), "Limit Reached").split("\n") == [
        '[{"header":{"queryId":"q","schema":"`K` INTEGER, `V` DOUBLE"}},',
        '{"row":{"columns":[1,1.5]}},',
        '{"row":{"columns":[2,null],"tombstone":true}},',
        '{"row":{"columns":[3,1.0E9]}},',
        '{"row":{"columns":[1,1.5]}},',
        '{"finalMessage":"Limit Reached"}]',
    ]


def test_streamed_rows_of_a_pull_query_mark_keys_and_need_no_last_word() -> None:
    text = whole(StreamedRows(TWO, push=False), None)
    assert text.split("\n")[0] == '[{"header":{"queryId":"q","schema":"`K` INTEGER KEY, `V` DOUBLE"}},'
    assert len(msgspec.json.decode(text)) == 5
    assert msgspec.json.decode(failed(StreamedRows(TWO, push=False)))[-1] == {"errorMessage": ERROR}


def test_batches_without_tombstones_are_the_same_text() -> None:
    plain = [ROWS[0], ROWS[2]]
    for push in (True, False):
        framing = StreamedRows(TWO, push=push)
        assert framing.rows(plain) == framing.rows(plain[:1]) + framing.rows(plain[1:])


def test_types_are_spelled_as_clients_expect() -> None:
    spelled: list[SqlType] = [parse_type("STRUCT<f1 INT, f2 MAP<STRING, DECIMAL(4, 2)>>"), parse_type("ARRAY<VARCHAR>")]
    assert [str(sql_type) for sql_type in spelled] == [
        "STRUCT<`F1` INTEGER, `F2` MAP<STRING, DECIMAL(4, 2)>>",
        "ARRAY<STRING>",
    ]
