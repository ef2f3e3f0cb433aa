"""POST /ksql and what belongs to it: command statuses, termination of the cluster, validity of properties."""

from __future__ import annotations

from starlette.responses import Response

from headwater.broker.acls import Operation
from headwater.engine.engine import Engine
from headwater.engine.entities import encode
from headwater.engine.errors import ErrorCode, RequestError
from headwater.http.door import Call
from headwater.http.framing import JSON, KSQL_JSON
from headwater.http.negotiation import choose
from headwater.http.permissions import check_statements
from headwater.http.requests import KsqlRequest, TerminateRequest, decode
from headwater.http.routes import Route

CLASSIC_TYPES = (JSON, KSQL_JSON)
"""What endpoints with plain JSON answers offer; the answer is `application/json` either way."""


class StatementEndpoints:
    """Endpoints over one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def ksql(self, call: Call) -> Response:
        choose(call.request.headers.get("accept"), CLASSIC_TYPES)
        body = decode(call.body, KsqlRequest)
        check_statements(call.caller, body.ksql, body.variables)
        if body.command_sequence_number is not None:
            await self._engine.wait_for_command(body.command_sequence_number)
        entities = await self._engine.execute(body.ksql, body.streams_properties, body.variables)
        return Response(encode(entities), media_type=JSON)

    async def terminate(self, call: Call) -> Response:
        body = decode(call.body, TerminateRequest)
        entities = await self._engine.terminate_cluster(body.delete_topic_list)
        return Response(encode(entities), media_type=JSON)

    def statuses(self, call: Call) -> object:
        statuses = {name: status.status for name, status in self._engine.statuses.items()}
        return {"commandStatuses": statuses}

    def status(self, call: Call) -> object:
        name = "/".join(call.parameters[part] for part in ("type", "entity", "action"))
        found = self._engine.statuses.get(name)
        if found is None:
            raise RequestError(f"Command not found: {name}", ErrorCode.NOT_FOUND)
        return found

    def is_valid_property(self, call: Call) -> bool:
        self._engine.check_property(call.parameters["name"])
        return True

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/ksql", self.ksql, "Run statements", body=KsqlRequest),
            Route("POST", "/ksql/terminate", self.terminate, "Stop all queries and drop everything", Operation.WRITE,
                  body=TerminateRequest),
            Route("GET", "/status", self.statuses, "The status of every command"),
            Route("GET", "/status/{type}/{entity}/{action}", self.status, "The status of a command"),
            Route("GET", "/is_valid_property/{name}", self.is_valid_property, "Whether a property may be set"),
        ]  # fmt: skip
