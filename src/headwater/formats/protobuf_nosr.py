"""The PROTOBUF_NOSR format: bare messages, whose fields are numbered in the order of the declared columns."""

from __future__ import annotations

from headwater.core.schema import Column
from headwater.formats import proto_file
from headwater.formats.api import Reader, SchemaRegistry, SerdeOptions, Writer
from headwater.formats.protobuf_format import ProtobufFormat, message_reader, message_writer


class ProtobufNoRegistryFormat(ProtobufFormat):
    """Section 8 of the format rules, without a registry: the schema is the columns'."""

    name = "PROTOBUF_NOSR"

    def column_reader(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Reader:
        file = proto_file.load(self.schema_text(columns, options))
        return message_reader(columns, file, file.message(None), topic, options.is_key)

    def column_writer(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Writer:
        file = proto_file.load(self.schema_text(columns, options))
        return message_writer(columns, file, file.message(None), b"", topic, options.is_key)


FORMAT = ProtobufNoRegistryFormat()
