"""Creates a new job every second."""

from __future__ import annotations

import random
import time
from dataclasses import asdict

from common.kafka import Event, options, producer, send
from data import job


def main() -> None:
    args = options("Create jobs until stopped.")
    target, rng = producer(args.bootstrap_servers), random.Random()
    while True:
        send(target, [Event("job_created", None, asdict(job(rng)), int(time.time() * 1000))])
        time.sleep(args.every)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
