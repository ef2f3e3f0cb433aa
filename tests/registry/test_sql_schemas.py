"""What the SQL side sees of the registry: answers from memory, records that follow, compatibility."""

from __future__ import annotations

import msgspec
import pytest

from headwater.cluster.api import Append, Commit, TopicPartition
from headwater.core.errors import AnalysisError
from headwater.registry.port import SqlSchemas
from headwater.registry.registry import TOPIC, Registry
from headwater.testing import ManualClock
from headwater.wire.records import build_batch, read_records
from tests.registry.registry_door import memory_cluster


async def test_ids_versions_and_deletions_survive_a_restart() -> None:
    clock = ManualClock()
    cluster = await memory_cluster(clock)
    registry = Registry(cluster, clock)
    await registry.load()
    first = SqlSchemas(registry)
    a = first.register("a-value", "AVRO", '"string"')
    b = first.register("a-key", "AVRO", '"long"')
    shared = first.register("b-value", "AVRO", '"string"')
    first.register("b-key", "PROTOBUF", 'syntax = "proto3"; message M {}')
    first.delete("b-key")
    await first.settle()

    again = Registry(cluster, clock)
    await again.load()
    second = SqlSchemas(again)
    assert (a, b, shared) == (1, 2, 1)
    assert second.subjects() == ["a-key", "a-value", "b-value"]
    latest = second.latest("a-key")
    assert latest is not None
    assert (latest.schema_id, latest.version, latest.schema) == (2, 1, '"long"')
    assert second.register("c-value", "AVRO", '"string"') == 1
    assert second.by_id(3).kind == "PROTOBUF", "data written with it can still be read"
    await again.close()
    await registry.close()
    found = cluster.topic(TOPIC)
    assert found is not None
    assert found.configs["cleanup.policy"] == "compact"


async def test_records_have_the_shapes_of_confluents_registry() -> None:
    clock = ManualClock()
    cluster = await memory_cluster(clock)
    registry = Registry(cluster, clock)
    await registry.load()
    schemas = SqlSchemas(registry)
    schemas.register("a-value", "JSON", '{"type":"object"}')
    schemas.delete("a-value")
    await schemas.settle()
    (fetched,) = await cluster.fetch({TopicPartition(TOPIC, 0): 0})
    keys, values = zip(*((r.key, r.value) for r in read_records(fetched.data)), strict=True)
    assert keys == (
        b'{"keytype":"SCHEMA","subject":"a-value","version":1,"magic":1}',
        b'{"keytype":"DELETE_SUBJECT","subject":"a-value","magic":0}',
    )
    first, second = (msgspec.json.decode(value or b"") for value in values)
    assert first.pop("guid")
    assert first == {
        "subject": "a-value",
        "version": 1,
        "id": 1,
        "schemaType": "JSON",
        "schema": '{"type":"object"}',
        "deleted": False,
    }
    assert second == {"subject": "a-value", "version": 1}
    await registry.close()


async def test_an_incompatible_schema_is_refused_with_the_reason_and_changes_nothing() -> None:
    clock = ManualClock()
    registry = Registry(await memory_cluster(clock), clock)
    await registry.load()
    schemas = SqlSchemas(registry)
    schemas.register("a-value", "AVRO", '"string"')
    for attempt in (schemas.check, schemas.register):
        with pytest.raises(AnalysisError, match="incompatible with an earlier schema for subject"):
            attempt("a-value", "AVRO", '"long"')
    latest = schemas.latest("a-value")
    assert latest is not None
    assert latest.version == 1
    await registry.close()


async def test_what_another_client_writes_into_the_topic_is_known() -> None:
    clock = ManualClock()
    cluster = await memory_cluster(clock)
    registry = Registry(cluster, clock)
    await registry.load()
    schemas = SqlSchemas(registry)
    schemas.register("a-value", "AVRO", '"string"')
    await schemas.settle()
    key = b'{"keytype":"SCHEMA","subject":"b","version":1,"magic":1}'
    value = b'{"subject":"b","version":1,"id":7,"schema":"{}","deleted":false}'
    batch = build_batch(
        [(key, value, 0, ()), (b"nonsense", b"{", 0, ()), (b'{"keytype":"NOOP","magic":0}', None, 0, ())]
    )
    await cluster.commit(Commit([Append(TopicPartition(TOPIC, 0), batch)]))
    await registry.follow()
    assert schemas.by_id(7).schema == "{}"
    assert schemas.register("c-value", "AVRO", '"long"') == 8
    await registry.close()
