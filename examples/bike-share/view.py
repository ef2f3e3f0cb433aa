"""The live view: which bikes should be moved where, and whose data changed. Two push queries, drawn with rich."""

from __future__ import annotations

from collections import deque

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
        self.pairs: dict[str, list[object]] = {}
        self.customers: deque[list[object]] = deque(maxlen=ROWS)
        self.matches = 0

    def match(self, row: list[object]) -> None:
        # The newest first.
        self.pairs.pop(str(row[0]), None)
        self.pairs[str(row[0])] = row
        self.matches += 1

    def change(self, row: list[object]) -> None:
        self.customers.appendleft(row)

    def drawn(self) -> Group:
        moves = Table(title="Bikes to move", min_width=72)
        for name in ("From", "To", "Spare", "Move", "Miles"):
            moves.add_column(name, justify="left" if name in ("From", "To") else "right")
        for _, source, destination, surplus, bikes, miles in list(self.pairs.values())[: -ROWS - 1 : -1]:
            moves.add_row(str(source), str(destination), str(surplus), Text(str(bikes), "green"), f"{miles:.2f}")
        customers = Table(title="Customers", min_width=38)
        for name in ("Id", "Name", "Age", "Income"):
            customers.add_column(name, justify="left" if name in ("Id", "Name") else "right")
        for number, first, last, age, income in list(self.customers):
            customers.add_row(str(number), f"{first} {last}", str(age), str(income))
        summary = f"{len(self.pairs)} pairs of stations   {self.matches} matches   Ctrl-C stops"
        return Group(Columns([moves, customers]), Text(summary, "dim"))


def show_board(client: Client) -> None:
    """Draw until interrupted."""
    board = Board()
    pairs = (
        "SELECT pair, `source`, `destination`, `surplus`, `redistribution`, `distance` "
        'FROM "inventory_redistribution" EMIT CHANGES;'
    )
    customers = (
        "SELECT `customer_id`, `first_name`, `last_name`, `age`, `income` "
        'FROM "customers_enriched" EMIT CHANGES;'
    )  # fmt: skip
    show(client, {pairs: board.match, customers: board.change}, board.drawn)
