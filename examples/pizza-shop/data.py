"""The shop's menu, its status codes, what customers order, and how long things take: an order's id decides."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import IntEnum
from hashlib import md5
from typing import Any

SAUCES = ("Tomato", "Pesto", "White")
CHEESES = ("Mozzarella", "Parmesan", "Goat cheese", "Vegan")
MAIN_TOPPINGS = ("Pepperoni", "Mushrooms", "Ham", "Aubergine", "Tuna")
EXTRA_TOPPINGS = ("Olives", "Basil", "Onions", "Peppers", "Capers", "Rocket")
MENU = {"sauce": SAUCES, "cheese": CHEESES, "main_topping": MAIN_TOPPINGS, "extra_toppings": EXTRA_TOPPINGS}
CUSTOMERS = ("ava", "noah", "mia", "jack", "isla")


class Status(IntEnum):
    """What the records' `status` says."""

    STUCK = 50
    PLACED = 100
    DELIVERY_PENDING = 150
    ASSEMBLED = 200
    BAKED = 300
    DELIVERED = 999


@dataclass(frozen=True)
class Pizza:
    extra_toppings: tuple[str, ...]
    username: str
    customer_id: str
    sauce: str
    cheese: str
    main_topping: str

    def record(self) -> dict[str, Any]:
        """What the web application puts into `pizza-ordered` about it."""
        return asdict(self)


@dataclass(frozen=True)
class Order:
    order_id: str
    pizza: Pizza


def pizza(number: int) -> Pizza:
    """The pizza of this number: the menu, tried in turn, with none to three extra toppings."""
    customer = CUSTOMERS[number % len(CUSTOMERS)]
    extras = tuple(EXTRA_TOPPINGS[(number + i) % len(EXTRA_TOPPINGS)] for i in range(number % 4))
    return Pizza(
        extras, customer, customer_id(customer), SAUCES[number % len(SAUCES)], CHEESES[number % len(CHEESES)],
        MAIN_TOPPINGS[number % len(MAIN_TOPPINGS)],
    )  # fmt: skip


def customer_id(name: str) -> str:
    return digest(f"customer {name}")[:8]


def assembling_seconds(order_id: str) -> int:
    """4 to 11."""
    return 4 + int(digest(f"assembled {order_id}"), 16) % 8


def baking_seconds(order_id: str) -> int:
    """8 to 15."""
    return 8 + int(digest(f"baked {order_id}"), 16) % 8


def delivery_seconds(order_id: str) -> int:
    """5 to 12."""
    return 5 + int(digest(f"delivered {order_id}"), 16) % 8


def digest(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()
