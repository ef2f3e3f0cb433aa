"""What a text of a schema becomes, and what is said when it is none."""

from __future__ import annotations

import json

import pytest

from headwater.registry.parsing import ParseError, parse
from headwater.registry.parsing.protobuf import ParsedProtobuf

RECORD = '{"name": "A", "fields": [{"default": 1, "type": "int", "name": "a"}], "type": "record", "namespace": "x"}'
PROTO = """syntax = 'proto3'; package x; // a comment
import "google/protobuf/timestamp.proto";
message M { repeated .x.M many = 2; map<string,int32> counts = 3; string a = 1 [deprecated=true]; }
service S { rpc Go (M) returns (stream M); }"""

CRAMPED = """syntax='proto3';option java_package="p";package x;
import public "google/protobuf/any.proto"; import "google/protobuf/empty.proto";
enum E { A = 0; B = 1 [deprecated = true]; reserved 5 to 7, 9; }
message M { message N { reserved 2; int32 q = 1; } repeated .x.M many = 2; oneof o { int32 b = 6; }
  string a = 1 [json_name="c", deprecated=true]; option deprecated = true; }
service S { rpc Go (M) returns (stream M) {} rpc Come (M) returns (M) { option deprecated = true; } }"""
LAID_OUT = """syntax = "proto3";
package x;

import "google/protobuf/empty.proto";
import public "google/protobuf/any.proto";

option java_package = "p";

message M {
  option deprecated = true;

  repeated .x.M many = 2;
  string a = 1 [
    deprecated = true,
    json_name = "c"
  ];

  oneof o {
    int32 b = 6;
  }

  message N {
    reserved 2;
  <-
    int32 q = 1;
  }
}
enum E {
  reserved 5 to 7, 9;
  A = 0;
  B = 1 [deprecated = true];
}

service S {
  rpc Go (M) returns (stream M);
  rpc Come (M) returns (M) {
    option deprecated = true;
  };
}
""".replace("<-", "")

CANONICAL = [
    ("AVRO", "string", '"string"'),
    ("AVRO", '{"type": "string"}', '"string"'),
    ("AVRO", RECORD, '{"type":"record","name":"A","namespace":"x","fields":[{"name":"a","type":"int","default":1}]}'),
    ("JSON", '{"type" : "object",\n "title": "é"}', '{"type":"object","title":"é"}'),
    ("PROTOBUF", "message  A{}", "message A {}\n"),
    ("PROTOBUF", CRAMPED, LAID_OUT),
]


@pytest.mark.parametrize(("kind", "text", "canonical"), CANONICAL)
def test_a_canonical_text_has_no_layout(kind: str, text: str, canonical: str) -> None:
    assert parse(kind, text, {}).canonical() == canonical
    assert parse(kind, canonical, {}).canonical() == canonical


def test_a_normalised_text_has_one_order() -> None:
    one, other = '{"type":"object","title":"a"}', '{"title":"a","type":"object"}'
    assert parse("JSON", one, {}).canonical() != parse("JSON", other, {}).canonical()
    assert parse("JSON", one, {}).normalised() == parse("JSON", other, {}).normalised()
    fields = ("string a = 1;", "string b = 2;")
    texts = [f"message M {{ {' '.join(order)} }}" for order in (fields, fields[::-1])]
    assert len({parse("PROTOBUF", text, {}).normalised() for text in texts}) == 1


def test_a_protobuf_text_is_printed_so_that_it_is_the_same_schema() -> None:
    parsed = parse("PROTOBUF", PROTO, {})
    again = parse("PROTOBUF", parsed.canonical(), {})
    assert again.formatted("serialized") == parsed.formatted("serialized")
    assert "  repeated .x.M many = 2;\n" in parsed.canonical()


