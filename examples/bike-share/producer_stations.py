"""Publishes the regions and the stations of the bike share, and then their reports: each station every ten seconds."""

from __future__ import annotations

import random
import time

from common.kafka import options, producer, send
from data import regions, station_status, stations, stations_info

REPORT_SECONDS = 10


def main() -> None:
    args = options("Publish stations and their reports until stopped.")
    target, rng = producer(args.bootstrap_servers), random.Random()
    now = int(time.time() * 1000)
    known = stations(300)
    send(target, regions(now))
    send(target, stations_info(known, now))
    time.sleep(2)  # A report of a station that is not known yet is lost.
    part = max(1, round(len(known) * args.every / REPORT_SECONDS))
    while True:
        for first in range(0, len(known), part):
            now = int(time.time() * 1000)
            send(target, [station_status(info, now, rng) for info in known[first : first + part]])
            time.sleep(args.every)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
