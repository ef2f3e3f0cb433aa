"""Each transform makes of a record what Apache Kafka's makes of it: topic, key, value, their schemas, headers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.connect.converters.registry import converter
from headwater.connect.record import Header, SinkRecord
from headwater.connect.schema import STRING
from headwater.connect.transforms.registry import transform
from headwater.core.errors import HeadwaterError
from tests.connect.converters.test_json_converter import _DECIMAL, enveloped, field, typed
from tests.connect.oracle import answers

_P = "org.apache.kafka.connect.transforms."
_STRUCT = typed("struct", name="a.B", version=2, fields=[
    field("id", "int32"), field("name", "string", optional=True), field("price", "double"), field("flag", "boolean"),
    field("text", "string", default="none", optional=True), {**_DECIMAL, "field": "d"},
    field("at", "int64", name="org.apache.kafka.connect.data.Timestamp", version=1, optional=True),
    field("ms", "int64"), field("when", "string"), field("raw", "bytes", optional=True),
    field("in", "struct", optional=True, fields=[field("x", "int64"), field("list", "array", items=typed("string"))]),
])  # fmt: skip
_PAYLOAD = {
    "id": 300, "name": "12", "price": -3.99, "flag": True, "text": None, "d": "AJY=", "at": 1577934245006,
    "ms": 1577934245006, "when": "2020-01-02 03:04:05.006", "raw": "AAH/", "in": {"x": 5, "list": ["a"]},
}  # fmt: skip
WITH = enveloped(_STRUCT, _PAYLOAD)
PLAIN = enveloped(None, {"id": 300, "name": "12", "price": -3.99, "flag": True, "ms": 1577934245006,
                         "when": "2020-01-02 03:04:05.006", "none": None,
                         "in": {"x": 5, "deep": {"y": None}}})  # fmt: skip
TOMBSTONE = None
TEXT = enveloped(typed("string"), "17")

SETTINGS: list[tuple[str, dict[str, str]]] = [
    ("Cast$Value", {"spec": "id:int8,price:int32,flag:string,name:int64"}),
    ("Cast$Value", {"spec": "price:string,id:float32,flag:int16,ms:boolean"}),
    ("Cast$Value", {"spec": "at:int64,raw:string,d:string"}),
    ("Cast$Value", {"spec": "when:int32"}),
    ("Cast$Value", {"spec": "int16"}),
    ("Cast$Key", {"spec": "int32"}),
    ("ExtractField$Value", {"field": "name"}),
    ("ExtractField$Value", {"field": "text"}),
    ("ExtractField$Value", {"field": "nothing"}),
    ("ExtractField$Value", {"field": "in.x", "field.syntax.version": "V2"}),
    ("HoistField$Value", {"field": "all"}),
    ("HoistField$Key", {"field": "k"}),
    ("InsertField$Value", {"topic.field": "t!", "partition.field": "p", "offset.field": "o?", "timestamp.field": "ts"}),
    ("InsertField$Value", {"static.field": "s", "static.value": "v"}),
    ("ReplaceField$Value", {"exclude": "name,price", "renames": "id:number,in:inner"}),
    ("ReplaceField$Value", {"include": "id,text"}),
    ("MaskField$Value", {"fields": "name,price,id,flag,at"}),
    ("MaskField$Value", {"fields": "name,id", "replacement": "42"}),
    ("MaskField$Value", {"fields": "flag", "replacement": "42"}),
    ("Flatten$Value", {}),
    ("Flatten$Value", {"delimiter": "_"}),
    ("ValueToKey", {"fields": "id,name"}),
    ("ValueToKey", {"fields": "nothing"}),
    ("SetSchemaMetadata$Value", {"schema.name": "x.Y", "schema.version": "9"}),
    ("RegexRouter", {"regex": "(t.*)-(x)", "replacement": "$2.$1"}),
    ("RegexRouter", {"regex": "opic", "replacement": "no"}),
    ("TimestampRouter", {"topic.format": "${topic}_${timestamp}", "timestamp.format": "yyyy-MM-dd'T'HH"}),
    ("TimestampConverter$Value", {"field": "ms", "target.type": "Timestamp"}),
    ("TimestampConverter$Value", {"field": "ms", "target.type": "string", "format": "yyyy-MM-dd HH:mm:ss.SSS"}),
    ("TimestampConverter$Value", {"field": "when", "target.type": "unix", "format": "yyyy-MM-dd HH:mm:ss.SSS"}),
    ("TimestampConverter$Value", {"field": "at", "target.type": "Date"}),
    ("TimestampConverter$Value", {"field": "at", "target.type": "Time"}),
    ("TimestampConverter$Value", {"field": "ms", "target.type": "unix", "unix.precision": "seconds"}),
    ("TimestampConverter$Value", {"field": "id", "target.type": "string", "format": "yyyy"}),
    ("InsertHeader", {"header": "h", "value.literal": "17"}),
    ("InsertHeader", {"header": "h", "value.literal": "some text"}),
    ("DropHeaders", {"headers": "old,other"}),
    ("HeaderFrom$Value", {"fields": "id,name", "headers": "h1,h2", "operation": "copy"}),
    ("HeaderFrom$Value", {"fields": "id", "headers": "h1", "operation": "move"}),
    ("Filter", {}),
]
VALUES = {"with a schema": WITH, "without": PLAIN, "a tombstone": TOMBSTONE}
CASES = [(name, settings, kind) for name, settings in SETTINGS for kind in VALUES]

DIFFERENT = {
    ("TimestampConverter$Value", "without"): "moments without a schema are java.util.Date: no JSON there",
    ("MaskField$Value", "a tombstone"): "the original fails; there is nothing to mask, so ours passes it on",
}
"""Where the original's answer cannot be compared."""


