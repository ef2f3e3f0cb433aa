"""The web service of the shop: REST over orders, deliveries, attempts and state changes, and a page with forms.

Every request that changes something is one transaction of the database.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from data import STEPS, TYPES
from databases import Database, EmbeddedDatabase, NoSuchRow, PostgresDatabase
from hypercorn.asyncio import serve
from hypercorn.config import Config
from model import TABLES, Row
from service import Refused, Service
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from statuses import Statuses, opened

RESOURCES = {name.replace("_", "-"): name for name in TABLES}
"""The path of each table: /state-changes has the rows of state_changes."""
SHOWN = 30
MOST_BYTES = 1 << 20

Handler = Callable[[Service, Request], Awaitable[Response]]


def application(service: Service, statuses: Statuses) -> Starlette:
    async def status(_service: Service, request: Request) -> Response:
        """As it has come through topics, ETL and connector: a moment later than the row."""
        number = request.path_params["number"]
        found = await asyncio.to_thread(statuses.one, number)
        return told(404, f"No status of delivery {number} has come yet") if found is None else JSONResponse(found)

    def route(path: str, method: str, handler: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                return await handler(service, request)
            except NoSuchRow as error:
                return told(404, str(error))
            except Refused as error:
                return told(400, str(error))

        return Route(path, endpoint, methods=[method])

    return Starlette(routes=[
        route("/", "GET", page), route("/new-delivery", "POST", new_delivery), route("/new-state", "POST", new_state),
        route("/deliveries/{number:int}/status", "GET", status),
        route("/{resource}", "GET", listing), route("/{resource}", "POST", creation),
        route("/{resource}/{number:int}", "GET", one), route("/{resource}/{number:int}", "PUT", change),
        route("/{resource}/{number:int}", "PATCH", change), route("/{resource}/{number:int}", "DELETE", deletion),
    ])  # fmt: skip


def told(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status)


def table_of(request: Request) -> str:
    resource = request.path_params["resource"]
    if resource not in RESOURCES:
        raise NoSuchRow(f"There is no /{resource}; there are {', '.join(f'/{name}' for name in RESOURCES)}")
    return RESOURCES[resource]


async def body_of(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise Refused(f"The request is longer than {MOST_BYTES} bytes")
    return body


async def values_of(request: Request) -> dict[str, Any]:
    """The object in a request; it must say that it is JSON, which a form on another site cannot."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise Refused("Content-Type must be application/json")
    try:
        values = json.loads(await body_of(request))
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise Refused("The request must be a JSON object")
    return values


async def listing(service: Service, request: Request) -> Response:
    return JSONResponse(await asyncio.to_thread(service.rows, table_of(request)))


async def creation(service: Service, request: Request) -> Response:
    return JSONResponse(await asyncio.to_thread(service.create, table_of(request), await values_of(request)), 201)


async def one(service: Service, request: Request) -> Response:
    return JSONResponse(await asyncio.to_thread(service.get, table_of(request), request.path_params["number"]))


async def change(service: Service, request: Request) -> Response:
    number, values = request.path_params["number"], await values_of(request)
    return JSONResponse(await asyncio.to_thread(service.update, table_of(request), number, values))


async def deletion(service: Service, request: Request) -> Response:
    await asyncio.to_thread(service.delete, table_of(request), request.path_params["number"])
    return Response(status_code=204)


async def form_of(request: Request) -> dict[str, str | None]:
    """The fields of our own page's form; empty ones are null."""
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise Refused("This form is not of this page")
    fields = parse_qsl((await body_of(request)).decode("utf-8", "replace"), keep_blank_values=True)
    return {name: value.strip() or None for name, value in fields}


async def new_delivery(service: Service, request: Request) -> Response:
    """A delivery of the order that is named, or of a new one."""
    form: dict[str, Any] = await form_of(request)
    organization = form.pop("organization_id", None)
    if form.get("order_id") is None:
        order = await asyncio.to_thread(service.create, "orders", {"organization_id": organization})
        form["order_id"] = order["id"]
    await asyncio.to_thread(service.create, "deliveries", form)
    return RedirectResponse("/", 303)


