"""Delivers what is baked, once it is known to whom.

A pizza that was ready before there was anybody to deliver it is first said to be pending.
"""

from __future__ import annotations

from data import Status, delivery_seconds
from service import Record, Service, arguments, now_ms


def main() -> None:
    service = Service("delivery", arguments(__doc__ or "").parse_args())
    store, here_since = service.store, now_ms()

    def deliver(order_id: str) -> None:
        service.work(delivery_seconds(order_id))
        service.emit("pizza-delivered", order_id, {"status": Status.DELIVERED})
        service.say(order_id, f"delivered to {store.customer(order_id)}")

    def ordered(order_id: str, record: Record) -> None:
        store.meet(order_id, record["order"]["username"])
        if store.release(order_id):
            deliver(order_id)

    def baked(order_id: str, record: Record) -> None:
        if record["timestamp"] < here_since:
            service.emit("pizza-pending", order_id, {"status": Status.DELIVERY_PENDING})
            service.say(order_id, "pending")
        if store.customer(order_id) is None:
            store.hold(order_id)
        else:
            deliver(order_id)

    service.run({"pizza-ordered": ordered, "pizza-baked": baked})


if __name__ == "__main__":
    main()
