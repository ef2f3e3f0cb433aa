"""What the formats share: checks, and sides without columns."""

from __future__ import annotations

from dataclasses import replace

from headwater.core.errors import SerializationError
from headwater.core.schema import Column
from headwater.core.surrogates import cleaned
from headwater.formats import checks
from headwater.formats.api import Capabilities, Reader, SchemaRegistry, SerdeOptions, Writer
from headwater.formats.capabilities import MATRIX, is_wrapped


class FormatBase:
    """A format of the matrix; subclasses say how columns are read and written."""

    name: str

    @property
    def capabilities(self) -> Capabilities:
        return MATRIX[self.name]

    def check(self, columns: tuple[Column, ...], options: SerdeOptions) -> None:
        """Raise `AnalysisError` when these columns or options cannot be honoured."""
        checks.check(self.capabilities, columns, options, self.reason_against)

    def reason_against(self, columns: tuple[Column, ...]) -> str | None:
        """Why the columns cannot be written in this format, or None."""
        raise NotImplementedError

    def is_wrapped(self, columns: tuple[Column, ...], options: SerdeOptions) -> bool:
        return is_wrapped(self.capabilities, columns, options)

    def reader(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Reader:
        """A reader of these columns; a side without columns ignores its payload unless it is an object."""
        if not columns and (options.is_key or not self.capabilities.nested):
            return empty_reader()
        return self.column_reader(columns, options, topic, registry)

    def writer(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Writer:
        """A writer of these columns; a side without columns writes null payloads unless it is an object."""
        if not columns and (options.is_key or not self.capabilities.nested):
            return empty_writer()
        return _of_any_text(self.column_writer(columns, options, topic, registry))

    def column_reader(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Reader:
        raise NotImplementedError

    def column_writer(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Writer:
        raise NotImplementedError


def empty_reader() -> Reader:
    """Reads no columns whatever the payload is."""
    return Reader((), lambda payload: (), ())


def empty_writer() -> Writer:
    """Writes null payloads."""
    return Writer((), lambda: None, "None", {})


def _of_any_text(writer: Writer) -> Writer:
    """The writer, with lone surrogates written as Java writes them. They fail first, so that nothing else is slower."""
    inner = writer.encode

    def encode(*values: object) -> bytes | None:
        try:
            return inner(*values)
        except SerializationError:
            encodable = cleaned(values)
            if encodable is values:
                raise
        return inner(*encodable)

    return replace(writer, encode=encode)
