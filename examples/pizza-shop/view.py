"""The live view: every order on its way through the shop. Two push queries, drawn with rich."""

from __future__ import annotations

from common.ksql import Client
from common.view import Row, show
from data import Status
from rich.console import Group
from rich.table import Table
from rich.text import Text

SHOWN = 18
STAGES = (Status.ASSEMBLED, Status.BAKED, Status.DELIVERY_PENDING, Status.DELIVERED)
ORDERS = """SELECT order_id, order->username, order->main_topping, order->extra_toppings
            FROM PIZZA_ORDERED EMIT CHANGES;"""
STATUSES = "SELECT order_id, status, timestamp FROM PIZZA_STATUS EMIT CHANGES;"


class Board:
    """What is known of every order, and when it reached which stage (ms)."""

    def __init__(self) -> None:
        self.orders: dict[str, Row] = {}
        self.times: dict[str, dict[int, int]] = {}

    def take_order(self, row: Row) -> None:
        self.orders[str(row[0])] = row

    def take_status(self, row: Row) -> None:
        order_id, status, at = str(row[0]), int(str(row[1])), int(str(row[2]))
        self.times.setdefault(order_id, {})[status] = at

    def drawn(self) -> Group:
        table = Table(title="Pizzas")
        for name in ("Order", "For", "Pizza", "Assembled", "Baked", "Pending", "Delivered"):
            table.add_column(name, no_wrap=True)
        for order_id, times in list(self.times.items())[-SHOWN:]:
            _, customer, topping, extras = self.orders.get(order_id, ["", "", "", []])
            more = f" +{len(extras)}" if isinstance(extras, list) and extras else ""
            stages = [self._stage(times, stage) for stage in STAGES]
            table.add_row(order_id, str(customer), f"{topping}{more}", *stages)
        delivered = sum(Status.DELIVERED in times for times in list(self.times.values()))
        return Group(table, Text(f"{len(self.times)} ordered, {delivered} delivered   Ctrl-C stops", "dim"))

    @staticmethod
    def _stage(times: dict[int, int], stage: Status) -> Text:
        """Seconds since the order was placed."""
        if stage not in times:
            return Text("")
        return Text(f"{(times[stage] - times.get(Status.PLACED, times[stage])) / 1000:+.1f} s",
                    "green" if stage == Status.DELIVERED else "yellow")  # fmt: skip


def show_orders(client: Client) -> None:
    """Draw until interrupted; raises what ended a query."""
    board = Board()
    show(client, {ORDERS: board.take_order, STATUSES: board.take_status}, board.drawn, since="earliest")
