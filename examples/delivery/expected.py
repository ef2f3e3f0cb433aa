"""What the table must be, calculated without any of the platform: plain loops over the records of the ETL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from common.kafka import Event

WITHIN_MS = 2 * 3_600_000
Row = dict[str, Any]

FROM_DELIVERY = ("delivery_type", "notes", "status", "dispatch_at", "created_at", "updated_at", "mileage", "order_id")
FROM_DETAILS = tuple(
    f"{end}_{name}" for end in ("from", "to")
    for name in ("instructions", "contact_name", "address", "city", "state", "zip", "country", "phone_number")
)  # fmt: skip


def full_delivery(events: Iterable[Event]) -> dict[int, Row]:
    """Delivery id to row: of every column the last value, in the order of time, that is not NULL."""
    orders: dict[int, list[Event]] = defaultdict(list)
    details: dict[int, list[Event]] = defaultdict(list)
    deliveries: list[Event] = []
    for event in events:
        if event.topic == "orders":
            orders[number(event, "id")].append(event)
        elif event.topic == "delivery_details":
            details[number(event, "delivery_id")].append(event)
        else:
            deliveries.append(event)
    met = [
        (max(joined_at, detail.timestamp), delivery, order, detail)
        for delivery in deliveries
        for order in orders[number(delivery, "order_id")]
        if abs(delivery.timestamp - order.timestamp) <= WITHIN_MS
        for joined_at in [max(delivery.timestamp, order.timestamp)]
        for detail in details[number(delivery, "id")]
        if abs(joined_at - detail.timestamp) <= WITHIN_MS
    ]
    rows: dict[int, Row] = {}
    for _, delivery, order, detail in sorted(met, key=lambda meeting: meeting[0]):
        values = {"DELIVERY_ID": delivery.value["id"], "ORGANIZATION_ID": order.value["organization_id"]}
        values |= {name.upper(): delivery.value[name] for name in FROM_DELIVERY}
        values |= {name.upper(): detail.value[name] for name in FROM_DETAILS}
        row = rows.setdefault(number(delivery, "id"), dict.fromkeys(values))
        row.update((name, value) for name, value in values.items() if value is not None)
    return rows


def in_database(events: Iterable[Event]) -> dict[int, Row]:
    """Delivery id to the row that the database has of it at the end."""
    rows: dict[int, Row] = {}
    for event in events:
        if event.topic == "deliveries":
            rows[number(event, "id")] = event.value
            if event.value["op"] == "d":
                del rows[number(event, "id")]
    return rows


def departures(table: dict[int, Row], database: dict[int, Row]) -> list[str]:
    """Where the table is not what the database says, a sentence each."""
    said = [f"delivery {number} is not there" for number in sorted(database.keys() - table.keys())]
    said += [f"delivery {number} is still there, but was deleted" for number in sorted(table.keys() - database.keys())]
    for number in sorted(table.keys() & database.keys()):
        for name in ("status", "notes"):
            kept, now = table[number][name.upper()], database[number][name]
            if kept != now:
                said.append(f"delivery {number} keeps {name} '{kept}', which is now {now or 'NULL'}")
    return said


def number(event: Event, name: str) -> int:
    """An id in a record."""
    value = event.value[name]
    assert isinstance(value, int)
    return value
