"""What the results must be, calculated without any of the platform: plain loops over the input events."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from common.kafka import Event

HOUR_MS = 3_600_000
Row = tuple[object, ...]


def job_status(events: Iterable[Event]) -> Counter[Row]:
    """(job id, customer, service, price, status) of every order and job of one id within an hour, with multiplicity."""
    orders = [e for e in events if e.topic == "order_placed"]
    jobs = [e for e in events if e.topic == "job_created"]
    return Counter(
        (
            order.value["job_id"], order.value["customer_id"], order.value["service_option"], job.value["price"],
            "ACCEPTED" if int(str(order.value["price_quoted"])) >= int(str(job.value["price"])) else "REJECTED",
        )
        for order in orders for job in jobs
        if order.value["job_id"] == job.value["job_id"] and abs(order.timestamp - job.timestamp) <= HOUR_MS
    )  # fmt: skip


def truck_tracker(events: Iterable[Event]) -> dict[str, Row]:
    """Job id to (vehicle, lat, long, destination lat and long, km left, seconds left) after the last position."""
    destinations = {e.key: e.value for e in events if e.topic == "joblocation" and e.key is not None}
    rows: dict[str, Row] = {}
    for event in events:
        if event.topic == "tradie_truck_location" and event.value["JOB_ID"] in destinations:
            job = str(event.value["JOB_ID"])
            here = (number(event.value["LAT"]), number(event.value["LONG"]))
            there = (number(destinations[job]["DEST_LAT"]), number(destinations[job]["DEST_LONG"]))
            widest = max(abs(here[0] - there[0]), abs(here[1] - there[1]))
            rows[job] = (str(event.key), *here, *there, round(kilometres(here, there), 2), round(widest / 0.005 * 2, 2))
    return rows


def number(value: object) -> float:
    return float(str(value))


def kilometres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance by the haversine formula, earth radius 6371 km."""
    lat1, lon1, lat2, lon2 = (math.radians(x) for x in (*a, *b))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 6371 * math.asin(math.sqrt(h))
