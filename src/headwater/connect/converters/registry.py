"""Which converters there are, by the class names that configurations say."""

from __future__ import annotations

from collections.abc import Mapping

from headwater.connect.converters.api import Converter
from headwater.connect.converters.json_converter import JsonConverter
from headwater.connect.converters.primitive import (
    BooleanConverter,
    ByteArrayConverter,
    DoubleConverter,
    FloatConverter,
    IntegerConverter,
    LongConverter,
    ShortConverter,
    StringConverter,
)
from headwater.connect.converters.registered import AvroConverter, JsonSchemaConverter, ProtobufConverter
from headwater.connect.converters.simple_header import SimpleHeaderConverter
from headwater.connect.errors import UsageError
from headwater.formats.api import SchemaRegistry

CONVERTERS: tuple[type[Converter], ...] = (
    JsonConverter, StringConverter, ByteArrayConverter, LongConverter, IntegerConverter, ShortConverter, FloatConverter,
    DoubleConverter, BooleanConverter, SimpleHeaderConverter, AvroConverter, JsonSchemaConverter, ProtobufConverter,
)  # fmt: skip

DATA_FORMATS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "JSON": ("org.apache.kafka.connect.json.JsonConverter", {"schemas.enable": "false"}),
    "JSON_SR": ("io.confluent.connect.json.JsonSchemaConverter", {}),
    "AVRO": ("io.confluent.connect.avro.AvroConverter", {}),
    "PROTOBUF": ("io.confluent.connect.protobuf.ProtobufConverter", {}),
    "STRING": ("org.apache.kafka.connect.storage.StringConverter", {}),
    "BYTES": ("org.apache.kafka.connect.converters.ByteArrayConverter", {}),
    "BSON": ("org.apache.kafka.connect.converters.ByteArrayConverter", {}),
}
"""The cloud's `input.data.format` and `output.data.format`: the converter's class and its settings."""

_BY_NAME = {name: cls for cls in CONVERTERS for name in (*cls.names, cls.names[0].rpartition(".")[2])}


def converter(
    class_name: str, settings: Mapping[str, str], is_key: bool, registry: SchemaRegistry | None = None
) -> Converter:
    """The converter of a class name. Raises `UsageError` for a class that is unknown and for wrong settings."""
    found = _BY_NAME.get(class_name.strip())
    if found is None:
        known = ", ".join(cls.names[0] for cls in CONVERTERS)
        raise UsageError(f"Class {class_name} could not be found. Converters are: {known}")
    return found(settings, is_key, registry)