def test_a_serialised_descriptor_is_a_protobuf_schema() -> None:
    serialised = parse("PROTOBUF", PROTO, {}).formatted("serialized")
    found = parse("PROTOBUF", serialised, {})
    assert found.canonical().startswith('syntax = "proto3";\npackage x;\n')
    assert found.formatted("serialized") == serialised


def test_references_are_resolved() -> None:
    inner = '{"type":"record","name":"I","namespace":"x","fields":[]}'
    avro = parse("AVRO", '{"type":"array","items":"x.I"}', {"x.I": ("AVRO", inner)})
    assert avro.canonical() == '{"type":"array","items":"x.I"}'
    assert json.loads(avro.formatted("resolved"))["items"]["name"] == "I"
    parse("JSON", '{"$ref":"i.json#/definitions/d"}', {"i.json": ("JSON", '{"definitions":{"d":{"type":"null"}}}')})
    parse("PROTOBUF", 'import "i.proto"; message M { optional I i = 1; }', {"i.proto": ("PROTOBUF", "message I {}")})


WRONG = [
    ("AVRO", "{", "line 1, column 2"),
    ("AVRO", '{"type":"recrd","name":"A"}', "undefined name: 'recrd'"),
    ("AVRO", '{"type":"record","name":"A"}', "no list of 'fields'"),
    ("AVRO", '{"type":"record","name":"","fields":[]}', "an empty name"),
    ("AVRO", '["int","int"]', "'int' is twice"),
    ("AVRO", '[["int"]]', "directly in a union"),
    ("AVRO", '{"type":"enum","name":"E","symbols":["A","A"]}', "a symbol is twice"),
    ("AVRO", '{"type":"fixed","name":"F","size":-1}', "no valid 'size'"),
    ("AVRO", "[" * 100_000, "nested too deeply"),
    ("AVRO", '{"type":"array","items":' * 300 + '"int"' + "}" * 300, "levels deep"),
    ("JSON", "[]", "an object, true or false"),
    ("JSON", "NaN", "NaN is not JSON"),
    ("JSON", '{"type":"strng"}', "#/type"),
    ("JSON", '{"properties":{"a":{"minLength":-1}}}', "#/properties/a/minLength"),
    ("JSON", '{"$ref":"#/definitions/none"}', "leads nowhere"),
    ("JSON", '{"$ref":"#"}', "leads back to itself"),
    ("JSON", '{"not":' * 300 + "{}" + "}" * 300, "levels deep"),
    ("PROTOBUF", "", "empty"),
    ("PROTOBUF", "message A {\n  strin a = 1;\n}", "undefined type 'strin'"),
    ("PROTOBUF", "message A {\n  string a = x;\n}", "line 2"),
    ("PROTOBUF", "message A { string a = 1; string b = 1; }", "not valid"),
    ("PROTOBUF", 'import "none.proto"; message A {}', "none.proto"),
    ("PROTOBUF", "message A { " * 5_000, "levels deep"),
    ("PROTOBUF", "}", "no opening"),
    ("PROTOBUF", 'edition = "1999"; message A {}', "no edition '1999'"),
    ("PROTOBUF", 'edition = "2023"; option features.field_presence = NO; message A {}', "cannot be 'NO'"),
    ("XML", "<a/>", "no schema type"),
]


@pytest.mark.parametrize(("kind", "text", "says"), WRONG, ids=[f"{kind} {says}" for kind, _, says in WRONG])
def test_what_is_no_schema_is_refused_with_place_and_reason(kind: str, text: str, says: str) -> None:
    with pytest.raises(ParseError) as refused:
        parse(kind, text, {})
    assert says in str(refused.value)


NOTED = [
    ('{"type":"record","name":"1A","fields":[]}', "bad_name", "illegal name '1A'"),
    ('{"type":"record","name":"A","namespace":"a-b","fields":[]}', "bad_name", "illegal name 'a-b'"),
    ('{"type":"record","name":"A","fields":[{"name":"a b","type":"int"}]}', "bad_name", "field name 'a b'"),
    ('{"type":"enum","name":"E","symbols":["A","B-C"]}', "bad_name", "/symbols/1"),
    ('{"type":"record","name":"A","fields":[{"name":"a","type":"int","default":"x"}]}', "bad_default", "/fields/0"),
]


