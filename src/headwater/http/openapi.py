"""The OpenAPI 3.1 documents of ksqlDB's REST API and of the console's port: each endpoint as a line of data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from headwater.core.metrics import CONTENT_TYPE
from headwater.http.framing import DELIMITED, JSON, KSQL_JSON, KSQL_PROTOBUF
from headwater.http.requests import CloseQueryArgs, InsertsStreamArgs, KsqlRequest, QueryStreamArgs, TerminateRequest

Json = dict[str, Any]
PATH = "/openapi.json"
_PARAMETER = re.compile(r"\{(\w+)\}")
_REFERENCES = "#/components/schemas/{name}"
_TEXT = "text/plain"


@dataclass(frozen=True)
class Operation:
    """One endpoint. `answers` are the media types to choose from; `body` the JSON object that a request is."""

    method: str
    path: str
    about: str
    body: type | None = None
    answers: tuple[str, ...] = (JSON,)
    takes: str = JSON
    status: int = 200


KSQL = (
    Operation("POST", "/ksql", "Run statements", KsqlRequest),
    Operation("POST", "/query", "Rows of a query", KsqlRequest, (KSQL_JSON, DELIMITED, JSON, KSQL_PROTOBUF)),
    Operation(
        "POST", "/query-stream", "Rows of a query, by line", QueryStreamArgs,
        (DELIMITED, JSON, KSQL_JSON, KSQL_PROTOBUF),
    ),
    Operation("POST", "/close-query", "End a push query", CloseQueryArgs),
    Operation(
        "POST", "/inserts-stream", "Insert rows: the target in the first line, a row in each further one (HTTP/2 only)",
        InsertsStreamArgs, (DELIMITED, JSON), DELIMITED,
    ),
    Operation("POST", "/ksql/terminate", "Stop all queries and drop everything", TerminateRequest),
    Operation("GET", "/status", "The status of every command"),
    Operation("GET", "/status/{type}/{entity}/{action}", "The status of a command"),
    Operation("GET", "/is_valid_property/{name}", "Whether a property may be set"),
    Operation("GET", "/", "To /info", status=307),
    Operation("GET", "/info", "Version and names of the server"),
    Operation("GET", "/healthcheck", "Whether the server's parts work"),
    Operation("GET", "/v1/metadata", "Version and cluster"),
    Operation("GET", "/v1/metadata/id", "The names of the clusters"),
    Operation("GET", "/clusterStatus", "The servers of this cluster, where heartbeats are on"),
    Operation("POST", "/heartbeat", "Another server's sign of life"),
    Operation("POST", "/lag", "Another server's lags"),
    Operation("GET", "/chc/ready", "For load balancers"),
    Operation("GET", "/chc/live", "For load balancers"),
    Operation("GET", PATH, "This document"),
)  # fmt: skip
"""Of ksqlDB's REST API. /ws/query, a WebSocket, cannot be described here."""

CONSOLE = (
    Operation("GET", "/", "What listens where", answers=(_TEXT,)),
    Operation("GET", "/metrics", "Metrics in Prometheus's text format", answers=(CONTENT_TYPE,)),
    Operation("GET", PATH, "This document"),
)
"""Of the console's port."""


def ksql_document(version: str) -> Json:
    """As JSON."""
    return _document("ksqlDB REST API", version, KSQL)


def console_document(version: str) -> Json:
    """As JSON."""
    return _document("Headwater console", version, CONSOLE)


def _document(title: str, version: str, operations: tuple[Operation, ...]) -> Json:
    bodies = [operation.body for operation in operations if operation.body is not None]
    schemas, components = msgspec.json.schema_components(bodies, ref_template=_REFERENCES)
    shapes = iter(schemas)
    paths: dict[str, Json] = {}
    for operation in operations:
        shape = next(shapes) if operation.body is not None else None
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, shape)
    error = {"type": "object", "properties": {"error_code": {"type": "integer"}, "message": {"type": "string"}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {
            "schemas": {**components, "Error": error},
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
        },
    }


def _described(operation: Operation, shape: Json | None) -> Json:
    refused = {"description": "Why not", "content": {JSON: {"schema": {"$ref": _REFERENCES.format(name="Error")}}}}
    answered: Json = {"description": operation.about, "content": {kind: {} for kind in operation.answers}}
    out: Json = {"summary": operation.about, "responses": {str(operation.status): answered, "default": refused}}
    named = _PARAMETER.findall(operation.path)
    if named:
        out["parameters"] = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in named]
    if shape is not None:
        out["requestBody"] = {"required": True, "content": {operation.takes: {"schema": shape}}}
    return out
