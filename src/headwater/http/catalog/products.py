"""/catalog/v1/dataproducts: what there is to use, and what is tagged as such but not ready."""

from __future__ import annotations

from headwater.broker.acls import Operation, Resource
from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.governance import Governance
from headwater.catalog.product_view import SAMPLES
from headwater.http.catalog.call import CatalogCall
from headwater.http.routes import Parameter, Route

_MOST_SAMPLES = 100


class ProductEndpoints:
    """Of one catalog."""

    def __init__(self, governance: Governance) -> None:
        self._products = governance.products

    def routes(self) -> list[Route]:
        """The routes."""
        base, samples = "/catalog/v1/dataproducts", {"type": "integer", "minimum": 0, "maximum": _MOST_SAMPLES}
        return [
            Route("GET", base, self._list, "Data products, and what is not quite one"),
            Route("GET", base + "/{name:path}", self._get, "A data product", query=(Parameter("samples", samples),)),
        ]

    async def _list(self, call: CatalogCall) -> object:
        return await self._products.list()

    async def _get(self, call: CatalogCall) -> object:
        samples = call.number("samples", SAMPLES)
        if not 0 <= samples <= _MOST_SAMPLES:
            raise CatalogError(CatalogCode.INVALID_PARAMETERS, f"samples is 0 to {_MOST_SAMPLES}.")
        product = await self._products.describe(call.name, samples)
        if not call.caller.may(Operation.READ, Resource.TOPIC, product["topic"]):
            product["sample"] = None
        return product
