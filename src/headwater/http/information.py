"""What a server says about itself: identity, health, cluster view, probes (section 8 of the REST sheet)."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from headwater.engine.engine import Engine
from headwater.engine.errors import ErrorCode, RequestError
from headwater.http.door import Call
from headwater.http.routes import Route


class InformationEndpoints:
    """Endpoints over one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def root(self, call: Call) -> Response:
        return RedirectResponse("/info", 307)

    def info(self, call: Call) -> dict[str, object]:
        info = {
            "version": self._engine.settings.version,
            "kafkaClusterId": self._engine.cluster.cluster_id,
            "ksqlServiceId": self._engine.settings.service_id,
            "serverStatus": "DEGRADED" if self._engine.degraded else "RUNNING",
        }
        return {"KsqlServerInfo": info}

    def healthcheck(self, call: Call) -> dict[str, object]:
        details = {name: {"isHealthy": healthy} for name, healthy in self._engine.health().items()}
        healthy = all(part["isHealthy"] for part in details.values())
        return {"isHealthy": healthy, "details": details, "serverState": "READY"}

    def metadata(self, call: Call) -> dict[str, object]:
        return {"version": self._engine.settings.version, "clusterId": self._cluster_id()}

    def metadata_id(self, call: Call) -> dict[str, object]:
        return self._cluster_id()

    def _cluster_id(self) -> dict[str, object]:
        clusters = {"kafka-cluster": self._engine.cluster.cluster_id, "ksql-cluster": self._engine.settings.service_id}
        return {"scope": {"path": [], "clusters": clusters}, "id": ""}

    def cluster_status(self, call: Call) -> dict[str, object]:
        if not self._engine.settings.flag("ksql.heartbeat.enable"):
            raise RequestError("The cluster view is off: set ksql.heartbeat.enable=true.", ErrorCode.NOT_FOUND)
        now = self._engine.clock.now_ms()
        host = {
            "hostAlive": True,
            "lastStatusUpdateMs": now,
            "activeStandbyPerQuery": {query_id: _active(topics) for query_id, topics in self._engine.inputs().items()},
            "hostStoreLags": {"stateStoreLags": {}, "updateTimeMs": now},
        }
        return {"clusterStatus": {self._engine.settings.advertised: host}}

    def heartbeat(self, call: Call) -> dict[str, object]:
        """Other nodes' heartbeats and lags are taken and not needed: every node answers for itself."""
        return {"ok": True}

    def probe(self, call: Call) -> dict[str, object]:
        """Bypasses readiness and authorization: a load balancer has neither credentials nor patience."""
        return {}

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/", self.root, "To /info", status=307),
            Route("GET", "/info", self.info, "Version and names of the server"),
            Route("GET", "/healthcheck", self.healthcheck, "Whether the server's parts work"),
            Route("GET", "/v1/metadata", self.metadata, "Version and cluster"),
            Route("GET", "/v1/metadata/id", self.metadata_id, "The names of the clusters"),
            Route("GET", "/clusterStatus", self.cluster_status, "The servers of this cluster, where heartbeats are on"),
            Route("POST", "/heartbeat", self.heartbeat, "Another server's sign of life"),
            Route("POST", "/lag", self.heartbeat, "Another server's lags"),
            Route("GET", "/chc/ready", self.probe, "For load balancers", open=True),
            Route("GET", "/chc/live", self.probe, "For load balancers", open=True),
        ]


def _active(partitions: list[tuple[str, int]]) -> dict[str, object]:
    active = [{"topic": topic, "partition": partition} for topic, partition in partitions]
    return {"activeStores": [], "activePartitions": active, "standByStores": [], "standByPartitions": []}
