"""What the shop remembers: orders and their statuses for the web application, customers for the delivery service.

Another kind of store is a class with the same methods, made from a folder: `--store my_module:MyStore`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from data import Pizza, Status

WAIT_SECONDS = 10


@dataclass(frozen=True)
class Kept:
    """An order as it is remembered; times in ms."""

    order_id: str
    customer_id: str
    pizza: Mapping[str, Any]
    placed: int
    status: int


class Store(Protocol):
    """Several processes use one at the same time, each with an object of its own."""

    def place(self, order_id: str, pizza: Pizza, at: int) -> None: ...

    def cancel(self, order_id: str) -> None: ...

    def tell(self, order_id: str, status: int, happened: int, heard: int) -> None:
        """What was heard of an order, which may not be here yet. News may come late: what happened last counts."""
        ...

    def mark_stuck(self, before: int) -> None:
        """Orders that are not delivered and were last heard of before this time (ms)."""
        ...

    def forget(self, before: int) -> None:
        """Orders that were last heard of before this time (ms)."""
        ...

    def statuses(self) -> dict[str, int]: ...

    def orders(self, customer_id: str, search: str = "") -> list[Kept]:
        """A customer's, the newest first; with `search` only those with that in their id or their pizza."""
        ...

    def order(self, order_id: str) -> Kept | None: ...

    def meet(self, order_id: str, customer: str) -> None:
        """Remember whom an order is for."""
        ...

    def customer(self, order_id: str) -> str | None: ...

    def hold(self, order_id: str) -> None:
        """Keep a pizza until it is known whom it is for."""
        ...

    def release(self, order_id: str) -> bool:
        """Hand it out; False if it is not here."""
        ...


def opened(name: str, folder: Path) -> Store:
    """The store of the class `module:Class` in a folder."""
    module, _, kind = name.partition(":")
    folder.mkdir(parents=True, exist_ok=True)
    store: Store = getattr(import_module(module), kind)(folder)
    return store


class SqliteStore:
    """Two files of SQLite: `orders.db` and `delivery.db`."""

    def __init__(self, folder: Path) -> None:
        self._orders, self._delivery = folder / "orders.db", folder / "delivery.db"
        with changing(self._orders) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("CREATE TABLE IF NOT EXISTS orders "
                       "(order_id TEXT PRIMARY KEY, customer_id TEXT, pizza TEXT, placed INT)")  # fmt: skip
            db.execute("CREATE TABLE IF NOT EXISTS statuses "
                       "(order_id TEXT PRIMARY KEY, status INT, happened INT, heard INT)")  # fmt: skip
        with changing(self._delivery) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("CREATE TABLE IF NOT EXISTS customers (order_id TEXT PRIMARY KEY, customer TEXT)")
            db.execute("CREATE TABLE IF NOT EXISTS held (order_id TEXT PRIMARY KEY)")

    def place(self, order_id: str, pizza: Pizza, at: int) -> None:
        row = (order_id, pizza.customer_id, json.dumps(pizza.record()), at)
        with changing(self._orders) as db:
            db.execute("INSERT INTO orders VALUES (?, ?, ?, ?)", row)

    def cancel(self, order_id: str) -> None:
        with changing(self._orders) as db:
            db.execute("DELETE FROM orders WHERE order_id = ?", (order_id,))

    def tell(self, order_id: str, status: int, happened: int, heard: int) -> None:
        with changing(self._orders) as db:
            db.execute("INSERT INTO statuses VALUES (?, ?, ?, ?) ON CONFLICT (order_id) DO UPDATE SET "
                       "status = excluded.status, happened = excluded.happened, heard = excluded.heard "
                       "WHERE excluded.happened >= happened", (order_id, status, happened, heard))  # fmt: skip

    def mark_stuck(self, before: int) -> None:
        values = (Status.STUCK, Status.DELIVERED, before)
        with changing(self._orders) as db:
            db.execute("UPDATE statuses SET status = ? WHERE status <> ? AND heard < ?", values)

    def forget(self, before: int) -> None:
        with changing(self._orders) as db:
            db.execute("DELETE FROM statuses WHERE heard < ?", (before,))
            db.execute(
                "DELETE FROM orders WHERE placed < ? AND order_id NOT IN (SELECT order_id FROM statuses)", (before,)
            )

    def statuses(self) -> dict[str, int]:
        with changing(self._orders) as db:
            return dict(db.execute("SELECT order_id, status FROM statuses"))

    def orders(self, customer_id: str, search: str = "") -> list[Kept]:
        wanted = "customer_id = ? AND (instr(order_id, ?) OR instr(lower(pizza), lower(?))) ORDER BY placed DESC"
        return self._kept(wanted, (customer_id, search, search))

    def order(self, order_id: str) -> Kept | None:
        return next(iter(self._kept("order_id = ?", (order_id,))), None)

    def _kept(self, wanted: str, values: tuple[str, ...]) -> list[Kept]:
        query = f"""SELECT order_id, customer_id, pizza, placed, COALESCE(status, {Status.PLACED:d})
                    FROM orders LEFT JOIN statuses USING (order_id) WHERE {wanted}"""
        with changing(self._orders) as db:
            rows = db.execute(query, values).fetchall()
        return [Kept(order_id, customer, json.loads(pizza), *rest) for order_id, customer, pizza, *rest in rows]

    def meet(self, order_id: str, customer: str) -> None:
        with changing(self._delivery) as db:
            db.execute("INSERT OR REPLACE INTO customers VALUES (?, ?)", (order_id, customer))

    def customer(self, order_id: str) -> str | None:
        with changing(self._delivery) as db:
            row = db.execute("SELECT customer FROM customers WHERE order_id = ?", (order_id,)).fetchone()
        return None if row is None else str(row[0])

    def hold(self, order_id: str) -> None:
        with changing(self._delivery) as db:
            db.execute("INSERT OR IGNORE INTO held VALUES (?)", (order_id,))

    def release(self, order_id: str) -> bool:
        with changing(self._delivery) as db:
            return db.execute("DELETE FROM held WHERE order_id = ?", (order_id,)).rowcount > 0


@contextmanager
def changing(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of its own, in a transaction: calls come from several threads."""
    with closing(sqlite3.connect(path, timeout=WAIT_SECONDS)) as connection, connection:
        yield connection
