"""The data of the example, from a seed: changes of a document database, as its connector writes them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from common.kafka import Event

TOPICS = {"abc.inventory": 1, "abc.transactions": 1, "abc.clicks": 1}
"""Topics that must be there before the statements run, and their partitions: a join needs as many on both sides."""

START_MS = 1_698_537_600_000
"""2023-10-29 00:00 UTC: in the hour after, London's clocks go back."""
MINUTE_MS = 60_000

AT_THE_LIMIT, EXAMPLE, UNKNOWN = 1, 2, 99
"""Products made for a purpose: stock of exactly 80 %; five sales in five minutes; sold but in no inventory."""

ADJECTIVES = ("Small", "Large", "Red", "Blue", "Soft", "Bright", "Plain", "Fine", "Light", "Warm")
THINGS = ("Mug", "Lamp", "Chair", "Scarf", "Notebook")
AGENTS = ("Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (Macintosh)", "Mozilla/5.0 (Windows NT 10.0)", "curl/8.5.0")
REFERRERS = ("https://www.example.com/", "https://search.example.org/?q=offers", "https://news.example.net/today", None)


@dataclass(frozen=True)
class Product:
    """What the inventory says about a product."""

    product_id: int
    name: str
    list: int
    discount: int
    available: int
    capacity: int
    txn_hour: int

    @property
    def document(self) -> dict[str, object]:
        return dict(vars(self))


def change(collection: str, document: dict[str, object], timestamp: int) -> Event:
    """A change of the database as MongoDB's source connector writes it: the row is in `fullDocument`."""
    envelope: dict[str, object] = {
        "_id": {"_data": f"{timestamp:x}"}, "operationType": "insert", "fullDocument": document,
        "ns": {"db": "abc", "coll": collection},
    }  # fmt: skip
    return Event(f"abc.{collection}", None, envelope, timestamp)


def documents(events: Iterable[Event]) -> dict[str, list[dict[str, Any]]]:
    """What changes leave in the database, by collection. A product's document has its id: changes replace it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        row: Any = event.value["fullDocument"]
        named = {"_id": f"product-{row['product_id']}"} if "product_id" in row else {}
        found.setdefault(event.topic.removeprefix("abc."), []).append({**named, **row})
    return found


def products(seed: int = 1) -> list[Product]:
    """Fifty products; a good part of them has more than 80 % of its capacity in stock."""
    rng = random.Random(seed)
    made = [
        Product(AT_THE_LIMIT, "Limit Case", 20, 0, 80, 100, 40),
        Product(EXAMPLE, "Example Case", 30, 5, 90, 100, 20),
    ]
    for number in range(len(made) + 1, 51):
        capacity = rng.randrange(50, 501)
        name = f"{rng.choice(ADJECTIVES)} {rng.choice(THINGS)} {number}"
        available = int(capacity * rng.choice((rng.uniform(0.1, 0.8), rng.uniform(0.82, 1))))
        made.append(Product(
            number, name, rng.randrange(5, 200), rng.randrange(0, 30), available, capacity, rng.randrange(5, 41)
        ))  # fmt: skip
    return made


def inventory(timestamp: int = START_MS - MINUTE_MS, seed: int = 2) -> Iterator[Event]:
    """Up to three changes per product, the last one with what `products` says."""
    rng = random.Random(seed)
    for product in products():
        for _ in range(rng.randrange(3)):
            before = {"available": rng.randrange(product.capacity), "txn_hour": 1, "name": product.name}
            yield change("inventory", product.document | before, timestamp)
        yield change("inventory", product.document, timestamp)


def transaction(rng: random.Random, timestamp: int, product: int | None = None) -> Event:
    """A purchase; some products sell much better than others."""
    chosen = product or min(3 + int(rng.expovariate(1 / 15)), 50)
    row: dict[str, object] = {"cust_id": rng.randrange(1, 500), "prod_id": chosen, "txn_ts": timestamp}
    return change("transactions", row, timestamp)


def transactions(count: int, seed: int = 3) -> Iterator[Event]:
    """`count` purchases over three hours, and those of the products made for a purpose, in order of time."""
    rng = random.Random(seed)
    hours = 3 * 60 * MINUTE_MS
    special = [(START_MS + 6 * MINUTE_MS + second * 1000, EXAMPLE) for second in range(5)]
    special += [(START_MS + rng.randrange(hours), product) for product in (AT_THE_LIMIT, UNKNOWN) for _ in range(10)]
    usual = [(START_MS + rng.randrange(hours), None) for _ in range(count)]
    for timestamp, product in sorted([*special, *usual], key=lambda pair: pair[0]):
        yield transaction(rng, timestamp, product)


def click(rng: random.Random, timestamp: int) -> Event:
    """A visit to a product's page; `timestamp` is when it happened."""
    document = {
        "ip": ".".join(str(rng.randrange(1, 255)) for _ in range(4)), "userid": rng.randrange(1, 500),
        "prod_id": rng.randrange(1, 51), "bytes": rng.randrange(200, 90_000), "referrer": rng.choice(REFERRERS),
        "agent": rng.choice(AGENTS), "click_ts": timestamp,
    }  # fmt: skip
    return change("clicks", document, timestamp)


def clicks(count: int, seed: int = 4) -> Iterator[Event]:
    """`count` clicks, two seconds apart. They arrive in the topic later than they happen."""
    rng = random.Random(seed)
    for i in range(count):
        happened = click(rng, START_MS + i * 2_000)
        yield Event(happened.topic, None, happened.value, happened.timestamp + rng.randrange(5 * MINUTE_MS))
