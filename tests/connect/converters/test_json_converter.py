"""JsonConverter: what it writes is, text by text, what Apache Kafka's writes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.connect import schema as s
from headwater.connect.converters.registry import converter
from headwater.core.errors import DataError
from tests.connect.oracle import answers


def typed(kind: str, /, **more: Any) -> dict[str, Any]:
    return {"type": kind, "optional": more.pop("optional", False), **more}


def field(name: str, kind: str, /, **more: Any) -> dict[str, Any]:
    return typed(kind, **more) | {"field": name}


def enveloped(schema: Any, payload: Any) -> str:
    return json.dumps({"schema": schema, "payload": payload})


_DECIMAL = typed("bytes", name=s.DECIMAL, version=1, parameters={"scale": "2"})
_ALL = typed("struct", name="a.B", version=3, doc="Some", fields=[
    field("i8", "int8"), field("i16", "int16"), field("i32", "int32", doc="d"), field("i64", "int64"),
    field("f32", "float"), field("f64", "double"), field("b", "boolean"), field("s", "string", optional=True),
    field("y", "bytes"), {**_DECIMAL, "field": "d"}, field("day", "int32", name=s.DATE, version=1),
    field("t", "int32", name=s.TIME, version=1), field("at", "int64", name=s.TIMESTAMP, version=1, optional=True),
    field("a", "array", items=typed("string", optional=True)),
    field("m", "map", keys=typed("string"), values=typed("int64")),
    field("n", "map", keys=typed("int32"), values=typed("struct", fields=[field("x", "double")])),
    field("o", "string", default="x", optional=True, parameters={"p": "q"}),
])  # fmt: skip
_VALUE = {
    "i8": -1, "i16": 300, "i32": -70000, "i64": 9007199254740993, "f32": 0.1, "f64": 1.5, "b": True, "s": "é\"\\\n ",
    "y": "AAH/", "d": "AJY=", "day": 18263, "t": 3723004, "at": 1577934245006, "a": ["x", None], "m": {"k": 5},
    "n": [[7, {"x": 0.25}]], "o": "given",
}  # fmt: skip
TRUE, FALSE = {"schemas.enable": "true"}, {"schemas.enable": "false"}
CASES: dict[str, tuple[dict[str, str], dict[str, str], str | None]] = {
    "all types": (TRUE, TRUE, enveloped(_ALL, _VALUE)),
    "all types without envelope": (TRUE, FALSE, enveloped(_ALL, _VALUE)),
    "numeric decimals": (TRUE, FALSE | {"decimal.format": "NUMERIC"}, enveloped(_DECIMAL, "AJY=")),
    "a negative decimal": (TRUE, TRUE, enveloped(_DECIMAL, "/2o=")),
    "defaults in the place of nulls": (TRUE, TRUE, enveloped(_ALL, {**_VALUE, "o": None})),
    "nulls where defaults are not wanted": (
        TRUE | {"replace.null.with.default": "false"}, TRUE | {"replace.null.with.default": "false"},
        enveloped(_ALL, {**_VALUE, "o": None}),
    ),
    "a missing required field": (TRUE, TRUE, enveloped(_ALL, {k: v for k, v in _VALUE.items() if k != "i32"})),
    "no schema": (TRUE, TRUE, enveloped(None, {"a": [1, 1.5, None, True, {"b": "c"}]})),
    "no schema and no envelope": (FALSE, FALSE, '{"a":[1,1.5,null,true,{"b":"c"}],"b":9007199254740993}'),
    "into an envelope": (FALSE, TRUE, '{"a":1}'),
    "a single text": (TRUE, TRUE, enveloped(typed("string"), "x")),
    "an optional null": (TRUE, TRUE, enveloped(typed("string", optional=True), None)),
    "an optional null without envelope": (TRUE, FALSE, enveloped(typed("string", optional=True), None)),
    "no payload at all": (TRUE, TRUE, None),
    "null as JSON": (FALSE, FALSE, "null"),
    "more than an envelope": (TRUE, TRUE, '{"schema":null,"payload":1,"more":2}'),
    "no envelope where one is wanted": (TRUE, TRUE, '{"a":1}'),
    "no JSON": (TRUE, TRUE, "{"),
    "an unknown type": (TRUE, TRUE, enveloped({"type": "int128"}, 1)),
}  # fmt: skip


def ours(case: tuple[dict[str, str], dict[str, str], str | None]) -> dict[str, Any]:
    read, write, text = case
    (found,) = converter("org.apache.kafka.connect.json.JsonConverter", read, is_key=False).decode_all(
        "t", [None if text is None else text.encode()]
    )
    if isinstance(found, DataError):
        return {"error": str(found)}
    (made,) = converter("JsonConverter", write, is_key=False).encode_all("t", [found])
    if isinstance(made, DataError):
        return {"error": str(made)}
    return {"text": None if made is None else made.decode()}


@pytest.mark.compat
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", CASES)
def test_the_text_is_that_of_the_original(name: str) -> None:
    cases = [{"from": read, "to": write, "text": text} for read, write, text in CASES.values()]
    expected = answers(cases)[list(CASES).index(name)]
    found = ours(CASES[name])
    if "error" in expected:
        assert "error" in found, found
    else:
        assert found == expected
