"""What an operator asks a node on the console's port: `/metrics` for Prometheus, and `/` for what listens where."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from headwater.broker.access import Principal
from headwater.broker.acls import CLUSTER_NAME, Operation, Resource
from headwater.core.metrics import CONTENT_TYPE, Metric, render
from headwater.http.door import Call, Door
from headwater.http.errors import HttpError
from headwater.http.identity import Identify, anybody
from headwater.http.origins import Origins
from headwater.http.routes import OPENAPI, Route

_LOGGER = logging.getLogger(__name__)
Collect = Callable[[], Iterable[Metric]]


class OperationsDoor(Door[Call]):
    """Answers from what the node's parts count; `endpoints` gives their names and addresses."""

    def __init__(
        self,
        collect: Collect,
        endpoints: Callable[[], Mapping[str, str]],
        identify: Identify = anybody,
        origins: Origins | None = None,
    ) -> None:
        self._collect = collect
        self._endpoints = endpoints
        routes = (
            Route("GET", "/", self._overview, "What listens where", answers=("text/plain",)),
            Route("GET", "/metrics", self._metrics, "Metrics in Prometheus's text format", answers=(CONTENT_TYPE,)),
            Route("GET", OPENAPI, self._describe, "This document"),
        )
        super().__init__(routes, identify, origins or Origins())

    def begin(self, request: Request, route: Route, parameters: dict[str, str], caller: Principal) -> Call:
        return Call(request, route, parameters, caller)

    def permit(self, call: Call) -> None:
        if not call.caller.may(Operation.DESCRIBE, Resource.CLUSTER, CLUSTER_NAME):
            raise HttpError(403, f"{call.caller.name} may not describe the cluster.")

    def refuse(self, error: Exception, request: Request) -> Response:
        if isinstance(error, HttpError):
            return PlainTextResponse(f"{error}\n", error.status, error.headers)
        _LOGGER.error("Unexpected error while answering a request", exc_info=error)
        return PlainTextResponse("The server encountered an internal error.\n", 500)

    def _overview(self, call: Call) -> Response:
        lines = [f"{name:<9} {address}" for name, address in self._endpoints().items()]
        return PlainTextResponse("\n".join(["Headwater", *lines, ""]))

    def _metrics(self, call: Call) -> Response:
        return Response(render(self._collect()), media_type=CONTENT_TYPE)

    def _describe(self, call: Call) -> dict[str, Any]:
        from headwater.http.openapi import Api, document  # seldom needed, and it would lengthen every start

        return document(Api("Headwater console", version("headwater")), self.routes)
