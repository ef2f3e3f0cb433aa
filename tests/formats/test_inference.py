"""Columns are inferred from the registry, schemas are registered for columns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.core import types as t
from headwater.core.errors import AnalysisError
from headwater.core.schema import Column, Role
from headwater.formats import registration
from headwater.formats.api import SerdeOptions, UnknownSchemaError
from headwater.formats.inference import infer_columns
from headwater.formats.schema_registry import LocalSchemaRegistry

RECORD = {"type": "record", "name": "R", "fields": [{"name": "c1", "type": "int"}, {"name": "s", "type": {
    "type": "record", "name": "S", "fields": [{"name": "f1", "type": "string"}]}}]}  # fmt: skip
OBJECT = {"type": "object", "properties": {"c1": {"type": "integer"}}}


def infer(format_name: str, schema: Any, is_key: bool = False, wrap: bool | None = None, **properties: str) -> str:
    registry = LocalSchemaRegistry()
    kind = {"JSON_SR": "JSON"}.get(format_name, format_name)
    text = schema if isinstance(schema, str) else json.dumps(schema)
    registry.register(f"topic-{'key' if is_key else 'value'}", kind, text)
    columns = infer_columns(format_name, registry, "topic", is_key, SerdeOptions(is_key, wrap, properties))
    return ", ".join(f"{c.name} {c.type}{' KEY' * (c.role is Role.KEY)}" for c in columns)


@pytest.mark.parametrize(
    ("format_name", "schema", "options", "columns"),
    [
        ("AVRO", RECORD, {}, "C1 INTEGER, S STRUCT<`F1` STRING>"),
        ("AVRO", RECORD, {"SCHEMA_ID": "1"}, "c1 INTEGER, s STRUCT<`f1` STRING>"),
        ("AVRO", RECORD, {"is_key": True}, "ROWKEY STRUCT<`C1` INTEGER, `S` STRUCT<`F1` STRING>> KEY"),
        ("AVRO", "int", {"is_key": True}, "ROWKEY INTEGER KEY"),
        ("AVRO", '"int"', {"wrap": False}, "ROWVAL INTEGER"),
        ("AVRO", RECORD, {"wrap": False}, "ROWVAL STRUCT<`C1` INTEGER, `S` STRUCT<`F1` STRING>>"),
        ("AVRO", {"type": "bytes", "logicalType": "decimal", "scale": 2}, {"is_key": True},
         "ROWKEY DECIMAL(64, 2) KEY"),
        ("JSON_SR", OBJECT, {}, "C1 BIGINT"),
        ("JSON_SR", OBJECT, {"SCHEMA_ID": "1"}, "c1 BIGINT"),
        ("JSON_SR", {"oneOf": [{"type": "null"}, {"type": "integer", "connect.type": "int32"}]}, {"wrap": False},
         "ROWVAL INTEGER"),
        ("PROTOBUF", 'syntax = "proto3"; message M { int32 a = 1; string b = 2; }', {}, "A INTEGER, B STRING"),
        ("PROTOBUF", 'syntax = "proto3"; message M { int32 F1 = 1; }', {"is_key": True}, "F1 INTEGER KEY"),
        ("PROTOBUF", 'syntax = "proto3"; message M { int32 a = 1; } message N { bytes b = 1; }',
         {"SCHEMA_FULL_NAME": "N"}, "B BYTES"),
    ],
)  # fmt: skip
def test_columns_come_from_the_schema(format_name: str, schema: Any, options: dict[str, Any], columns: str) -> None:
    assert infer(format_name, schema, **options) == columns


@pytest.mark.parametrize(
    ("format_name", "schema", "options", "message"),
    [
        ("AVRO", "int", {}, "WRAP_SINGLE_VALUE to false"),
        (
            "AVRO",
            RECORD,
            {"SCHEMA_ID": "7"},
            "Schema for message values on topic 'topic' with schema id 7 does not exist",
        ),
        ("PROTOBUF", 'syntax = "proto3"; message M { int32 a = 1; } message N {}', {}, "Found multiple messages"),
        (
            "PROTOBUF",
            'syntax = "proto3"; message M { int32 a = 1; int32 b = 2; }',
            {"is_key": True},
            "must be one column",
        ),
        ("JSON_SR", {"type": "object"}, {}, "nothing that columns can hold"),
    ],
)
def test_what_cannot_be_columns_is_explained(
    format_name: str, schema: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(AnalysisError) as caught:
        infer(format_name, schema, **options)
    assert message in str(caught.value)


def test_a_missing_subject_is_named_with_possible_causes() -> None:
    with pytest.raises(AnalysisError) as caught:
        infer_columns("AVRO", LocalSchemaRegistry(), "t", False, SerdeOptions(is_key=False))
    assert "Schema for message values on topic 't' does not exist in the Schema Registry." in str(caught.value)
    assert "Subject: t-value" in str(caught.value)


def test_a_schema_of_another_kind_names_the_format_that_matches() -> None:
    registry = LocalSchemaRegistry()
    registry.register("t-value", "JSON", "{}")
    with pytest.raises(AnalysisError, match="VALUE_FORMAT to 'JSON_SR'"):
        infer_columns("AVRO", registry, "t", False, SerdeOptions(is_key=False))


def test_a_schema_id_needs_a_format_with_schemas() -> None:
    options = SerdeOptions(is_key=False, properties={"SCHEMA_ID": "1"})
    with pytest.raises(AnalysisError) as caught:
        infer_columns("KAFKA", LocalSchemaRegistry(), "t", False, options)
    assert str(caught.value) == (
        "VALUE_FORMAT should support schema inference when VALUE_SCHEMA_ID is provided. Current format is KAFKA."
    )


def test_columns_must_lead_those_of_a_given_schema() -> None:
    given = (Column("c2", t.DOUBLE), Column("c1", t.INTEGER))
    registration.check_against_given(given[:1], given, is_key=False)
    with pytest.raises(AnalysisError) as caught:
        registration.check_against_given((Column("c1", t.INTEGER),), given, is_key=False)
    assert str(caught.value) == (
        "The following value columns are changed, missing or reordered: [`c1` INTEGER]. "
        "Schema from schema registry is [`c2` DOUBLE, `c1` INTEGER]"
    )


@pytest.mark.parametrize(("sink", "name"), [("OUTPUT", "OutputKey"), ("MY_TABLE", "MyTableKey")])
def test_keys_of_sinks_have_their_own_avro_name(sink: str, name: str) -> None:
    assert registration.avro_key_name(sink) == f"io.confluent.ksql.avro_schemas.{name}"


@pytest.mark.parametrize(("format_name", "kind"), [("AVRO", "AVRO"), ("JSON_SR", "JSON"), ("PROTOBUF", "PROTOBUF")])
def test_schemas_are_registered_once_per_subject(format_name: str, kind: str) -> None:
    registry = LocalSchemaRegistry()
    options = SerdeOptions(is_key=False)
    cols = (Column("A", t.INTEGER),)
    assert registration.register_columns(registry, format_name, cols, options, "a") == 1
    assert registration.register_columns(registry, format_name, cols, options, "a") == 1
    assert registration.register_columns(registry, format_name, cols, options, "b") == 1
    other = (Column("B", t.INTEGER),)
    assert registration.register_columns(registry, format_name, other, options, "a", only_if_missing=True) is None
    assert registration.register_columns(registry, format_name, other, options, "a") == 2
    latest = registry.latest("a-value")
    assert latest is not None
    assert (latest.kind, latest.version) == (kind, 2)
    registry.delete("a-value")
    assert registry.subjects() == ["b-value"]
    assert registry.by_id(2).schema == latest.schema
    with pytest.raises(UnknownSchemaError):
        registry.by_id(3)


def test_formats_without_a_registry_register_nothing() -> None:
    assert registration.schema_to_register("JSON", (Column("A", t.INTEGER),), SerdeOptions(is_key=False)) is None
    assert registration.schema_to_register("AVRO", (), SerdeOptions(is_key=True)) is None


def test_a_given_schema_keeps_its_id_under_the_sinks_subject() -> None:
    registry = LocalSchemaRegistry()
    registry.register("s", "AVRO", '"int"', schema_id=102)
    registration.register_given(registry, 102, "sink", is_key=False)
    latest = registry.latest("sink-value")
    assert latest is not None
    assert latest.schema_id == 102
