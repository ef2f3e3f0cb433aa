"""How a path leads to a route, and what a request meets on its way to the handler."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response

from headwater.broker.access import Principal
from headwater.http.door import Answer, Call, Door
from headwater.http.errors import HttpError
from headwater.http.identity import anybody
from headwater.http.openapi import Api, document
from headwater.http.operations import OperationsDoor
from headwater.http.origins import Origins
from headwater.http.routes import JSON, Paths, Route, segments

_PLAIN = ("/", "/a", "/a/{x}", "/a/b", "/a/{x}/c")
_WIDE = ("/n/{name:path}", "/n/{name:path}/tags", "/n/{name:path}/tags/{t}")
TABLE = [Route("GET", path, str, path) for path in (*_PLAIN, *_WIDE)]


@pytest.mark.parametrize(
    ("path", "found", "parameters"),
    [
        ("/", "/", {}),
        ("/a", "/a", {}),
        ("//a/", "/a", {}),
        ("/a/b", "/a/b", {}),
        ("/a/%62", "/a/{x}", {"x": "b"}),
        ("/a/b%2Fc", "/a/{x}", {"x": "b/c"}),
        ("/a/b/c", "/a/{x}/c", {"x": "b"}),
        ("/a/b/d", None, {}),
        ("/n", None, {}),
        ("/n/one", "/n/{name:path}", {"name": "one"}),
        ("/n/one/two", "/n/{name:path}", {"name": "one/two"}),
        ("/n/one%2Ftags", "/n/{name:path}", {"name": "one/tags"}),
        ("/n/one/two/tags", "/n/{name:path}/tags", {"name": "one/two"}),
        ("/n/one/two/tags/PII", "/n/{name:path}/tags/{t}", {"name": "one/two", "t": "PII"}),
        ("/n/tags", "/n/{name:path}", {"name": "tags"}),
    ],
)
def test_a_path_leads_to_the_route_that_says_most(path: str, found: str | None, parameters: dict[str, str]) -> None:
    match = Paths(TABLE).find(segments(path))
    if found is None:
        assert match is None
    else:
        assert match is not None
        assert (match[0]["GET"].path, match[1]) == (found, parameters)


class Small(Door[Call]):
    """A door whose refusals are lines of text; whoever is called `reader` may not change anything."""

    most_bytes = 10
    taken = frozenset({JSON})

    def begin(self, request: Request, route: Route, parameters: dict[str, str], caller: Principal) -> Call:
        return Call(request, route, parameters, caller)

    def permit(self, call: Call) -> None:
        if call.route.right == "change" and call.caller.name == "reader":
            raise HttpError(403, "not you")

    def refuse(self, error: Exception, request: Request) -> Response:
        status = error.status if isinstance(error, HttpError) else 500
        return PlainTextResponse(str(error), status, error.headers if isinstance(error, HttpError) else None)


async def identify(connection: HTTPConnection) -> Principal | None:
    open_to_all = await anybody(connection)
    assert open_to_all is not None
    name = connection.headers.get("who")
    return None if name is None else Principal(name, "127.0.0.1", open_to_all.access)


def fail(call: Call) -> Any:
    raise ZeroDivisionError


async def echo(call: Call) -> Any:
    return {"x": call.parameters["x"], "q": call.text("q"), "body": call.body.decode()}


ROUTES = (
    Route("GET", "/things/{x}", echo, "Look at one"),
    Route("PUT", "/things/{x}", echo, "Change one", "change", body=dict[str, str]),
    Route("DELETE", "/things/{x}", lambda call: None, "Drop one", "change", status=204),
    Route("POST", "/things", lambda call: Answer(201, {"made": True}, {"Location": "/1"}), "Make one", status=201),
    Route("GET", "/fails", fail, "Fails"),
    Route("GET", "/alive", lambda call: True, "For load balancers", open=True),
)
ME = {"who": "me"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status", "text"),
    [
        ("GET", "/things/a%2Fb?q=1&q=2", ME, b"", 200, '{"x":"a/b","q":"1","body":""}'),
        ("HEAD", "/things/a", ME, b"", 200, ""),
        ("PUT", "/things/a", ME, b"{}", 200, '{"x":"a","q":"","body":"{}"}'),
        ("PUT", "/things/a", {**ME, "content-type": "application/JSON; charset=utf-8"}, b"{}", 200, None),
        ("PUT", "/things/a", {**ME, "content-type": "text/plain"}, b"{}", 415, "HTTP 415 Unsupported Media Type"),
        ("PUT", "/things/a", ME, b"x" * 11, 413, "The request is too large"),
        ("PUT", "/things/a", {"who": "reader"}, b"x" * 11, 403, "not you"),
        ("DELETE", "/things/a", ME, b"", 204, ""),
        ("POST", "/things", ME, b"", 201, '{"made":true}'),
        ("PATCH", "/things", ME, b"", 405, "HTTP 405 Method Not Allowed"),
        ("GET", "/nothing", ME, b"", 404, "HTTP 404 Not Found"),
        ("GET", "/things/a", {}, b"", 401, "Unauthorized: give an API key with HTTP Basic authentication"),
        ("GET", "/things/a", {**ME, "host": "evil.example"}, b"", 403, None),
        ("GET", "/things/a", {**ME, "origin": "http://evil.example"}, b"", 403, None),
        ("GET", "/alive", {"host": "balanced.example"}, b"", 200, "true"),
        ("GET", "/fails", ME, b"", 500, ""),
    ],
)
async def test_what_a_request_meets(
    method: str, path: str, headers: dict[str, str], body: bytes, status: int, text: str | None
) -> None:
    door = Small(ROUTES, identify, Origins.at("127.0.0.1"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://127.0.0.1") as client:
        answer = await client.request(method, path, headers=headers, content=body)
    assert answer.status_code == status
    assert text is None or answer.text == text
    assert (status == 401) == ("www-authenticate" in answer.headers)
    assert (status == 405) == ("allow" in answer.headers)


def test_a_document_tells_of_every_route() -> None:
    made = document(Api("Small", "1", shapes={"x": {"type": "string", "pattern": "^a"}}), ROUTES)
    assert {(method, path) for path, methods in made["paths"].items() for method in methods} == {
        (route.method.lower(), route.path) for route in ROUTES
    }
    change = made["paths"]["/things/{x}"]["put"]
    assert change["parameters"][0]["schema"] == {"type": "string", "pattern": "^a"}
    assert change["requestBody"]["content"].keys() == {JSON}
    assert change["responses"].keys() == {"200", "default"}
    assert "content" not in made["paths"]["/things/{x}"]["delete"]["responses"]["204"]


async def test_pages_of_others_learn_nothing_from_the_console() -> None:
    door = OperationsDoor(list, lambda: {"kafka": "127.0.0.1:9092"}, origins=Origins.at("127.0.0.1"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://127.0.0.1:9021") as client:
        for path in ("/", "/metrics"):
            assert (await client.get(path)).status_code == 200
            for headers in ({"origin": "http://evil.example"}, {"host": "evil.example:9021"}):
                assert (await client.get(path, headers=headers)).status_code == 403
