"""OpenLineage events have what its JSON Schema requires, and say what the queries do."""

from __future__ import annotations

from typing import Any

import jsonschema

from tests.catalog.catalog_node import catalog_node

_URI = {"type": "string", "pattern": "^[a-z]+:"}
_FACET = {
    "type": "object",
    "required": ["_producer", "_schemaURL"],
    "properties": {"_producer": _URI, "_schemaURL": _URI},
}
_FACETS = {"type": "object", "additionalProperties": _FACET}
_DATASET = {
    "type": "object",
    "required": ["namespace", "name"],
    "properties": {"namespace": _URI, "name": {"type": "string"}, "facets": _FACETS},
}
EVENT = {
    "type": "object",
    "required": ["eventTime", "producer", "schemaURL", "run", "job"],
    "properties": {
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "eventTime": {"type": "string", "format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT[\d:.]+Z$"},
        "producer": _URI,
        "schemaURL": {"const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"},
        "run": {
            "type": "object",
            "required": ["runId"],
            "properties": {"runId": {"pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}, "facets": _FACETS},
        },
        "job": {
            "type": "object",
            "required": ["namespace", "name"],
            "properties": {"namespace": {"type": "string"}, "name": {"type": "string"}, "facets": _FACETS},
        },
        "inputs": {"type": "array", "items": _DATASET},
        "outputs": {"type": "array", "items": _DATASET},
    },
}
"""What `OpenLineage.json` 2-0-2 demands of a RunEvent."""
_FIELD = {
    "type": "object",
    "required": ["namespace", "name", "field"],
    "properties": {
        "transformations": {
            "type": "array",
            "items": {
                "required": ["type"],
                "properties": {
                    "type": {"enum": ["DIRECT", "INDIRECT"]},
                    "subtype": {"enum": ["IDENTITY", "TRANSFORMATION", "AGGREGATION"]},
                    "description": {"type": "string"},
                    "masking": {"type": "boolean"},
                },
                "additionalProperties": False,
            },
        }
    },
}
COLUMNS = {
    "required": ["fields"],
    "properties": {
        "fields": {
            "type": "object",
            "additionalProperties": {
                "required": ["inputFields"],
                "properties": {"inputFields": {"type": "array", "items": _FIELD}},
            },
        }
    },
}
"""What `ColumnLineageDatasetFacet.json` 1-2-0 demands."""


async def test_events_are_as_specified_and_say_which_columns_go_where() -> None:
    async with catalog_node() as node:
        await node.sql.run(
            "CREATE STREAM s (id INT KEY, email STRING) WITH (kafka_topic='s', format='JSON', partitions=1);"
            "CREATE STREAM t AS SELECT id, MASK(email) AS m, UCASE(email) AS u FROM s;"
        )
        events: list[dict[str, Any]] = await node.get("lineage", format="openlineage")
        (event,) = events
        jsonschema.validate(event, EVENT)
        assert [d["name"] for d in event["inputs"]] == ["s"]
        (output,) = event["outputs"]
        jsonschema.validate(output["facets"]["columnLineage"], COLUMNS)
        fields = output["facets"]["columnLineage"]["fields"]
        found = {
            name: [(i["name"], i["field"], i["transformations"][0]["subtype"], i["transformations"][0]["masking"])
                   for i in field["inputFields"]]
            for name, field in fields.items()
        }  # fmt: skip
        assert found == {
            "ID": [("s", "ID", "IDENTITY", False)],
            "M": [("s", "EMAIL", "TRANSFORMATION", True)],
            "U": [("s", "EMAIL", "TRANSFORMATION", False)],
        }
        assert "CREATE STREAM" in event["job"]["facets"]["sql"]["query"].upper()
