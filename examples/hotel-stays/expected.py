"""What the results must be, calculated without platform and agent: plain loops over the input events."""

from __future__ import annotations

import re
from bisect import bisect_left
from calendar import monthrange, timegm
from collections import Counter, defaultdict
from collections.abc import Iterable

from common.kafka import Event

CATEGORIES = ("Erroneous data", "Short stay", "Standard stay", "Standard extended stay", "Long stay")
LAST_NIGHTS = (0, 4, 10, 14)
Row = tuple[object, ...]


def day_number(text: object) -> int | None:
    """Days since 1970 of a date as text, None if it is not one."""
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", str(text))
    if found is None:
        return None
    year, month, day = map(int, found.groups())
    if not (1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]):
        return None
    return timegm((year, month, day, 0, 0, 0)) // 86_400


def category(event: Event) -> str:
    """The kind of stay of a search."""
    first, last = day_number(event.value["srch_ci"]), day_number(event.value["srch_co"])
    return CATEGORIES[0 if first is None or last is None else bisect_left(LAST_NIGHTS, last - first)]


def enriched(events: Iterable[Event]) -> dict[object, Row]:
    """Search id to the whole record with its category."""
    return {event.value["id"]: (event.value | {"stay_category": category(event)},) for event in events}


def tally(events: Iterable[Event]) -> Counter[Row]:
    """How often each hotel was looked for in each category."""
    return Counter((category(event), event.value["hotel_id"]) for event in events)


def hotel_stay_cat_counts(counts: Counter[Row]) -> dict[Row, Row]:
    """(category, hotel) to how often it was looked for."""
    return {key: (count,) for key, count in counts.items()}


def stay_counts(counts: Counter[Row]) -> dict[str, Row]:
    """Category to (hotels, searches)."""
    found: dict[str, list[int]] = defaultdict(list)
    for (name, _hotel), count in counts.items():
        found[str(name)].append(count)
    return {name: (len(hotels), sum(hotels)) for name, hotels in found.items()}