def ours(name: str, settings: dict[str, str], value: str | None) -> dict[str, Any]:
    enveloping = converter("JsonConverter", {}, is_key=False)
    key, found = enveloping.decode_all("t", [TEXT.encode(), None if value is None else value.encode()])
    assert isinstance(key, tuple)
    assert isinstance(found, tuple)
    record = SinkRecord(
        "topic-x",
        3,
        7,
        key.value,
        found.value,
        key.schema,
        found.schema,
        1600000000123,
        (Header("old", "kept", STRING),),
    )
    try:
        made = transform(_P + name, settings).apply(record)
    except HeadwaterError as error:
        return {"error": str(error)}
    if made is None:
        return {"dropped": True}

    def text(schema: Any, value: Any) -> str | None:
        (data,) = enveloping.encode_all("t", [(schema, value)])
        if isinstance(data, Exception):
            raise data
        return None if data is None else data.decode()

    headers = [f"{h.key}={text(h.schema, h.value)}" for h in made.headers]
    return {
        "topic": made.topic, "key": text(made.key_schema, made.key), "value": text(made.value_schema, made.value),
        "headers": headers,
    }  # fmt: skip


def same(found: str | None) -> Any:
    """Texts are compared as documents: members of an object without a schema have no order."""
    return None if found is None else json.loads(found)


@pytest.mark.compat
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("name", "settings", "kind"), CASES, ids=lambda value: str(value)[:60])
def test_it_makes_what_the_original_makes(name: str, settings: dict[str, str], kind: str) -> None:
    asked = [{"class": _P + n, "config": c, "key": TEXT, "value": VALUES[k]} for n, c, k in CASES]
    expected = answers(asked)[CASES.index((name, settings, kind))]
    if (name, kind) in DIFFERENT and "error" in expected:
        return
    found = ours(name, settings, VALUES[kind])
    if "error" in expected:
        assert "error" in found, (found, expected)
        return
    for side in ("key", "value"):
        if side in expected:
            expected[side], found[side] = same(expected[side]), same(found[side])
    assert found == expected
