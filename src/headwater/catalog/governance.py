"""`Governance`: the catalog with what is built on it: lineage of topics and columns, contracts, data products."""

from __future__ import annotations

from headwater.catalog.catalog import Catalog
from headwater.catalog.columns import ColumnLineage
from headwater.catalog.contracts import Contracts
from headwater.catalog.lineage_view import Lineage
from headwater.catalog.platform import Platform
from headwater.catalog.product_view import Products
from headwater.cluster.api import Cluster
from headwater.core.clock import Clock


class Governance:
    """`start` before use, `close` after."""

    def __init__(self, platform: Platform, cluster: Cluster, clock: Clock) -> None:
        self.catalog = Catalog(platform, cluster, clock)
        self.lineage = Lineage(self.catalog)
        self.columns = ColumnLineage(platform)
        self.contracts = Contracts(self.catalog, self.columns)
        self.products = Products(self.catalog, self.lineage)

    async def start(self) -> None:
        """Read the catalog's topic. Raises `ClusterError`, `LogError`."""
        await self.catalog.start()

    async def close(self) -> None:
        """Stop the upkeep, let writes end."""
        await self.catalog.close()
