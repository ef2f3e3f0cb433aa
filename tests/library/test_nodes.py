"""The suite against a node in this process and against one behind a URL; and what only one of them does."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import headwater
from headwater.errors import ConfigError, HeadwaterError, StartupError
from tests.app.processes import environment
from tests.library.suite import ORDERS, NodeSuite


@pytest.fixture
def local() -> Iterator[headwater.Node]:
    with headwater.start(memory=True, ksql_port=0) as node:
        yield node


class TestInThisProcess(NodeSuite):
    @pytest.fixture
    def node(self, local: headwater.Node) -> headwater.Node:
        return local

    def test_any_thread_may_use_it(self, node: headwater.Node) -> None:
        node.execute(ORDERS)
        threads = [threading.Thread(target=node.insert, args=("orders", {"id": number})) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(row.ID for row in node.query("SELECT id FROM orders")) == list(range(20))

    def test_closing_the_node_ends_its_queries(self, node: headwater.Node) -> None:
        node.execute(ORDERS)
        query = node.query("SELECT id FROM orders EMIT CHANGES")
        rows: list[object] = []
        reader = threading.Thread(target=lambda: rows.extend(query))
        reader.start()
        node.close()
        reader.join(10)
        assert not reader.is_alive()
        assert rows == []


class TestBehindAUrl(NodeSuite):
    @pytest.fixture
    def node(self, local: headwater.Node) -> Iterator[headwater.Node]:
        with headwater.remote(local.endpoints["ksqldb"]) as node:
            yield node


def test_no_socket_is_opened_unless_it_is_asked_for() -> None:
    def listening() -> list[int]:
        connections = psutil.Process().net_connections()
        return [connection.laddr.port for connection in connections if connection.status == psutil.CONN_LISTEN]

    before = listening()
    with headwater.start(memory=True) as node:
        assert node.endpoints == {}
        assert listening() == before
    with headwater.start(memory=True, kafka_port=0, ksql_port=0) as node:
        assert sorted(node.endpoints) == ["kafka", "ksqldb"]
        assert len(listening()) == len(before) + 2


def test_many_nodes_leave_no_thread_and_no_descriptor() -> None:
    def once() -> None:
        with headwater.start(memory=True, kafka_port=0) as node:
            node.execute(ORDERS)

    once()
    process = psutil.Process()
    before = threading.active_count(), process.num_fds()
    for _ in range(20):
        once()
    assert (threading.active_count(), process.num_fds()) == before


def test_what_is_in_a_folder_is_there_the_next_time(tmp_path: Path) -> None:
    with headwater.start(tmp_path) as node:
        node.execute(ORDERS)
        node.insert("orders", [(1, "Oslo", 1)])
    with headwater.start(data=str(tmp_path)) as node:
        assert node.query("SELECT city FROM orders") == [("Oslo",)]
        with pytest.raises(StartupError, match="in use"):
            headwater.start(tmp_path)


def test_settings_come_from_arguments_a_file_and_a_mapping(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text('[node]\nmemory = true\n[ksql.properties]\n"ksql.service.id" = "mine_"\n')
    properties = {"ksql.streams.auto.offset.reset": "earliest"}
    with headwater.start(config=file, settings={"log.fsync": "none"}, properties=properties) as node:
        node.execute(ORDERS)
        node.insert("orders", {"id": 1})
        assert next(iter(node.query("SELECT id FROM orders EMIT CHANGES"))) == (1,)
        (topics,) = node.execute("SHOW ALL TOPICS;")
        assert "mine_" in str(topics)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"log.fsync": "maybe"}, r"setting `log.fsync` given to start\(\) must be one of"),
        ({"log.fsnyc": "none"}, "did you mean `log.fsync`"),
    ],
)
def test_a_setting_that_is_wrong_is_named(settings: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        headwater.start(memory=True, settings=settings)


def test_a_node_that_does_not_start_leaves_no_thread(local: headwater.Node) -> None:
    port = int(local.endpoints["ksqldb"].rpartition(":")[2])
    before = threading.active_count()
    with pytest.raises(StartupError, match=str(port)):
        headwater.start(memory=True, ksql_port=port)
    assert threading.active_count() == before


def test_errors_are_one_tree() -> None:
    from headwater import errors

    named = [getattr(errors, name) for name in errors.__all__]
    kinds = [kind for kind in named if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 10
    assert all(issubclass(kind, HeadwaterError) for kind in kinds)


UNCLOSED = """
import headwater
node = headwater.start({folder!r})
node.execute("CREATE STREAM s (a INT) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');")
"""


def test_a_node_that_nobody_closes_is_closed_at_exit(tmp_path: Path) -> None:
    script = UNCLOSED.format(folder=str(tmp_path))
    ended = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, b"")
    with headwater.start(tmp_path) as node:
        assert "name='S'" in str(node.execute("SHOW STREAMS;"))
