"""/catalog/v1/rules: which tags must not reach which topics, and what breaks that now."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from headwater.catalog.contracts import Contracts, Violation
from headwater.catalog.state import Rule
from headwater.http.catalog.call import CatalogCall
from headwater.http.routes import Route


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

    def routes(self) -> list[Route]:
        """The routes."""
        many, one = "/catalog/v1/rules", "/catalog/v1/rules/{name:path}"
        return [
            Route("GET", many, self._list, "All rules about tagged data"),
            Route("POST", many, self._make, "Make or replace a rule", body=RuleBody),
            Route("GET", one, self._get, "A rule, and what breaks it"),
            Route("DELETE", one, self._drop, "Drop a rule", status=204),
        ]

    async def _list(self, call: CatalogCall) -> object:
        return [_body(rule) for _, rule in sorted(self._contracts.rules.items())]

    async def _make(self, call: CatalogCall) -> object:
        given = call.read(RuleBody)
        rule, violations = await self._contracts.make(
            Rule(name=given.name, tag=given.tag, topic=given.topic, description=given.description)
        )
        return _body(rule, violations)

    async def _get(self, call: CatalogCall) -> object:
        rule = self._contracts.rule(call.name)
        return _body(rule, self._contracts.violations(rule))

    async def _drop(self, call: CatalogCall) -> object:
        await self._contracts.drop(call.name)
        return None


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
