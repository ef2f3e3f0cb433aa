"""Schemas are where the data is: a registry that is opened again has the same ids."""

from __future__ import annotations

from headwater.cluster.local import LocalCluster
from headwater.log import Log, MemoryStorage
from headwater.log.offsets import OffsetStore
from headwater.registry.topic_registry import TOPIC, TopicSchemaRegistry
from headwater.testing import ManualClock


async def test_ids_versions_and_deletions_survive_a_restart() -> None:
    clock = ManualClock()
    log = Log(MemoryStorage(), clock)
    log.open()
    cluster = LocalCluster(log, OffsetStore(log, clock), clock)
    await cluster.start()
    first = TopicSchemaRegistry(cluster, clock)
    await first.load()
    a = first.register("a-value", "AVRO", '"string"')
    b = first.register("a-value", "AVRO", '"long"')
    shared = first.register("b-value", "AVRO", '"string"')
    first.register("b-key", "PROTOBUF", 'syntax = "proto3"; message M {}', (("other", "x"),))
    first.delete("b-key")
    await first.close()

    again = TopicSchemaRegistry(cluster, clock)
    await again.load()
    assert (a, b, shared) == (1, 2, 1)
    assert again.subjects() == ["a-value", "b-value"]
    latest = again.latest("a-value")
    assert latest is not None
    assert (latest.schema_id, latest.version, latest.schema) == (2, 2, '"long"')
    assert again.register("c-value", "AVRO", '"string"') == 1
    await again.close()
    found = cluster.topic(TOPIC)
    assert found is not None
    assert found.configs["cleanup.policy"] == "compact"
