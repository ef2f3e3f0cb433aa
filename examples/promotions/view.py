"""The live view: what should be promoted, and what people look at. Two push queries, drawn with rich."""

from __future__ import annotations

from collections import Counter, deque

from common.ksql import Client
from common.view import show
from rich.columns import Columns
from rich.console import Group
from rich.table import Table
from rich.text import Text

ROWS = 16


class Board:
    """What is on show; rows come in one by one."""

    def __init__(self) -> None:
        self.promotions: dict[str, list[object]] = {}
        self.viewed: Counter[int] = Counter()
        self.clicks: deque[list[object]] = deque(maxlen=ROWS)

    def promote(self, row: list[object]) -> None:
        # The newest first.
        self.promotions.pop(str(row[1]), None)
        self.promotions[str(row[1])] = row

    def click(self, row: list[object]) -> None:
        self.clicks.appendleft(row)
        self.viewed[int(str(row[1]))] += 1

    def drawn(self) -> Group:
        promotions = Table(title="Promote: much in stock, bought less than expected", min_width=62)
        for name in ("Time in London", "Product", "Stock %", "Sold/h", "Expected/h"):
            promotions.add_column(name, justify="left" if name in ("Time in London", "Product") else "right")
        for at, product, stock, sold, wanted in list(self.promotions.values())[: -ROWS - 1 : -1]:
            promotions.add_row(str(at), str(product), Text(f"{stock:.1f}", "green"), str(sold), str(wanted))
        clicks = Table(title="Clicks", min_width=34)
        for name in ("From", "Product", "Views"):
            clicks.add_column(name, justify="left" if name == "From" else "right")
        for ip, product in list(self.clicks):
            clicks.add_row(str(ip), str(product), str(self.viewed[int(str(product))]))
        summary = f"{len(self.promotions)} products to promote   {self.viewed.total()} clicks   Ctrl-C stops"
        return Group(Columns([promotions, clicks]), Text(summary, "dim"))


def show_board(client: Client) -> None:
    """Draw until interrupted."""
    board = Board()
    promotions = (
        "SELECT TS, PRODUCT_NAME, STOCK_LEVEL, TXN_PER_HOUR, EXPECTED_TXN_PER_HOUR FROM ABC_PROMOTIONS EMIT CHANGES;"
    )
    clicks = "SELECT IP, PROD_ID FROM CLICKS EMIT CHANGES;"
    show(client, {promotions: board.promote, clicks: board.click}, board.drawn)
