"""/catalog/v1/dataproducts: what there is to use, and what is tagged as such but not ready."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headwater.broker.acls import Operation, Resource
from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.governance import Governance
from headwater.catalog.product_view import SAMPLES
from headwater.http.catalog.answers import CatalogGuard, answer, number

_MOST_SAMPLES = 100


class ProductEndpoints:
    """Of one catalog."""

    def __init__(self, governance: Governance) -> None:
        self._products = governance.products

    def routes(self, guard: CatalogGuard) -> list[Route]:
        """The routes."""
        return [
            Route("/catalog/v1/dataproducts", guard(self._list), methods=["GET"]),
            Route("/catalog/v1/dataproducts/{name:path}", guard(self._get), methods=["GET"]),
        ]

    async def _list(self, request: Request) -> Response:
        return answer(await self._products.list())

    async def _get(self, request: Request) -> Response:
        samples = number(request, "samples", SAMPLES)
        if not 0 <= samples <= _MOST_SAMPLES:
            raise CatalogError(CatalogCode.INVALID_PARAMETERS, f"samples is 0 to {_MOST_SAMPLES}.")
        product = await self._products.describe(request.path_params["name"], samples)
        if not request.state.principal.may(Operation.READ, Resource.TOPIC, product["topic"]):
            product["sample"] = None
        return answer(product)
