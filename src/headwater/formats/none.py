"""The NONE format: no columns, null payloads."""

from __future__ import annotations

from headwater.core.schema import Column
from headwater.formats import base, checks
from headwater.formats.api import Reader, SchemaRegistry, SerdeOptions, Writer


class NoneFormat(base.FormatBase):
    """Section 9 of the format rules."""

    name = "NONE"

    def reason_against(self, columns: tuple[Column, ...]) -> str | None:
        if not columns:
            return None
        return f"The 'NONE' format can only be used when no columns are defined. Got: {checks.columns_text(columns)}"

    def column_reader(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Reader:
        return base.empty_reader()

    def column_writer(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Writer:
        return base.empty_writer()


FORMAT = NoneFormat()
