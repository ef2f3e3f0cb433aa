"""How commands show rows: a table for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from headwater.core.errors import ConfigError

OUTPUTS = ("table", "json")


def check_output(output: str) -> None:
    """Raise `ConfigError` unless it is one that we have."""
    if output not in OUTPUTS:
        raise ConfigError(f"--output must be one of {', '.join(OUTPUTS)}, not `{output}`")


def show(output: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print the rows; `columns` are the heads, and the names in JSON with `_` for spaces. Raises `ConfigError`."""
    check_output(output)
    if output == "json":
        names = [column.lower().replace(" ", "_") for column in columns]
        print(as_json([dict(zip(names, row, strict=True)) for row in rows]))
    elif sys.stdout.isatty():
        _show_grid(columns, rows)
    else:
        _show_columns(columns, rows)


def _show_grid(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    for index, column in enumerate(columns):
        is_number = bool(rows) and all(isinstance(row[index], int) or row[index] is None for row in rows)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_text(cell)) for cell in row))  # `Text`: a name with brackets is no markup
    Console().print(table)


def _show_columns(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """For pipes: aligned, one line per row, nothing that `awk` would stumble over."""
    lines = [
        [column.upper().replace(" ", "-") for column in columns],
        *([_text(c) or "-" for c in row] for row in rows),
    ]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def utc(ms: int) -> str:
    """A moment as people and programs read it."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)
