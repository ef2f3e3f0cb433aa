"""The shop: its inventory first, then purchases and clicks without end, as documents in its database."""

from __future__ import annotations

import argparse
import os
import random
import time
from pathlib import Path

from common.documents import Documents, opened
from common.documents import options as document_options
from common.kafka import Event
from data import click, documents, inventory, transaction


def main() -> None:
    parser = argparse.ArgumentParser(description="Change a shop's database until stopped.")
    parser.add_argument("--services", type=Path, default=Path(os.environ.get("SERVICES", ".headwater/services")))
    parser.add_argument("--every", type=float, default=1.0, help="seconds between purchases")
    document_options(parser)
    args = parser.parse_args()
    database, rng = opened(args, "abc"), random.Random()
    put(database, list(inventory(now_ms())))
    time.sleep(2)  # The table of products is made of them; a sale that comes before is lost.
    while True:
        now = now_ms()
        put(database, [transaction(rng, now), *(click(rng, now) for _ in range(rng.randrange(4)))])
        time.sleep(args.every)


def put(database: Documents, events: list[Event]) -> int:
    """Write what these changes leave; returns how many documents."""
    return sum(database.put(collection, rows) for collection, rows in documents(events).items())


def now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
