"""/catalog/v1/types: definitions of tags and of business metadata."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headwater.catalog.definition import Definition
from headwater.catalog.definitions import Definitions
from headwater.catalog.errors import CatalogError
from headwater.http.catalog.answers import CatalogGuard, answer, error_body, items_as

D = TypeVar("D", bound=Definition)


class DefinitionEndpoints(Generic[D]):
    """Of one kind, under `/catalog/v1/types/<word>`."""

    def __init__(self, definitions: Definitions[D], word: str) -> None:
        self._definitions = definitions
        self._path = f"/catalog/v1/types/{word}"

    def routes(self, guard: CatalogGuard) -> list[Route]:
        """The routes."""
        many, one = self._path, self._path + "/{name:path}"
        return [
            Route(many, guard(self._list), methods=["GET"]),
            Route(many, guard(self._create), methods=["POST"]),
            Route(many, guard(self._update), methods=["PUT"]),
            Route(one, guard(self._get), methods=["GET"]),
            Route(one, guard(self._delete), methods=["DELETE"]),
        ]

    async def _list(self, request: Request) -> Response:
        prefix = request.query_params.get("prefix", "").casefold()
        found = [d for name, d in sorted(self._definitions.all.items()) if name.casefold().startswith(prefix)]
        return answer(found)

    async def _get(self, request: Request) -> Response:
        return answer(self._definitions.get(request.path_params["name"]))

    async def _create(self, request: Request) -> Response:
        given = await items_as(request, self._definitions.shape)
        return answer(_each(given, await self._definitions.create(given)))

    async def _update(self, request: Request) -> Response:
        given = await items_as(request, self._definitions.shape)
        return answer(_each(given, await self._definitions.update(given)))

    async def _delete(self, request: Request) -> Response:
        await self._definitions.delete(request.path_params["name"])
        return Response(status_code=204)


def _each(given: list[D], answers: list[D | CatalogError]) -> list[dict[str, Any]]:
    """Each definition as it is now, or as it was given, with `error`."""
    return [
        {**msgspec.to_builtins(item), "error": error_body(done)}
        if isinstance(done, CatalogError)
        else msgspec.to_builtins(done)
        for item, done in zip(given, answers, strict=True)
    ]