async def new_state(service: Service, request: Request) -> Response:
    """A state of the last attempt at a delivery; of a first one if there is none yet."""
    form = await form_of(request)
    delivery = form.get("delivery_id")
    attempts = [row for row in await asyncio.to_thread(service.rows, "attempts") if str(row["delivery_id"]) == delivery]
    if not attempts:
        attempts = [await asyncio.to_thread(service.create, "attempts", {"delivery_id": delivery})]
    state = {"attempt_id": attempts[-1]["id"], "state": form.get("state")}
    await asyncio.to_thread(service.create, "state_changes", state)
    return RedirectResponse("/", 303)


async def page(service: Service, _request: Request) -> Response:
    rows = await asyncio.to_thread(service.rows, "deliveries")
    return HTMLResponse(PAGE.replace("{rows}", "".join(map(line, rows[: -SHOWN - 1 : -1]))))


def line(row: Row) -> str:
    """A delivery in the page's table, with the form for its state."""
    shown = ("id", "order_id", "delivery_type", "mileage", "notes", "status", "updated_at")
    cells = "".join(f"<td>{escape('' if row[name] is None else str(row[name]))}</td>" for name in shown)
    states = "".join(f"<option>{escape(state)}</option>" for state in (*STEPS, "Failed", "Delivered"))
    form = (
        f'<form method="post" action="/new-state"><input type="hidden" name="delivery_id" value="{row["id"]}">'
        f'<select name="state" aria-label="State of delivery {row["id"]}">{states}</select> <button>Set</button></form>'
    )
    return f"<tr>{cells}<td>{form}</td></tr>"


def field(name: str, label: str, value: str = "", kind: str = "text") -> str:
    return f'<label>{label} <input name="{name}" type="{kind}" value="{escape(value)}"></label>'


def end(name: str, title: str) -> str:
    """The fields of one of the two ends."""
    fields = {"contact_name": "Name", "address": "Address", "city": "City", "state": "State", "zip": "Zip",
              "country": "Country", "phone_number": "Phone", "instructions": "Instructions"}  # fmt: skip
    inner = "".join(field(f"{name}_{part}", label, "US" if part == "country" else "") for part, label in fields.items())
    return f"<fieldset><legend>{title}</legend>{inner}</fieldset>"


PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Deliveries</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.4 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }}
label {{ display: inline-block; margin: .2rem .8rem .2rem 0; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ text-align: left; padding: .25rem .5rem; border-bottom: 1px solid #ccc; }}
td form {{ white-space: nowrap; }}
</style></head><body>
<h1>Deliveries</h1>
<form method="post" action="/new-delivery">
<fieldset><legend>New delivery</legend>
{field("organization_id", "Organization", "1", "number")}{field("order_id", "or order", "", "number")}
<label>Type <select name="delivery_type">{"".join(f"<option>{name}</option>" for name in TYPES)}</select></label>
{field("mileage", "Miles", "10", "number")}{field("notes", "Notes")}</fieldset>
{end("from", "From")}{end("to", "To")}
<button>Create delivery</button></form>
<h2>Newest first</h2>
<table><thead><tr><th>Delivery</th><th>Order</th><th>Type</th><th>Miles</th><th>Notes</th><th>Status</th><th>Changed</th>
<th>New state</th></tr></thead><tbody>{{rows}}</tbody></table>
</body></html>"""


def database(postgres: str | None, services: Path) -> Database:
    return PostgresDatabase(postgres) if postgres else EmbeddedDatabase(services)


async def run(made: Starlette, port: int) -> None:
    """Serve until SIGINT or SIGTERM; prints the address."""
    listener = socket.create_server(("127.0.0.1", port))
    port = listener.getsockname()[1]
    config, stopped = Config(), asyncio.Event()
    config.bind = [f"fd://{listener.detach()}"]  # the server closes it
    config.loglevel = "WARNING"
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    print(f"web      http://127.0.0.1:{port}", flush=True)
    await serve(made, config, shutdown_trigger=stopped.wait)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=3000, help="0 takes a free one")
    parser.add_argument("--postgres", help="address of a PostgreSQL database in place of the node's tables")
    parser.add_argument("--redis", help="address of a Redis server in place of the node's keys")
    parser.add_argument("--services", type=Path, default=Path(os.environ.get("SERVICES", ".headwater/services")))
    args = parser.parse_args()
    made = application(Service(database(args.postgres, args.services)), opened(args.redis, args.services))
    asyncio.run(run(made, args.port))


if __name__ == "__main__":
    main()
