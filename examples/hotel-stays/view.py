"""The live view: hotels and searches per length of stay. A push query on the table, drawn with rich."""

from __future__ import annotations

from common.ksql import Client
from common.view import show
from rich.console import Group
from rich.table import Table
from rich.text import Text

BAR = 30


class Board:
    """What is on show; rows come in one by one."""

    def __init__(self) -> None:
        self.counts: dict[str, tuple[int, int]] = {}

    def count(self, row: list[object]) -> None:
        name, hotels, searches = row
        self.counts[str(name)] = int(str(hotels)), int(str(searches))

    def drawn(self) -> Group:
        table = Table(title="Searches by length of stay")
        for name in ("Stay", "Hotels", "Searches", ""):
            table.add_column(name, justify="left" if name in ("Stay", "") else "right")
        counts = sorted(self.counts.items(), key=lambda item: -item[1][1])
        total = sum(searches for _, (_, searches) in counts)
        for name, (hotels, searches) in counts:
            bar = "█" * max(1, round(BAR * searches / total))
            table.add_row(name, str(hotels), str(searches), Text(bar, "red" if name.startswith("Err") else "green"))
        return Group(table, Text(f"{total} searches   Ctrl-C stops", "dim"))


def show_board(client: Client) -> None:
    """Draw until interrupted."""
    board = Board()
    show(client, {"SELECT * FROM stay_counts EMIT CHANGES;": board.count}, board.drawn)
