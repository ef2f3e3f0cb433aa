"""The AVRO format: Avro binary under a schema of the registry."""

from __future__ import annotations

import json
from collections.abc import Callable

from headwater.core.errors import AnalysisError
from headwater.core.schema import Column
from headwater.formats import avro_decode, avro_encode, avro_schema, avro_types, checks, framing, registered
from headwater.formats import capabilities as caps
from headwater.formats.api import Reader, RegisteredSchema, SchemaRegistry, SerdeOptions, Writer
from headwater.formats.base import FormatBase
from headwater.formats.failures import Refused, SchemaError, unwritable

_HINT = "The data may not be Avro of a schema registry: check the format of the topic."


class AvroFormat(FormatBase):
    """Section 7 of the format rules."""

    name = "AVRO"
    schema_kind = "AVRO"

    def reason_against(self, columns: tuple[Column, ...]) -> str | None:
        return "Avro only supports MAPs with STRING keys" if checks.has_map_without_string_key(columns) else None

    def check(self, columns: tuple[Column, ...], options: SerdeOptions) -> None:
        super().check(columns, options)
        if columns:
            self.schema_text(columns, options)

    def schema_text(self, columns: tuple[Column, ...], options: SerdeOptions) -> str:
        """The schema to register for the columns. Raises `AnalysisError` for names that Avro does not allow."""
        full_name = options.properties.get(caps.AVRO_SCHEMA_FULL_NAME) or options.properties.get(caps.SCHEMA_FULL_NAME)
        try:
            doc = avro_types.schema_of(columns, self.is_wrapped(columns, options), full_name or avro_types.VALUE_NAME)
        except SchemaError as error:
            raise AnalysisError(f"Schema is not compatible with Avro: {error}") from None
        return json.dumps(doc, separators=(",", ":"))

    def column_reader(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Reader:
        wrapped = self.is_wrapped(columns, options)
        fields = [(c.name, c.type) for c in columns]

        def make(schema: RegisteredSchema) -> avro_decode.Decode:
            if schema.kind != "AVRO":
                raise SchemaError(f"it is a schema of kind {schema.kind}, not AVRO")
            return avro_decode.decoder(avro_schema.parse(schema.schema, schema.references), fields, wrapped)

        decode = registered.decode_by_id(registered.needed(registry, self.name), make, topic, options.is_key, _HINT)
        return Reader(columns, decode, tuple(f"row[{i}]" for i in range(len(columns))) if wrapped else ("row",))

    def column_writer(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Writer:
        port = registered.needed(registry, self.name)
        wrapped = self.is_wrapped(columns, options)
        given = options.properties.get(caps.SCHEMA_ID)
        if given is None:
            text = self.schema_text(columns, options)
            schema_id = port.register(registered.subject(topic, options.is_key), self.schema_kind, text)
            schema = avro_schema.parse(text)
        else:
            schema_id = int(given)
            held = port.by_id(schema_id)
            schema = avro_schema.parse(held.schema, held.references)
        quick = avro_encode.encoder(schema, [(c.name, c.type) for c in columns], wrapped, framing.header(schema_id))
        return _writer(columns, quick, wrapped, topic, options.is_key)


def _writer(
    columns: tuple[Column, ...], quick: Callable[..., bytes], wrapped: bool, topic: str, is_key: bool
) -> Writer:
    def encode(*values: object) -> bytes | None:
        if not wrapped and values[0] is None:
            return None
        try:
            return quick(*values)
        except Refused as refused:
            raise unwritable(topic, is_key, refused.reason) from None
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise unwritable(topic, is_key, str(error)) from error

    inline = "encode_row({args})" if wrapped else "(None if (_bare := {args}) is None else encode_row(_bare))"
    return Writer(columns, encode, inline, {"encode_row": quick})


FORMAT = AvroFormat()
