"""The data of the example: made from a seed, so that every run of the finite load is the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from common.kafka import Event

TOPICS = {"order_placed": 6, "job_created": 6, "job_status": 6, "joblocation": 6, "truck_tracker": 6}
"""Topics that must be there before the statements run, and their partitions."""

START_MS = 1_700_000_000_000
SERVICES = ("plumbing", "electrical", "carpentry", "painting", "landscaping", "cleaning")
LOCATIONS = ("Sydney", "Melbourne", "Brisbane", "Perth", "Adelaide", "Hobart")
NAMES = ("Ava", "Noah", "Mia", "Jack", "Isla", "Leo", "Zoe", "Max", "Ruby", "Finn")
STREETS = ("Market Street", "Mission Street", "Castro Street", "Valencia Street", "Geary Boulevard", "Fell Street")


@dataclass(frozen=True)
class Order:
    job_id: int
    customer_id: str
    service_option: str
    contractor_id: str
    location: str
    price_quoted: int


@dataclass(frozen=True)
class Job:
    job_id: int
    job_start_date: str
    job_end_date: str
    price: int
    job_status: str


def order(rng: random.Random) -> Order:
    """An order as the mobile application would place it."""
    return Order(
        rng.randrange(100), str(rng.randrange(100, 1000)), rng.choice(SERVICES), str(rng.randrange(1, 50)),
        rng.choice(LOCATIONS), rng.randrange(1, 2001))  # fmt: skip


def job(rng: random.Random) -> Job:
    """A job as a tradie would offer it."""
    day = rng.randrange(1, 28)
    return Job(rng.randrange(100), f"2023-11-{day:02d}", f"2023-11-{day + 1:02d}", rng.randrange(1, 2001), "CREATED")


def orders_and_jobs(count: int, seed: int = 1) -> Iterator[Event]:
    """`count` of each, a minute apart: pairs of one job id lie from seconds to hours from each other."""
    rng = random.Random(seed)
    for i in range(count):
        at = START_MS + i * 60_000
        yield Event("order_placed", None, asdict(order(rng)), at)
        yield Event("job_created", None, asdict(job(rng)), at + rng.randrange(30_000))


def job_locations(count: int, seed: int = 2) -> Iterator[Event]:
    """Where each of `count` jobs is; one record has no key and so is no row of the table."""
    rng = random.Random(seed)
    for i in range(count):
        name = rng.choice(NAMES)
        yield Event("joblocation", f"JOB{i}", {
            "CUSTOMERNAME": name, "EMAIL": f"{name.lower()}{i}@example.com",
            "ADDRESS": f"{rng.randrange(1, 900)} {rng.choice(STREETS)}",
            "DEST_LAT": round(rng.uniform(37.2, 37.9), 6), "DEST_LONG": round(rng.uniform(-122.6, -121.8), 6),
            "REPORTING_TIME": START_MS + i,
        }, START_MS + i)  # fmt: skip
    yield Event("joblocation", None, {"CUSTOMERNAME": "nobody", "DEST_LAT": 0.0, "DEST_LONG": 0.0}, START_MS + count)


def truck_positions(locations: list[Event], steps: int, seed: int = 3) -> Iterator[Event]:
    """One truck per job, on a straight way to it in `steps` steps; the last position is the destination."""
    rng = random.Random(seed)
    jobs = [event for event in locations if event.key is not None]
    starts = [(rng.uniform(37.2, 37.9), rng.uniform(-122.6, -121.8)) for _ in jobs]
    for step in range(1, steps + 1):
        for i, (event, (lat, long)) in enumerate(zip(jobs, starts, strict=True)):
            to_lat, to_long = float(str(event.value["DEST_LAT"])), float(str(event.value["DEST_LONG"]))
            done = step / steps
            position: dict[str, object] = {
                "JOB_ID": event.key, "STATE": "arrived" if step == steps else "driving",
                "LAT": to_lat if step == steps else round(lat + (to_lat - lat) * done, 6),
                "LONG": to_long if step == steps else round(long + (to_long - long) * done, 6),
            }  # fmt: skip
            yield Event("tradie_truck_location", f"TRUCK{i}", position, START_MS + 60_000 + step * 1_000)
