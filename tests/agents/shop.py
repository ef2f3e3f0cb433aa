"""An app for tests: numbers each order and counts them by customer."""

from __future__ import annotations

from headwater.agents import App, Record

app = App("shop", session_timeout=6.0)
counts = app.table("counts", default=int)


class Order(Record):
    """An order."""

    id: int
    customer: str


class Numbered(Order):
    """An order, and the how manieth of its customer it is."""

    number: int


@app.agent("orders", sink="numbered")
def number(order: Order) -> Numbered:
    """Counts."""
    counts[order.customer] += 1
    app.send("ids", order.id)
    return Numbered.of(order, number=counts[order.customer])