@pytest.mark.parametrize(("text", "where", "says"), NOTED)
def test_what_avro_refuses_only_where_it_is_told_to_is_noted(text: str, where: str, says: str) -> None:
    parsed = parse("AVRO", text, {})
    assert says in getattr(parsed, where)
    assert json.loads(parsed.canonical()) == json.loads(text)


MEANINGS = [
    ("AVRO", '{"type":"array","items":"int","a":{"b":1,"c":2}}', '{"type":"array","items":"int","a":{"c":2,"b":1}}'),
    ("AVRO", '{"type":"array","items":"I"}', '{"type":"array","items":{"type":"fixed","name":"I","size":1}}'),
    ("JSON", '{"type":"object","title":"a"}', '{"title":"a","type":"object"}'),
]


@pytest.mark.parametrize(("kind", "one", "other"), MEANINGS)
def test_a_meaning_may_be_written_in_several_ways(kind: str, one: str, other: str) -> None:
    references = {"I": ("AVRO", '{"type":"fixed","name":"I","size":1}')} if '"I"}' in one else {}
    assert parse(kind, one, references).meaning() == parse(kind, other, {}).meaning()


TOPS = [
    ("AVRO", '{"type":"record","name":"A","fields":[{"name":"a","type":"int"}]}', {"a"}),
    ("AVRO", '"int"', set()),
    ("JSON", '{"type":"object","properties":{"a":{"type":"object","properties":{"b":{}}}}}', {"a"}),
    ("PROTOBUF", "message M { string a = 1; } message N { string b = 1; }", {"a"}),
]


@pytest.mark.parametrize(("kind", "text", "names"), TOPS)
def test_fields_at_the_top(kind: str, text: str, names: set[str]) -> None:
    assert parse(kind, text, {}).top_level() == names


def test_a_schema_cannot_refer_to_another_type() -> None:
    for kind, text in (("AVRO", '"int"'), ("JSON", "{}"), ("PROTOBUF", "message A {}")):
        other = "JSON" if kind != "JSON" else "AVRO"
        with pytest.raises(ParseError, match=f"of type {other}"):
            parse(kind, text, {"r": (other, "{}")})


GROUPS = """syntax = "proto2"; package x;
message M {
  repeated group Result = 1 [deprecated = true] { required string url = 2; optional group Inner = 3 { } }
  optional int32 b = 5;
  oneof o { group Pick = 7 { optional int32 z = 1; } string s = 8; }
}"""
EDITION = """edition = "2023"; package x; option features.field_presence = IMPLICIT;
message M { int32 a = 1; string b = 2 [features.field_presence = LEGACY_REQUIRED]; repeated M m = 3; }"""


@pytest.mark.parametrize("text", [GROUPS, EDITION])
def test_groups_and_editions_of_protobuf_come_back_from_text_and_descriptor(text: str) -> None:
    parsed = parse("PROTOBUF", text, {})
    serialised = parsed.formatted("serialized")
    assert parse("PROTOBUF", parsed.canonical(), {}).formatted("serialized") == serialised
    assert parse("PROTOBUF", parsed.canonical(), {}).canonical() == parsed.canonical()
    assert parse("PROTOBUF", serialised, {}).formatted("serialized") == serialised


def test_an_editions_features_count() -> None:
    parsed = parse("PROTOBUF", EDITION, {})
    assert isinstance(parsed, ParsedProtobuf)
    fields = parsed.file.messages[0].fields
    assert [(each.name, each.is_required, each.has_presence) for each in fields] == [
        ("a", False, False),
        ("b", True, True),
        ("m", False, False),
    ]
