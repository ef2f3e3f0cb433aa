"""Assembles the pizzas that were ordered, and says how long each must be baked."""

from __future__ import annotations

from data import Status, assembling_seconds, baking_seconds
from service import Record, Service, arguments


def main() -> None:
    service = Service("assemble", arguments(__doc__ or "").parse_args())

    def assemble(order_id: str, _ordered: Record) -> None:
        service.work(assembling_seconds(order_id))
        service.emit("pizza-assembled", order_id, {"status": Status.ASSEMBLED, "baking_time": baking_seconds(order_id)})
        service.say(order_id, "assembled")

    service.run({"pizza-ordered": assemble})


if __name__ == "__main__":
    main()
