"""The whole shop: its four services as processes, and customers who wait for their pizzas."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from common.demo import await_rows
from common.kafka import PATIENCE_SECONDS, await_records, client_config, producer
from confluent_kafka.admin import AdminClient
from data import Order, Status
from service import group_of, now_ms, place
from status import Orders

HERE = Path(__file__).parent
SERVICES = ("assemble", "bake", "delivery", "status")
ORDER_EVERY_SECONDS = 12


class Shop:
    """Services that are `speed` times faster than in a real shop; the status service's file is `store`."""

    def __init__(self, bootstrap_servers: str, store: Path, speed: int) -> None:
        self._speed = speed
        self._bootstrap_servers = bootstrap_servers
        self._store = store
        self._admin = AdminClient(client_config(bootstrap_servers))
        self._orders = Orders(store)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @contextmanager
    def open(self) -> Iterator[Shop]:
        """All services run inside of the `with`."""
        try:
            for service in SERVICES:
                self._start(service)
            until(lambda: all(self._members(service) == 1 for service in SERVICES))
            yield self
        finally:
            for service in list(self._processes):
                self._stop(service)

    def serve(self, orders: list[Order]) -> list[str]:
        """Place orders at intervals and wait until all are delivered."""
        started = time.perf_counter()
        self._place(orders)
        problems = self._await_status(orders, Status.DELIVERED)
        print(f"delivered    {len(orders)} orders in {time.perf_counter() - started:.1f} s")
        return problems

    def serve_without_delivery(self, orders: list[Order]) -> list[str]:
        """The same, but nobody delivers until the pizzas are baked and their orders count as stuck."""
        self._stop("delivery")
        left = self._members("delivery")
        problems = [] if left == 0 else [f"{left} members are left in a group that all have left"]
        self._place(orders)
        problems += self._await_status(orders, Status.STUCK)
        problems += await_records(self._bootstrap_servers, {"pizza-baked": sum(1 for _ in self._orders.statuses())})
        print(f"stuck        {len(orders)} orders while nobody delivered")
        self._start("delivery")
        problems += self._await_status(orders, Status.DELIVERED)
        print(f"delivered    {len(orders)} orders late")
        return problems

    def _place(self, orders: list[Order]) -> None:
        target = producer(self._bootstrap_servers)
        for order in orders:
            place(target, "pizza-ordered", order.order_id, order.record(now_ms()))
            time.sleep(ORDER_EVERY_SECONDS / self._speed)

    def _start(self, service: str) -> None:
        command = [sys.executable, f"{service}.py", "--bootstrap-servers", self._bootstrap_servers]
        command += ["--speed", str(self._speed)]
        if service == "status":
            command += ["--store", str(self._store)]
        self._processes[service] = subprocess.Popen(command, cwd=HERE)

    def _stop(self, service: str) -> None:
        process = self._processes.pop(service)
        process.terminate()
        process.wait()

    def _members(self, service: str) -> int:
        """How many the service's group has."""
        (future,) = self._admin.describe_consumer_groups([group_of(service)]).values()
        return len(future.result(timeout=10).members)

    def _await_status(self, orders: list[Order], status: Status) -> list[str]:
        """Wait until the status service says so of all of them; returns what it says otherwise after all patience."""

        def told() -> dict[str, tuple[object, ...]]:
            statuses = self._orders.statuses()
            return {order.order_id: (statuses.get(order.order_id),) for order in orders}

        return await_rows(told, {order.order_id: (status,) for order in orders}, "the store")


def until(condition: Callable[[], bool]) -> None:
    """Return when it holds, or after all patience."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
