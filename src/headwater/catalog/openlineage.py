"""Lineage as OpenLineage run events (specification 2-0-2): one event for each query and connector, a job each.

Facets: `schema` and `columnLineage` of datasets, `sql` and `jobType` of jobs. Streaming jobs run until they are
dropped, so their events are of type RUNNING; a job's run has the same id in every export.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from typing import Any

from headwater.catalog.columns import ColumnGraph
from headwater.catalog.lineage import Graph, Node, NodeType
from headwater.catalog.platform import Platform
from headwater.plan.catalog import DataSource, MetaStore
from headwater.plan.lineage import Origin

PRODUCER = "https://headwater.invalid/openlineage"
"""Identifies the software that speaks; a URI, not an address."""
_SPEC = "https://openlineage.io/spec"
_EVENT = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_NAMESPACE = uuid.UUID("0b7a54f0-6f0e-5a53-a3ad-2f9f3d6c2a11")


def run_events(graph: Graph, columns: ColumnGraph, platform: Platform, now_ms: int) -> list[dict[str, Any]]:
    """An event for every query and connector of the graph."""
    events = _Events(graph, columns, platform, now_ms)
    return [events.of(node) for node in graph.nodes.values() if node.type in (NodeType.QUERY, NodeType.CONNECTOR)]


class _Events:
    def __init__(self, graph: Graph, columns: ColumnGraph, platform: Platform, now_ms: int) -> None:
        self._graph = graph
        self._into: dict[str, list[str]] = {}
        self._out_of: dict[str, list[str]] = {}
        for edge in graph.edges.values():
            if not edge.internal:
                self._into.setdefault(edge.target, []).append(graph.nodes[edge.source].name)
                self._out_of.setdefault(edge.source, []).append(graph.nodes[edge.target].name)
        self._sources: dict[str, list[DataSource]] = {}
        for source in platform.metastore():
            self._sources.setdefault(source.topic, []).append(source)
        self._columns = columns
        self._metastore: MetaStore = platform.metastore()
        self._namespace = f"kafka://{platform.bootstrap}"
        self._job_namespace = f"headwater://{platform.cluster_id}"
        self._cluster = platform.cluster_id
        moment = datetime.datetime.fromtimestamp(now_ms / 1000, datetime.UTC)
        self._time = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def of(self, node: Node) -> dict[str, Any]:
        """The event of a job."""
        inputs, outputs = self._into.get(node.id, ()), self._out_of.get(node.id, ())
        return {
            "eventType": "RUNNING",
            "eventTime": self._time,
            "run": {"runId": str(uuid.uuid5(_NAMESPACE, f"{self._cluster}|{node.id}")), "facets": {}},
            "job": {"namespace": self._job_namespace, "name": node.name, "facets": _job_facets(node)},
            "inputs": [{**self._dataset(topic), "facets": self._schema(topic)} for topic in inputs],
            "outputs": [
                {**self._dataset(topic), "facets": {**self._schema(topic), **self._lineage(topic, node)}}
                for topic in outputs
            ],
            "producer": PRODUCER,
            "schemaURL": _EVENT,
        }

    def _dataset(self, topic: str) -> dict[str, Any]:
        return {"namespace": self._namespace, "name": topic}

    def _schema(self, topic: str) -> dict[str, Any]:
        sources = self._sources.get(topic, ())
        if not sources:
            return {}
        fields = [{"name": c.name, "type": str(c.type)} for c in sources[0].schema.columns]
        return {"schema": {**_facet("1-1-1/SchemaDatasetFacet"), "fields": fields}}

    def _lineage(self, topic: str, node: Node) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for source in self._sources.get(topic, ()):
            for column in source.schema.columns:
                inputs = list(self._inputs(Origin(source.name, column.name), node.name))
                if inputs:
                    fields[column.name] = {"inputFields": inputs}
        return {"columnLineage": {**_facet("1-2-0/ColumnLineageDatasetFacet"), "fields": fields}} if fields else {}

    def _inputs(self, column: Origin, query_id: str) -> Iterator[dict[str, Any]]:
        for edge in self._columns.into(column):
            source: DataSource | None = self._metastore.get(edge.source.source)
            if edge.query != query_id or source is None:
                continue
            yield {
                **self._dataset(source.topic),
                "field": edge.source.column,
                "transformations": [
                    {
                        "type": "DIRECT",
                        "subtype": "IDENTITY" if edge.copied else "TRANSFORMATION",
                        "description": edge.expression,
                        "masking": not edge.clear,
                    }
                ],
            }


def _job_facets(node: Node) -> dict[str, Any]:
    integration = "KSQL" if node.type is NodeType.QUERY else "KAFKA_CONNECT"
    kind = {"processingType": "STREAMING", "integration": integration, "jobType": node.type.name}
    facets: dict[str, Any] = {"jobType": {**_facet("2-0-3/JobTypeJobFacet"), **kind}}
    statement = node.attributes.get("statement")
    if statement:
        facets["sql"] = {**_facet("1-0-1/SQLJobFacet"), "query": statement}
    return facets


def _facet(name: str) -> dict[str, str]:
    version, _, kind = name.partition("/")
    return {"_producer": PRODUCER, "_schemaURL": f"{_SPEC}/facets/{version}/{kind}.json#/$defs/{kind}"}
