"""The data of the example: orders, their deliveries, the attempts at each and what happens to them, from a seed."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from itertools import count

from database import Change, Database

TOPICS = {"deliveries": 3, "orders": 3, "delivery_details": 3}
"""Tables of the database whose rows reach the topic of the table's name, with the topic's partitions."""

START_MS = 1_700_000_000_000
MINUTE_MS = 60_000
TYPES = ("Standard", "Express", "Same day", "Pallet")
STEPS = ("Assigned", "Picked up", "On the way", "Arriving")
NOTES = (None, None, "Leave at the door", "Call first", "Fragile", "Two people needed")
INSTRUCTIONS = (None, "Ring twice", "Use the side gate", "Reception, ground floor", "Dock 4")
NAMES = ("Ava Stone", "Noah Reyes", "Mia Chen", "Jack Novak", "Isla Brown", "Leo Fischer", "Zoe Martin", "Max Okafor")
STREETS = ("Oak Street", "Mill Road", "Harbor Drive", "Station Avenue", "Lake View", "College Street")
CITIES = (("Austin", "TX", "73301"), ("Denver", "CO", "80202"), ("Portland", "OR", "97201"), ("Boston", "MA", "02108"))

Life = Generator[float, None, None]
"""Something that happens in steps: each step is one transaction, and yields the minutes until the next."""


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
    """The database and everything that is going to happen to it, in the order of time."""

    minute_ms: float = MINUTE_MS
    database: Database = field(default_factory=Database)
    _agenda: list[tuple[int, int, Life]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def begin(self, at: float, life: Life) -> None:
        """Let `life` take its first step at this time (ms)."""
        heapq.heappush(self._agenda, (int(at), next(self._numbers), life))

    def changes(self) -> Iterator[Change]:
        """Take one step after the other until nothing is left to happen."""
        while self._agenda:
            at, _, life = heapq.heappop(self._agenda)
            self.database.transaction(at)
            minutes = next(life, None)
            if minutes is not None:
                self.begin(at + minutes * self.minute_ms, life)
            yield from self.database.take_changes()


def history(orders: int = 200, deliveries: int = 300, seed: int = 1) -> Iterator[Change]:
    """`orders` orders a minute apart with 1 to 3 deliveries each, `deliveries` in all; five of them are odd."""
    rng = random.Random(seed)
    world = World()
    of_order = [1] * orders
    for _ in range(deliveries - orders):
        of_order[rng.choice([i for i in range(orders) if of_order[i] < 3])] += 1
    odd = dict(zip(rng.sample(range(orders), len(ODDITIES)), ODDITIES, strict=True))
    for i, number in enumerate(of_order):
        at = START_MS + i * MINUTE_MS
        world.begin(at, order_life(world.database, rng))
        for n in range(number):
            oddity = odd.get(i, Oddity()) if n == 0 else Oddity()
            minutes = 200 if oddity.starts_late else rng.uniform(0.1, 5)
            world.begin(at + minutes * MINUTE_MS, delivery_life(world.database, rng, i + 1, oddity))
    yield from world.changes()


def endless(now_ms: Callable[[], float], minute_ms: float) -> Iterator[Change]:
    """Orders without end from now on, a minute lasting `minute_ms`; each change is to happen at its `at`."""
    rng = random.Random()
    world = World(minute_ms)

    def orders() -> Life:
        at = now_ms()
        for order_id in count(1):
            yield from order_life(world.database, rng)
            for _ in range(rng.choice((1, 1, 2))):
                world.begin(
                    at + rng.uniform(0.1, 5) * minute_ms, delivery_life(world.database, rng, order_id, Oddity())
                )
            pause = rng.uniform(1, 4)
            at += pause * minute_ms
            yield pause

    world.begin(now_ms(), orders())
    yield from world.changes()


def order_life(database: Database, rng: random.Random) -> Life:
    database.insert("orders", organization_id=rng.randrange(1, 21))
    yield from ()


def delivery_life(database: Database, rng: random.Random, order_id: int, oddity: Oddity) -> Life:
    """Created with its details; then up to three attempts, whose every change of state changes the status."""
    delivery = database.insert(
        "deliveries", delivery_type=rng.choice(TYPES), notes="Call first" if oddity.nulled_notes else rng.choice(NOTES),
        status="Created", dispatch_at=None, mileage=rng.randrange(1, 121), order_id=order_id,
    )  # fmt: skip
    details = database.insert("delivery_details", **details_of(rng), delivery_id=delivery)
    attempts = rng.randrange(1, 4)
    for number in range(1, attempts + 1):
        yield rng.uniform(1, 5)
        attempt = database.insert("attempts", delivery_id=delivery, number=number, status="Created")
        if number == 1:
            database.update("deliveries", delivery, dispatch_at=database.tables["attempts"][attempt]["created_at"])
        states = [*STEPS[: rng.randrange(1, 5)], "Delivered" if number == attempts else "Failed"]
        for state in states:
            is_last = number == attempts and state == states[-1]
            yield 180 if is_last and oddity.late_update else rng.uniform(1, 5)
            database.insert("state_changes", attempt_id=attempt, state=state)
            database.update("attempts", attempt, status=state)
            database.update("deliveries", delivery, status=state)
    yield 1
    if oddity.nulled_notes:
        database.update("deliveries", delivery, notes=None)
    if oddity.new_address:
        database.update("delivery_details", details, to_address="1 New Street", to_instructions=None)
    if oddity.deleted:
        database.delete("deliveries", delivery)


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
