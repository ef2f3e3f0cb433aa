"""JSON_SR payloads, and the JSON Schemas behind them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from headwater.core import types as t
from headwater.core.errors import DeserializationError
from headwater.core.schema import Column
from headwater.formats import json_schema
from headwater.formats.api import SerdeOptions
from headwater.formats.registry import get
from headwater.formats.schema_registry import LocalSchemaRegistry

VALUE = SerdeOptions(is_key=False)
BARE = SerdeOptions(is_key=False, wrap=False)
POINT = t.Struct((t.Field("X", t.INTEGER), t.Field("Y", t.DOUBLE)))
ALL = (t.BOOLEAN, t.INTEGER, t.BIGINT, t.DOUBLE, t.STRING, t.BYTES, t.DATE, t.TIME, t.TIMESTAMP, t.Decimal(6, 2),
       t.Array(t.STRING), t.Map(t.STRING, POINT), POINT, t.Map(t.STRING, t.Map(t.STRING, t.INTEGER)),
       t.Array(POINT))  # fmt: skip
ROW = (True, -5, 2**40, 1e10, "é", b"\0", -1, 10, 123456789, Decimal("-12.50"), ["a", None],
       {"k": (1, None), "n": None},
       (2, 0.5), {"a": {"b": 1}}, [(3, 4.0), None])  # fmt: skip


def columns(*types: t.SqlType) -> tuple[Column, ...]:
    return tuple(Column(f"C{i}", ty) for i, ty in enumerate(types))


def read(schema: Any, data: bytes, *fields: tuple[str, t.SqlType], options: SerdeOptions = VALUE) -> Any:
    registry = LocalSchemaRegistry()
    registry.register("s", "JSON", json.dumps(schema))
    r = get("JSON_SR").reader(tuple(Column(n, ty) for n, ty in fields), options, "topic", registry)
    row = r.decode(b"\0\0\0\0\1" + data)
    return tuple(eval(e, {"row": row}) for e in r.access)


def test_what_is_written_reads_back() -> None:
    registry = LocalSchemaRegistry()
    fmt = get("JSON_SR")
    w = fmt.writer(columns(*ALL), VALUE, "topic", registry)
    r = fmt.reader(columns(*ALL), VALUE, "topic", registry)
    for row in (ROW, (None,) * len(ALL), ROW):
        payload = w.encode(*row)
        assert payload is not None
        assert payload[:5] == b"\0\0\0\0\1"
        decoded = r.decode(payload)
        assert tuple(eval(e, {"row": decoded}) for e in r.access) == row


def test_the_schema_may_be_passed_over() -> None:
    plainly = SerdeOptions(is_key=False, under_schema=False)
    schema = {"type": "object", "properties": {"A": {"type": "integer"}}}
    assert read(schema, b'{"a": "7"}', ("A", t.INTEGER), options=plainly) == (7,)
    with pytest.raises(DeserializationError):
        read(schema, b'{"a": "7"}', ("A", t.INTEGER))
    reader = get("JSON_SR").reader(columns(t.INTEGER), plainly, "topic", LocalSchemaRegistry())
    assert eval(reader.access[0], {"row": reader.decode(b'\0\0\0\0\x09{"C0": 1}')}) == 1
    with pytest.raises(DeserializationError, match="magic byte"):
        reader.decode(b'{"C0": 1}')


def test_maps_are_lists_of_entries_and_decimals_are_numbers() -> None:
    w = get("JSON_SR").writer(
        columns(t.Map(t.STRING, t.INTEGER), t.Decimal(4, 2)), VALUE, "topic", LocalSchemaRegistry()
    )
    assert w.encode({"a": 1}, Decimal("1.50")) == b'\0\0\0\0\1{"C0":[{"key":"a","value":1}],"C1":1.50}'


def test_maps_written_as_objects_are_read_too() -> None:
    registry = LocalSchemaRegistry()
    fmt = get("JSON_SR")
    types = (t.Map(t.STRING, t.Map(t.STRING, t.INTEGER)),)
    fmt.writer(columns(*types), VALUE, "topic", registry)
    assert fmt.reader(columns(*types), VALUE, "topic", registry).decode(b'\0\0\0\0\1{"C0":{"x":{"a":1}}}') == (
        {"x": {"a": 1}},
    )


def test_the_schema_of_columns_is_connects() -> None:
    doc = json_schema.schema_of([("F", t.INTEGER), ("S", t.Struct((t.Field("N", t.STRING),)))], True, None)
    null = {"type": "null"}
    assert doc == {
        "type": "object",
        "properties": {
            "F": {"connect.index": 0, "oneOf": [null, {"type": "integer", "connect.type": "int32"}]},
            "S": {
                "connect.index": 1,
                "oneOf": [
                    null,
                    {
                        "type": "object",
                        "properties": {"N": {"connect.index": 0, "oneOf": [null, {"type": "string"}]}},
                    },
                ],
            },
        },
    }
    assert json_schema.schema_of([("D", t.Decimal(4, 2))], False, None) == {
        "oneOf": [
            null,
            {
                "type": "number",
                "title": "org.apache.kafka.connect.data.Decimal",
                "connect.version": 1,
                "connect.type": "bytes",
                "connect.parameters": {"scale": "2", "connect.decimal.precision": "4"},
            },
        ]
    }


def test_columns_are_inferred_from_a_schema() -> None:
    schema = {
        "definitions": {"P": {"type": "object", "properties": {"q": {"type": "boolean"}}}},
        "type": "object",
        "properties": {
            "b": {"connect.index": 1, "type": ["null", "string"]},
            "a": {"connect.index": 0, "type": "integer"},
            "p": {"connect.index": 2, "$ref": "#/definitions/P"},
            "m": {"connect.index": 3, "type": "object", "additionalProperties": {"type": "number"}},
            "e": {"connect.index": 4, "enum": ["X", "Y"]},
            "i": {"connect.index": 5, "anyOf": [{"type": "null"}, {"type": "integer", "connect.type": "int16"}]},
            "l": {"connect.index": 6, "type": "array", "items": {"type": "string"}},
            "u": {"connect.index": 7, "oneOf": [{"type": "string"}, {"type": "integer"}]},
        },
    }
    node = json_schema.parse(json.dumps(schema))
    assert node is not None
    assert str(json_schema.sql_type(node, str.upper)) == (
        "STRUCT<`A` BIGINT, `B` STRING, `P` STRUCT<`Q` BOOLEAN>, `M` MAP<STRING, DOUBLE>, `E` STRING, `I` INTEGER, "
        "`L` ARRAY<STRING>>"
    )


def test_the_writers_schema_decides_what_is_read() -> None:
    schema = {"type": "object", "properties": {"foo": {"type": "integer"}, "s": {"type": "object", "properties": {
        "x": {"type": "integer", "connect.type": "int32"}, "y": {"type": "number"}}}}}  # fmt: skip
    data = b'{"foo": 1, "bar": 2, "s": {"y": 3, "x": 4}}'
    swapped = t.Struct((t.Field("Y", t.DOUBLE), t.Field("X", t.BIGINT), t.Field("Z", t.STRING)))
    assert read(schema, data, ("FOO", t.STRING), ("BAR", t.INTEGER), ("S", swapped)) == ("1", None, (3.0, 4, None))
    with pytest.raises(DeserializationError, match="requiredType: INTEGER"):
        read(schema, data, ("FOO", t.INTEGER))


def test_a_number_without_a_fraction_is_an_integer() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "number"}}}
    assert read(schema, b'{"a": 8.0}', ("A", t.INTEGER)) == (8,)
    assert read(schema, b'{"a": -3e9}', ("A", t.BIGINT)) == (-3_000_000_000,)
    assert read(schema, b'{"a": null}', ("A", t.INTEGER)) == (None,)
    for value in (b"8.5", b"3e9"):
        with pytest.raises(DeserializationError, match="sourceType: DOUBLE, requiredType: INTEGER"):
            read(schema, b'{"a": ' + value + b"}", ("A", t.INTEGER))


def test_bare_values_and_null() -> None:
    registry = LocalSchemaRegistry()
    fmt = get("JSON_SR")
    w = fmt.writer(columns(t.Map(t.STRING, t.DOUBLE)), BARE, "topic", registry)
    assert w.encode(None) is None
    payload = w.encode({"a": 1.0})
    assert payload == b'\0\0\0\0\1[{"key":"a","value":1.0}]'
    assert fmt.reader(columns(t.Map(t.STRING, t.DOUBLE)), BARE, "topic", registry).decode(payload) == {"a": 1.0}


def test_a_registered_schema_drives_writing() -> None:
    registry = LocalSchemaRegistry()
    schema = {"type": "object", "properties": {"c2": {"type": "string"}, "c1": {"type": "integer"}}}
    registry.register("s", "JSON", json.dumps(schema), schema_id=9)
    options = SerdeOptions(is_key=False, properties={"SCHEMA_ID": "9"})
    w = get("JSON_SR").writer((Column("c1", t.BIGINT),), options, "topic", registry)
    assert w.encode(4) == b'\0\0\0\0\x09{"c2":null,"c1":4}'


def test_plain_json_is_an_error_that_advises_the_json_format() -> None:
    registry = LocalSchemaRegistry()
    r = get("JSON_SR").reader(columns(t.INTEGER), VALUE, "topic", registry)
    for payload in (b'{"C0": 1}', b"", b"\0\0\0\0\7{}"):
        with pytest.raises(DeserializationError, match=r"format JSON|id 7"):
            r.decode(payload)
