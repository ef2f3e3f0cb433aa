"""Who may read the catalog and who may change it."""

from __future__ import annotations

import httpx
import pytest
from starlette.requests import HTTPConnection

from headwater.broker.access import Access, Principal
from headwater.broker.auth import ApiKeys, Role
from headwater.http.catalog.door import CatalogDoor
from tests.catalog.catalog_node import CatalogNode, catalog_node


class Keys(ApiKeys):
    """Each key is named after its role."""

    def role(self, username: str) -> Role | None:
        return {"admin": Role.ADMIN, "reader": Role.READ_ONLY, "user": Role.USER}.get(username)


def door(node: CatalogNode) -> httpx.AsyncClient:
    """A client whose header `who` names its key."""
    access = Access(Keys({}), required=True)

    async def identify(connection: HTTPConnection) -> Principal | None:
        name = connection.headers.get("who")
        return None if name is None else Principal(name, "127.0.0.1", access)

    app = CatalogDoor(node.part.governance, identify)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost/catalog/v1")


@pytest.mark.parametrize(
    ("who", "reads", "changes"),
    [(None, 401, 401), ("user", 200, 403), ("reader", 200, 403), ("admin", 200, 200)],
)
async def test_everybody_who_logs_in_reads_and_few_change(who: str | None, reads: int, changes: int) -> None:
    async with catalog_node() as node:
        http = door(node)
        headers = {} if who is None else {"who": who}
        assert (await http.get("search/basic", headers=headers)).status_code == reads
        refused = await http.post("types/tagdefs", json=[{"name": "X"}], headers=headers)
        assert refused.status_code == changes
        assert (await http.delete("types/tagdefs/none", headers=headers)).status_code in (401, 403, 404)
        assert len(node.part.governance.catalog.tag_defs.all) == (1 if changes == 200 else 0)


@pytest.mark.parametrize(("who", "sample"), [("user", None), ("reader", [])])
async def test_records_of_a_product_are_for_those_who_may_read_the_topic(who: str, sample: list[int] | None) -> None:
    async with catalog_node() as node:
        await node.sql.create_topic("orders")
        await node.post("types/tagdefs", [{"name": "DataProduct"}])
        await node.post(
            "entity/tags", [{"entityType": "kafka_topic", "entityName": "orders", "typeName": "DataProduct"}]
        )
        response = await door(node).get("dataproducts/orders", headers={"who": who})
        assert response.json()["sample"] == sample
