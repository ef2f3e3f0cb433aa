"""JSON payloads are read leniently but exactly, and written as ksqlDB writes them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.core import types as t
from headwater.core.errors import DeserializationError, SerializationError
from headwater.core.schema import Column
from headwater.formats.api import Reader, SerdeOptions, Writer
from headwater.formats.registry import get

VALUE = SerdeOptions(is_key=False)
KEY = SerdeOptions(is_key=True)
POINT = t.Struct((t.Field("X", t.INTEGER), t.Field("Y", t.DOUBLE)))


def reader(*columns: tuple[str, t.SqlType], options: SerdeOptions = VALUE) -> Reader:
    return get("JSON").reader(tuple(Column(n, ty) for n, ty in columns), options, "topic", None)


def writer(*columns: tuple[str, t.SqlType], options: SerdeOptions = VALUE) -> Writer:
    return get("JSON").writer(tuple(Column(n, ty) for n, ty in columns), options, "topic", None)


def values(r: Reader, row: object) -> tuple[object, ...]:
    return tuple(eval(expression, {"row": row}) for expression in r.access)


def read(r: Reader, payload: bytes) -> tuple[object, ...]:
    return values(r, r.decode(payload))


def engine_read(r: Reader, payload: bytes) -> tuple[object, ...]:
    """As the engine reads: quick first, exact where it refuses."""
    if r.fast is None:
        return read(r, payload)
    try:
        return values(r, r.fast()(payload))
    except r.fast_errors:
        return read(r, payload)


DEC = t.Decimal(4, 2)
COERCIONS: list[tuple[t.SqlType, str, object]] = [
    (t.BOOLEAN, "true", True),
    (t.INTEGER, "7.9", 7),
    (t.INTEGER, "-7.9", -7),
    (t.INTEGER, "2147483648", -(2**31)),
    (t.INTEGER, "1e400", 0),
    (t.INTEGER, "1e-400", 0),
    (t.INTEGER, '"+12"', 12),
    (t.BIGINT, "9223372036854775808", -(2**63)),
    (t.BIGINT, '"998877665544332211"', 998877665544332211),
    (t.DOUBLE, "5", 5.0),
    (t.DOUBLE, '"NaN "', float("nan")),
    (t.DOUBLE, '"1e3"', 1000.0),
    (t.DOUBLE, "1e400", float("inf")),
    (DEC, "1", Decimal("1.00")),
    (DEC, "1.100", Decimal("1.10")),
    (DEC, '"99.99"', Decimal("99.99")),
    (DEC, "1e1", Decimal("10.00")),
    (DEC, "-0.0", Decimal("0.00")),
    (t.STRING, '"x"', "x"),
    (t.STRING, "10.10", "10.10"),
    (t.STRING, "true", "true"),
    (t.STRING, '{"b": [1, "x"], "a": null}', '{"b":[1,"x"],"a":null}'),
    (t.STRING, '[1, "a", null, {"b": 2}]', '[1, a, null, {"b":2}]'),
    (t.BYTES, '"YWJj"', b"abc"),
    (t.TIME, "86400000", 86400000),
    (t.TIME, '"10"', 10),
    (t.DATE, '"-10"', -10),
    (t.TIMESTAMP, "1.5e3", 1500),
    (t.Array(t.INTEGER), "[1, null, \"3\"]", [1, None, 3]),
    (t.Map(t.STRING, t.DOUBLE), '{"a": 1, "A": null}', {"a": 1.0, "A": None}),
    (POINT, '{"y": 2, "x": 1}', (1, 2.0)),
    (POINT, "{}", (None, None)),
]  # fmt: skip


@pytest.mark.parametrize(("sql_type", "text", "value"), COERCIONS)
def test_each_type_accepts_the_tokens_it_should(sql_type: t.SqlType, text: str, value: object) -> None:
    payload = f'{{"C": {text}}}'.encode()
    r = reader(("C", sql_type))
    assert repr(read(r, payload)) == repr((value,))
    assert repr(engine_read(r, payload)) == repr((value,))
    assert repr(engine_read(r, payload)) == repr((value,))


REFUSALS: list[tuple[t.SqlType, str, str]] = [
    (t.BOOLEAN, '"true"', "sourceType: TextNode, requiredType: BOOLEAN, path: $.C"),
    (t.INTEGER, '" 1"', "requiredType: INTEGER"),
    (t.INTEGER, "true", "sourceType: BooleanNode, requiredType: INTEGER"),
    (t.BIGINT, '"9223372036854775808"', "requiredType: BIGINT"),
    (t.DOUBLE, '"one"', "requiredType: DOUBLE"),
    (DEC, "1.001", "without rounding"),
    (DEC, "100", "Numeric field overflow"),
    (DEC, "1e999999999", "Numeric field overflow"),
    (DEC, '"1_0"', "input string"),
    (t.BYTES, '"?"', "base64"),
    (t.BYTES, "1", "requiredType: BYTES"),
    (t.TIME, "86400001", "Time values must use"),
    (t.TIMESTAMP, '"2020-01-01"', "requiredType: TIMESTAMP"),
    (t.Array(t.INTEGER), "{}", "requiredType: ARRAY"),
    (t.Map(t.STRING, t.INTEGER), '{"k": []}', "path: $.C.k.value"),
    (t.Struct((t.Field("A", t.Array(t.INTEGER)),)), '{"a": [1, 2, true]}', "path: $.C.A[2]"),
    (POINT, "[]", "requiredType: STRUCT"),
]


@pytest.mark.parametrize(("sql_type", "text", "message"), REFUSALS)
def test_what_does_not_fit_is_refused_with_its_place(sql_type: t.SqlType, text: str, message: str) -> None:
    payload = f'{{"c": {text}}}'.encode()
    r = reader(("C", sql_type))
    for attempt in (read, engine_read, engine_read):
        with pytest.raises(DeserializationError) as caught:
            attempt(r, payload)
        assert message in str(caught.value)
        assert "topic" in str(caught.value)


@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"1", b"[]", b'{"C":1', b"{}x", b"{'C':1}", b'{"C":NaN}', b'{"C":01}', b'{"C":"\xff"}',
     b'{"C":"\\ud800"}',
     b"[" * 100_000, b'{"C":' + b"9" * 5000 + b"}"],
)  # fmt: skip
def test_a_payload_that_is_not_an_object_is_refused(payload: bytes) -> None:
    for sql_type in (t.STRING, t.INTEGER):
        r = reader(("C", sql_type))
        for attempt in (read, engine_read):
            if sql_type == t.STRING and payload.endswith(b"9}"):
                continue
            with pytest.raises(DeserializationError):
                attempt(r, payload)


def test_members_match_columns_exactly_or_by_their_upper_case() -> None:
    r = reader(("FOO", t.INTEGER), ("bar", t.INTEGER))
    for payload, expected in [
        (b'{"foo":1,"bar":2}', (1, 2)),
        (b'{"FOO":1,"foo":2}', (1, None)),
        (b'{"fOo":1,"foO":2,"BAR":5}', (2, None)),
        (b'{"foO":1,"fOo":2}', (2, None)),
        (b'{"FOO":null,"foo":2}', (None, None)),
        (b'{"foo":1,"other":{"x":[1]},"bar":2}', (1, 2)),
        (b"{}", (None, None)),
    ] * 3:
        assert read(r, payload) == expected
        assert engine_read(r, payload) == expected


def test_the_quick_decoder_learns_the_topics_spelling() -> None:
    r = reader(("ID", t.INTEGER), ("P", POINT))
    payload = b'{"id": 1, "extra": [1, 2], "p": {"x": 1, "z": 0}}'
    assert r.fast is not None
    learning = r.fast()
    learning(payload)
    assert values(r, learning(payload)) == (1, (1, None))
    assert values(r, r.fast()(payload)) == (1, (1, None))
    assert "Row" in type(r.fast()(payload)).__name__


def test_the_quick_decoder_learns_which_columns_need_a_coercion() -> None:
    r = reader(("ID", t.STRING), ("N", t.INTEGER), ("D", DEC), ("P", POINT), ("X", t.DOUBLE), ("T", t.TIME))
    payload = b'{"id": 7, "n": "5", "d": "1.5", "p": {"x": "1", "y": 2}, "x": "1e3", "t": "9"}'
    other = b'{"id": 1.50, "n": 6, "d": 2, "p": {"x": 3, "y": null}, "x": 2, "t": 8}'
    assert r.fast is not None
    r.fast()(payload)
    for _ in range(2):
        assert values(r, r.fast()(payload)) == ("7", 5, Decimal("1.50"), (1, 2.0), 1000.0, 9)
        assert values(r, r.fast()(other)) == ("1.50", 6, Decimal("2.00"), (3, None), 2.0, 8)
        assert type(r.fast()(payload)).__name__ == "Row"


def test_a_null_payload_text_is_a_null_bare_value() -> None:
    r = reader(("V", t.INTEGER), options=SerdeOptions(is_key=False, wrap=False))
    assert read(r, b"null") == (None,)
    assert engine_read(r, b"10") == (10,)


def test_single_key_columns_are_bare_and_several_are_members() -> None:
    assert engine_read(reader(("K", t.STRING), options=KEY), b'"a"') == ("a",)
    assert engine_read(reader(("K", POINT), options=KEY), b'{"x":1}') == ((1, None),)
    assert engine_read(reader(("A", t.STRING), ("B", t.INTEGER), options=KEY), b'{"A":"a","b":2}') == ("a", 2)


WRITTEN: list[tuple[t.SqlType, object, str]] = [
    (t.BOOLEAN, False, "false"),
    (t.DOUBLE, 100000.0, "100000.0"),
    (t.DOUBLE, 1.23e10, "1.23E10"),
    (t.DOUBLE, -0.5, "-0.5"),
    (t.DOUBLE, 0.0, "0.0"),
    (t.DOUBLE, float("nan"), '"NaN"'),
    (t.DOUBLE, float("-inf"), '"-Infinity"'),
    (t.Decimal(4, 2), Decimal("1.10"), "1.10"),
    (t.Decimal(20, 10), Decimal("0E-10"), "0.0000000000"),
    (t.Decimal(4, 2), Decimal("-0.00"), "0.00"),
    (t.STRING, 'a"b\n', '"a\\"b\\n"'),
    (t.BYTES, b"abc", '"YWJj"'),
    (t.DATE, -10, "-10"),
    (t.Array(t.DOUBLE), [1e-9, None], "[1.0E-9,null]"),
    (t.Map(t.STRING, t.Decimal(9, 8)), {"a": Decimal("1E-8")}, '{"a":0.00000001}'),
    (POINT, (1, None), '{"X":1,"Y":null}'),
    (t.Array(t.Struct((t.Field("s", t.STRING),))), [("x",), None], '[{"s":"x"},null]'),
    (t.INTEGER, None, "null"),
    (POINT, None, "null"),
]


@pytest.mark.parametrize(("sql_type", "value", "text"), WRITTEN)
def test_each_type_is_written_as_specified(sql_type: t.SqlType, value: object, text: str) -> None:
    w = writer(("A", t.INTEGER), ("c", sql_type))
    assert w.encode(1, value) == f'{{"A":1,"c":{text}}}'.encode()
    assert inline(w, 1, value) == w.encode(1, value)
    bare = writer(("c", sql_type), options=SerdeOptions(is_key=False, wrap=False))
    assert bare.encode(value) == (None if value is None else text.encode())
    assert inline(bare, value) == bare.encode(value)


def inline(w: Writer, *args: object) -> object:
    assert w.inline is not None
    names: dict[str, Any] = dict(w.names) | {f"a{i}": a for i, a in enumerate(args)}
    exec(f"def run():\n    return {w.inline.format(args=', '.join(f'a{i}' for i in range(len(args))))}", names)
    return names["run"]()


def test_a_null_key_of_a_map_is_called_null() -> None:
    nested = t.Struct((t.Field("F", t.Array(t.Map(t.STRING, t.STRING))),))
    w = writer(("M", t.Map(t.STRING, t.INTEGER)), ("S", nested))
    assert (
        w.encode({None: 1, "a": 2}, ([{None: "x"}, None],)) == b'{"M":{"null":1,"a":2},"S":{"F":[{"null":"x"},null]}}'
    )


def test_what_json_cannot_say_is_a_serialization_error() -> None:
    with pytest.raises(SerializationError):
        writer(("S", t.STRING), ("B", t.INTEGER)).encode("\ud800", object())


# The quick decoder and the exact one agree on everything.

sql_types = st.recursive(
    st.sampled_from([t.BOOLEAN, t.INTEGER, t.BIGINT, t.DOUBLE, t.STRING, t.BYTES, t.DATE, t.TIME, t.TIMESTAMP, DEC]),
    lambda inner: st.one_of(
        inner.map(t.Array),
        inner.map(lambda v: t.Map(t.STRING, v)),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda fs: t.Struct(tuple(t.Field(n, f) for n, f in zip(("A", "b", "B"), fs, strict=False)))
        ),
    ),
    max_leaves=4,
)
names = st.sampled_from(["A", "a", "b", "B", "C", "c", "x", "é", "ß"])
numbers = st.sampled_from(
    ["0", "-0", "1", "-1", "2147483647", "2147483648", "-9223372036854775809", "1.0", "1.50", "1e2", "1E-3", "1.005",
     "99.99",
     "100.0", "86400000", "86400001", "0.1e-7", "123456789012345678901234567890", "1e500"]
)  # fmt: skip
texts = st.sampled_from(
    ['"a"', '"1"', '"1.5"', '"YWJj"', '"YQ"', '"NaN"', '""', '"\\u00e9"', '"\\ud83d\\ude00"', '"\\ud800"']
)
nodes = st.recursive(
    st.one_of(numbers, texts, st.sampled_from(["true", "false", "null"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda xs: "[" + ", ".join(xs) + "]"),
        st.lists(st.tuples(names, inner), max_size=4).map(
            lambda ms: "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}: {v}" for k, v in ms) + "}"
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=250, deadline=None)
@given(st.lists(sql_types, min_size=1, max_size=3), st.lists(nodes, min_size=1, max_size=6), st.booleans())
def test_the_quick_decoder_agrees_with_the_exact_one(types: list[t.SqlType], docs: list[str], wrapped: bool) -> None:
    columns = list(zip(("A", "B", "c"), types, strict=False))
    if not wrapped:
        columns = columns[:1]
    options = SerdeOptions(is_key=False, wrap=wrapped if len(columns) == 1 else None)
    exact, learned = reader(*columns, options=options), reader(*columns, options=options)
    for doc in docs * 2:
        payload = doc.encode()
        try:
            expected: object = read(exact, payload)
        except DeserializationError as error:
            expected = str(error)
        try:
            actual: object = engine_read(learned, payload)
        except DeserializationError as error:
            actual = str(error)
        assert repr(actual) == repr(expected)


def samples(sql_type: t.SqlType) -> st.SearchStrategy[Any]:
    scalars: dict[t.SqlType, st.SearchStrategy[Any]] = {
        t.BOOLEAN: st.booleans(),
        t.INTEGER: st.integers(-(2**31), 2**31 - 1),
        t.BIGINT: st.integers(-(2**63), 2**63 - 1),
        t.DOUBLE: st.floats(allow_nan=False),
        t.STRING: st.text(),
        t.BYTES: st.binary(max_size=5),
        t.DATE: st.integers(-(2**31), 2**31 - 1),
        t.TIME: st.integers(0, 86_400_000),
        t.TIMESTAMP: st.integers(-(2**63), 2**63 - 1),
        DEC: st.integers(-9999, 9999).map(lambda n: Decimal(n).scaleb(-2)),
    }
    if isinstance(sql_type, t.Array):
        found: st.SearchStrategy[Any] = st.lists(samples(sql_type.element), max_size=3)
    elif isinstance(sql_type, t.Map):
        found = st.dictionaries(st.text(), samples(sql_type.value), max_size=3)
    elif isinstance(sql_type, t.Struct):
        found = st.tuples(*(samples(f.type) for f in sql_type.fields))
    else:
        found = scalars[sql_type]
    return st.none() | found


@settings(max_examples=200, deadline=None)
@given(st.data(), st.lists(sql_types, min_size=1, max_size=4))
def test_what_is_written_reads_back(data: st.DataObject, types: list[t.SqlType]) -> None:
    columns = [(f"C{i}", ty) for i, ty in enumerate(types)]
    row = tuple(data.draw(samples(ty)) for ty in types)
    w, r = writer(*columns), reader(*columns)
    payload = w.encode(*row)
    assert payload is not None
    assert inline(w, *row) == payload
    json.loads(payload)
    assert read(r, payload) == row
    assert engine_read(r, payload) == row
