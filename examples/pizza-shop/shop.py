"""The whole shop: its web application and four services as processes, and customers who wait for their pizzas."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.demo import await_rows
from common.kafka import PATIENCE_SECONDS, DeliveryError, await_records, client_config
from common.processes import start, stop
from confluent_kafka.admin import AdminClient
from customer import Customer, Refused
from data import Order, Pizza, Status
from service import group_of
from stores import SqliteStore

HERE = Path(__file__).parent
SERVICES = ("assemble", "bake", "delivery", "status")
ORDER_EVERY_SECONDS = 12


class Shop:
    """Services that are `speed` times faster than in a real shop, and keep what they know in `folder`. `url` is the web
    application's while the shop is open."""

    def __init__(self, bootstrap_servers: str, folder: Path, speed: int, port: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.url = ""
        self._port = port
        self._speed = speed
        self._bootstrap_servers = bootstrap_servers
        self._folder = folder
        self._admin = AdminClient(client_config(bootstrap_servers))
        self._orders = SqliteStore(folder)
        self._processes: dict[str, subprocess.Popen[str]] = {}

    @contextmanager
    def open(self) -> Iterator[Shop]:
        """All services run inside of the `with`."""
        try:
            for service in SERVICES:
                self._start(service)
            self._start_webapp()
            until(lambda: all(self._members(service) == 1 for service in SERVICES))
            yield self
        finally:
            for service in list(self._processes):
                self._stop(service)

    def serve(self, pizzas: list[Pizza]) -> tuple[list[Order], list[str]]:
        """Order pizzas at intervals and wait until all are delivered; returns the orders, and what is wrong."""
        started = time.perf_counter()
        orders = self._place(pizzas)
        problems = self._await_status(orders, Status.DELIVERED)
        print(f"delivered    {len(orders)} orders in {time.perf_counter() - started:.1f} s")
        return orders, problems

    def serve_without_delivery(self, pizzas: list[Pizza]) -> tuple[list[Order], list[str]]:
        """The same, but nobody delivers until the pizzas are baked and their orders count as stuck."""
        self._stop("delivery")
        left = self._members("delivery")
        problems = [] if left == 0 else [f"{left} members are left in a group that all have left"]
        orders = self._place(pizzas)
        problems += self._await_status(orders, Status.STUCK)
        problems += await_records(self._bootstrap_servers, {"pizza-baked": sum(1 for _ in self._orders.statuses())})
        print(f"stuck        {len(orders)} orders while nobody delivered")
        self._start("delivery")
        problems += self._await_status(orders, Status.DELIVERED)
        print(f"delivered    {len(orders)} orders late")
        return orders, problems

    def page_problems(self, orders: list[Order]) -> list[str]:
        """What customers see besides the status of their order."""
        name = orders[0].pizza.username
        customer, other = Customer(self.url, name), Customer(self.url, "somebody else")
        own = [order.order_id for order in orders if order.pizza.username == name]
        listed, found = customer.get("/orders"), customer.get(f"/orders?search={own[0]}")
        problems = [f"{order_id} is not among the orders of {name}" for order_id in own if order_id not in listed]
        if own[0] not in found or any(order_id in found for order_id in own[1:]):
            problems.append(f"the search for {own[0]} finds something else")
        if own[0] in other.get("/orders") or refused_with(lambda: other.get(f"/orders/{own[0]}")) != 404:
            problems.append(f"an order of {name} is shown to somebody else")
        if refused_with(lambda: customer.post("/order", {"sauce": "Chocolate"})) != 400:
            problems.append("a pizza that is not on the menu was sold")
        if not all(f"order {own[0]} {what}" in customer.get("/logs/lines") for what in ("assembled", "baked")):
            problems.append(f"the logs do not tell of {own[0]}")
        if customer.get("/health-check") != "Ok" or customer.post("/logout", {}) != "/login":
            problems.append("the shop is not healthy, or nobody gets out of it")
        print(f"pages        {len(own)} orders of {name}, a search, logs")
        return problems

    def _place(self, pizzas: list[Pizza]) -> list[Order]:
        """Each customer fills in the forms."""
        orders = []
        for pizza in pizzas:
            orders.append(Order(Customer(self.url, pizza.username).order(pizza), pizza))
            time.sleep(ORDER_EVERY_SECONDS / self._speed)
        return orders

    def _start(self, service: str, *options: str, **streams: Any) -> subprocess.Popen[str]:
        command = [f"{service}.py", "--bootstrap-servers", self._bootstrap_servers]
        command += ["--speed", str(self._speed), "--folder", str(self._folder), *options]
        process = start(*command, cwd=HERE, **{"stdout": subprocess.DEVNULL, **streams})
        self._processes[service] = process
        return process

    def _start_webapp(self) -> None:
        process = self._start("webapp", "--port", str(self._port), stdout=subprocess.PIPE)
        assert process.stdout is not None
        self.url = process.stdout.readline().strip()
        if not self.url:
            raise DeliveryError(f"The web application did not start (exit code {process.wait()}).")

    def _stop(self, service: str) -> None:
        stop(self._processes.pop(service))

    def _members(self, service: str) -> int:
        """How many the service's group has."""
        (future,) = self._admin.describe_consumer_groups([group_of(service)]).values()
        return len(future.result(timeout=10).members)

    def _await_status(self, orders: list[Order], status: Status) -> list[str]:
        """Wait until their pages say so to all customers; returns what they say otherwise after all patience."""
        customers = {name: Customer(self.url, name) for name in {order.pizza.username for order in orders}}

        def told() -> dict[str, tuple[object, ...]]:
            return {order.order_id: (customers[order.pizza.username].status(order.order_id),) for order in orders}

        return await_rows(told, {order.order_id: (status,) for order in orders}, "the web application")


def refused_with(work: Callable[[], object]) -> int:
    """HTTP's status of a refusal; 0 if there was none."""
    try:
        work()
    except Refused as refusal:
        return refusal.status
    return 0


def until(condition: Callable[[], bool]) -> None:
    """Return when it holds, or after all patience."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
