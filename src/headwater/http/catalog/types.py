"""/catalog/v1/types: definitions of tags and of business metadata."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from headwater.catalog.definition import Definition
from headwater.catalog.definitions import Definitions
from headwater.catalog.errors import CatalogError
from headwater.http.catalog.call import CatalogCall
from headwater.http.catalog.errors import error_body
from headwater.http.routes import Parameter, Route

D = TypeVar("D", bound=Definition)


class DefinitionEndpoints(Generic[D]):
    """Of one kind, under `/catalog/v1/types/<word>`; `what` names the kind for people."""

    def __init__(self, definitions: Definitions[D], word: str, what: str) -> None:
        self._definitions = definitions
        self._what = what
        self._path = f"/catalog/v1/types/{word}"

    def routes(self) -> list[Route]:
        """The routes."""
        many, one, what = self._path, self._path + "/{name:path}", self._what
        body = list[self._definitions.shape]  # type: ignore[name-defined]
        return [
            Route("GET", many, self._list, f"All definitions of {what}", query=(Parameter("prefix"),)),
            Route("POST", many, self._create, f"Define {what}", body=body),
            Route("PUT", many, self._update, f"Change definitions of {what}", body=body),
            Route("GET", one, self._get, f"One definition of {what}"),
            Route("DELETE", one, self._delete, f"Remove a definition of {what}, and all its uses", status=204),
        ]

    async def _list(self, call: CatalogCall) -> object:
        prefix = call.text("prefix").casefold()
        return [d for name, d in sorted(self._definitions.all.items()) if name.casefold().startswith(prefix)]

    async def _get(self, call: CatalogCall) -> object:
        return self._definitions.get(call.name)

    async def _create(self, call: CatalogCall) -> object:
        given = call.items(self._definitions.shape)
        return _each(given, await self._definitions.create(given))

    async def _update(self, call: CatalogCall) -> object:
        given = call.items(self._definitions.shape)
        return _each(given, await self._definitions.update(given))

    async def _delete(self, call: CatalogCall) -> object:
        await self._definitions.delete(call.name)
        return None


def _each(given: list[D], answers: list[D | CatalogError]) -> list[dict[str, Any]]:
    """Each definition as it is now, or as it was given, with `error`."""
    return [
        {**msgspec.to_builtins(item), "error": error_body(done)}
        if isinstance(done, CatalogError)
        else msgspec.to_builtins(done)
        for item, done in zip(given, answers, strict=True)
    ]
