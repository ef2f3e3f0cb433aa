"""A table that is printed row by row as rows come, with columns that fit the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Protocol

from rich.cells import cell_len, chop_cells, set_cell_size

MINIMUM_WIDTH = 6
_TYPE_WIDTHS = {"BOOLEAN": 5, "INTEGER": 11, "BIGINT": 13, "DOUBLE": 12, "DATE": 10, "TIME": 12, "TIMESTAMP": 23}
"""What values of a type usually need: rows that come later have to fit, too."""
_OTHER_WIDTH = 16
_LONGEST = 60


def column_widths(
    names: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str]], total: int | None
) -> list[int]:
    """A width per column: what header, type and the rows at hand need, shrunk evenly until `total` cells hold all; room
    to spare goes to texts and nested values.

    `total` None is a pipe, where columns may be as wide as they like.
    """
    widths = [max(cell_len(n), _TYPE_WIDTHS.get(t, _OTHER_WIDTH)) for n, t in zip(names, types, strict=True)]
    for row in rows:
        widths = [max(width, min(cell_len(cell), _LONGEST)) for width, cell in zip(widths, row, strict=True)]
    if total is None:
        return widths
    room = max(total - 3 * len(widths) - 1, MINIMUM_WIDTH * len(widths))
    texts = [n for n, kind in enumerate(types) if kind not in _TYPE_WIDTHS]
    spare = max(room - sum(widths), 0)
    for n in texts:
        widths[n] = max(widths[n], min(widths[n] + spare // len(texts), _LONGEST))
    return _shrunk(widths, room)


def _shrunk(widths: Sequence[int], room: int) -> list[int]:
    """The widest columns give first: the result is `min(width, limit)` for the largest limit that fits."""
    if sum(widths) <= room:
        return list(widths)
    limit = next(
        (n for n in range(max(widths), MINIMUM_WIDTH, -1) if sum(min(w, n) for w in widths) <= room), MINIMUM_WIDTH
    )
    return [min(width, limit) for width in widths]


class Layout(Protocol):
    """How rows are drawn, at one width."""

    def head(self, names: Sequence[str]) -> Iterator[str]:
        """What comes before the rows."""
        ...

    def row(self, cells: Sequence[str]) -> Iterator[str]:
        """The lines of one row."""
        ...

    def foot(self) -> str:
        """What comes after the last row; "" for nothing."""
        ...


def layout(names: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str]], total: int | None) -> Layout:
    """A grid, or one line per column where `total` cells cannot hold all columns side by side."""
    if total is not None and (MINIMUM_WIDTH + 3) * len(names) + 1 > total:
        return Vertical(names, total)
    return Grid(column_widths(names, types, rows, total))


class Grid:
    """Columns side by side. Cells that are too wide are folded inside their column, so the frame always holds."""

    def __init__(self, widths: Sequence[int]) -> None:
        self._widths = widths

    def head(self, names: Sequence[str]) -> Iterator[str]:
        yield self._rule("┌", "┬", "┐")
        yield from self.row(names)
        yield self._rule("├", "┼", "┤")

    def row(self, cells: Sequence[str]) -> Iterator[str]:
        parts = [folded(cell, width) for cell, width in zip(cells, self._widths, strict=True)]
        for line in zip_longest(*parts, fillvalue=""):
            yield "│" + "│".join(f" {set_cell_size(c, w)} " for c, w in zip(line, self._widths, strict=True)) + "│"

    def foot(self) -> str:
        return self._rule("└", "┴", "┘")

    def _rule(self, left: str, middle: str, right: str) -> str:
        return left + middle.join("─" * (width + 2) for width in self._widths) + right


class Vertical:
    """A line per column, `NAME │ value`, with a rule before each row; long values go on under themselves."""

    def __init__(self, names: Sequence[str], total: int) -> None:
        self._total = max(total, 2 * MINIMUM_WIDTH + 3)
        self._width = min(max(map(cell_len, names)), (self._total - 3) // 2)
        self._names = [folded(name, self._width) for name in names]
        self._rows = 0

    def head(self, names: Sequence[str]) -> Iterator[str]:
        """Nothing: each row says the names."""
        yield from ()

    def row(self, cells: Sequence[str]) -> Iterator[str]:
        self._rows += 1
        title = f"── row {self._rows} "
        yield title + "─" * (self._total - len(title))
        for name, cell in zip(self._names, cells, strict=True):
            value = folded(cell, self._total - self._width - 3)
            for left, right in zip_longest(name, value, fillvalue=""):
                yield f"{set_cell_size(left, self._width)} │ {right}".rstrip()

    def foot(self) -> str:
        return "─" * self._total


def folded(cell: str, width: int) -> list[str]:
    """The lines of a cell. Control characters are spelled out: they would move the cursor of a terminal."""
    return [piece for line in cell.split("\n") for piece in chop_cells(_spelled_out(line), width) or [""]]


def _spelled_out(line: str) -> str:
    return line if line.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)
