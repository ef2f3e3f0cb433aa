"""The data of the example, from a seed: customers, and the stations of a bike share with their state."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

from common.kafka import Event

FEEDS = ("customers.info", "customers.demographics", "system.regions", "stations.info", "stations.status")
PRODUCTS = ("customers.enriched", "stations.enriched")
TOPICS = dict.fromkeys((*FEEDS, *PRODUCTS), 6)
"""Topics that must be there before the statements run, and their partitions."""

START_MS = 1_700_000_000_000
MINUTE_MS = 60_000
JOIN_MS = 5 * MINUTE_MS
"""How far a station's information may be from its region's."""
ROUND_MS, ROUND_LASTS_MS = 150_000, 80_000
"""Stations report in rounds. Within one, some are further apart than the minute in which bikes are redistributed.
Reports of different rounds always are, so that a pair's last match does not depend on which station was read first."""

Record = dict[str, object]

REGIONS = {"70": "Jersey City", "71": "Manhattan", "72": "Brooklyn", "73": "Queens"}
FIRST = ("Ava", "Noah", "Mia", "Jack", "Isla", "Leo", "Zoe", "Max", "Ruby", "Finn")
LAST = ("Reed", "Moss", "Lake", "Hill", "Brook", "Field", "Wood", "Stone", "Marsh", "Ford")
STREETS = ("Grand St", "Monmouth St", "Warren St", "Hudson St", "Jay St", "Water St", "Vernon Blvd", "Bedford Ave")
GENDERS = ("female", "male", "other")
EDUCATION = ("high school", "bachelor", "master", "doctorate")
MARITAL = ("single", "married", "divorced", "widowed")

GIVER, TAKER = "A", "B"
"""Two stations made for a purpose: what A has too much (8 bikes) is enough for what B lacks (7)."""
ON_TIME, TOO_LATE = "on-time", "too-late"
"""Two stations whose information comes just within five minutes of the regions', and a millisecond after."""


def customer_info(number: int, rng: random.Random) -> Record:
    first, last = rng.choice(FIRST), rng.choice(LAST)
    return {
        "customer_id": f"C{number:04d}", "first_name": first, "last_name": last,
        "email": f"{first}.{last}{number}@example.com".lower(), "phone_number": f"555-{rng.randrange(10_000):04d}",
    }  # fmt: skip


def customer_demographics(number: int, rng: random.Random) -> Record:
    return {
        "customer_id": f"C{number:04d}", "age": rng.randrange(18, 66), "gender": rng.choice(GENDERS),
        "income": rng.randrange(60, 301) * 1000, "education_level": rng.choice(EDUCATION),
        "marital_status": rng.choice(MARITAL),
    }  # fmt: skip


def customers(numbers: Iterable[int], timestamp: int, seed: int) -> Iterator[Event]:
    """Both records of each of the customers."""
    rng = random.Random(seed)
    for number in numbers:
        key = f"C{number:04d}"
        yield Event("customers.info", key, customer_info(number, rng), timestamp)
        yield Event("customers.demographics", key, customer_demographics(number, rng), timestamp)


def regions(timestamp: int) -> Iterator[Event]:
    for region_id, name in REGIONS.items():
        yield Event("system.regions", region_id, {"region_id": region_id, "name": name}, timestamp)


def station_info(station_id: str, region_id: str, capacity: int, rng: random.Random) -> Record:
    lat, lon = round(rng.uniform(40.70, 40.80), 5), round(rng.uniform(-74.05, -73.90), 5)
    east, north = round(lon + 0.001, 5), round(lat + 0.001, 5)
    ring = [[lon, lat], [east, lat], [east, north], [lon, lat]]
    street, cross = rng.sample(STREETS, 2)
    return {
        "station_id": station_id, "name": f"{street} & {cross} {station_id}", "short_name": f"S{station_id}",
        "lat": lat, "lon": lon, "address": f"{rng.randrange(1, 900)} {street}", "cross_street": cross,
        "region_id": region_id, "post_code": f"{rng.randrange(7000, 12000):05d}",
        "rental_methods": ["KEY", "CREDITCARD"][: rng.randrange(1, 3)], "is_virtual_station": rng.random() < 0.1,
        "station_area": rng.choice((None, {"type": "MultiPolygon", "coordinates": [[ring]]})),
        "parking_type": rng.choice(("street_parking", "sidewalk_parking", None)), "parking_hoop": rng.random() < 0.5,
        "contact_phone": None, "capacity": capacity, "vehicle_capacity": {"bike": capacity + 0.5, "scooter": 0.5},
        "is_valet_station": False, "is_charging_station": rng.random() < 0.2,
        "rental_uris": {"android": f"app://android/{station_id}", "ios": f"app://ios/{station_id}", "web": None},
        "vehicle_type_capacity": {"classic": 12.5, "ebike": 7.5},
    }  # fmt: skip


def stations(count: int, seed: int = 3) -> list[Record]:
    """The stations made for a purpose, and `count` others over all regions."""
    rng = random.Random(seed)
    ids = list(REGIONS)
    special = [station_info(name, ids[0], 20, rng) for name in (GIVER, TAKER, ON_TIME, TOO_LATE)]
    special[0] |= {"lat": 40.7440, "lon": -74.0324}
    special[1] |= {"lat": 40.7376, "lon": -74.0302}
    usual = [station_info(str(100 + i), ids[i % len(ids)], rng.randrange(15, 61), rng) for i in range(count)]
    return special + usual


def stations_info(known: list[Record], timestamp: int) -> Iterator[Event]:
    """What is known about each, at the time of the regions'; two take longer."""
    delay = {ON_TIME: JOIN_MS, TOO_LATE: JOIN_MS + 1}
    records = [(timestamp + delay.get(str(info["station_id"]), 0), info) for info in known]
    for at, info in sorted(records, key=lambda pair: pair[0]):
        yield Event("stations.info", str(info["station_id"]), info, at)


def station_status(info: Record, timestamp: int, rng: random.Random) -> Event:
    """A report: about one of eight stations is nearly full, and one of eight nearly empty."""
    station_id, capacity = str(info["station_id"]), int(str(info["capacity"]))
    low, high = rng.choice(((0.0, 0.2), (0.8, 1.0), *((0.3, 0.7),) * 6))
    bikes = 18 if station_id == GIVER else 3 if station_id == TAKER else round(rng.uniform(low, high) * capacity)
    ebikes = rng.randrange(bikes + 1)
    types = [{"vehicle_type_id": "1", "count": bikes - ebikes}, {"vehicle_type_id": "2", "count": ebikes}]
    return Event("stations.status", station_id, {
        "station_id": station_id, "num_bikes_available": bikes, "vehicle_types_available": types,
        "num_bikes_disabled": 0, "num_docks_available": capacity - bikes, "num_docks_disabled": 0, "is_installed": True,
        "is_renting": rng.random() < 0.95, "is_returning": True, "last_reported": timestamp // 1000,
        "vehicle_docks_available": [{"vehicle_type_ids": ["1", "2"], "count": capacity - bikes}],
    }, timestamp)  # fmt: skip


def status_round(known: list[Record], number: int, start: int = START_MS + 10 * MINUTE_MS) -> list[Event]:
    """One report of every station, in order of time."""
    rng = random.Random(number)
    base = start + number * ROUND_MS
    at = {str(info["station_id"]): base + rng.randrange(ROUND_LASTS_MS) for info in known} | {GIVER: base, TAKER: base}
    reports = [station_status(info, at[str(info["station_id"])], rng) for info in known]
    return sorted(reports, key=lambda event: event.timestamp)
