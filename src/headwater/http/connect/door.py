"""Connect's door: who may do what, errors as answers, and the way to the worker that has the connectors."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from headwater.broker.access import Principal
from headwater.broker.acls import CLUSTER_NAME, Operation, Resource
from headwater.connect.errors import UsageError
from headwater.connect.worker import Worker
from headwater.core.errors import HeadwaterError
from headwater.http.connect.call import ConnectCall
from headwater.http.connect.routes import ROUTES
from headwater.http.door import Answer, Door
from headwater.http.errors import HttpError
from headwater.http.identity import Identify, anybody
from headwater.http.origins import Origins
from headwater.http.routes import JSON, OPENAPI, Route

_LOGGER = logging.getLogger(__name__)
_EARLY = frozenset({"/", "/health", OPENAPI})


class ConnectDoor(Door[ConnectCall]):
    """Serves one worker: it answers 503 until that has replayed its topics."""

    most_bytes = 4 << 20  # more than any configuration
    too_large = f"The request is too large: at most {most_bytes} bytes"
    taken = frozenset({JSON})  # as in the original, so that `curl -d` has to say what it sends

    def __init__(self, worker: Worker, identify: Identify = anybody, origins: Origins | None = None) -> None:
        self._worker = worker
        described = Route("GET", OPENAPI, self._describe, "This document", open=True)
        super().__init__((*ROUTES, described), identify, origins or Origins())

    def begin(self, request: Request, route: Route, parameters: dict[str, str], caller: Principal) -> ConnectCall:
        return ConnectCall(request, route, parameters, caller, self._worker)

    def permit(self, call: ConnectCall) -> None:
        if call.route.right is Operation.ALTER and not call.caller.may(Operation.ALTER, Resource.CLUSTER, CLUSTER_NAME):
            raise HttpError(403, f"{call.caller.name} may not change connectors: it takes ALTER on the cluster")
        if not self._worker.ready and call.route.path not in _EARLY:
            raise HttpError(503, "The worker is still starting up.")

    async def carry_out(self, call: ConnectCall) -> Any:
        leader = self._worker.leader_url
        if leader is not None and call.route.path.startswith("/connectors"):
            return _elsewhere(leader, call.request)
        return await super().carry_out(call)

    def refuse(self, error: Exception, request: Request) -> Response:
        headers = error.headers if isinstance(error, HttpError) else None
        status, message = 500, str(error)
        if isinstance(error, UsageError | HttpError):
            status = error.status
        elif not isinstance(error, HeadwaterError):
            _LOGGER.error("Unexpected error while answering a request", exc_info=error)
            message = "Internal Server Error"
        return Response(msgspec.json.encode({"error_code": status, "message": message}), status, headers, JSON)

    def _describe(self, call: ConnectCall) -> dict[str, Any]:
        from headwater.http.openapi import Api, document  # seldom needed, and it would lengthen every start

        return document(Api("Kafka Connect REST API", self._worker.settings.version), ROUTES)


def _elsewhere(leader_url: str, request: Request) -> Answer:
    """Another worker runs the connectors: clients that follow redirects send the same there."""
    # As it was sent, percent-encoded: decoded, a name could end the header and begin another one.
    path = (request.scope.get("raw_path") or quote(request.scope["path"]).encode()).decode("latin-1").partition("?")[0]
    query = f"?{request.url.query}" if request.url.query else ""
    told = {"error_code": 307, "message": f"Connectors run at {leader_url}"}
    return Answer(307, told, {"Location": f"{leader_url}{path}{query}"})
