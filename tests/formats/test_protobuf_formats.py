"""PROTOBUF and PROTOBUF_NOSR payloads, and the schemas behind them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.core import types as t
from headwater.core.errors import AnalysisError, DeserializationError, SerializationError
from headwater.core.schema import Column
from headwater.formats import proto_file, proto_text, proto_types
from headwater.formats.api import SerdeOptions
from headwater.formats.failures import SchemaError
from headwater.formats.registry import get
from headwater.formats.schema_registry import LocalSchemaRegistry

VALUE = SerdeOptions(is_key=False)
POINT = t.Struct((t.Field("X", t.INTEGER), t.Field("Y", t.DOUBLE)))


def nullable(how: str) -> SerdeOptions:
    return SerdeOptions(is_key=False, properties={"PROTOBUF_NULLABLE_REPRESENTATION": how})


def columns(*types: t.SqlType) -> tuple[Column, ...]:
    return tuple(Column(f"C{i}", ty) for i, ty in enumerate(types))


def round_trip(name: str, types: tuple[t.SqlType, ...], row: tuple[object, ...], options: SerdeOptions) -> object:
    registry = LocalSchemaRegistry()
    fmt = get(name)
    payload = fmt.writer(columns(*types), options, "topic", registry).encode(*row)
    assert payload is not None
    r = fmt.reader(columns(*types), options, "topic", registry)
    decoded = r.decode(payload)
    return tuple(eval(e, {"row": decoded}) for e in r.access)


ALL = (t.BOOLEAN, t.INTEGER, t.BIGINT, t.DOUBLE, t.STRING, t.BYTES, t.DATE, t.TIME, t.TIMESTAMP, t.Decimal(6, 2),
       t.Array(t.STRING), t.Map(t.STRING, POINT), POINT, t.Array(POINT), t.Map(t.STRING, t.DOUBLE))  # fmt: skip
ROW = (True, -5, 2**40, 1.5, "é", b"\0", -1, 86_399_999, -1, Decimal("-12.50"), ["a", ""], {"k": (1, 0.0)}, (2, 0.5),
       [(3, 4.0)], {"a": 1.1})  # fmt: skip
SCALARS = (t.BOOLEAN, t.INTEGER, t.BIGINT, t.DOUBLE, t.STRING, t.BYTES)
DEFAULTS = (False, 0, 0, 0.0, "", b"")


@pytest.mark.parametrize("name", ["PROTOBUF", "PROTOBUF_NOSR"])
@pytest.mark.parametrize("options", [VALUE, nullable("OPTIONAL"), nullable("WRAPPER")])
def test_what_is_written_reads_back(name: str, options: SerdeOptions) -> None:
    assert round_trip(name, ALL, ROW, options) == ROW


@pytest.mark.parametrize("name", ["PROTOBUF", "PROTOBUF_NOSR"])
def test_null_reads_back_as_the_representation_says(name: str) -> None:
    nulls = (None,) * len(SCALARS)
    assert round_trip(name, SCALARS, nulls, VALUE) == DEFAULTS
    assert round_trip(name, SCALARS, nulls, nullable("OPTIONAL")) == nulls
    assert round_trip(name, SCALARS, nulls, nullable("wrapper")) == nulls
    assert round_trip(name, SCALARS, DEFAULTS, nullable("OPTIONAL")) == DEFAULTS
    assert round_trip(name, SCALARS, DEFAULTS, nullable("WRAPPER")) == DEFAULTS
    nested = (t.Array(t.INTEGER), t.Map(t.STRING, t.STRING), POINT, POINT, t.DATE)
    assert round_trip(name, nested, (None, None, None, (None, None), None), VALUE) == ([], {}, None, (0, 0.0), None)


def test_null_elements_cannot_be_written() -> None:
    for element in (t.INTEGER, POINT, t.DATE):
        with pytest.raises(SerializationError):
            round_trip("PROTOBUF", (t.Array(element),), ([None],), VALUE)


def test_the_schema_of_columns_is_connects() -> None:
    fmt = get("PROTOBUF")
    registry = LocalSchemaRegistry()
    cols = (Column("ID", t.BIGINT), Column("ARR", t.Array(t.STRING)), Column("M", t.Map(t.STRING, t.DOUBLE)),
            Column("S", t.Struct((t.Field("C1", t.STRING),))), Column("D", t.Decimal(4, 2)))  # fmt: skip
    fmt.writer(cols, VALUE, "topic", registry)
    meta = '{ params: [{ key: "precision", value: "4" }, { key: "scale", value: "2" }] }'
    assert (
        registry.by_id(1).schema.replace(meta, "META")
        == """syntax = "proto3";

