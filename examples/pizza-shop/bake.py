"""Bakes assembled pizzas, one at a time."""

from __future__ import annotations

from data import Status
from service import Record, Service, arguments


def main() -> None:
    service = Service("bake", arguments(__doc__ or "").parse_args())

    def bake(order_id: str, assembled: Record) -> None:
        service.work(assembled["baking_time"])
        service.emit("pizza-baked", order_id, {"status": Status.BAKED})
        service.say(order_id, "baked")

    service.run({"pizza-assembled": bake})


if __name__ == "__main__":
    main()
