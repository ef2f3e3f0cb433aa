"""How answers are written: tables for people, JSON lines or CSV for programs."""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Protocol

import msgspec
from rich.box import SQUARE
from rich.console import Console
from rich.table import Table

from headwater.cli.sql.blocks import Block, blocks
from headwater.cli.sql.client import Entity, Header
from headwater.cli.sql.grid import Layout, layout

UNLIMITED = 100_000
"""Columns of a pipe: no line is wrapped there."""
FORMATS = ("table", "json", "csv")


class Stream(Protocol):
    """Where output goes: standard output, or that and a file."""

    def write(self, text: str, /) -> int: ...

    def flush(self) -> None: ...

    def isatty(self) -> bool: ...


class Output(Protocol):
    """One way to write. Rows are JSON texts per cell, as the server sent them."""

    def entities(self, entities: Iterable[Entity]) -> None: ...

    def head(self, header: Header) -> None:
        """Before the rows of a query."""
        ...

    def row(self, cells: Sequence[bytes]) -> None: ...

    def end(self, rows: int) -> None:
        """After the last of so many rows, also when the query was stopped."""
        ...

    def line(self, text: str) -> None:
        """A line of PRINT."""
        ...

    def note(self, text: str) -> None:
        """Something for a person to know; not data."""
        ...


def make_output(name: str, stream: Stream | None = None) -> Output:
    """The output of that name, one of `FORMATS`, to a stream; default is standard output."""
    target = stream or sys.stdout
    if name == "json":
        return JsonOutput(target)
    return CsvOutput(target) if name == "csv" else TableOutput(target)


class TableOutput:
    """Tables that fit the terminal, also after it was resized; in a pipe the first row says how wide columns are."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._header: Header | None = None
        self._layout: Layout | None = None
        self._drawn_width: int | None = None

    @property
    def _width(self) -> int | None:
        return shutil.get_terminal_size().columns if self._is_terminal else None

    def entities(self, entities: Iterable[Entity]) -> None:
        text = StringIO()
        console = Console(
            file=text,
            width=self._width or UNLIMITED,
            force_terminal=self._is_terminal,
            highlight=False,
            markup=False,
        )
        for entity in entities:
            for block in blocks(entity):
                _print_block(console, block)
        self._stream.write(text.getvalue())
        self._stream.flush()

    def head(self, header: Header) -> None:
        self._header = header
        if self._is_terminal:  # a person sees at once that the query runs; a program waits for the first row
            self._begin(())

    def row(self, cells: Sequence[bytes]) -> None:
        texts = [cell_text(cell, null="NULL") for cell in cells]
        if self._layout is None:
            self._begin([texts])
        elif self._width != self._drawn_width:
            self._write(line for line in [self._layout.foot()] if line)
            self._begin([texts])
        if self._layout is not None:
            self._write(self._layout.row(texts))

    def _begin(self, rows: Sequence[Sequence[str]]) -> None:
        """Draw the head for the width that the terminal has now."""
        if self._header is None:
            return
        names, self._drawn_width = self._header.column_names, self._width
        self._layout = layout(names, self._header.column_types, rows, self._drawn_width)
        self._write(self._layout.head(names))

    def end(self, rows: int) -> None:
        if self._layout is None:
            self._begin(())
        if self._layout is not None:
            # On a terminal the line may begin with the ^C that ended the query: the foot is longer and covers it.
            start = "\r" if self._is_terminal else ""
            self._write([start + self._layout.foot(), f"{rows} row{'' if rows == 1 else 's'}"])
        self._header = self._layout = None

    def line(self, text: str) -> None:
        self._write([text])

    def note(self, text: str) -> None:
        self._write([text])

    def _write(self, lines: Iterable[str]) -> None:
        self._stream.write("".join(f"{line}\n" for line in lines))
        self._stream.flush()


def _print_block(console: Console, block: Block) -> None:
    if not block.columns:
        console.print(block.text, soft_wrap=True)
        return
    if not block.rows:
        console.print(f"{block.title}: none")
        return
    table = Table(title=block.title, title_justify="left", title_style="bold", box=SQUARE, header_style="bold")
    for column in block.columns:
        table.add_column(column, overflow="fold")
    for row in block.rows:
        table.add_row(*row)
    console.print(table)


class JsonOutput:
    """One JSON document per line: entities as the server sent them, rows as objects by column name."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._names: list[str] = []

    def entities(self, entities: Iterable[Entity]) -> None:
        for entity in entities:
            self._write(msgspec.json.encode(entity).decode())

    def head(self, header: Header) -> None:
        self._names = [msgspec.json.encode(name).decode() for name in header.column_names]

    def row(self, cells: Sequence[bytes]) -> None:
        # The cells' own text is kept, so decimals keep their digits.
        members = (f"{name}:{cell.decode()}" for name, cell in zip(self._names, cells, strict=True))
        self._write("{" + ",".join(members) + "}")

    def end(self, rows: int) -> None:
        """Nothing is written: lines end by themselves."""

    def line(self, text: str) -> None:
        self._write(text)

    def note(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")

    def _write(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


class CsvOutput:
    """Comma-separated values with a header line, for rows and for lists; nested values are JSON."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def entities(self, entities: Iterable[Entity]) -> None:
        for entity in entities:
            for block in blocks(entity):
                if block.columns:
                    self._write(block.columns)
                    for row in block.rows:
                        self._write(row)
                else:
                    self.note(block.text)

    def head(self, header: Header) -> None:
        self._write(header.column_names)

    def row(self, cells: Sequence[bytes]) -> None:
        self._write([cell_text(cell, null="") for cell in cells])

    def end(self, rows: int) -> None:
        """Nothing is written: lines end by themselves."""

    def line(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()

    def note(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")

    def _write(self, cells: Sequence[str]) -> None:
        buffer = StringIO()
        csv.writer(buffer, lineterminator="\n").writerow(cells)
        self._stream.write(buffer.getvalue())
        self._stream.flush()


def cell_text(cell: bytes, null: str) -> str:
    """A JSON value as a person reads it: strings without quotes, numbers with the digits the server wrote."""
    if cell == b"null":
        return null
    return str(msgspec.json.decode(cell)) if cell.startswith(b'"') else cell.decode()
