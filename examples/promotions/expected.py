"""What the results must be, calculated without any of the platform: plain loops over the input events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from common.kafka import Event

SIZE_MS, ADVANCE_MS = 3_600_000, 300_000
LONDON = ZoneInfo("Europe/London")
Row = tuple[object, ...]


def documents(events: Iterable[Event], collection: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(timestamp, row) of each change of a collection."""
    for event in events:
        if event.topic == f"abc.{collection}":
            row = event.value["fullDocument"]
            assert isinstance(row, dict)
            yield event.timestamp, row


def inventory(events: Iterable[Event]) -> dict[int, Row]:
    """Product id to (name, list price, discount, available, capacity, sales per hour): the last of each."""
    names = ("name", "list", "discount", "available", "capacity", "txn_hour")
    return {row["product_id"]: tuple(row[name] for name in names) for _, row in documents(events, "inventory")}


def window_starts(timestamp: int) -> list[int]:
    """The beginnings of all windows that a moment is in."""
    last = timestamp // ADVANCE_MS * ADVANCE_MS
    return [start for start in range(last, last - SIZE_MS, -ADVANCE_MS) if start + SIZE_MS > timestamp]


def sales(events: list[Event]) -> Iterator[tuple[int, tuple[int, str, int], Row]]:
    """Each change of the hourly sales in turn: (timestamp, (product, name, window start), (sold, expected, stock)).

    Products that are in no inventory have no name, and a row without a key is not grouped.
    """
    known = inventory(events)
    sold: Counter[tuple[int, str, int]] = Counter()
    for timestamp, row in documents(events, "transactions"):
        if row["prod_id"] not in known:
            continue
        name, _list, _discount, available, capacity, per_hour = known[row["prod_id"]]
        for start in window_starts(timestamp):
            key = (row["prod_id"], str(name), start)
            sold[key] += 1
            yield timestamp, key, (sold[key], per_hour, float(str(available)) / float(str(capacity)) * 100)


def product_txn_per_hour(events: list[Event]) -> dict[tuple[int, str, int], Row]:
    """(product, name, window start) to (sold, expected, stock in percent) at the end."""
    return {key: row for _, key, row in sales(events)}


def promotions(events: list[Event]) -> Counter[Row]:
    """(time in London, product, name, stock, sold, expected) of every change that calls for a promotion."""
    rows: Counter[Row] = Counter()
    for timestamp, (product, name, _start), (sold, per_hour, stock) in sales(events):
        if int(str(sold)) < int(str(per_hour)) and float(str(stock)) > 80:
            local = datetime.fromtimestamp(timestamp / 1000, UTC).astimezone(LONDON)
            rows[f"{local:%Y-%m-%d %H:%M:%S}", product, name, stock, sold, per_hour] += 1
    return rows


def clicks(events: Iterable[Event]) -> Counter[Row]:
    """(when it happened, ip, user, product, bytes, referrer, agent) of every click."""
    names = ("click_ts", "ip", "userid", "prod_id", "bytes", "referrer", "agent")
    return Counter(tuple(row[name] for name in names) for _, row in documents(events, "clicks"))
