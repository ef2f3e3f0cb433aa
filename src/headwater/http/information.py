"""What a server says about itself: identity, health, cluster view, probes (section 8 of the REST sheet)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from headwater.engine.engine import Engine
from headwater.engine.errors import ErrorCode, RequestError
from headwater.http.guard import Guard
from headwater.http.responses import json_response


class InformationEndpoints:
    """Endpoints over one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def root(self, request: Request) -> Response:
        return RedirectResponse("/info", 307)

    async def info(self, request: Request) -> Response:
        info = {
            "version": self._engine.settings.version,
            "kafkaClusterId": self._engine.cluster.cluster_id,
            "ksqlServiceId": self._engine.settings.service_id,
            "serverStatus": "DEGRADED" if self._engine.degraded else "RUNNING",
        }
        return json_response({"KsqlServerInfo": info})

    async def healthcheck(self, request: Request) -> Response:
        details = {name: {"isHealthy": healthy} for name, healthy in self._engine.health().items()}
        healthy = all(part["isHealthy"] for part in details.values())
        return json_response({"isHealthy": healthy, "details": details, "serverState": "READY"})

    async def metadata(self, request: Request) -> Response:
        return json_response({"version": self._engine.settings.version, "clusterId": self._cluster_id()})

    async def metadata_id(self, request: Request) -> Response:
        return json_response(self._cluster_id())

    def _cluster_id(self) -> dict[str, object]:
        clusters = {"kafka-cluster": self._engine.cluster.cluster_id, "ksql-cluster": self._engine.settings.service_id}
        return {"scope": {"path": [], "clusters": clusters}, "id": ""}

    async def cluster_status(self, request: Request) -> Response:
        if not self._engine.settings.flag("ksql.heartbeat.enable"):
            raise RequestError("The cluster view is off: set ksql.heartbeat.enable=true.", ErrorCode.NOT_FOUND)
        now = self._engine.clock.now_ms()
        host = {
            "hostAlive": True,
            "lastStatusUpdateMs": now,
            "activeStandbyPerQuery": {query_id: _active(topics) for query_id, topics in self._engine.inputs().items()},
            "hostStoreLags": {"stateStoreLags": {}, "updateTimeMs": now},
        }
        return json_response({"clusterStatus": {self._engine.settings.advertised: host}})

    async def heartbeat(self, request: Request) -> Response:
        """Other nodes' heartbeats and lags are taken and not needed: every node answers for itself."""
        await request.body()
        return json_response({"ok": True})

    async def openapi(self, request: Request) -> Response:
        """What this API is, for programs; made when it is asked for, which is seldom."""
        from headwater.http.openapi import ksql_document

        return json_response(ksql_document(self._engine.settings.version))

    async def probe(self, request: Request) -> Response:
        """Bypasses readiness and authorization: a load balancer has neither credentials nor patience."""
        return json_response({})

    def routes(self, guard: Guard) -> list[Route]:
        return [
            Route("/", guard(self.root), methods=["GET"]),
            Route("/info", guard(self.info), methods=["GET"]),
            Route("/healthcheck", guard(self.healthcheck), methods=["GET"]),
            Route("/v1/metadata", guard(self.metadata), methods=["GET"]),
            Route("/v1/metadata/id", guard(self.metadata_id), methods=["GET"]),
            Route("/clusterStatus", guard(self.cluster_status), methods=["GET"]),
            Route("/heartbeat", guard(self.heartbeat), methods=["POST"]),
            Route("/lag", guard(self.heartbeat), methods=["POST"]),
            Route("/openapi.json", guard(self.openapi), methods=["GET"]),
            Route("/chc/ready", self.probe, methods=["GET"]),
            Route("/chc/live", self.probe, methods=["GET"]),
        ]


def _active(partitions: list[tuple[str, int]]) -> dict[str, object]:
    active = [{"topic": topic, "partition": partition} for topic, partition in partitions]
    return {"activeStores": [], "activePartitions": active, "standByStores": [], "standByPartitions": []}
