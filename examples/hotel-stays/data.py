"""The data of the example, from a seed: searches for hotels, as a travel site logs them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta

from common.kafka import Event

SOURCE, ENRICHED, STAYS = "expedia", "expedia_ext", "expedia_test"
TOPICS = {SOURCE: 3, ENRICHED: 3, STAYS: 3}
"""Topics that must be there before the statements run, and their partitions."""

START_MS = 1_700_000_000_000
BOUNDARIES = (0, 1, 4, 5, 10, 11, 14, 15)
"""Nights of the first searches: the first and last of each category."""
FIRST_HOTEL, HOTELS = 2_000_000_000_000, 2500

NIGHTS = {(1, 4): 0.891, (5, 10): 0.099, (11, 14): 0.005, (15, 28): 0.002, (0, 0): 0.003}
"""How often stays of so many nights are looked for; none at all stands for what cannot be right."""


def erroneous(day: date, rng: random.Random) -> tuple[str | None, str | None]:
    """Dates that make no stay: the same day, the wrong way round, no dates."""
    before = day - timedelta(days=rng.randrange(1, 9))
    return rng.choice((
        (day.isoformat(), day.isoformat()), (day.isoformat(), before.isoformat()), (None, day.isoformat()),
        (day.isoformat(), None), ("2016-02-30", day.isoformat()), (day.isoformat(), "soon"),
    ))  # fmt: skip


def dates(number: int, rng: random.Random) -> tuple[str | None, str | None]:
    """Check-in and check-out of the search of that number."""
    day = date(2016, 1, 1) + timedelta(days=rng.randrange(700))
    if number < len(BOUNDARIES):
        return day.isoformat(), (day + timedelta(days=BOUNDARIES[number])).isoformat()
    low, high = rng.choices(list(NIGHTS), list(NIGHTS.values()))[0]
    if high == 0:
        return erroneous(day, rng)
    return day.isoformat(), (day + timedelta(days=rng.randint(low, high))).isoformat()


def search(number: int, rng: random.Random, timestamp: int) -> Event:
    """A search, with the fields that the travel site logs. Records have no key."""
    check_in, check_out = dates(number, rng)
    pick = rng.randrange
    distance = None if rng.random() < 0.35 else round(rng.uniform(1, 9000), 4)
    at = f"2015-{pick(1, 13):02d}-{pick(1, 29):02d} {pick(24):02d}:{pick(60):02d}:{pick(60):02d}"
    return Event(SOURCE, None, {
        "id": number, "date_time": at,
        "site_name": pick(2, 54), "posa_container": pick(5), "user_location_country": pick(240),
        "user_location_region": pick(1000), "user_location_city": pick(57_000), "orig_destination_distance": distance,
        "user_id": pick(1_200_000), "is_mobile": pick(2), "is_package": pick(2), "channel": pick(11),
        "srch_ci": check_in, "srch_co": check_out, "srch_adults_cnt": pick(1, 5), "srch_children_cnt": pick(3),
        "srch_rm_cnt": pick(1, 4), "srch_destination_id": pick(65_000), "srch_destination_type_id": pick(1, 10),
        "hotel_id": FIRST_HOTEL + pick(HOTELS),
    }, timestamp)  # fmt: skip


def searches(count: int, seed: int = 1) -> Iterator[Event]:
    """`count` searches, ten milliseconds apart."""
    rng = random.Random(seed)
    for number in range(count):
        yield search(number, rng, START_MS + number * 10)
