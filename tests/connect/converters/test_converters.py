"""The other converters: values survive, schemas are kept, what does not fit is refused record by record."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from headwater.connect import schema as s
from headwater.connect.converters.registry import CONVERTERS, converter
from headwater.connect.errors import UsageError
from headwater.core.errors import DataError
from headwater.formats.schema_registry import LocalSchemaRegistry

_SCHEMA = s.struct({
    "id": s.INT32, "name": s.OPTIONAL_STRING, "price": s.decimal(2, 10, optional=True),
    "day": s.DATE_SCHEMA.as_optional(), "at": s.TIMESTAMP_SCHEMA.as_optional(), "t": s.TIME_SCHEMA.as_optional(),
    "tags": s.array(s.OPTIONAL_STRING, optional=True), "m": s.map_of(s.STRING, s.OPTIONAL_INT64, optional=True),
    "in": s.struct({"x": s.OPTIONAL_FLOAT64}, name="a.In", optional=True),
}, name="a.b.Thing")  # fmt: skip
_VALUE = {
    "id": 1, "name": "x", "price": Decimal("1.50"), "day": date(2020, 1, 2), "t": time(1, 2, 3, 4000),
    "at": datetime(2020, 1, 2, 3, 4, 5, 6000, UTC), "tags": ["a", "b"], "m": {"k": 5}, "in": {"x": 1.5},
}  # fmt: skip
_WITH_REGISTRY = [cls.names[0] for cls in CONVERTERS if cls.names[0].startswith("io.confluent")]


@pytest.mark.parametrize("name", [*_WITH_REGISTRY, "org.apache.kafka.connect.json.JsonConverter"])
def test_all_types_survive(name: str) -> None:
    made = converter(name, {}, is_key=False, registry=LocalSchemaRegistry())
    (payload,) = made.encode_all("t", [(_SCHEMA, _VALUE)])
    assert isinstance(payload, bytes), payload
    (back,) = made.decode_all("t", [payload])
    assert not isinstance(back, DataError), back
    assert back.value == _VALUE


def test_avro_keeps_the_whole_schema() -> None:
    registry = LocalSchemaRegistry()
    made = converter("io.confluent.connect.avro.AvroConverter", {}, is_key=False, registry=registry)
    schema = s.struct({
        "small": s.ConnectSchema(s.Type.INT8, doc="tiny"),
        "n": s.ConnectSchema(s.Type.STRING, default="none"),
        "o": s.ConnectSchema(s.Type.INT64, optional=True, name="io.debezium.time.MicroTimestamp", version=1),
        "k": s.map_of(s.INT32, s.STRING),
        "f": s.FLOAT32,
    }, name="a.B", version=4)  # fmt: skip
    value = {"small": 1, "n": None, "o": 5, "k": {7: "x"}, "f": 1.5}
    (payload,) = made.encode_all("t", [(schema, value)])
    assert isinstance(payload, bytes), payload
    (back,) = made.decode_all("t", [payload])
    assert back == (schema, {**value, "n": "none"})
    assert registry.subjects() == ["t-value"]


@pytest.mark.parametrize("name", _WITH_REGISTRY)
@pytest.mark.parametrize("payload", [b"", b"{}", b"\x00\x00\x00\x00\x63abc"])
def test_bytes_without_a_known_schema_are_an_error_in_their_place(name: str, payload: bytes) -> None:
    made = converter(name, {}, is_key=False, registry=LocalSchemaRegistry())
    good = made.encode_all("t", [(_SCHEMA, _VALUE)])[0]
    assert isinstance(good, bytes)
    found = made.decode_all("t", [good, payload, None])
    assert [isinstance(item, DataError) for item in found] == [False, True, False]


def test_avro_names_the_required_field_that_is_missing() -> None:
    made = converter("AvroConverter", {}, is_key=False, registry=LocalSchemaRegistry())
    (found,) = made.encode_all("t", [(_SCHEMA, {**_VALUE, "id": None})])
    assert isinstance(found, DataError)
    assert "id" in str(found)


PRIMITIVES: list[tuple[str, Any, bytes]] = [
    ("org.apache.kafka.connect.storage.StringConverter", "é", b"\xc3\xa9"),
    ("org.apache.kafka.connect.converters.ByteArrayConverter", b"\x00x", b"\x00x"),
    ("org.apache.kafka.connect.converters.LongConverter", -2, b"\xff" * 7 + b"\xfe"),
    ("org.apache.kafka.connect.converters.IntegerConverter", 258, b"\x00\x00\x01\x02"),
    ("org.apache.kafka.connect.converters.ShortConverter", 258, b"\x01\x02"),
    ("org.apache.kafka.connect.converters.FloatConverter", 1.5, b"\x3f\xc0\x00\x00"),
    ("org.apache.kafka.connect.converters.DoubleConverter", 1.5, b"\x3f\xf8" + bytes(6)),
    ("org.apache.kafka.connect.converters.BooleanConverter", True, b"\x01"),
]


@pytest.mark.parametrize(("name", "value", "payload"), PRIMITIVES)
def test_single_values_are_written_as_kafkas_serializers_write_them(name: str, value: Any, payload: bytes) -> None:
    made = converter(name, {}, is_key=True)
    assert made.encode("t", None, value) == payload
    assert made.decode("t", payload).value == value
    assert made.encode("t", None, None) is None
    assert made.decode("t", None).value is None


@pytest.mark.parametrize(("text", "value"), [
    (b"17", 17), (b"1.5", 1.5), (b"true", True), (b"text", "text"), (b"[1,2]", [1, 2]), (b'{"a":"b"}', {"a": "b"}),
    (b"2020-01-02", date(2020, 1, 2)), (b"null", None),
])  # fmt: skip
def test_headers_are_readable_text_whose_type_is_guessed(text: bytes, value: Any) -> None:
    made = converter("org.apache.kafka.connect.storage.SimpleHeaderConverter", {}, is_key=False)
    assert made.decode("t", text).value == value
    if value is not None:
        assert made.encode("t", None, value) == text


def test_an_unknown_class_and_a_wrong_setting_are_told() -> None:
    with pytest.raises(UsageError, match="could not be found"):
        converter("com.example.Nothing", {}, is_key=False)
    with pytest.raises(UsageError, match=r"schemas\.enable"):
        converter("JsonConverter", {"schemas.enable": "perhaps"}, is_key=False)
