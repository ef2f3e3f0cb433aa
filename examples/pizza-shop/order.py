"""Orders pizzas, as the web application does when customers press the button."""

from __future__ import annotations

import itertools
import time

from common.kafka import producer
from data import order
from service import arguments, now_ms, place

EVERY_SECONDS = 12


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    target = producer(options.bootstrap_servers)
    for number in itertools.count():
        ordered = order(number)
        place(target, "pizza-ordered", ordered.order_id, ordered.record(now_ms()))
        time.sleep(EVERY_SECONDS / options.speed)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
