"""POST /ksql and what belongs to it: command statuses, termination of the cluster, validity of properties."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headwater.engine.engine import Engine
from headwater.engine.entities import encode
from headwater.engine.errors import ErrorCode, RequestError
from headwater.http.framing import JSON, KSQL_JSON
from headwater.http.guard import Guard
from headwater.http.negotiation import choose
from headwater.http.permissions import check_statements
from headwater.http.requests import KsqlRequest, TerminateRequest, decode
from headwater.http.responses import json_response

CLASSIC_TYPES = (JSON, KSQL_JSON)
"""What endpoints with plain JSON answers offer; the answer is `application/json` either way."""


class StatementEndpoints:
    """Endpoints over one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def ksql(self, request: Request) -> Response:
        choose(request.headers.get("accept"), CLASSIC_TYPES)
        body = decode(await request.body(), KsqlRequest)
        check_statements(request, body.ksql, body.variables)
        if body.command_sequence_number is not None:
            await self._engine.wait_for_command(body.command_sequence_number)
        entities = await self._engine.execute(body.ksql, body.streams_properties, body.variables)
        return Response(encode(entities), media_type=JSON)

    async def terminate(self, request: Request) -> Response:
        body = decode(await request.body(), TerminateRequest)
        entities = await self._engine.terminate_cluster(body.delete_topic_list)
        return Response(encode(entities), media_type=JSON)

    async def statuses(self, request: Request) -> Response:
        statuses = {name: status.status for name, status in self._engine.statuses.items()}
        return json_response({"commandStatuses": statuses})

    async def status(self, request: Request) -> Response:
        name = "/".join(request.path_params[part] for part in ("type", "entity", "action"))
        found = self._engine.statuses.get(name)
        if found is None:
            raise RequestError(f"Command not found: {name}", ErrorCode.NOT_FOUND)
        return json_response(found)

    async def is_valid_property(self, request: Request) -> Response:
        self._engine.check_property(request.path_params["name"])
        return json_response(True)

    def routes(self, guard: Guard) -> list[Route]:
        return [
            Route("/ksql", guard(self.ksql), methods=["POST"]),
            Route("/ksql/terminate", guard(self.terminate), methods=["POST"]),
            Route("/status", guard(self.statuses), methods=["GET"]),
            Route("/status/{type}/{entity}/{action}", guard(self.status), methods=["GET"]),
            Route("/is_valid_property/{name}", guard(self.is_valid_property), methods=["GET"]),
        ]
