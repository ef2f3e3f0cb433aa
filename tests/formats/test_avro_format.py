"""AVRO payloads: generated codecs agree with another implementation, schemas and conversions are as specified."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.core import types as t
from headwater.core.errors import AnalysisError, DeserializationError, SerializationError
from headwater.core.schema import Column
from headwater.formats.api import SerdeOptions
from headwater.formats.avro_decode import decoder
from headwater.formats.avro_schema import parse
from headwater.formats.failures import Refused
from headwater.formats.registry import get
from headwater.formats.schema_registry import LocalSchemaRegistry

VALUE = SerdeOptions(is_key=False)
BARE = SerdeOptions(is_key=False, wrap=False)
POINT = t.Struct((t.Field("X", t.INTEGER), t.Field("Y", t.DOUBLE)))


def columns(*types: t.SqlType) -> tuple[Column, ...]:
    return tuple(Column(f"C{i}", ty) for i, ty in enumerate(types))


def written_by_fastavro(schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def decode(schema: Any, value: Any, *fields: tuple[str, t.SqlType], wrapped: bool = True) -> Any:
    return decoder(parse(json.dumps(schema)), fields, wrapped)(written_by_fastavro(schema, value), 0)


ALL = (t.BOOLEAN, t.INTEGER, t.BIGINT, t.DOUBLE, t.STRING, t.BYTES, t.DATE, t.TIME, t.TIMESTAMP, t.Decimal(6, 2),
       t.Array(t.STRING), t.Map(t.STRING, POINT), POINT)  # fmt: skip
ROW = (True, -5, 2**40, 1.5, "é", b"\0", -1, 10, 123456789, Decimal("-12.50"), ["a", None], {"k": (1, None)}, (2, 0.5))


def test_what_is_written_reads_back() -> None:
    registry = LocalSchemaRegistry()
    avro = get("AVRO")
    w = avro.writer(columns(*ALL), VALUE, "topic", registry)
    r = avro.reader(columns(*ALL), VALUE, "topic", registry)
    for row in (ROW, (None,) * len(ALL)):
        payload = w.encode(*row)
        assert payload is not None
        assert payload[:5] == b"\0\0\0\0\1"
        assert tuple(eval(e, {"row": r.decode(payload)}) for e in r.access) == row
    assert registry.subjects() == ["topic-value"]


def test_written_data_is_avro_for_others() -> None:
    registry = LocalSchemaRegistry()
    payload = get("AVRO").writer(columns(*ALL), VALUE, "topic", registry).encode(*ROW)
    assert payload is not None
    schema = fastavro.parse_schema(json.loads(registry.by_id(1).schema))
    record: Any = fastavro.schemaless_reader(io.BytesIO(payload[5:]), schema, None)
    assert record["C4"] == "é"
    assert record["C9"] == Decimal("-12.50")
    assert record["C11"] == [{"key": "k", "value": {"X": 1, "Y": None}}]
    assert record["C12"] == {"X": 2, "Y": 0.5}


def test_the_schema_of_columns_is_connects() -> None:
    registry = LocalSchemaRegistry()
    cols = (Column("A.B", t.INTEGER), Column("M", t.Map(t.STRING, POINT)), Column("D", t.Decimal(4, 2)))
    get("AVRO").writer(cols, VALUE, "topic", registry)
    entry_name = "KsqlDataSourceSchema_M"
    point = {
        "type": "record",
        "name": f"{entry_name}_MapValue",
        "fields": [
            {"name": "X", "type": ["null", "int"], "default": None},
            {"name": "Y", "type": ["null", "double"], "default": None},
        ],
        "connect.name": f"io.confluent.ksql.avro_schemas.{entry_name}_MapValue",
    }
    assert json.loads(registry.by_id(1).schema) == {
        "type": "record",
        "name": "KsqlDataSourceSchema",
        "namespace": "io.confluent.ksql.avro_schemas",
        "fields": [
            {"name": "A_B", "type": ["null", "int"], "default": None},
            {
                "name": "M",
                "type": [
                    "null",
                    {
                        "type": "array",
                        "items": {
                            "type": "record",
                            "name": entry_name,
                            "fields": [
                                {"name": "key", "type": ["null", "string"], "default": None},
                                {"name": "value", "type": ["null", point], "default": None},
                            ],
                            "connect.internal.type": "MapEntry",
                        },
                        "connect.name": f"io.confluent.ksql.avro_schemas.{entry_name}",
                    },
                ],
                "default": None,
            },
            {
                "name": "D",
                "type": [
                    "null",
                    {
                        "type": "bytes",
                        "scale": 2,
                        "precision": 4,
                        "connect.version": 1,
                        "connect.parameters": {"scale": "2", "connect.decimal.precision": "4"},
                        "connect.name": "org.apache.kafka.connect.data.Decimal",
                        "logicalType": "decimal",
                    },
                ],
                "default": None,
            },
        ],
        "connect.name": "io.confluent.ksql.avro_schemas.KsqlDataSourceSchema",
    }


def test_names_that_avro_does_not_allow_are_refused() -> None:
    with pytest.raises(AnalysisError, match="Schema is not compatible with Avro: Illegal initial character: 1x"):
        get("AVRO").check((Column("1x", t.INTEGER),), VALUE)


@pytest.mark.parametrize(
    ("schema", "value", "sql_type", "expected"),
    [
        ("int", 10, t.INTEGER, 10),
        ("int", 10, t.BIGINT, 10),
        ("int", 10, t.STRING, "10"),
        ("long", -(2**62), t.BIGINT, -(2**62)),
        ("float", 0.5, t.DOUBLE, 0.5),
        ("double", 1e10, t.STRING, "1.0E10"),
        ("boolean", True, t.STRING, "true"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B", t.STRING, "B"),
        ({"type": "fixed", "name": "F", "size": 2}, b"ab", t.BYTES, b"ab"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}, Decimal("65.21"), t.Decimal(4, 2),
         Decimal("65.21")),
        ({"type": "map", "values": "long"}, {"a": 1}, t.Map(t.STRING, t.BIGINT), {"a": 1}),
        ({"type": "array", "items": ["null", "string"]}, ["a", None], t.Array(t.STRING), ["a", None]),
        (["null", "int"], None, t.INTEGER, None),
        (["null", "int", "string"], "x", t.Struct((t.Field("INT", t.INTEGER), t.Field("STRING", t.STRING))),
         (None, "x")),
    ],
)  # fmt: skip
def test_writers_schemas_are_converted(schema: Any, value: Any, sql_type: t.SqlType, expected: Any) -> None:
    assert decode(schema, value, ("C", sql_type), wrapped=False) == expected
    record = {"type": "record", "name": "R", "fields": [{"name": "c", "type": schema}]}
    assert decode(record, {"c": value}, ("C", sql_type)) == (expected,)


@pytest.mark.parametrize(
    ("schema", "value", "sql_type"),
    [
        ("long", 1, t.INTEGER),
        ("string", "x", t.INTEGER),
        ("int", 1, t.DOUBLE),
        ("int", 1, t.DATE),
        ("bytes", b"", t.STRING),
    ],
)
def test_other_conversions_are_errors(schema: Any, value: Any, sql_type: t.SqlType) -> None:
    with pytest.raises(Refused, match="Can't convert type"):
        decode(schema, value, ("C", sql_type), wrapped=False)


def test_fields_match_exactly_or_by_their_upper_case_and_others_are_skipped() -> None:
    tree: dict[str, Any] = {"type": "record", "name": "Tree", "fields": [
        {"name": "v", "type": "string"}, {"name": "next", "type": ["null", "Tree"]}]}  # fmt: skip
    schema = {"type": "record", "name": "R", "fields": [
        {"name": "foo", "type": "int"}, {"name": "FOO", "type": "int"}, {"name": "t", "type": tree},
        {"name": "m", "type": {"type": "map", "values": {"type": "array", "items": "double"}}},
        {"name": "bar", "type": "long"}]}  # fmt: skip
    value = {"foo": 1, "FOO": 2, "t": {"v": "x", "next": {"v": "y", "next": None}}, "m": {"k": [1.0]}, "bar": 3}
    assert decode(schema, value, ("FOO", t.INTEGER), ("BAR", t.BIGINT), ("NONE", t.STRING)) == (2, 3, None)


def test_writing_under_a_registered_schema_fills_in_its_defaults() -> None:
    registry = LocalSchemaRegistry()
    schema = {"type": "record", "name": "T", "fields": [
        {"name": "opt", "type": "string", "default": "foo"}, {"name": "c0", "type": "int", "default": 7},
        {"name": "C1", "type": ["null", "string"]}, {"name": "x", "type": ["null", "int"]}]}  # fmt: skip
    registry.register("s", "AVRO", json.dumps(schema), schema_id=102)
    options = SerdeOptions(is_key=False, properties={"SCHEMA_ID": "102"})
    w = get("AVRO").writer(columns(t.INTEGER, t.STRING), options, "topic", registry)
    payload = w.encode(None, "a")
    assert payload is not None
    assert payload[:5] == b"\0\0\0\0\x66"
    assert fastavro.schemaless_reader(io.BytesIO(payload[5:]), fastavro.parse_schema(schema), None) == {
        "opt": "foo", "c0": 7, "C1": "a", "x": None,
    }  # fmt: skip


def test_a_value_that_the_registered_schema_needs_must_be_there() -> None:
    registry = LocalSchemaRegistry()
    for extra in ([], [{"name": "c2", "type": "int"}]):
        schema = {"type": "record", "name": "T", "fields": [{"name": "C0", "type": "int"}, *extra]}
        schema_id = registry.register("s", "AVRO", json.dumps(schema))
        options = SerdeOptions(is_key=False, properties={"SCHEMA_ID": str(schema_id)})
        w = get("AVRO").writer(columns(t.INTEGER), options, "topic", registry)
        with pytest.raises(SerializationError, match="Missing default value" if extra else "it is NULL"):
            w.encode(1 if extra else None)


def test_bare_values_are_not_nullable_and_null_is_a_null_payload() -> None:
    registry = LocalSchemaRegistry()
    w = get("AVRO").writer(columns(t.Array(POINT)), BARE, "topic", registry)
    assert w.encode(None) is None
    schema = json.loads(registry.by_id(1).schema)
    assert schema["items"][1]["namespace"] == "io.confluent.ksql.avro_schemas"
    payload = w.encode([(1, 2.0), None])
    assert payload is not None
    r = get("AVRO").reader(columns(t.Array(POINT)), BARE, "topic", registry)
    assert r.decode(payload) == [(1, 2.0), None]


@pytest.mark.parametrize(
    "payload",
    [b"", b"\0\0\0\0", b"\1\0\0\0\1\2", b"\0\0\0\0\x09\2", b"\0\0\0\0\1", b"\0\0\0\0\1\2\x80", b"\0\0\0\0\1\6"],
)
def test_broken_payloads_are_errors(payload: bytes) -> None:
    registry = LocalSchemaRegistry()
    get("AVRO").writer(columns(t.STRING), VALUE, "topic", registry)
    with pytest.raises(DeserializationError, match="topic"):
        get("AVRO").reader(columns(t.STRING), VALUE, "topic", registry).decode(payload)


def test_without_a_registry_the_setting_is_named() -> None:
    with pytest.raises(AnalysisError, match=r"ksql\.schema\.registry\.url"):
        get("AVRO").reader(columns(t.STRING), VALUE, "topic", None)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
def test_random_bytes_never_crash_the_decoder(data: bytes) -> None:
    registry = LocalSchemaRegistry()
    get("AVRO").writer(columns(*ALL), VALUE, "topic", registry)
    r = get("AVRO").reader(columns(*ALL), VALUE, "topic", registry)
    try:
        r.decode(b"\0\0\0\0\1" + data)
    except DeserializationError:
        return
