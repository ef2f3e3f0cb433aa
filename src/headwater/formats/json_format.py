"""The JSON format: objects of columns, or bare values."""

from __future__ import annotations

from headwater.core.schema import Column
from headwater.formats import checks, json_read, json_write
from headwater.formats.api import Reader, SchemaRegistry, SerdeOptions, Writer
from headwater.formats.base import FormatBase


class JsonFormat(FormatBase):
    """Section 5 of the format rules."""

    name = "JSON"

    def reason_against(self, columns: tuple[Column, ...]) -> str | None:
        return "JSON only supports MAP types with STRING keys" if checks.has_map_without_string_key(columns) else None

    def column_reader(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Reader:
        return json_read.reader(columns, self.is_wrapped(columns, options), topic, options.is_key)

    def column_writer(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Writer:
        return json_write.writer(columns, self.is_wrapped(columns, options), topic, options.is_key)


FORMAT = JsonFormat()
