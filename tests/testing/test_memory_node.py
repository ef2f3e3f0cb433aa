"""The node that users' tests get: feeding, reading topics, and time."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator

import pytest

from headwater.errors import InsertError, StatementError, UnknownTopicError
from headwater.testing import MemoryNode, OutputRecord, Record

SOURCES = """
    CREATE STREAM orders (id INT KEY, city STRING) WITH (KAFKA_TOPIC='orders-v1', PARTITIONS=3, VALUE_FORMAT='JSON');
    CREATE STREAM copies WITH (KAFKA_TOPIC='copies', VALUE_FORMAT='DELIMITED') AS SELECT * FROM orders;
"""


@pytest.fixture
def node() -> Iterator[MemoryNode]:
    with MemoryNode() as node:
        yield node


def test_what_is_fed_has_been_consumed(node: MemoryNode) -> None:
    node.execute(SOURCES)
    assert node.feed("orders", [(number, "Oslo") for number in range(100)]) == 100
    copies = node.output("COPIES")
    assert sorted(record.key for record in copies) == list(range(100))
    assert {record.value.CITY for record in copies} == {"Oslo"}
    assert {record.partition for record in copies} == {0, 1, 2}


def test_a_source_is_found_by_its_name_or_its_topic(node: MemoryNode) -> None:
    node.execute(SOURCES)
    for where in ("orders", "ORDERS", "`ORDERS`", "orders-v1"):
        node.feed(where, [(1, where)])
        assert node.output(where)[-1].value == (where,)


def test_times_come_from_the_row_the_record_or_the_clock(node: MemoryNode) -> None:
    node.execute(SOURCES)
    moment = datetime.datetime(1970, 1, 1, 0, 0, 9)
    node.clock.set(7_000)
    node.feed("orders", [{"id": 1, "ROWTIME": 5_000}, {"id": 1}, {"id": 1, "ROWTIME": moment}])
    node.feed("orders", [Record({}, key=b"\0\0\0\1", timestamp=6_000), Record({}, key=b"\0\0\0\1", timestamp=moment)])
    node.clock.advance(datetime.timedelta(seconds=1))
    node.feed("orders", [Record({}, key=b"\0\0\0\1")])
    times = [record.timestamp for record in node.output("orders")]
    assert sorted(times) == [5_000, 6_000, 7_000, 8_000, 9_000, 9_000]
    assert node.clock.now_ms == 8_000
    assert node.clock.now == datetime.datetime(1970, 1, 1, 0, 0, 8, tzinfo=datetime.UTC)


def test_records_are_written_as_they_are(node: MemoryNode) -> None:
    headers = [("trace", b"\1"), ("none", None)]
    node.feed("raw", [Record("text", key=b"k", timestamp=1, headers=headers), Record({"a": 1}), Record(None, key="k")])
    first, second, third = node.output("raw")
    assert first == OutputRecord(b"k", b"text", None, 1, tuple(headers))
    assert json.loads(second.value) == {"a": 1}
    assert (third.key, third.value) == (b"k", None)


def test_null_values_are_no_rows(node: MemoryNode) -> None:
    node.execute("""
        CREATE TABLE t (k STRING PRIMARY KEY, v INT) WITH (KAFKA_TOPIC='t', PARTITIONS=1, VALUE_FORMAT='JSON');
        CREATE TABLE u AS SELECT k, v + 1 AS v FROM t;
    """)
    node.feed("t", [("a", 1), Record(None, key="a"), ("b", 2)])
    found = [(record.key, record.value) for record in node.output("U")]
    assert found == [("a", (2,)), ("a", None), ("b", (3,))]


def test_keys_of_several_columns_are_rows_and_windows_are_told(node: MemoryNode) -> None:
    node.execute("""
        CREATE STREAM s (a INT, b STRING) WITH (KAFKA_TOPIC='s', PARTITIONS=1, FORMAT='JSON');
        CREATE TABLE n AS SELECT a, b, COUNT(*) AS n FROM s WINDOW SESSION (10 SECONDS) GROUP BY a, b;
    """)
    node.feed("s", [{"a": 1, "b": "x", "ROWTIME": 1_000}, {"a": 1, "b": "x", "ROWTIME": 3_000}])
    last = node.output("N")[-1]
    assert (last.key.A, last.key.B, last.value.N, last.window) == (1, "x", 2, (1_000, 3_000))


def test_queries_read_what_is_there_already(node: MemoryNode) -> None:
    node.execute(SOURCES)
    node.feed("orders", [(1, "Oslo")])
    node.execute("CREATE STREAM later AS SELECT * FROM orders;")
    assert [record.key for record in node.output("later")] == [1]
    assert next(iter(node.query("SELECT city FROM orders EMIT CHANGES"))) == ("Oslo",)


def test_what_does_not_exist_is_said(node: MemoryNode) -> None:
    with pytest.raises(UnknownTopicError, match="nowhere"):
        node.output("nowhere")
    with pytest.raises(UnknownTopicError, match="nowhere"):
        node.feed("nowhere", [{"a": 1}])
    node.execute(SOURCES)
    with pytest.raises(InsertError, match="Row 0"):
        node.feed("orders", [{"id": "x"}])


def test_waiting_waits_for_the_clock(node: MemoryNode) -> None:
    with pytest.raises(StatementError, match="not"):
        node.execute("ASSERT NOT EXISTS TOPIC 'x' TIMEOUT 0 SECONDS; ASSERT TOPIC 'x' TIMEOUT 0 SECONDS;")


def test_properties_of_the_server_can_be_given() -> None:
    with MemoryNode({"ksql.service.id": "mine_"}, now_ms=5) as node:
        assert node.clock.now_ms == 5
        assert "mine_" in str(node.execute("SHOW ALL TOPICS;"))
