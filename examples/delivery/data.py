"""The data of the example: orders, their deliveries, the attempts at each and what happens to them, from a seed."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Protocol

from databases import iso
from model import Row

TOPICS = {"deliveries": 3, "orders": 3, "delivery_details": 3, "delivery_status": 3}
"""Topics of the ETL, which must be there before the statements run, and their partitions."""

MINUTE_MS = 60_000
TYPES = ("Standard", "Express", "Same day", "Pallet")
STEPS = ("Assigned", "Picked up", "On the way", "Arriving")
NOTES = (None, None, "Leave at the door", "Call first", "Fragile", "Two people needed")
INSTRUCTIONS = (None, "Ring twice", "Use the side gate", "Reception, ground floor", "Dock 4")
NAMES = ("Ava Stone", "Noah Reyes", "Mia Chen", "Jack Novak", "Isla Brown", "Leo Fischer", "Zoe Martin", "Max Okafor")
STREETS = ("Oak Street", "Mill Road", "Harbor Drive", "Station Avenue", "Lake View", "College Street")
CITIES = (("Austin", "TX", "73301"), ("Denver", "CO", "80202"), ("Portland", "OR", "97201"), ("Boston", "MA", "02108"))

Life = Generator[float, None, None]
"""Something that happens in steps: after each it yields the minutes until the next."""


class Deliveries(Protocol):
    """Who does what happens: the service itself, or a client of it."""

    def create(self, table: str, given: dict[str, Any]) -> Row: ...
    def update(self, table: str, number: int, given: dict[str, Any]) -> Any: ...
    def delete(self, table: str, number: int) -> None: ...


@dataclass(frozen=True)
class Oddity:
    """A delivery that does not go the ordinary way."""

    late_update: bool = False
    nulled_notes: bool = False
    deleted: bool = False
    new_address: bool = False
    starts_late: bool = False


ODDITIES = (
    Oddity(late_update=True), Oddity(nulled_notes=True), Oddity(deleted=True), Oddity(new_address=True),
    Oddity(starts_late=True),
)  # fmt: skip


@dataclass
class World:
    """Everything that is going to happen, in the order of time; `at` is the time (ms) of what happens now."""

    minute_ms: float = MINUTE_MS
    at: int = 0
    _agenda: list[tuple[int, int, Life]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def begin(self, at: float, life: Life) -> None:
        """Let `life` take its first step at this time (ms)."""
        heapq.heappush(self._agenda, (int(at), next(self._numbers), life))

    def steps(self, wait: Callable[[int], None] = lambda _at: None) -> Iterator[int]:
        """Take one step after the other until nothing is left to happen, each when `wait` for its time is over."""
        while self._agenda:
            at, _, life = heapq.heappop(self._agenda)
            wait(at)
            self.at = at
            minutes = next(life, None)
            if minutes is not None:
                self.begin(at + minutes * self.minute_ms, life)
            yield at

    def moment(self) -> str:
        """The time of what happens now, as rows have it."""
        return iso(datetime.fromtimestamp(self.at / 1000, UTC))


def history(world: World, api: Deliveries, start: int, orders: int, deliveries: int, seed: int = 1) -> Iterator[int]:
    """`orders` orders a minute apart with 1 to 3 deliveries each, `deliveries` in all; five of them are odd."""
    rng = random.Random(seed)
    of_order = [1] * orders
    for _ in range(deliveries - orders):
        of_order[rng.choice([i for i in range(orders) if of_order[i] < 3])] += 1
    odd = dict(zip(rng.sample(range(orders), len(ODDITIES)), ODDITIES, strict=True))
    for i, number in enumerate(of_order):
        at = start + i * MINUTE_MS
        world.begin(at, order_life(api, rng))
        for n in range(number):
            oddity = odd.get(i, Oddity()) if n == 0 else Oddity()
            minutes = 200 if oddity.starts_late else rng.uniform(0.1, 5)
            world.begin(at + minutes * MINUTE_MS, delivery_life(api, random.Random(rng.random()), i + 1, oddity))
    yield from world.steps()


def endless(world: World, api: Deliveries, now_ms: Callable[[], float], wait: Callable[[int], None]) -> Iterator[int]:
    """Orders without end from now on."""
    rng = random.Random()

    def orders() -> Life:
        while True:
            order = api.create("orders", {"organization_id": rng.randrange(1, 21)})
            for _ in range(rng.choice((1, 1, 2))):
                at = now_ms() + rng.uniform(0.1, 5) * world.minute_ms
                world.begin(at, delivery_life(api, rng, order["id"], Oddity()))
            yield rng.uniform(1, 4)

    world.begin(now_ms(), orders())
    yield from world.steps(wait)


def order_life(api: Deliveries, rng: random.Random) -> Life:
    api.create("orders", {"organization_id": rng.randrange(1, 21)})
    yield from ()


def delivery_life(api: Deliveries, rng: random.Random, order_id: int, oddity: Oddity) -> Life:
    """Created with its details; then up to three attempts, whose every change of state changes the status."""
    created = api.create("deliveries", {
        "delivery_type": rng.choice(TYPES), "notes": "Call first" if oddity.nulled_notes else rng.choice(NOTES),
        "mileage": rng.randrange(1, 121), "order_id": order_id, **details_of(rng),
    })  # fmt: skip
    delivery, details = created["id"], created["details"]["id"]
    attempts = rng.randrange(1, 4)
    for number in range(1, attempts + 1):
        yield rng.uniform(1, 5)
        attempt = api.create("attempts", {"delivery_id": delivery, "number": number})["id"]
        states = [*STEPS[: rng.randrange(1, 5)], "Delivered" if number == attempts else "Failed"]
        for state in states:
            is_last = number == attempts and state == states[-1]
            yield 180 if is_last and oddity.late_update else rng.uniform(1, 5)
            api.create("state_changes", {"attempt_id": attempt, "state": state})
    yield 1
    if oddity.nulled_notes:
        api.update("deliveries", delivery, {"notes": None})
    if oddity.new_address:
        api.update("delivery_details", details, {"to_address": "1 New Street", "to_instructions": None})
    if oddity.deleted:
        api.delete("deliveries", delivery)


def details_of(rng: random.Random) -> dict[str, object]:
    """Where from and where to; half of the instructions are NULL."""
    row: dict[str, object] = {}
    for end in ("from", "to"):
        city, state, code = rng.choice(CITIES)
        row |= {
            f"{end}_instructions": rng.choice(INSTRUCTIONS), f"{end}_contact_name": rng.choice(NAMES),
            f"{end}_address": f"{rng.randrange(1, 999)} {rng.choice(STREETS)}", f"{end}_city": city,
            f"{end}_state": state, f"{end}_zip": code, f"{end}_country": "US",
            f"{end}_phone_number": f"+1 555 {rng.randrange(10_000_000):07d}",
        }  # fmt: skip
    return row
