"""A data product as its users see it: what it is about, whose it is, what it looks like, how fresh it is."""

from __future__ import annotations

from typing import Any

from headwater.catalog.catalog import Catalog
from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.inventory import facts_of
from headwater.catalog.lineage import Direction, NodeType
from headwater.catalog.lineage_view import Lineage, View
from headwater.catalog.products import DETAILS, Product, products
from headwater.catalog.schema_fields import schema_fields

SAMPLES = 5
"""Records shown unless more are asked for."""


class Products:
    """The data products of a catalog."""

    def __init__(self, catalog: Catalog, lineage: Lineage) -> None:
        self._catalog = catalog
        self._lineage = lineage

    async def list(self) -> dict[str, Any]:
        """Complete products, and what is tagged as one but lacks something."""
        found = products(self._catalog)
        return {
            "dataProducts": [{**self._summary(p), **await self._freshness(p)} for p in found if p.complete],
            "incomplete": [{**self._summary(p), "missing": list(p.missing)} for p in found if not p.complete],
        }

    async def describe(self, name: str, samples: int = SAMPLES) -> dict[str, Any]:
        """Everything about a product, which is named by its topic or itself. Raises `CatalogError`."""
        found = products(self._catalog)
        product = next((p for p in found if p.topic.name == name), None) or next(
            (p for p in found if p.name == name), None
        )
        if product is None:
            raise CatalogError(
                CatalogCode.NOT_FOUND,
                f"There is no data product `{name[:200]}`: no topic of this name is tagged DataProduct.",
            )
        topic = product.topic.name
        records = await self._catalog.platform.sample(topic, samples)
        return {
            **self._summary(product),
            "missing": list(product.missing),
            **await self._freshness(product),
            "schema": self._schema(topic),
            "sample": [
                {"partition": r.partition, "offset": r.offset, "timestamp": r.timestamp, "key": r.key, "value": r.value}
                for r in records
            ],
            "lineage": await self._around(topic),
            "access": await self._access(topic),
        }

    def _summary(self, product: Product) -> dict[str, Any]:
        attributes = self._catalog.attributes(product.topic)
        return {
            "name": product.name,
            "topic": product.topic.name,
            "qualifiedName": product.topic.qualified_name,
            "complete": product.complete,
            "description": attributes.get("description", ""),
            "domain": product.details.get(DETAILS[0], {}),
            "team": product.details.get(DETAILS[1], {}),
            "product": product.details.get(DETAILS[2], {}),
            "tags": list(self._catalog.tags.on(product.topic)),
        }

    async def _freshness(self, product: Product) -> dict[str, Any]:
        end = await self._catalog.platform.end_ms(product.topic.name)
        age = None if end is None else max(0, self._catalog.clock.now_ms() - end)
        return {"freshness": {"lastRecord": end, "ageMs": age}}

    def _schema(self, topic: str) -> dict[str, Any]:
        """Columns as SQL knows them, and the registered schema."""
        platform = self._catalog.platform
        sources = platform.metastore().on_topic(topic)
        registered = facts_of(platform, topic)
        return {
            "columns": [
                {"name": c.name, "type": str(c.type), "role": c.role.value}
                for source in sources[:1]
                for c in source.schema.columns
            ],
            "sources": [s.name for s in sources],
            "registered": [
                {
                    "subject": s.subject,
                    "version": s.version,
                    "id": s.schema_id,
                    "schemaType": s.kind,
                    "schema": s.schema,
                    "fields": [{"name": f.path, "type": f.type} for f in schema_fields(s.kind, s.schema)],
                }
                for s in registered
            ],
        }

    async def _around(self, topic: str) -> dict[str, Any]:
        """Names of what is directly and indirectly up- and downstream."""
        sides = {}
        for direction in (Direction.UPSTREAM, Direction.DOWNSTREAM):
            graph = await self._lineage.graph(View(f"topic:{topic}", direction))
            sides[direction.value] = [node.id for node in graph.nodes.values() if node.id != f"topic:{topic}"]
        return sides

    async def _access(self, topic: str) -> dict[str, Any]:
        platform = self._catalog.platform
        granted = platform.access(topic)
        graph = await self._lineage.graph(View(f"topic:{topic}", Direction.DOWNSTREAM, depth=1))
        kinds = (NodeType.GROUP, NodeType.QUERY, NodeType.CONNECTOR, NodeType.CONSUMER)
        return {
            "bootstrapServers": platform.bootstrap,
            "grants": [{"principal": g.principal, "operations": list(g.operations)} for g in granted],
            "readers": [node.id for node in graph.nodes.values() if node.type in kinds],
        }
