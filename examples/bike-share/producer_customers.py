"""Registers a thousand customers, and then changes one a second."""

from __future__ import annotations

import random
import time

from common.kafka import options, producer, send
from data import customers


def main() -> None:
    args = options("Register and change customers until stopped.")
    target, rng = producer(args.bootstrap_servers), random.Random()
    numbers = list(range(1000))
    while True:
        send(target, customers(numbers, int(time.time() * 1000), rng.randrange(1 << 30)))
        numbers = [rng.randrange(1000)]
        time.sleep(args.every)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
