"""Keeps the status of every order for the web application: the reading side, fed by the topic that SQL fills."""

from __future__ import annotations

import time

from data import Status
from service import Record, Service, arguments, now_ms

STUCK_AFTER_SECONDS, LOOK_EVERY_SECONDS = 45, 15
KEPT_SECONDS = 4 * 3600


def main() -> None:
    service = Service("status", arguments(__doc__ or "").parse_args())
    store, next_look = service.store, 0.0

    def remember(order_id: str, record: Record) -> None:
        store.tell(order_id, record["STATUS"], record["TIMESTAMP"], now_ms())
        service.say(order_id, f"is {Status(record['STATUS']).name.lower()}")

    def watch() -> None:
        nonlocal next_look
        if time.monotonic() < next_look:
            return
        next_look = time.monotonic() + LOOK_EVERY_SECONDS / service.speed
        store.mark_stuck(int(now_ms() - STUCK_AFTER_SECONDS * 1000 / service.speed))
        store.forget(now_ms() - KEPT_SECONDS * 1000)

    service.run({"pizza-status": remember}, between=watch)


if __name__ == "__main__":
    main()
