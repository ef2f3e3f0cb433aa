"""/catalog/v1/rules: which tags must not reach which topics, and what breaks that now."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headwater.catalog.contracts import Contracts, Violation
from headwater.catalog.state import Rule
from headwater.http.catalog.answers import CatalogGuard, answer, body_as


class RuleBody(Struct, rename="camel"):
    """A rule to make; `topic` is a glob."""

    name: str
    tag: str
    topic: str
    description: str = ""


class RuleEndpoints:
    """Of one catalog."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts

    def routes(self, guard: CatalogGuard) -> list[Route]:
        """The routes."""
        one = "/catalog/v1/rules/{name:path}"
        return [
            Route("/catalog/v1/rules", guard(self._list), methods=["GET"]),
            Route("/catalog/v1/rules", guard(self._make), methods=["POST"]),
            Route(one, guard(self._get), methods=["GET"]),
            Route(one, guard(self._drop), methods=["DELETE"]),
        ]

    async def _list(self, request: Request) -> Response:
        return answer([_body(rule) for _, rule in sorted(self._contracts.rules.items())])

    async def _make(self, request: Request) -> Response:
        given = await body_as(request, RuleBody)
        rule, violations = await self._contracts.make(
            Rule(name=given.name, tag=given.tag, topic=given.topic, description=given.description)
        )
        return answer(_body(rule, violations))

    async def _get(self, request: Request) -> Response:
        rule = self._contracts.rule(request.path_params["name"])
        return answer(_body(rule, self._contracts.violations(rule)))

    async def _drop(self, request: Request) -> Response:
        await self._contracts.drop(request.path_params["name"])
        return Response(status_code=204)


def _body(rule: Rule, violations: list[Violation] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {"description": "", **msgspec.to_builtins(rule)}
    if violations is not None:
        body["violations"] = [
            {
                "topic": found.topic,
                "column": f"{found.column.source}.{found.column.column}",
                "taggedColumn": f"{found.start.source}.{found.start.column}",
                "queries": [edge.query for edge in found.path if edge.query is not None],
                "path": str(found),
            }
            for found in violations
        ]
    return body
