"""What an operator asks a node on the console's port: `/metrics` for Prometheus, and `/` for what listens where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from headwater.broker.acls import CLUSTER_NAME, Operation, Resource
from headwater.core.metrics import CONTENT_TYPE, Metric, render
from headwater.http.identity import Identify, anybody
from headwater.http.responses import json_response

Collect = Callable[[], Iterable[Metric]]


class OperationsDoor:
    """Answers from what the node's parts count; `endpoints` gives their names and addresses."""

    def __init__(
        self, collect: Collect, endpoints: Callable[[], Mapping[str, str]], identify: Identify = anybody
    ) -> None:
        self._collect = collect
        self._endpoints = endpoints
        self._identify = identify

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/", self._overview),
                Route("/metrics", self._metrics),
                Route("/openapi.json", self._openapi),
            ]
        )

    async def _overview(self, request: Request) -> Response:
        lines = [f"{name:<9} {address}" for name, address in self._endpoints().items()]
        return self._refusal(request) or PlainTextResponse("\n".join(["Headwater", *lines, ""]))

    async def _metrics(self, request: Request) -> Response:
        return self._refusal(request) or Response(render(self._collect()), media_type=CONTENT_TYPE)

    async def _openapi(self, request: Request) -> Response:
        from headwater.http.openapi import console_document  # seldom needed, and it would lengthen every start

        return self._refusal(request) or json_response(console_document(version("headwater")))

    def _refusal(self, request: Request) -> Response | None:
        principal = self._identify(request)
        if principal is None:
            headers = {"WWW-Authenticate": 'Basic realm="headwater"'}
            return PlainTextResponse("Give an API key with HTTP Basic authentication.\n", 401, headers)
        if not principal.may(Operation.DESCRIBE, Resource.CLUSTER, CLUSTER_NAME):
            return PlainTextResponse(f"{principal.name} may not describe the cluster.\n", 403)
        return None
