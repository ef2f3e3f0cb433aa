"""The catalog's REST door: shapes, statuses and codes; bad requests that are refused and change nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from headwater.catalog.schema_fields import schema_fields
from headwater.http.catalog.door import CatalogDoor
from tests.catalog.catalog_node import CatalogNode, catalog_node, errors

ORDERS = "entity/type/kafka_topic/name/lsrc-1:lkc-2:orders"


@pytest.fixture
async def node() -> AsyncIterator[CatalogNode]:
    async with catalog_node() as made:
        await made.sql.create_topic("orders", 3)
        await made.post("types/tagdefs", [{"name": "PII", "description": "personal"}])
        yield made


def on_orders(name: str, attributes: dict[str, Any] | None = None) -> dict[str, Any]:
    wanted = {"entityType": "kafka_topic", "entityName": "lsrc-1:lkc-2:orders", "typeName": name}
    return wanted if attributes is None else {**wanted, "attributes": attributes}


async def test_a_definition_has_the_members_that_clients_read(node: CatalogNode) -> None:
    (made,) = await node.post("types/tagdefs", [{"name": "Public", "entityTypes": ["kafka_topic"]}])
    assert made["category"] == "CLASSIFICATION"
    assert (made["name"], made["version"], made["entityTypes"]) == ("Public", 1, ["kafka_topic"])
    assert made["guid"]
    assert made["createTime"] == made["updateTime"] > 0
    assert await node.get("types/tagdefs/Public") == made
    assert [d["name"] for d in await node.get("types/tagdefs")] == ["PII", "Public"]
    assert [d["name"] for d in await node.get("types/tagdefs", prefix="pu")] == ["Public"]


async def test_a_changed_definition_keeps_its_guid(node: CatalogNode) -> None:
    before = await node.get("types/tagdefs/PII")
    (after,) = await node.put("types/tagdefs", [{"name": "PII", "description": "new"}])
    assert (after["guid"], after["version"], after["description"]) == (before["guid"], 2, "new")


async def test_each_item_of_a_bulk_request_is_answered(node: CatalogNode) -> None:
    names = ["PII", "New", "new", "1st"]
    given: list[dict[str, Any]] = [*({"name": name} for name in names), {"name": "T", "entityTypes": ["x"]}]
    answers = await node.post("types/tagdefs", given)
    assert errors(answers) == [4090001, None, 4090001, 4000029, 4000020]
    assert [a["name"] for a in answers] == [g["name"] for g in given]
    assert errors(await node.put("types/tagdefs", [{"name": "Nobody"}])) == [4040001]


async def test_a_tag_is_put_on_changed_and_taken_off(node: CatalogNode) -> None:
    await node.put("types/tagdefs", [{"name": "PII", "attributeDefs": [{"name": "level", "typeName": "int"}]}])
    (made,) = await node.post("entity/tags", [on_orders("PII", {"level": 1})])
    assert made == {
        "typeName": "PII",
        "attributes": {"level": 1},
        "entityGuid": made["entityGuid"],
        "entityStatus": "ACTIVE",
        "propagate": False,
        "validityPeriods": [],
        "entityType": "kafka_topic",
        "entityName": "lsrc-1:lkc-2:orders",
    }
    assert errors(await node.post("entity/tags", [on_orders("PII", {"level": 1})])) == [None]
    assert errors(await node.post("entity/tags", [on_orders("PII", {"level": 2})])) == [4090002]
    assert errors(await node.put("entity/tags", [on_orders("PII", {"level": 2})])) == [None]
    assert [t["attributes"] for t in await node.get(f"{ORDERS}/tags")] == [{"level": 2}]
    await node.delete(f"{ORDERS}/tags/PII")
    await node.delete(f"{ORDERS}/tags/PII", 404)
    assert errors(await node.put("entity/tags", [on_orders("PII", {"level": 2})])) == [4040014]


async def test_an_entity_takes_tags_under_its_own_path(node: CatalogNode) -> None:
    (made,) = await node.post(f"{ORDERS}/tags", [{"typeName": "PII"}])
    assert (made["entityName"], made["typeName"]) == ("lsrc-1:lkc-2:orders", "PII")
    assert errors(await node.put(f"{ORDERS}/tags", [{"typeName": "Nobody"}])) == [4040001]


async def test_two_nodes_over_one_cluster_see_what_the_other_has_written(node: CatalogNode) -> None:
    other = CatalogNode(node.sql)
    await other.part.start()
    assert errors(await other.post("types/tagdefs", [{"name": "Mine"}])) == [None]
    assert errors(await node.post("types/tagdefs", [{"name": "mine"}])) == [4090001]
    await other.delete("types/tagdefs/PII")
    await node.part.governance.catalog.sweep()
    await node.get("types/tagdefs/PII", 404)
    await other.part.close()


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (on_orders("Nobody"), 4040001),
        ({**on_orders("PII"), "entityName": "lsrc-1:lkc-2:nothing"}, 4040009),
        ({**on_orders("PII"), "entityType": "kafka_toppic"}, 4000020),
        (on_orders("PII", {"unknown": 1}), 4000029),
    ],
)
async def test_what_cannot_be_tagged_is_said_item_by_item(node: CatalogNode, wanted: dict[str, Any], code: int) -> None:
    answers = await node.post("entity/tags", [wanted, on_orders("PII")])
    assert errors(answers) == [code, None]
    assert answers[0]["error"]["message"]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("string", ["x", ""], [1, True, ["x"]]),
        ("int", [1, -(2**31)], [2**31, "1", 1.5, True]),
        ("long", [2**63 - 1], [2**63, "1"]),
        ("short", [32767], [32768]),
        ("byte", [-128], [128]),
        ("boolean", [True], [1, "true"]),
        ("double", [1, 1.5], ["1.5", True]),
        ("date", [1700000000000, "2024-01-02", "2024-01-02T03:04:05Z"], ["yesterday", 1.5]),
        ("array<string>", [["a", "b"], []], ["a", [1]]),
    ],
)
async def test_attributes_are_of_their_types(node: CatalogNode, kind: str, good: list[Any], bad: list[Any]) -> None:
    await node.post("types/businessmetadatadefs", [{"name": "M", "attributeDefs": [{"name": "a", "typeName": kind}]}])
    await node.post("entity/businessmetadata", [on_orders("M")])
    for value in good:
        assert errors(await node.put("entity/businessmetadata", [on_orders("M", {"a": value})])) == [None], value
        assert (await node.get(f"{ORDERS}/businessmetadata"))[0]["attributes"] == {"a": value}
    for value in bad:
        assert errors(await node.put("entity/businessmetadata", [on_orders("M", {"a": value})])) == [4000029], value


async def test_required_and_too_long_attributes_are_refused(node: CatalogNode) -> None:
    attributes = [
        {"name": "must", "isOptional": False, "options": {"maxStrLength": "3"}},
        {"name": "may", "typeName": "string", "defaultValue": "d"},
    ]
    await node.post("types/businessmetadatadefs", [{"name": "M", "attributeDefs": attributes}])
    assert errors(await node.post("entity/businessmetadata", [on_orders("M", {})])) == [4000029]
    assert errors(await node.post("entity/businessmetadata", [on_orders("M", {"must": "1234"})])) == [4000029]
    (made,) = await node.post("entity/businessmetadata", [on_orders("m", {"must": "123"})])
    assert made["attributes"] == {"must": "123", "may": "d"}


async def test_attributes_of_definitions_are_given_back_whole(node: CatalogNode) -> None:
    attribute = {"name": "a", "typeName": "int", "isOptional": True, "defaultValue": "5"}
    (made,) = await node.post("types/businessmetadatadefs", [{"name": "M", "attributeDefs": [attribute]}])
    assert made["attributeDefs"] == [
        {
            "name": "a",
            "typeName": "int",
            "isOptional": True,
            "cardinality": "SINGLE",
            "valuesMinCount": 0,
            "valuesMaxCount": 1,
            "isUnique": False,
            "isIndexable": False,
            "defaultValue": "5",
            "options": {},
        }
    ]
    (bound,) = await node.post("entity/businessmetadata", [on_orders("M")])
    assert bound["attributes"] == {"a": 5}
    wrong = [{"name": "W", "attributeDefs": [{**attribute, "defaultValue": "five"}]}]
    assert errors(await node.post("types/businessmetadatadefs", wrong)) == [4000029]


async def test_metadata_only_for_some_types_is_refused_elsewhere(node: CatalogNode) -> None:
    options = {"applicableEntityTypes": '["cn_connector"]'}
    await node.post("types/businessmetadatadefs", [{"name": "M", "attributeDefs": [{"name": "a", "options": options}]}])
    assert errors(await node.post("entity/businessmetadata", [on_orders("M", {"a": "x"})])) == [4000029]
    await node.post("types/tagdefs", [{"name": "OnlyFields", "entityTypes": ["sr_field"]}])
    assert errors(await node.post("entity/tags", [on_orders("OnlyFields")])) == [4000029]


async def test_descriptions_and_owners_are_edited_and_found(node: CatalogNode) -> None:
    given = {"description": "All orders", "owner": "Ada", "ownerEmail": "ada@example.com"}
    answered = await node.put(ORDERS, {"attributes": given})
    assert answered["entity"]["attributes"]["owner"] == "Ada"
    body = {"entity": {"typeName": "kafka_topic", "attributes": {"qualifiedName": "x:y:orders", "owner": None}}}
    await node.put("entity", body)
    attributes = (await node.get(ORDERS))["entity"]["attributes"]
    assert (attributes["description"], attributes.get("owner")) == ("All orders", None)
    assert (attributes["name"], attributes["partitionsCount"]) == ("orders", 3)
    found = await node.get("search/basic", query="all ada@")
    assert [e["displayText"] for e in found["entities"]] == ["orders"]
    await node.put(ORDERS, {"attributes": {"shoe": "size"}}, 400)


async def test_search_pages_sorts_and_says_what_was_asked(node: CatalogNode) -> None:
    for name, partitions in (("b.two", 2), ("b.one", 1), ("c", 4)):
        await node.sql.create_topic(name, partitions)
    found = await node.get("search/basic", type="kafka_topic", query="b.", sortBy="partitionsCount", limit=1, offset=1)
    assert [e["displayText"] for e in found["entities"]] == ["b.two"]
    assert found["searchParameters"]["limit"] == 1
    found = await node.get("search/basic", types="kafka_topic", query="b*o", sortBy="name", sortOrder="DESCENDING")
    assert [e["displayText"] for e in found["entities"]] == ["b.two", "b.one"]
    prefixed = {"attrName": "name", "attrValuePrefix": "b.t", "type": "kafka_topic", "attr": "partitionsCount"}
    (entity,) = (await node.get("search/attribute", **prefixed))["entities"]
    assert entity["attributes"]["partitionsCount"] == 2


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("search/basic?limit=501", 400),
        ("search/basic?limit=x", 400),
        ("search/basic?offset=-1", 400),
        ("search/basic?type=nothing", 400),
        ("search/basic?deleted=perhaps", 400),
        ("search/basic?sortOrder=up", 400),
        ("search/attribute?attrValuePrefix=x", 400),
        ("search/basic?query=%00%ff*%5B", 200),
        ("lineage?node=nothing", 404),
        ("lineage?direction=up", 400),
        ("lineage?at=yesterday", 400),
        ("lineage?at=99999999999999999999", 400),
        ("lineage?depth=x", 400),
        ("lineage/columns?name=orders", 404),
        ("rules/none", 404),
        ("dataproducts/none", 404),
        ("dataproducts/none?samples=1000", 400),
        ("entity/type/nothing", 400),
        ("entity/type/kafka_topic/name/none", 404),
        ("types/tagdefs/none", 404),
    ],
)
async def test_bad_questions_have_their_answers(node: CatalogNode, path: str, status: int) -> None:
    body = await node.get(path, status)
    if status >= 400:
        assert str(body["error_code"]).startswith(str(status))
        assert body["message"]


@pytest.mark.parametrize(
    "body",
    ["", "{", "null", "{}", "[1]", '[{"name": 1}]', "[" * 100_000, '[{"name": "\\ud800"}]', "\x00", '[{"name": null}]'],
)
@pytest.mark.parametrize("path", ["types/tagdefs", "entity/tags", "rules"])
async def test_malformed_bodies_are_refused(node: CatalogNode, path: str, body: str) -> None:
    response = await node.http.post(path, content=body.encode("utf-8", "surrogatepass"))
    if response.status_code == 200:
        assert errors(response.json()) == [4000029]
    else:
        assert response.status_code == 400, response.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "nothing", 404), ("PATCH", "types/tagdefs", 405), ("POST", "search/basic", 405), ("DELETE", "rules", 405)],
)
async def test_what_the_catalog_does_not_have_is_said_as_json(
    node: CatalogNode, method: str, path: str, status: int
) -> None:
    response = await node.http.request(method, path)
    assert (response.status_code, response.json()["error_code"]) == (status, status)


async def test_too_large_a_request_is_refused(node: CatalogNode) -> None:
    response = await node.http.post("types/tagdefs", content=b" " * (CatalogDoor.most_bytes + 1))
    assert (response.status_code, response.json()["error_code"]) == (413, 413)


async def test_a_page_of_another_origin_may_not_change_anything(node: CatalogNode) -> None:
    response = await node.http.post("types/tagdefs", json=[{"name": "X"}], headers={"origin": "http://evil.example"})
    assert response.status_code == 403
    assert [d["name"] for d in await node.get("types/tagdefs")] == ["PII"]


async def test_every_published_operation_has_a_route(node: CatalogNode) -> None:
    document = await node.get("openapi.json")
    assert document["openapi"] == "3.1.0"
    for path, operations in document["paths"].items():
        for method in operations:
            url = path.replace("{typeName}", "kafka_topic").replace("{qualifiedName}", "a:b:c").replace("{name}", "N")
            response = await node.http.request(method, url.removeprefix("/catalog/v1/"))
            assert response.status_code not in (405, 500), (method, path)
            assert response.status_code != 404 or "error_code" in response.json(), (method, path)


@pytest.mark.parametrize(
    ("kind", "schema", "fields"),
    [
        (
            "AVRO",
            '{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":["null","int"]},'
            '{"name":"b","type":{"type":"array","items":{"type":"record","name":"I","fields":'
            '[{"name":"c","type":"string","doc":"C"}]}}}]}',
            [("n.R", "a", "int"), ("n.R", "b", "array"), ("n.R", "b.c", "string")],
        ),
        (
            "JSON",
            '{"title":"T","type":"object","properties":{"a":{"type":"string"},'
            '"b":{"oneOf":[{"type":"null"},{"type":"object","properties":{"c":{"type":"integer"}}}]}}}',
            [("T", "a", "string"), ("T", "b", "object"), ("T", "b.c", "integer")],
        ),
        (
            "PROTOBUF",
            'syntax = "proto3"; package p; message M { int32 a = 1; I b = 2; message I { string c = 1; } }',
            [("p.M", "a", "int32"), ("p.M", "b", "I"), ("p.M", "b.c", "string")],
        ),
        ("AVRO", '"string"', []),
        ("AVRO", "{", []),
        ("JSON", "[" * 100_000, []),
        ("PROTOBUF", "no such thing", []),
    ],
)
def test_schemas_of_every_type_have_their_fields(kind: str, schema: str, fields: list[tuple[str, str, str]]) -> None:
    assert [(f.record, f.path, f.type) for f in schema_fields(kind, schema)] == fields


async def test_bodies_that_are_no_json_are_refused(node: CatalogNode) -> None:
    for kind, status in (("text/plain", 415), ("application/json; charset=utf-8", 200)):
        response = await node.http.post("types/tagdefs", content=b"[]", headers={"content-type": kind})
        assert response.status_code == status
