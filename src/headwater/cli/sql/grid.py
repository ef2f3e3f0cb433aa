"""A table that is printed row by row as rows come, with columns that fit the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from rich.cells import cell_len, chop_cells, set_cell_size

MINIMUM_WIDTH = 6
_TYPE_WIDTHS = {"BOOLEAN": 5, "INTEGER": 11, "BIGINT": 13, "DOUBLE": 12, "DATE": 10, "TIME": 12, "TIMESTAMP": 23}
"""What values of a type usually need: rows that come later have to fit, too."""
_OTHER_WIDTH = 16
_LONGEST = 60


def column_widths(
    names: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str]], total: int | None
) -> list[int]:
    """A width per column: what header, type and the rows at hand need, shrunk evenly until `total` cells hold all.

    `total` None is a pipe, where nothing is shrunk.
    """
    widths = [max(cell_len(n), _TYPE_WIDTHS.get(t, _OTHER_WIDTH)) for n, t in zip(names, types, strict=True)]
    for row in rows:
        widths = [max(width, min(cell_len(cell), _LONGEST)) for width, cell in zip(widths, row, strict=True)]
    if total is None:
        return widths
    room = max(total - 3 * len(widths) - 1, MINIMUM_WIDTH * len(widths))
    return _shrunk(widths, room)


def _shrunk(widths: Sequence[int], room: int) -> list[int]:
    """The widest columns give first: the result is `min(width, limit)` for the largest limit that fits."""
    if sum(widths) <= room:
        return list(widths)
    limit = next(
        (n for n in range(max(widths), MINIMUM_WIDTH, -1) if sum(min(w, n) for w in widths) <= room), MINIMUM_WIDTH
    )
    return [min(width, limit) for width in widths]


class Grid:
    """Renders lines for given widths. Long cells are wrapped where `wrap` is set, else they stick out."""

    def __init__(self, widths: Sequence[int], *, wrap: bool) -> None:
        self._widths = widths
        self._wrap = wrap

    def head(self, names: Sequence[str]) -> Iterator[str]:
        yield self._rule("┌", "┬", "┐")
        yield from self.row(names)
        yield self._rule("├", "┼", "┤")

    def row(self, cells: Sequence[str]) -> Iterator[str]:
        """The lines of one row."""
        parts = [self._lines(cell, width) for cell, width in zip(cells, self._widths, strict=True)]
        for line in zip_longest(*parts, fillvalue=""):
            yield "│" + "│".join(f" {_padded(c, w)} " for c, w in zip(line, self._widths, strict=True)) + "│"

    def foot(self) -> str:
        return self._rule("└", "┴", "┘")

    def _rule(self, left: str, middle: str, right: str) -> str:
        return left + middle.join("─" * (width + 2) for width in self._widths) + right

    def _lines(self, cell: str, width: int) -> list[str]:
        if not self._wrap:
            return [cell.replace("\n", "\\n")]
        return [piece for line in cell.split("\n") for piece in chop_cells(line, width) or [""]]


def _padded(text: str, width: int) -> str:
    return text if cell_len(text) >= width else set_cell_size(text, width)
