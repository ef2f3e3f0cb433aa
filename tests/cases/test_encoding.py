"""Records of cases as bytes and back, per format."""

from decimal import Decimal
from typing import Any

import pytest

from headwater.cases.encoding import CaseDataError, Side, TopicCodec
from headwater.cases.model import DataRecord
from headwater.cases.stepping import FedRecord
from headwater.core import types
from headwater.core.schema import Column, Role, Schema
from headwater.formats.schema_registry import LocalSchemaRegistry
from headwater.plan.catalog import DataSource
from headwater.plan.steps import FormatSpec, TopicFormats, WindowInfo
from headwater.sql.ast import SourceKind, WindowKind

PAIR = (Column("A", types.INTEGER), Column("B", types.STRING))
ONE = (Column("A", types.INTEGER),)
STRUCT = (Column("S", types.Struct((types.Field("x", types.BIGINT), types.Field("Y", types.Array(types.DOUBLE))))),)


def side(columns: tuple[Column, ...], name: str, registry: LocalSchemaRegistry | None = None, **spec: Any) -> Side:
    return Side(columns, FormatSpec(name, **spec), "t", registry or LocalSchemaRegistry(), is_key=False)


WRITTEN: list[tuple[tuple[Column, ...], str, Any, bytes | None]] = [
    (PAIR, "JSON", None, None),
    (PAIR, "JSON", {"a": Decimal("1.20"), "extra": [True]}, b'{"a":1.20,"extra":[true]}'),
    (PAIR, "JSON", "text", b'"text"'),
    (PAIR, "DELIMITED", '1,"x"', b'1,"x"'),
    (ONE, "KAFKA", 1, b"\0\0\0\1"),
    ((Column("A", types.BIGINT),), "KAFKA", 1, b"\0\0\0\0\0\0\0\1"),
    ((Column("A", types.STRING),), "KAFKA", "ä", "ä".encode()),
    ((Column("A", types.BYTES),), "KAFKA", "ab", b"ab"),
    ((), "KAFKA", "ignored", b"ignored"),
    ((), "NONE", "ignored", b"ignored"),
    (PAIR, "PROTOBUF_NOSR", {"a": 1, "B": "x"}, b"\x08\x01\x12\x01x"),
]


@pytest.mark.parametrize(("columns", "name", "data", "payload"), WRITTEN)
def test_written(columns: tuple[Column, ...], name: str, data: Any, payload: bytes | None) -> None:
    assert side(columns, name).encode(data) == payload


ROUND_TRIPS: list[tuple[tuple[Column, ...], Any, Any]] = [
    (PAIR, {"a": 1, "b": "x"}, {"A": 1, "B": "x"}),
    (PAIR, {"A": 1}, {"A": 1, "B": None}),
    (PAIR, {"A": 1, "B": None, "unknown": 5}, {"A": 1, "B": None}),
    (STRUCT, {"s": {"X": 5, "y": [0.5]}}, {"S": {"x": 5, "Y": [0.5]}}),
    ((Column("A", types.Decimal(6, 2)),), {"A": Decimal("1.5")}, {"A": Decimal("1.50")}),
    ((Column("A", types.BYTES),), {"A": "AQI="}, {"A": "AQI="}),
    ((Column("A", types.DATE),), {"A": 5}, {"A": 5}),
    ((Column("A", types.Map(types.STRING, types.INTEGER)),), {"A": {"k": 1}}, {"A": {"k": 1}}),
]


@pytest.mark.parametrize("name", ["AVRO", "JSON_SR"])
@pytest.mark.parametrize(("columns", "data", "expected"), ROUND_TRIPS)
def test_formats_of_the_registry(name: str, columns: tuple[Column, ...], data: Any, expected: Any) -> None:
    topic = side(columns, name)
    assert topic.difference(topic.encode(data), expected) == ""


def test_single_values_that_are_not_wrapped_are_bare() -> None:
    topic = side(ONE, "AVRO", wrap=False)
    assert topic.difference(topic.encode(5), 5) == ""


def test_protobuf_has_default_values_instead_of_nulls() -> None:
    topic = side(PAIR, "PROTOBUF")
    assert topic.difference(topic.encode({"A": None}), {"A": 0, "B": ""}) == ""


def test_records_are_written_under_the_schema_that_the_topic_has() -> None:
    registry = LocalSchemaRegistry()
    schema = (
        '{"type": "record", "name": "r", "fields": [{"name": "a", "type": "int"}, {"name": "c", "type": "string"}]}'
    )
    registry.register("t-value", "AVRO", schema)
    topic = side(ONE, "AVRO", registry)
    assert topic.difference(topic.encode({"A": 1, "C": "x"}), {"a": 1, "c": "x"}) == ""
    assert registry.subjects() == ["t-value"]


def test_data_that_does_not_fit_is_refused() -> None:
    with pytest.raises(CaseDataError, match="is not KAFKA of the columns"):
        side(ONE, "KAFKA").encode("text")


def test_the_declared_columns_as_the_engine_has_them() -> None:
    assert side(PAIR, "JSON").values(b'{"a": 1, "B": "x"}') == (1, "x")
    assert side(PAIR, "JSON").values(None) == (None, None)


def windowed(kind: WindowKind, size_ms: int | None) -> TopicCodec:
    schema = Schema((Column("K", types.STRING, Role.KEY), *ONE))
    formats = TopicFormats(FormatSpec("KAFKA"), FormatSpec("JSON"))
    source = DataSource("S", SourceKind.TABLE, schema, "t", formats, WindowInfo(kind, size_ms))
    return TopicCodec(source, LocalSchemaRegistry())


WINDOWS = [
    (WindowKind.TUMBLING, 10, (20, 30, False)),
    (WindowKind.SESSION, None, (20, 25, True)),
    (WindowKind.SESSION, None, (20, 20, True)),
]


@pytest.mark.parametrize(("kind", "size_ms", "window"), WINDOWS)
def test_windowed_keys(kind: WindowKind, size_ms: int | None, window: tuple[int, int, bool]) -> None:
    codec = windowed(kind, size_ms)
    record = DataRecord("t", "k", {"A": 1}, 5, window)
    written = FedRecord(*codec.encode(record), timestamp=5)
    assert codec.difference(written, record, any_time=False) == ""
    other = DataRecord("t", "k", {"A": 1}, 5)
    assert codec.difference(written, other, any_time=False) == f"window of the key: expected None, found {window}"


def test_numbers_that_are_spelled_differently_are_noted() -> None:
    topic = side((Column("A", types.DOUBLE),), "JSON")
    assert topic.difference(b'{"A": 1.0}', {"A": 1}) == ""
    assert topic.lexeme_difference == "expected 1, found 1.0"
