"""No member of a document and no name of a column is beyond the JSON reader and writer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.core import types as t
from headwater.core.errors import DataError
from headwater.core.schema import Column
from headwater.formats.api import Reader, SerdeOptions, Writer
from headwater.formats.registry import get
from headwater.formats.schema_registry import LocalSchemaRegistry

VALUE = SerdeOptions(is_key=False)
ODD_NAMES = ['a"b', "a\nb", "a\\b", "\0", 'A"', "", " ", "größe", "__init__", "c0", "\x7f", "\u2028"]

names = st.sampled_from(ODD_NAMES) | st.text(max_size=5)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
documents = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=12
)
sql_types = st.recursive(
    st.sampled_from([t.BOOLEAN, t.INTEGER, t.DOUBLE, t.STRING, t.Decimal(4, 2)]),
    lambda inner: st.one_of(
        inner.map(t.Array),
        inner.map(lambda value: t.Map(t.STRING, value)),
        st.dictionaries(names, inner, min_size=1, max_size=2).map(
            lambda fields: t.Struct(tuple(t.Field(name, ty) for name, ty in fields.items()))
        ),
    ),
    max_leaves=4,
)
columns = st.dictionaries(names, sql_types, min_size=1, max_size=3).map(
    lambda types: tuple(Column(name, ty) for name, ty in types.items())
)


def reader(*fields: Column) -> Reader:
    return get("JSON").reader(fields, VALUE, "topic", None)


def writer(*fields: Column) -> Writer:
    return get("JSON").writer(fields, VALUE, "topic", None)


def engine_reads(r: Reader, batches: list[list[bytes]]) -> list[Any]:
    """As the engine reads batches: quick first, exact where it refuses; a bad record is None."""
    rows: list[Any] = []
    for batch in batches:
        fast = r.fast() if r.fast is not None else r.decode
        for payload in batch:
            try:
                try:
                    row = fast(payload)
                except r.fast_errors:
                    row = r.decode(payload)
                rows.append(tuple(eval(expression, {"row": row}) for expression in r.access))
            except DataError:
                rows.append(None)
    return rows


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_member_of_any_name_does_not_keep_later_records_from_being_read(name: str) -> None:
    r = reader(Column("V", t.INTEGER))
    odd = json.dumps({"V": 2, name: 3}).encode()
    assert engine_reads(r, [[b'{"V":1}'], [odd, b'{"v":3}'], [odd], [b'{"V":4}']]) == [(1,), (2,), (3,), (2,), (4,)]


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("name_format", ["JSON", "JSON_SR"])
def test_columns_and_fields_of_any_name_are_written_and_read(name: str, name_format: str) -> None:
    inner = t.Struct((t.Field(name, t.INTEGER), t.Field("Y", t.DOUBLE)))
    fields = (Column(name, t.INTEGER), Column("S", inner), Column("L", t.Array(inner)))
    registry = LocalSchemaRegistry()
    row = (1, (2, 1e10), [(3, 0.5), None])
    payload = get(name_format).writer(fields, VALUE, "topic", registry).encode(*row)
    r = get(name_format).reader(fields, VALUE, "topic", registry)
    assert payload is not None
    assert engine_reads(r, [[payload], [payload]]) == [row, row]


@settings(max_examples=150, deadline=None)
@given(columns, st.lists(documents, min_size=1, max_size=5))
def test_any_document_under_any_columns_is_a_row_or_bad_data(fields: tuple[Column, ...], docs: list[Any]) -> None:
    payloads = [json.dumps(doc).encode() for doc in docs]
    r, exact = reader(*fields), reader(*fields)
    rows = engine_reads(r, [payloads, payloads, payloads])
    for row, payload in zip(rows, payloads * 3, strict=True):
        try:
            decoded: Any = exact.decode(payload)
            expected = tuple(eval(expression, {"row": decoded}) for expression in exact.access)
        except DataError:
            expected = None
        assert repr(row) == repr(expected)
        if row is not None:
            written = writer(*fields).encode(*row)
            assert written is not None
            assert list(json.loads(written)) == [c.name for c in fields]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_a_row_or_bad_data(payload: bytes) -> None:
    engine_reads(reader(Column("V", t.INTEGER), Column("W", t.Array(t.STRING))), [[payload], [payload]])


@pytest.mark.parametrize("depth", [500, 990, 5_000, 100_000])
def test_a_document_nested_too_deeply_is_bad_data(depth: int) -> None:
    payload = b'{"V":' + b"[" * depth + b"]" * depth + b"}"
    rows = engine_reads(reader(Column("V", t.STRING)), [[payload], [b'{"V":"x"}']])
    assert rows[1] == ("x",)
