"""What must come out, calculated without any of the platform."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from data import Status, baking_seconds


@dataclass(frozen=True)
class Seen:
    """A record that was read from a topic: its value's members as written, and its own `at` (ms)."""

    topic: str
    order_id: str
    value: dict[str, Any]
    at: int


def life(nobody_delivers: bool) -> list[int]:
    """The statuses of an order, first to last."""
    waiting = [Status.DELIVERY_PENDING] if nobody_delivers else []
    return [Status.PLACED, Status.ASSEMBLED, Status.BAKED, *waiting, Status.DELIVERED]


def gathered(sources: Iterable[Seen]) -> Counter[tuple[object, ...]]:
    """(key, STATUS, TIMESTAMP, time of the record) of what five queries must write for the records of five topics."""
    return Counter((r.order_id, r.value["status"], r.value["timestamp"], r.value["timestamp"]) for r in sources)


def found(records: Iterable[Seen]) -> Counter[tuple[object, ...]]:
    """The same of the records that are there."""
    return Counter(
        (r.order_id, r.value["STATUS"], r.value["TIMESTAMP"], r.at)
        if list(r.value) == ["STATUS", "TIMESTAMP"] else (r.order_id, *r.value)
        for r in records
    )  # fmt: skip


def baking_problems(assembled: Iterable[Seen]) -> list[str]:
    """How long a pizza is baked follows from its id."""
    return [
        f"{r.order_id} is to be baked {r.value['baking_time']} s, not {baking_seconds(r.order_id)}"
        for r in assembled if r.value["baking_time"] != baking_seconds(r.order_id)
    ]  # fmt: skip
