"""Keeps the status of every order for whoever asks: the reading side, fed by the topic that SQL fills."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from data import Status
from service import Record, Service, arguments, now_ms

STUCK_AFTER_SECONDS = 45


class Orders:
    """A table in a file: the last status of each order, and when it was heard of."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("CREATE TABLE IF NOT EXISTS orders (order_id TEXT PRIMARY KEY, status INT, heard INT)")

    def put(self, order_id: str, status: int, heard: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO orders VALUES (?, ?, ?)", (order_id, status, heard))

    def mark_stuck(self, before: int) -> None:
        """Orders that are not delivered and were last heard of before this time (ms)."""
        self._db.execute(
            "UPDATE orders SET status = ? WHERE status <> ? AND heard < ?", (Status.STUCK, Status.DELIVERED, before)
        )

    def statuses(self) -> dict[str, int]:
        return dict(self._db.execute("SELECT order_id, status FROM orders"))


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--store", type=Path, default=Path("orders.db"), help="file of the orders")
    options = parser.parse_args()
    service, orders = Service("status", options), Orders(options.store)
    stuck_after_ms = STUCK_AFTER_SECONDS * 1000 / service.speed

    def remember(order_id: str, record: Record) -> None:
        orders.put(order_id, record["STATUS"], now_ms())

    service.run("pizza-status", remember, idle=lambda: orders.mark_stuck(int(now_ms() - stuck_after_ms)))


if __name__ == "__main__":
    main()
