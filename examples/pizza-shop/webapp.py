"""The shop's web application: log in, choose a pizza, see what becomes of it.

It writes orders into a topic and reads what the status service keeps; it knows nothing else of the services.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import uuid
from pathlib import Path
from urllib.parse import parse_qs

import pages
from common.kafka import DeliveryError, producer
from data import MENU, Pizza, Status, customer_id
from hypercorn.asyncio import serve
from hypercorn.config import Config
from service import arguments, now_ms, place
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from stores import Kept, Store, opened

COOKIE = "customer"
LONGEST_FORM, LONGEST_NAME = 10_000, 40
LOG_LINES, LOG_BYTES = 200, 20_000


class WebApp:
    """The pages of one shop."""

    def __init__(self, store: Store, bootstrap_servers: str, logs: Path) -> None:
        self._store = store
        self._producer = producer(bootstrap_servers)
        self._logs = logs

    def app(self) -> Starlette:
        return Starlette(routes=[
            Route("/", self.menu), Route("/login", self.login_page), Route("/login", self.login, methods=["POST"]),
            Route("/logout", self.logout, methods=["POST"]), Route("/order", self.order, methods=["POST"]),
            Route("/orders", self.orders), Route("/orders/{order_id}", self.one),
            Route("/orders/{order_id}/status", self.status), Route("/logs", self.logs),
            Route("/logs/lines", self.log_lines), Route("/health-check", self.health),
        ])  # fmt: skip

    async def login_page(self, _request: Request) -> Response:
        return HTMLResponse(pages.login())

    async def login(self, request: Request) -> Response:
        """There are no passwords: whoever gives a name is that customer."""
        name = (await form(request)).get("username", [""])[0].strip()
        if not 0 < len(name) <= LONGEST_NAME:
            return HTMLResponse(pages.login("Please tell us your name."), 400)
        answer = to("/")
        answer.set_cookie(COOKIE, name.encode().hex(), httponly=True, samesite="lax")
        return answer

    async def logout(self, _request: Request) -> Response:
        answer = to("/login")
        answer.delete_cookie(COOKIE)
        return answer

    async def menu(self, request: Request) -> Response:
        customer = customer_of(request)
        return to("/login") if customer is None else HTMLResponse(pages.menu(customer))

    async def order(self, request: Request) -> Response:
        customer = customer_of(request)
        if customer is None:
            return to("/login")
        chosen = chosen_pizza(await form(request), customer)
        if chosen is None:
            return HTMLResponse(pages.menu(customer, "Please choose what is on the menu."), 400)
        order_id = uuid.uuid4().hex[:8]
        try:
            await asyncio.to_thread(self._place, order_id, chosen)
        except DeliveryError:
            return HTMLResponse(pages.menu(customer, "We cannot take orders now, please try again."), 503)
        return to(f"/orders/{order_id}")

    def _place(self, order_id: str, chosen: Pizza) -> None:
        at = now_ms()
        self._store.place(order_id, chosen, at)
        try:
            ordered = {"status": Status.PLACED, "timestamp": at, "order": chosen.record()}
            place(self._producer, "pizza-ordered", order_id, ordered)
        except DeliveryError:
            self._store.cancel(order_id)
            raise

    async def orders(self, request: Request) -> Response:
        customer, search = customer_of(request), request.query_params.get("search", "")
        if customer is None:
            return to("/login")
        found = await asyncio.to_thread(self._store.orders, customer_id(customer), search)
        return HTMLResponse(pages.orders(customer, found, search))

    async def one(self, request: Request) -> Response:
        customer = customer_of(request)
        if customer is None:
            return to("/login")
        found = await self._own_order(request, customer)
        return missing(customer) if found is None else HTMLResponse(pages.order(customer, found))

    async def status(self, request: Request) -> Response:
        """What the order's page asks every two seconds. `reached` is the last step that is done."""
        customer = customer_of(request)
        found = None if customer is None else await self._own_order(request, customer)
        if found is None:
            return JSONResponse({"message": "There is no such order."}, 404)
        status = Status(found.status)
        reached = Status.BAKED if status is Status.DELIVERY_PENDING else status
        return JSONResponse({"status": status, "label": pages.LABELS[status], "reached": reached})

    async def _own_order(self, request: Request, customer: str) -> Kept | None:
        found = await asyncio.to_thread(self._store.order, request.path_params["order_id"])
        return found if found is not None and found.customer_id == customer_id(customer) else None

    async def logs(self, request: Request) -> Response:
        customer = customer_of(request)
        return to("/login") if customer is None else HTMLResponse(pages.logs(customer))

    async def log_lines(self, _request: Request) -> Response:
        """The newest lines of all services, in order of time; the logs page asks for them every second."""
        return JSONResponse(await asyncio.to_thread(last_lines, self._logs))

    async def health(self, _request: Request) -> Response:
        return PlainTextResponse("Ok")


def to(path: str) -> Response:
    return RedirectResponse(path, 302)


def missing(customer: str) -> Response:
    return HTMLResponse(pages.page("There is no such order", "", customer), 404)


async def form(request: Request) -> dict[str, list[str]]:
    """The fields of a form, empty if it is longer than any of ours."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            return {}
    return parse_qs(body.decode(errors="replace"))


def customer_of(request: Request) -> str | None:
    """Who is logged in."""
    try:
        return bytes.fromhex(request.cookies.get(COOKIE, "")).decode() or None
    except ValueError:
        return None


def chosen_pizza(fields: dict[str, list[str]], customer: str) -> Pizza | None:
    """What the form says, if all of it is on the menu."""
    single = {name: fields.get(name, [""])[0] for name in MENU if name != "extra_toppings"}
    extras = tuple(fields.get("extra_toppings", ()))
    on_menu = all(value in MENU[name] for name, value in single.items()) and set(extras) <= set(MENU["extra_toppings"])
    return Pizza(extras, customer, customer_id(customer), **single) if on_menu else None


def last_lines(folder: Path) -> list[str]:
    lines = []
    for path in folder.glob("*.log"):
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_BYTES))
            lines += file.read().decode(errors="replace").splitlines()[-LOG_LINES:]
    return sorted(lines)[-LOG_LINES:]


async def run(app: Starlette, listening: int) -> None:
    """Serve on a socket, given by its number, until told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    config = Config()
    config.bind, config.graceful_timeout, config.errorlog = [f"fd://{listening}"], 1, None

    async def stopped() -> None:
        await stop.wait()

    await serve(app, config, shutdown_trigger=stopped)  # type: ignore[arg-type]


def bound(port: int) -> socket.socket:
    """A socket that listens on this machine only. Raises `OSError`."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen()
    return listening


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    options = parser.parse_args()
    store = opened(options.store, options.folder)
    try:
        listening = bound(options.port)
    except OSError as error:
        sys.exit(f"webapp: port {options.port} cannot be used: {error}")
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    app = WebApp(store, options.bootstrap_servers, options.folder / "logs").app()
    asyncio.run(run(app, listening.detach()))


if __name__ == "__main__":
    main()
