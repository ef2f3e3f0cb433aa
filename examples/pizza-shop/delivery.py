"""Delivers what is baked. A pizza that was ready before there was anybody to deliver it is first said to be pending."""

from __future__ import annotations

from data import Status, delivery_seconds
from service import Record, Service, arguments, now_ms


def main() -> None:
    service = Service("delivery", arguments(__doc__ or "").parse_args())
    here_since = now_ms()

    def deliver(order_id: str, baked: Record) -> None:
        if baked["timestamp"] < here_since:
            service.emit("pizza-pending", order_id, {"status": Status.DELIVERY_PENDING})
        service.work(delivery_seconds(order_id))
        service.emit("pizza-delivered", order_id, {"status": Status.DELIVERED})

    service.run("pizza-baked", deliver)


if __name__ == "__main__":
    main()
