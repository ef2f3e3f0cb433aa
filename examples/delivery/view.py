"""The live view: every delivery as it changes. One push query, drawn with rich."""

from __future__ import annotations

from collections import Counter

from common.ksql import Client
from common.view import Row, show
from rich.console import Group
from rich.table import Table
from rich.text import Text

SHOWN = 18
COLOURS = {"Created": "dim", "Assigned": "cyan", "Picked up": "blue", "On the way": "yellow", "Arriving": "magenta",
           "Failed": "red", "Delivered": "green"}  # fmt: skip
QUERY = """SELECT DELIVERIES_ID, ORDER_ID, DELIVERY_TYPE, MILEAGE, FROM_CITY, TO_CITY, STATUS
           FROM FULLDELIVERY EMIT CHANGES;"""


class Board:
    """The last state of each delivery, the one that changed last at the end."""

    def __init__(self) -> None:
        self.deliveries: dict[object, Row] = {}

    def take(self, row: Row) -> None:
        self.deliveries.pop(row[0], None)
        self.deliveries[row[0]] = row

    def drawn(self) -> Group:
        rows = list(self.deliveries.values())
        table = Table(title="Deliveries, by their last change")
        for name in ("Delivery", "Order", "Type", "Miles", "From", "To", "Status"):
            table.add_column(name, justify="right" if name in ("Delivery", "Order", "Miles") else "left", no_wrap=True)
        for *cells, status in rows[: -SHOWN - 1 : -1]:
            table.add_row(*map(str, cells), Text(str(status), COLOURS.get(str(status), "")))
        counts = Counter(str(row[-1]) for row in rows)
        summary = "   ".join(f"{status} {counts[status]}" for status in COLOURS if counts[status])
        return Group(table, Text(f"{summary}   Ctrl-C stops", "dim"))


def show_deliveries(client: Client) -> None:
    """Draw until interrupted; raises what ended the query."""
    board = Board()
    show(client, {QUERY: board.take}, board.drawn, since="earliest")
