"""Reads searches, says what kind of stay each is for, and writes them on: an application beside the platform.

    headwater worker agent:app

Any number of workers share the topic's partitions, and when one dies the others take over. What is written and how far
was read are one transaction, so each search counts exactly once all the same.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from data import ENRICHED, SOURCE, STAYS

from headwater import App

app = App("kafkastreams")


def stay_category(check_in: str | None, check_out: str | None) -> str:
    """What kind of stay lies between two dates; what is no date, or no night at all, is an error."""
    try:
        nights = (date.fromisoformat(check_out or "") - date.fromisoformat(check_in or "")).days
    except (TypeError, ValueError):
        nights = -1
    if nights <= 0:
        return "Erroneous data"
    if nights <= 4:
        return "Short stay"
    if nights <= 10:
        return "Standard stay"
    if nights <= 14:
        return "Standard extended stay"
    return "Long stay"


@app.agent(SOURCE, sink=ENRICHED, errors="skip")
def categorise(search: dict[str, Any]) -> dict[str, Any]:
    """The search with its category; hotel and category alone go to the second topic."""
    category = stay_category(search.get("srch_ci"), search.get("srch_co"))
    app.send(STAYS, {"hotel_id": search.get("hotel_id"), "stay_category": category})
    return search | {"stay_category": category}
