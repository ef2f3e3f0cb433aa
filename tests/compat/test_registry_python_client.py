"""`python-schema-registry-client` against the registry on a real socket."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.processes import headwater_up
from tests.conftest import required

pytestmark = [pytest.mark.compat, pytest.mark.timeout(120), pytest.mark.xdist_group("registry-clients")]

FIELD = {"name": "ID", "type": "int"}
ADDED = {"name": "ITEM", "type": "string"}


def record(*fields: dict[str, str]) -> dict[str, Any]:
    return {"type": "record", "name": "Order", "fields": list(fields)}


def test_register_read_check_configure_and_delete() -> None:
    client_library = required("schema_registry.client")
    schema = client_library.schema.AvroSchema
    with headwater_up("--memory", expect=("kafka", "ksqldb", "registry")) as node:
        client = client_library.SchemaRegistryClient(url=node.endpoints["registry"])
        first = client.register("orders-value", schema(record(FIELD)))
        assert client.register("orders-value", schema(record(FIELD))) == first
        assert client.get_by_id(first).raw_schema["name"] == "Order"
        assert not client.test_compatibility("orders-value", schema(record(FIELD, ADDED)))
        assert client.test_compatibility("orders-value", schema(record(FIELD, {**ADDED, "default": ""})))
        client.update_compatibility("NONE", "orders-value")
        assert client.get_compatibility("orders-value") == "NONE"
        second = client.register("orders-value", schema(record(FIELD, ADDED)))
        assert client.get_versions("orders-value") == [1, 2]
        assert client.check_version("orders-value", schema(record(FIELD, ADDED))).schema_id == second
        assert client.get_subjects() == ["orders-value"]
        assert client.delete_subject("orders-value") == [1, 2]
        assert client.get_subjects() == []
