"""Stands in for the files of the travel site and the connector that reads them: searches without end."""

from __future__ import annotations

import itertools
import random
import time

from common.kafka import options, producer, send
from data import search

PER_SECOND = 500


def main() -> None:
    args = options("Log searches until stopped.")
    target, rng = producer(args.bootstrap_servers), random.Random()
    batch = max(1, round(PER_SECOND * args.every / 5))
    for first in itertools.count(0, batch):
        now = int(time.time() * 1000)
        send(target, [search(number, rng, now) for number in range(first, first + batch)])
        time.sleep(args.every / 5)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
