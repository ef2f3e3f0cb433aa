"""`Node` in this process: what settings become, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path

import psutil
import pytest

from headwater.app.access import is_loopback
from headwater.app.node import Node, log_settings
from headwater.broker.settings import BrokerSettings
from headwater.core.errors import ConfigError, StartupError
from headwater.core.settings import (
    ConnectSettings,
    ConsoleSettings,
    KafkaSettings,
    KsqlSettings,
    NodeSettings,
    RegistrySettings,
    Settings,
)
from headwater.core.settings import LogSettings as LogPart
from headwater.log import LogSettings

FREE_PORTS = {
    "kafka": KafkaSettings(port=0),
    "ksql": KsqlSettings(port=0),
    "registry": RegistrySettings(port=0),
    "connect": ConnectSettings(port=0),
    "console": ConsoleSettings(port=0),
}


def in_memory() -> Settings:
    return Settings(node=NodeSettings(memory=True), **FREE_PORTS)  # type: ignore[arg-type]


def open_files() -> int:
    gc.collect()
    return psutil.Process().num_fds()


def test_defaults_are_those_of_the_parts() -> None:
    assert log_settings(LogPart()) == LogSettings()
    kafka, broker = KafkaSettings(), BrokerSettings()
    assert kafka.default_partitions == broker.default_partitions
    assert kafka.node_id == broker.node_id
    assert kafka.group_min_session_timeout_ms == broker.group_min_session_timeout_ms
    assert kafka.group_initial_rebalance_delay_ms == broker.group_initial_rebalance_delay_ms
    assert kafka.allow_everyone_if_no_acl_found == broker.allow_everyone_if_no_acl_found
    assert kafka.auto_create_topics == broker.auto_create_topics


async def test_many_nodes_leave_no_descriptor_and_no_thread() -> None:
    async def once() -> None:
        node = Node(in_memory())
        await node.start()
        await node.close()

    await once()
    before, threads = (open_files(), len(asyncio.all_tasks())), threading.active_count()
    for _ in range(10):
        await once()
    assert (open_files(), len(asyncio.all_tasks())) == before
    assert threading.active_count() <= threads, "those of tests before this one may have ended meanwhile"


async def test_the_health_of_a_node_includes_what_runs_in_the_background() -> None:
    node = Node(in_memory())
    await node.start()
    assert node.engine.health().items() >= {"processingLog": True, "logMaintenance": True}.items()
    await node.close()


async def test_a_node_that_does_not_start_leaves_its_folder_free(tmp_path: Path) -> None:
    first = Node(in_memory())
    await first.start()
    port = int(next(e.address for e in first.endpoints if e.name == "ksqldb").rpartition(":")[2])
    settings = Settings(node=NodeSettings(data=tmp_path), **{**FREE_PORTS, "ksql": KsqlSettings(port=port)})  # type: ignore[arg-type]
    with pytest.raises(StartupError, match=str(port)):
        await Node(settings).start()
    await first.close()
    second = Node(settings)
    await second.start()
    await second.close()


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("::", False)],
)
def test_only_loopback_counts_as_private(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_host_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match=r"node\.host, `no such host`"):
        is_loopback("no such host")


async def test_a_log_in_memory_has_a_schema_registry_beside_it() -> None:
    node = Node(in_memory())
    await node.start()
    await node.engine.execute("CREATE STREAM s (a INT) WITH (kafka_topic='s', partitions=1, value_format='AVRO');")
    assert "S" in node.engine.metastore.sources
    await node.close()
