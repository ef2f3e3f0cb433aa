"""SQL on the registry: what statements register, read and are refused for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from headwater.app.node import Node
from headwater.core.settings import NodeSettings, Settings
from headwater.engine.errors import StatementError
from headwater.registry import registering
from headwater.registry.decisions import Candidate
from headwater.registry.registry import Registry

SOURCE = "CREATE STREAM s (k INT KEY, a INT, b VARCHAR) WITH (kafka_topic='s', partitions=1, value_format='AVRO');"


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    node = Node(Settings(node=NodeSettings(memory=True)), listeners=())
    await node.start()
    yield node
    await node.close()


def _registry(node: Node) -> Registry:
    schemas = node.engine.registry
    assert schemas is not None
    return schemas._registry  # type: ignore[attr-defined, no-any-return]


async def _register(node: Node, subject: str, schema: str) -> int:
    registry = _registry(node)
    registered = await registry.carry_out(
        lambda state: registering.register(registry.schemas, subject, Candidate(schema), False, 0)
    )
    return registered.value.id


OTHER = (
    '{"type":"record","name":"KsqlDataSourceSchema","namespace":"io.confluent.ksql.avro_schemas",'
    '"fields":[{"name":"A","type":"boolean"}]}'
)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE STREAM t WITH (kafka_topic='t', value_format='AVRO') AS SELECT k, a FROM s;",
        "CREATE TABLE t WITH (kafka_topic='t', value_format='AVRO') AS SELECT k, MAX(a) AS a FROM s GROUP BY k;",
    ],
)
async def test_an_incompatible_schema_of_a_sink_refuses_the_statement_and_leaves_nothing(
    node: Node, statement: str
) -> None:
    await node.engine.execute(SOURCE)
    await _register(node, "t-value", OTHER)
    before = _registry(node).state.versions("t-value", deleted=True)
    topics = set(node.cluster.topics())
    with pytest.raises(StatementError, match="incompatible with an earlier schema for subject"):
        await node.engine.execute(statement)
    assert set(node.engine.metastore.sources) == {"S"}
    assert set(node.cluster.topics()) == topics
    assert _registry(node).state.versions("t-value", deleted=True) == before
    assert not node.engine.runtime.queries


async def test_a_wider_result_is_the_next_version(node: Node) -> None:
    await node.engine.execute(SOURCE)
    sink = "WITH (kafka_topic='t', value_format='AVRO') AS SELECT"
    await node.engine.execute(f"CREATE STREAM t {sink} k, a FROM s;")
    await node.engine.execute(f"CREATE OR REPLACE STREAM t {sink} k, a, b FROM s;")
    assert [value.version for value in _registry(node).state.versions("t-value")] == [1, 2]


async def test_a_schema_may_be_given_by_its_id(node: Node) -> None:
    schema_id = await _register(node, "elsewhere", OTHER.replace("boolean", "int"))
    await node.engine.execute(
        f"CREATE STREAM g WITH (kafka_topic='g', partitions=1, value_format='AVRO', value_schema_id={schema_id});"
    )
    assert [column.name for column in node.engine.metastore.sources["G"].schema.value] == ["A"]
    with pytest.raises(StatementError, match="999"):
        await node.engine.execute(
            "CREATE STREAM h WITH (kafka_topic='h', partitions=1, value_format='AVRO', value_schema_id=999);"
        )


async def test_columns_are_inferred_from_what_clients_registered(node: Node) -> None:
    await _register(node, "c-value", OTHER)
    await node.engine.execute("CREATE STREAM c WITH (kafka_topic='c', partitions=1, value_format='AVRO');")
    assert [str(column.type) for column in node.engine.metastore.sources["C"].schema.value] == ["BOOLEAN"]


async def test_a_dropped_topic_takes_its_schemas_along_softly(node: Node) -> None:
    await node.engine.execute(SOURCE)
    await node.engine.execute("DROP STREAM s DELETE TOPIC;")
    state = _registry(node).state
    assert not state.has("s-value")
    assert state.has("s-value", deleted=True)