import "confluent/meta.proto";
import "confluent/type/decimal.proto";

message ConnectDefault1 {
  int64 ID = 1;
  repeated string ARR = 2;
  repeated ConnectDefault2Entry M = 3;
  ConnectDefault3 S = 4;
  confluent.type.Decimal D = 5 [(confluent.field_meta) = META];

  message ConnectDefault2Entry {
    string key = 1;
    double value = 2;
  }

  message ConnectDefault3 {
    string C1 = 1;
  }
}
"""
    )
    fmt.writer(columns(*SCALARS[:2]), nullable("OPTIONAL"), "o", registry)
    assert "  optional bool C0 = 1;\n  optional int32 C1 = 2;\n" in registry.by_id(2).schema
    named = SerdeOptions(is_key=False, properties={"SCHEMA_FULL_NAME": "a.b.Msg"})
    payload = fmt.writer(columns(t.INTEGER), named, "n", registry).encode(1)
    assert "package a.b;" in registry.by_id(3).schema
    assert payload == b"\0\0\0\0\3\0\x08\1"


@pytest.mark.parametrize("sql_type", [t.Array(t.Array(t.INTEGER)), t.Array(t.Map(t.STRING, t.INTEGER))])
def test_protobuf_has_no_nested_repeated_fields(sql_type: t.SqlType) -> None:
    with pytest.raises(AnalysisError, match="no repeated field"):
        get("PROTOBUF").check(columns(sql_type), VALUE)


def test_maps_need_string_keys_and_values_cannot_be_unwrapped() -> None:
    with pytest.raises(AnalysisError, match="PROTOBUF format only supports MAP types with STRING keys"):
        get("PROTOBUF").check(columns(t.Map(t.INTEGER, t.DOUBLE)), VALUE)
    with pytest.raises(AnalysisError, match="Format 'PROTOBUF' does not support 'WRAP_SINGLE_VALUE' set to 'false'"):
        get("PROTOBUF").check(columns(t.INTEGER), SerdeOptions(is_key=False, wrap=False))


SCHEMA = """
// A comment
syntax = "proto3";
package shop; /* another
one */
import "confluent/type/decimal.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/timestamp.proto";
import "other.proto";
option java_package = "x.y";
message First { int32 a = 1; }
message Order {
  option deprecated = true;
  reserved 50 to 60, 70;
  enum Suit { SPADES = 0; HEARTS = 0x1; reserved 9; }
  message Line { string sku = 1; Line parent = 2; uint32 n = 3; }
  float c1 = 1; uint64 c2 = 2; sint32 c3 = 3; Suit c4 = 4 [deprecated = true];
  repeated Line lines = 5;
  map<string, Line> by_sku = 6;
  google.protobuf.Int64Value w = 7;
  .google.protobuf.Timestamp at = 8;
  confluent.type.Decimal price = 9 [(confluent.field_meta) = {
    params: { key: "precision" value: "6" }, params: { value: "2", key: "scale" } }];
  oneof choice { string text = 10; int64 number = 11; }
  Shared shared = 12;
  optional bool maybe = 13;
}
service S { rpc Call (First) returns (Order) { option x = 1; } }
"""


def test_columns_are_inferred_from_a_schema() -> None:
    file = proto_file.load(SCHEMA, (("other.proto", 'syntax="proto3"; package shop; message Shared {bytes b = 1;}'),))
    found = proto_types.fields_of(file.message("shop.Order"), file.params, str.upper)
    line = "STRUCT<`SKU` STRING, `N` BIGINT>"
    assert {f.name: str(f.type) for f in found} == {
        "CHOICE_0": "STRUCT<`TEXT` STRING, `NUMBER` BIGINT>",
        "C1": "DOUBLE", "C2": "BIGINT", "C3": "INTEGER", "C4": "STRING",
        "LINES": f"ARRAY<{line}>", "BY_SKU": f"MAP<STRING, {line}>", "W": "BIGINT", "AT": "TIMESTAMP",
        "PRICE": "DECIMAL(6, 2)", "SHARED": "STRUCT<`B` BYTES>", "MAYBE": "BOOLEAN",
    }  # fmt: skip
    with pytest.raises(SchemaError, match=r"multiple messages in the schema: shop\.First, shop\.Order"):
        file.message(None)
    with pytest.raises(SchemaError, match=r"no message 'shop\.X'"):
        file.message("shop.X")


def test_data_of_a_registered_schema_is_read_and_written() -> None:
    registry = LocalSchemaRegistry()
    references = (("other.proto", 'syntax="proto3"; package shop; message Shared {bytes b = 1;}'),)
    registry.register("s", "PROTOBUF", SCHEMA, references)
    file = proto_file.load(SCHEMA, references)
    found = proto_types.fields_of(file.message("shop.Order"), file.params, str.upper)
    cols = tuple(Column(f.name, f.type) for f in found)
    options = SerdeOptions(is_key=False, properties={"SCHEMA_ID": "1", "SCHEMA_FULL_NAME": "shop.Order"})
    row = ((None, 7), 0.5, 5, -3, "HEARTS", [("a", 1)], {"k": ("b", 2)}, 0, 1500, Decimal("1.50"), (b"x",), None)
    payload = get("PROTOBUF").writer(cols, options, "topic", registry).encode(*row)
    assert payload is not None
    assert payload[:7] == b"\0\0\0\0\1\2\2"
    decoded = get("PROTOBUF").reader(cols, options, "topic", registry).decode(payload)
    assert decoded == row


def test_fields_match_exactly_or_by_their_upper_case_and_others_are_null() -> None:
    registry = LocalSchemaRegistry()
    registry.register("s", "PROTOBUF", 'syntax = "proto3"; message M { int32 foo = 1; int32 from = 2; }')
    options = SerdeOptions(is_key=False, properties={"SCHEMA_ID": "1"})
    cols = (Column("FROM", t.INTEGER), Column("foo", t.INTEGER))
    payload = get("PROTOBUF").writer(cols, options, "topic", registry).encode(1, 2)
    assert payload is not None
    read = (Column("FROM", t.STRING), Column("FOO", t.BIGINT), Column("BAR", t.STRING))
    assert get("PROTOBUF").reader(read, VALUE, "topic", registry).decode(payload) == ("1", 2, None)
    wrong = get("PROTOBUF").reader((Column("FOO", t.DOUBLE),), VALUE, "topic", registry)
    with pytest.raises(DeserializationError, match="Can't convert type"):
        wrong.decode(payload)


@pytest.mark.parametrize(
    "payload", [b"", b"\0\0\0\0\1", b"\0\0\0\0\1\0\xff", b"\0\0\0\0\1\4\0", b"\0\0\0\0\1\2\x08", b"\0\0\0\0\7\0"]
)
def test_broken_payloads_are_errors(payload: bytes) -> None:
    registry = LocalSchemaRegistry()
    get("PROTOBUF").writer(columns(t.STRING), VALUE, "topic", registry)
    with pytest.raises(DeserializationError, match="topic"):
        get("PROTOBUF").reader(columns(t.STRING), VALUE, "topic", registry).decode(payload)


@pytest.mark.parametrize(
    "text",
    ["", "message M {", 'syntax = "proto3"; message M { X a = 1; }', "message M { int32 a = x; }", "what { }",
     "message \0",
     'import "none.proto"; message M {}', "message M { int32 a = 1; int32 b = 1; }", "message M { group a = 1; }"],
)  # fmt: skip
def test_broken_schemas_are_refused(text: str) -> None:
    with pytest.raises(SchemaError):
        proto_file.load(text).message(None)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([*' {}[]()<>=;,."', "message", "M", "int32", "1", "oneof", "map", "option", "enum"]),
        max_size=15,
    )
)
def test_random_text_never_crashes_the_parser(words: list[str]) -> None:
    try:
        proto_text.parse("x.proto", " ".join(words))
    except SchemaError:
        return
