"""What the results must be, calculated without any of the platform: plain loops over the input events."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from common.kafka import Event
from data import JOIN_MS, REGIONS, START_MS

Row = tuple[object, ...]
Record = dict[str, Any]
MATCH_MS = 60_000


def latest(events: Iterable[Event], feed: str) -> dict[str, Record]:
    """The last record of each key of a feed."""
    return {str(event.key): event.value for event in events if event.topic == feed}


def customers_enriched(events: list[Event]) -> dict[str, Row]:
    """Customer id to one record with all that is known."""
    info, demographics = latest(events, "customers.info"), latest(events, "customers.demographics")
    return {key: (info[key] | demographics[key],) for key in info.keys() & demographics.keys()}


def known_stations(events: list[Event]) -> dict[str, Record]:
    """Stations whose information came within five minutes of their region's, with the region's name."""
    return {
        str(event.key): event.value | {"region_name": REGIONS[str(event.value["region_id"])]}
        for event in events
        if event.topic == "stations.info" and abs(event.timestamp - START_MS) <= JOIN_MS
    }


def reports(events: list[Event]) -> Iterator[tuple[int, Record]]:
    """(timestamp, report with what is known about the station) of each report of a known station."""
    known = known_stations(events)
    for event in events:
        if event.topic == "stations.status" and event.key in known:
            yield event.timestamp, known[str(event.key)] | event.value


def upper(value: Any) -> Any:
    """Fields of a nested record, named as SQL names them unless they are quoted."""
    if isinstance(value, dict):
        return {name.upper(): upper(item) for name, item in value.items()}
    return [upper(item) for item in value] if isinstance(value, list) else value


def stations_enriched(events: list[Event]) -> dict[tuple[str, int], Row]:
    """(station, time of the report) to the whole record."""
    return {(row["station_id"], row["last_reported"]): (as_written(row),) for _, row in reports(events)}


def as_written(row: Record) -> Record:
    """The record as JSON with a schema has it: fields of nested records as SQL names them, maps as lists of entries."""
    nested = ("station_area", "rental_uris", "vehicle_types_available", "vehicle_docks_available")
    maps = ("vehicle_capacity", "vehicle_type_capacity")
    return (
        row | {name: upper(row[name]) for name in nested}
        | {name: [{"key": key, "value": value} for key, value in row[name].items()] for name in maps}
    )  # fmt: skip


def half_up(value: float) -> int:
    return math.floor(value + 0.5)


def surplus(row: Record) -> int | None:
    """Bikes above half of the capacity, of a station that is nearly full."""
    if row["num_bikes_available"] < half_up(row["capacity"] * 0.75):
        return None
    return int(row["num_bikes_available"] - row["capacity"] // 2)


def shortage(row: Record) -> int | None:
    """Bikes below half of the capacity, of a station that is nearly empty and has the docks for them."""
    lacking = int(row["capacity"] // 2 - row["num_bikes_available"])
    if row["num_bikes_available"] > half_up(row["capacity"] * 0.25) or row["num_docks_available"] < lacking:
        return None
    return lacking


def availability(events: list[Event], side: str) -> list[tuple[int, Record, int]]:
    """(timestamp, report, bikes too many or too few) of each report of such a station."""
    amount = surplus if side == "high" else shortage
    return [(at, row, found) for at, row in reports(events) if (found := amount(row)) is not None]


def availability_rows(events: list[Event], side: str) -> dict[str, Row]:
    """Station to its row in the table: the last report that put it there. It stays when later ones do not."""
    return {
        row["station_id"]: (
            row["station_id"], row["name"], row["region_name"], row["lat"], row["lon"], row["capacity"],
            row["num_bikes_available"], row["num_docks_available"], amount,
            float(half_up(row["num_bikes_available"] / row["capacity"] * 100) / 100),
        )
        for _, row, amount in availability(events, side)
    }  # fmt: skip


def redistribution(events: list[Event]) -> dict[str, Row]:
    """Pair of stations to (source, destination, surplus, shortage, bikes to move, miles) of its last match."""
    low = availability(events, "low")
    return {
        f"{giver['station_id']}-{taker['station_id']}": (
            giver["name"], taker["name"], spare, lacking, lacking, round(miles(giver, taker), 2),
        )
        for at, giver, spare in availability(events, "high")
        for then, taker, lacking in low
        if giver["region_name"] == taker["region_name"] and abs(at - then) <= MATCH_MS and spare >= lacking
    }  # fmt: skip


def miles(a: Record, b: Record) -> float:
    """Great-circle distance by the haversine formula, earth radius 3958.76 miles (6371 km)."""
    lat1, lon1, lat2, lon2 = (math.radians(x) for x in (a["lat"], a["lon"], b["lat"], b["lon"]))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 3958.76 * math.asin(math.sqrt(h))
