"""Stands in for the database and its source connector: the inventory first, then purchases and clicks without end."""

from __future__ import annotations

import random
import time

from common.kafka import create_topics, options, producer, send
from data import TOPICS, click, inventory, transaction


def main() -> None:
    args = options("Write the changes of a shop's database until stopped.")
    create_topics(args.bootstrap_servers, TOPICS)
    target, rng = producer(args.bootstrap_servers), random.Random()
    send(target, inventory(int(time.time() * 1000)))
    time.sleep(2)  # The table of products is made of them; a sale that comes before is lost.
    while True:
        now = int(time.time() * 1000)
        send(target, [transaction(rng, now), *(click(rng, now) for _ in range(rng.randrange(4)))])
        time.sleep(args.every)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
