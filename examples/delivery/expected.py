"""What every leg must have in the end, calculated without any of the platform: plain loops over what was done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.kafka import Event
from memory import Change
from model import DETAILS, TABLES

WITHIN_MS = 2 * 3_600_000
Row = dict[str, Any]

FROM_DELIVERY = ("delivery_type", "notes", "status", "dispatch_at", "created_at", "updated_at", "mileage", "order_id")
CLEAN = ("orders", "deliveries", "delivery_details")


@dataclass(frozen=True)
class Done:
    """What was done: the rows that were there when the capture began, the changes after it, the rows at the end."""

    first: Mapping[str, Sequence[Row]]
    changes: Sequence[Change]
    last: Mapping[str, Sequence[Row]]


def captured(done: Done, table: str) -> list[tuple[str, Row, int]]:
    """(op, row, transaction) of each record of a table: rows that were there are of one transaction, 0; of a deleted
    row only the id is told."""
    rows: list[tuple[str, Row, int]] = [("r", row, 0) for row in done.first[table]]
    for change in done.changes:
        if change.table == table:
            gone = {column: change.before["id"] if column == "id" else None for column in TABLES[table]} \
                if change.before is not None else {}  # fmt: skip
            rows.append((change.op, gone if change.after is None else change.after, change.transaction))
    return rows


def cleaned(done: Done, tx_ids: Mapping[int, int]) -> list[Event]:
    """The records of the ETL, table by table: the row with its transaction, as the database numbered it, and the
    operation. Their time is when the row was changed; that of a deletion is not told, and here 0."""
    return [
        Event(table, str(row["id"]), row | {"tx_id": tx_ids.get(number), "op": op},
              0 if op == "d" else millis(row["updated_at"]))
        for table in CLEAN for op, row, number in captured(done, table)
    ]  # fmt: skip


def millis(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def statuses(done: Done) -> dict[str, tuple[object, ...]]:
    """Delivery to (status, time of its last change)."""
    return {str(row["id"]): (row["status"], row["updated_at"]) for row in done.last["deliveries"]}


def full_delivery(events: Iterable[Event]) -> dict[int, Row]:
    """Delivery id to row: of every column the last value, in the order of time, that is not NULL."""
    orders: dict[int | None, list[Event]] = defaultdict(list)
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
        for order in orders[delivery.value["order_id"]]
        if abs(delivery.timestamp - order.timestamp) <= WITHIN_MS
        for joined_at in [max(delivery.timestamp, order.timestamp)]
        for detail in details[number(delivery, "id")]
        if abs(joined_at - detail.timestamp) <= WITHIN_MS
    ]
    rows: dict[int, Row] = {}
    for _, delivery, order, detail in sorted(met, key=lambda meeting: meeting[0]):
        values = {"DELIVERY_ID": delivery.value["id"], "ORGANIZATION_ID": order.value["organization_id"]}
        values |= {name.upper(): delivery.value[name] for name in FROM_DELIVERY}
        values |= {name.upper(): detail.value[name] for name in DETAILS}
        row = rows.setdefault(number(delivery, "id"), dict.fromkeys(values))
        row.update((name, value) for name, value in values.items() if value is not None)
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
