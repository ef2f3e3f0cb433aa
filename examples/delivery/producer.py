"""Orders, deliveries and their attempts without end, as the ETL writes them; a minute passes in 0.4 seconds."""

from __future__ import annotations

import argparse
import os
import time

from common.kafka import create_topics, producer, send
from data import TOPICS, endless
from etl import cleaned

MINUTE_MS = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-servers", default=os.environ.get("BOOTSTRAP_SERVERS", "127.0.0.1:9092"))
    args = parser.parse_args()
    create_topics(args.bootstrap_servers, TOPICS)
    target = producer(args.bootstrap_servers)
    for change in endless(lambda: time.time() * 1000, MINUTE_MS):
        time.sleep(max(0.0, change.at / 1000 - time.time()))
        event = cleaned(change)
        if event is not None:
            send(target, [event])


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
