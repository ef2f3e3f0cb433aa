"""How answers are written: tables for people, JSON lines or CSV for programs."""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Protocol, TextIO

import msgspec
from rich.box import SQUARE
from rich.console import Console
from rich.table import Table

from headwater.cli.sql.blocks import Block, blocks
from headwater.cli.sql.client import Entity, Header
from headwater.cli.sql.grid import Grid, column_widths

UNLIMITED = 100_000
"""Columns of a pipe: no line is wrapped there."""
FORMATS = ("table", "json", "csv")


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


def make_output(name: str, stream: TextIO | None = None) -> Output:
    """The output of that name, one of `FORMATS`, to a stream; default is standard output."""
    target = stream or sys.stdout
    if name == "json":
        return JsonOutput(target)
    return CsvOutput(target) if name == "csv" else TableOutput(target)


class _Console(Console):
    """Leaves a closed pipe to the command, which ends quietly; rich would exit with code 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class TableOutput:
    """Tables that fit the terminal; in a pipe they are as wide as they need."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._grid: Grid | None = None

    @property
    def _width(self) -> int | None:
        return shutil.get_terminal_size().columns if self._is_terminal else None

    def entities(self, entities: Iterable[Entity]) -> None:
        # The console asks for the size anew each time, so a resized window is honoured.
        console = _Console(file=self._stream, width=self._width or UNLIMITED, highlight=False, markup=False)
        for entity in entities:
            for block in blocks(entity):
                _print_block(console, block)

    def head(self, header: Header) -> None:
        widths = column_widths(header.column_names, header.column_types, (), self._width)
        self._grid = Grid(widths, wrap=self._is_terminal)
        self._write(self._grid.head(header.column_names))

    def row(self, cells: Sequence[bytes]) -> None:
        if self._grid is not None:
            self._write(self._grid.row([cell_text(cell, null="NULL") for cell in cells]))

    def end(self, rows: int) -> None:
        if self._grid is not None:
            # On a terminal the line may begin with the ^C that ended the query: the foot is longer and covers it.
            start = "\r" if self._is_terminal else ""
            self._write([start + self._grid.foot(), f"{rows} row{'' if rows == 1 else 's'}"])
            self._grid = None

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

    def __init__(self, stream: TextIO) -> None:
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

    def __init__(self, stream: TextIO) -> None:
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
