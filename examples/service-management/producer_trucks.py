"""Drives twenty trucks to their jobs, over and over: each position is a message."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

from common.kafka import options, producer, send
from data import job_locations, truck_positions

TRUCKS, STEPS = 20, 50


def main() -> None:
    args = options("Drive trucks until stopped.")
    target = producer(args.bootstrap_servers)
    for seed in itertools.count(int(time.time())):
        now = int(time.time() * 1000)
        locations = [replace(e, timestamp=now) for e in job_locations(TRUCKS, seed)]
        send(target, locations)
        positions = iter(truck_positions(locations, STEPS, seed))
        for _ in range(STEPS):
            step = [replace(e, timestamp=int(time.time() * 1000)) for e in itertools.islice(positions, TRUCKS)]
            send(target, step)
            time.sleep(args.every)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
