"""Statements do what the statement sheet says, and what they did survives a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from headwater.cluster.api import Append, Commit, TopicPartition
from headwater.engine.errors import ErrorCode, RequestError, StatementError
from headwater.engine.properties import PropertyError
from headwater.engine.results import RowResult
from headwater.testing.clock import ManualClock
from headwater.wire.records import build_batch
from tests.engine.sql_node import EARLIEST_RESET, SqlNode, sql_node

ORDERS = (
    "CREATE STREAM orders (id INT KEY, price DOUBLE, item VARCHAR) "
    "WITH (KAFKA_TOPIC='orders', PARTITIONS=2, VALUE_FORMAT='JSON');"
)
TOTALS = "CREATE TABLE totals AS SELECT item, COUNT(*) AS n FROM orders GROUP BY item EMIT CHANGES;"


@pytest.fixture
async def node() -> AsyncIterator[SqlNode]:
    async with sql_node() as running:
        yield running


async def test_creating_a_stream_creates_its_topic(node: SqlNode) -> None:
    (entity,) = await node.run(ORDERS)
    assert entity == {
        "@type": "currentStatus",
        "statementText": ORDERS,
        "warnings": [],
        "commandId": "stream/`ORDERS`/create",
        "commandStatus": {"status": "SUCCESS", "message": "Stream created", "queryId": None},
        "commandSequenceNumber": 0,
    }
    topic = node.cluster.topic("orders")
    assert topic is not None
    assert topic.partitions == 2


async def test_inserted_rows_come_out_of_queries(node: SqlNode) -> None:
    await node.run(ORDERS)
    await node.run(
        "INSERT INTO orders (id, price, item) VALUES (1, 2.5, 'tea'); INSERT INTO orders VALUES (2, 3, 'mate');"
    )
    assert sorted(await node.select("SELECT * FROM orders EMIT CHANGES LIMIT 2;")) == [
        (1, 2.5, "tea"),
        (2, 3.0, "mate"),
    ]
    assert sorted(await node.select("SELECT item FROM orders;")) == [("mate",), ("tea",)]


async def test_a_persistent_query_is_numbered_and_fills_its_sink(node: SqlNode) -> None:
    assert await node.messages(ORDERS + TOTALS, EARLIEST_RESET) == [
        "Stream created",
        "Created query with ID CTAS_TOTALS_0",
    ]
    await node.run("INSERT INTO orders VALUES (1, 1.0, 'tea'); INSERT INTO orders VALUES (2, 1.0, 'tea');")
    await node.settle()
    assert await node.select("SELECT * FROM totals WHERE item = 'tea';") == [("tea", 2)]


async def test_everything_is_there_again_after_a_restart(node: SqlNode) -> None:
    await node.run("CREATE TYPE price AS DECIMAL(4, 2);" + ORDERS + TOTALS, EARLIEST_RESET)
    await node.run(
        "CREATE STREAM teas AS SELECT * FROM orders WHERE item = 'tea'; DROP STREAM teas; PAUSE CTAS_TOTALS_0;"
    )
    before = {
        name: (source, query)
        for name, (source, query) in zip(
            node.engine.metastore.sources, node.engine.metastore.sources.items(), strict=True
        )
    }
    await node.restart()
    assert list(node.engine.metastore.sources) == list(before) == ["ORDERS", "TOTALS"]
    assert node.engine.metastore.sources["TOTALS"] == before["TOTALS"][1]
    assert str(node.engine.metastore.types["PRICE"]) == "DECIMAL(4, 2)"
    assert {query_id: query.state for query_id, query in node.engine.runtime.queries.items()} == {
        "CTAS_TOTALS_0": "PAUSED"
    }
    assert await node.messages("CREATE STREAM x AS SELECT * FROM orders;") == ["Created query with ID CSAS_X_2"]


async def test_a_request_with_one_bad_statement_does_nothing(node: SqlNode) -> None:
    with pytest.raises(StatementError) as caught:
        await node.run(ORDERS + "CREATE STREAM broken AS SELECT nothing FROM orders;")
    assert caught.value.code == ErrorCode.BAD_STATEMENT
    assert caught.value.statement.startswith("CREATE STREAM broken")
    assert caught.value.entities == ()
    assert not node.engine.metastore.sources
    assert node.cluster.topic("orders") is None
    assert node.engine.sequence == -1


REFUSED = [
    ("CREATE STREAM s (a INT) WITH (VALUE_FORMAT='JSON');", "KAFKA_TOPIC"),
    ("CREATE STREAM s (a INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON');", "PARTITIONS"),
    ("CREATE STREAM orders (a INT) WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='JSON');", "already exists"),
    ("DROP TABLE orders;", "type is STREAM"),
    ("DROP STREAM nothing;", "NOTHING"),
    ("DROP STREAM orders;", "TOTALS"),
    ("TERMINATE nothing;", "Unknown queryId: NOTHING"),
    ("INSERT INTO nothing VALUES (1);", "NOTHING"),
    ("INSERT INTO orders (id, nope) VALUES (1, 2);", "NOPE"),
    ("DESCRIBE nothing;", "NOTHING"),
    ("DESCRIBE FUNCTION nothing;", "NOTHING"),
    ("EXPLAIN nothing;", "NOTHING"),
    ("EXPLAIN SHOW STREAMS;", "EXPLAIN"),
    ("SHOW CONNECTORS;", "Connect"),
    ("CREATE SINK CONNECTOR c WITH ('connector.class'='x');", "Connect"),
    ("ALTER SYSTEM 'auto.offset.reset'='earliest';", "ALTER SYSTEM"),
    ("SET 'no.such.property'='1';", "no.such.property"),
    ("SET 'ksql.service.id'='x_';", "ksql.service.id"),
    ("SET 'commit.interval.ms'='soon';", "commit.interval.ms"),
    ("SET 'auto.offset.reset'='none';", "earliest, latest"),
    ("RUN SCRIPT '/tmp/x.sql';", "shell"),
    ("DROP TYPE nothing;", "NOTHING"),
    ("CREATE STREAM s (a INT) WITH (KAFKA_TOPIC='no good', PARTITIONS=1, VALUE_FORMAT='JSON');", "no good"),
    ("DESCRIBE `orders`;", "Did you mean `ORDERS` (stream)"),
]


@pytest.mark.parametrize(("statement", "mentioned"), REFUSED, ids=[statement for statement, _ in REFUSED])
async def test_refusals_name_what_is_wrong(node: SqlNode, statement: str, mentioned: str) -> None:
    await node.run(ORDERS + TOTALS)
    before = node.engine.sequence
    with pytest.raises(StatementError) as caught:
        await node.run(statement)
    assert mentioned in str(caught.value)
    assert caught.value.code == ErrorCode.BAD_STATEMENT
    assert node.engine.sequence == before


async def test_queries_are_sent_elsewhere(node: SqlNode) -> None:
    await node.run(ORDERS)
    for text in ("SELECT * FROM orders EMIT CHANGES;", "PRINT orders;"):
        with pytest.raises(StatementError) as caught:
            await node.run(text)
        assert caught.value.code == ErrorCode.QUERY_ENDPOINT


async def test_existing_and_missing_names_can_be_taken_for_granted(node: SqlNode) -> None:
    await node.run(ORDERS)
    sequence = node.engine.sequence
    (warning,) = await node.run(ORDERS.replace("STREAM", "STREAM IF NOT EXISTS"))
    assert warning["@type"] == "warning_entity"
    assert "already exists" in warning["message"]
    (status,) = await node.run("DROP STREAM IF EXISTS nothing;")
    assert status["commandStatus"]["status"] == "SUCCESS"
    assert node.engine.sequence == sequence


async def test_settings_and_variables_last_for_the_request(node: SqlNode) -> None:
    entities = await node.run(
        "SET 'auto.offset.reset'='earliest'; DEFINE place = 'orders2'; SHOW VARIABLES; SHOW PROPERTIES;"
        + ORDERS.replace("'orders'", "'${place}'")
        + "UNDEFINE place; UNDEFINE place; UNSET 'auto.offset.reset'; SHOW PROPERTIES;"
    )
    variables, first, created, warning, last = entities
    assert variables["variables"] == [{"name": "place", "value": "orders2"}]
    assert first["overwrittenProperties"] == ["ksql.streams.auto.offset.reset"]
    assert created["commandStatus"]["status"] == "SUCCESS"
    assert "never defined" in warning["message"]
    assert last["overwrittenProperties"] == []
    assert node.cluster.topic("orders2") is not None


async def test_overrides_are_kept_with_the_query(node: SqlNode) -> None:
    await node.run(
        ORDERS + TOTALS, {"ksql.streams.auto.offset.reset": "earliest", "commit.interval.ms": 100, "linger.ms": None}
    )
    await node.restart()
    (explained,) = await node.run("EXPLAIN ctas_totals_0;")
    description = explained["queryDescription"]
    assert description["overriddenProperties"] == {"auto.offset.reset": "earliest", "commit.interval.ms": "100"}
    assert description["state"] == "RUNNING"
    assert description["sources"] == ["ORDERS"]
    assert description["sinks"] == ["TOTALS"]
    assert "def " in description["topology"]


async def test_an_unknown_override_is_a_bad_request(node: SqlNode) -> None:
    with pytest.raises(PropertyError, match=r"no\.such"):
        await node.run("SHOW STREAMS;", {"no.such": 1})


async def test_dropping_a_fed_source_ends_its_query(node: SqlNode) -> None:
    await node.run(ORDERS + TOTALS)
    assert await node.messages("DROP TABLE totals DELETE TOPIC;") == ["Source `TOTALS` (topic: TOTALS) was dropped."]
    assert not node.engine.runtime.queries
    assert node.cluster.topic("TOTALS") is None
    assert [name for name in node.cluster.topics() if "CTAS" in name] == []


async def test_queries_are_paused_resumed_and_terminated(node: SqlNode) -> None:
    await node.run(ORDERS + TOTALS)
    assert await node.messages("PAUSE ALL;") == ["Query paused."]
    (listed,) = await node.run("SHOW QUERIES;")
    assert listed["queries"][0]["state"] == "PAUSED"
    assert listed["queries"][0]["statusCount"] == {"PAUSED": 1}
    assert await node.messages("RESUME ctas_totals_0; TERMINATE CTAS_TOTALS_0;") == [
        "Query resumed.",
        "Query terminated.",
    ]
    (listed,) = await node.run("SHOW QUERIES;")
    assert listed["queries"] == []
    assert await node.messages("DROP STREAM orders; TERMINATE ALL;") == [
        "Source `ORDERS` (topic: orders) was dropped.",
        "Query terminated.",
    ]


async def test_insert_into_reads_one_stream_into_another(node: SqlNode) -> None:
    await node.run(ORDERS + ORDERS.replace("orders", "copies"))
    made = await node.run("INSERT INTO copies SELECT * FROM orders;", EARLIEST_RESET)
    assert made[0]["commandId"] == "stream/`COPIES`/create"
    assert made[0]["commandStatus"]["queryId"] == "INSERTQUERY_0"
    named = await node.run("INSERT INTO copies WITH (QUERY_ID='mine') SELECT * FROM orders WHERE price > 1;")
    assert named[0]["commandStatus"]["queryId"] == "MINE"
    with pytest.raises(StatementError, match="INSERTQUERY_0"):
        await node.run("DROP STREAM copies;")


async def test_altered_sources_have_the_new_column(node: SqlNode) -> None:
    await node.run(ORDERS)
    assert await node.messages("ALTER STREAM orders ADD COLUMN note VARCHAR;") == ["Stream ORDERS altered."]
    (described,) = await node.run("DESCRIBE orders;")
    assert [field["name"] for field in described["sourceDescription"]["fields"]] == ["ID", "PRICE", "ITEM", "NOTE"]


async def test_types_stand_for_their_definition(node: SqlNode) -> None:
    assert await node.messages("CREATE TYPE address AS STRUCT<street VARCHAR, codes ARRAY<DECIMAL(4, 2)>>;") == [
        "Registered custom type with name 'ADDRESS' and SQL type STRUCT<`STREET` STRING, `CODES` ARRAY<DECIMAL(4, 2)>>"
    ]
    (types,) = await node.run("SHOW TYPES;")
    assert types["types"]["ADDRESS"]["fields"][1] == {
        "name": "CODES",
        "schema": {
            "type": "ARRAY",
            "fields": None,
            "memberSchema": {
                "type": "DECIMAL",
                "fields": None,
                "memberSchema": None,
                "parameters": {"precision": 4, "scale": 2},
            },
        },
    }
    assert await node.messages("DROP TYPE address;") == ["Dropped type 'ADDRESS'"]


async def test_listings_and_descriptions(node: SqlNode) -> None:
    await node.run(ORDERS + TOTALS)
    streams, tables, topics = await node.run("SHOW STREAMS; LIST TABLES; SHOW TOPICS;")
    assert streams["streams"] == [
        {
            "type": "STREAM",
            "name": "ORDERS",
            "topic": "orders",
            "keyFormat": "KAFKA",
            "valueFormat": "JSON",
            "isWindowed": False,
        }
    ]
    assert tables["tables"][0]["name"] == "TOTALS"
    assert topics["topics"] == [{"name": "TOTALS", "replicaInfo": [1, 1]}, {"name": "orders", "replicaInfo": [1, 1]}]
    (all_topics,) = await node.run("SHOW ALL TOPICS;")
    assert "_confluent-ksql-default__command_topic" in [topic["name"] for topic in all_topics["topics"]]
    (described,) = await node.run("DESCRIBE orders EXTENDED;")
    description = described["sourceDescription"]
    assert description["fields"][0] == {
        "name": "ID",
        "schema": {"type": "INTEGER", "fields": None, "memberSchema": None},
        "type": "KEY",
    }
    assert description["sourceConstraints"] == ["TOTALS"]
    assert [query["id"] for query in description["readQueries"]] == ["CTAS_TOTALS_0"]
    (described,) = await node.run("DESCRIBE totals EXTENDED;")
    (summary,) = described["sourceDescription"]["queryOffsetSummaries"]
    assert summary["groupId"] == "_confluent-ksql-default_query_CTAS_TOTALS_0"
    functions, function = await node.run("SHOW FUNCTIONS; DESCRIBE FUNCTION count;")
    assert {"name": "COUNT", "type": "AGGREGATE"}.items() <= next(
        f for f in functions["functions"] if f["name"] == "COUNT"
    ).items()
    assert function["type"] == "AGGREGATE"


async def test_explaining_a_statement_runs_nothing(node: SqlNode) -> None:
    await node.run(ORDERS)
    (explained,) = await node.run("EXPLAIN " + TOTALS)
    assert "SINK" in explained["queryDescription"]["executionPlan"]
    assert explained["queryDescription"]["statementText"] == TOTALS
    assert explained["queryDescription"]["queryType"] == "PERSISTENT"
    for select in ("SELECT item FROM orders;", "SELECT item FROM orders EMIT CHANGES;"):
        (explained,) = await node.run("EXPLAIN " + select)
        assert [field["name"] for field in explained["queryDescription"]["fields"]] == ["ITEM"]
        assert explained["queryDescription"]["queryType"] == "PUSH"
    assert "TOTALS" not in node.engine.metastore.sources


async def test_assertions_about_topics(node: SqlNode) -> None:
    await node.run(ORDERS)
    held = await node.run("ASSERT TOPIC orders WITH (PARTITIONS=2); ASSERT NOT EXISTS TOPIC nothing TIMEOUT 0 SECONDS;")
    assert [(entity["topicName"], entity["exists"]) for entity in held] == [("orders", True), ("nothing", False)]
    with pytest.raises(StatementError, match="expected 3 got 2") as caught:
        await node.run("ASSERT TOPIC orders WITH (PARTITIONS=3) TIMEOUT 0 SECONDS;")
    assert caught.value.code == ErrorCode.ASSERTION_FAILED
    with pytest.raises(
        StatementError, match=r"expected apples got 2\nMismatched .* expected 9 got 1\nCannot assert unknown"
    ):
        await node.run("ASSERT TOPIC orders WITH (PARTITIONS='apples', REPLICAS=9, OTHER='x') TIMEOUT 0 SECONDS;")


async def test_inserted_values_are_not_echoed(node: SqlNode) -> None:
    await node.run(ORDERS)
    with pytest.raises(StatementError) as caught:
        await node.run("INSERT INTO orders (id, item) VALUES (1, 'secret', 3);")
    assert "secret" not in caught.value.statement
    with pytest.raises(StatementError) as caught:
        await node.run("INSERT INTO orders VALUES ('secret' nonsense;")
    assert "secret" not in caught.value.statement


async def test_push_queries_are_listed_limited_and_terminated() -> None:
    async with sql_node(properties={"ksql.max.push.queries": "1"}) as node:
        await node.run(ORDERS)
        result = await node.engine.query("SELECT * FROM orders EMIT CHANGES;")
        assert isinstance(result, RowResult)
        (listed,) = await node.run("SHOW QUERIES;")
        (row,) = listed["queries"]
        assert (row["id"], row["queryType"]) == (result.query_id, "PUSH")
        assert row["id"].startswith("transient_ORDERS_")
        with pytest.raises(RequestError) as caught:
            await node.engine.query("SELECT * FROM orders EMIT CHANGES;")
        assert caught.value.code == ErrorCode.TOO_MANY_PUSH_QUERIES
        (ended,) = await node.run(f"TERMINATE {row['id']};")
        assert ended["wasTerminated"]
        assert [batch async for batch in result] == []
        assert (await node.run("SHOW QUERIES;"))[0]["queries"] == []


async def test_the_processing_log_is_a_stream_like_any_other() -> None:
    properties = {
        "ksql.logging.processing.stream.auto.create": "true",
        "ksql.logging.processing.topic.auto.create": "true",
        "ksql.logging.processing.rows.include": "true",
    }
    async with sql_node(properties=properties) as node:
        node.engine.log.deserialization_error(
            "CSAS_X_0", "S.Source", "orders", "value", "no JSON", ValueError("at 1"), b"{"
        )
        await node.engine.log.flush()
        rows = await node.select(
            "SELECT logger, message->type, message->deserializationError->recordB64 FROM KSQL_PROCESSING_LOG;"
        )
        assert rows == [("processing.CSAS_X_0.S.Source", 0, "ew==")]
        await node.restart()
        assert list(node.engine.metastore.sources) == ["KSQL_PROCESSING_LOG"]


async def test_schemas_are_registered_and_found_again() -> None:
    async with sql_node() as node:
        await node.run(ORDERS.replace("JSON", "AVRO"))
        assert node.registry.subjects() == ["orders-value"]
        await node.run("CREATE STREAM inferred WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='AVRO');")
        before = node.engine.metastore.sources["INFERRED"]
        node.registry.delete("orders-value")
        await node.restart()
        assert node.engine.metastore.sources["INFERRED"] == before
        await node.run("DROP STREAM inferred; DROP STREAM orders DELETE TOPIC;")
        assert node.registry.subjects() == []


async def test_schemas_made_by_a_request_are_known_to_its_later_statements() -> None:
    async with sql_node() as node:
        await node.run(
            ORDERS.replace("JSON", "AVRO") + "CREATE STREAM again WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='AVRO');"
        )
        assert "AGAIN" in node.engine.metastore.sources


async def test_a_refused_request_registers_nothing() -> None:
    async with sql_node() as node:
        with pytest.raises(StatementError):
            await node.run(ORDERS.replace("JSON", "AVRO") + "DROP STREAM nothing;")
        assert node.registry.subjects() == []


async def test_replaced_queries_keep_their_id_and_go_on(node: SqlNode) -> None:
    await node.run(ORDERS + "CREATE STREAM teas AS SELECT id, item FROM orders;", EARLIEST_RESET)
    await node.run("INSERT INTO orders VALUES (1, 1.0, 'tea');")
    await node.settle()
    messages = await node.messages(
        "CREATE OR REPLACE STREAM teas AS SELECT id, item, price FROM orders WHERE price > 1;"
    )
    assert messages == ["Created query with ID CSAS_TEAS_0"]
    await node.run("INSERT INTO orders VALUES (2, 1.0, 'mate'); INSERT INTO orders VALUES (3, 2.0, 'chai');")
    await node.settle()
    assert sorted(await node.select("SELECT * FROM teas;")) == [(1, "tea", None), (3, "chai", 2.0)]
    await node.restart()
    assert sorted(await node.select("SELECT * FROM teas;")) == [(1, "tea", None), (3, "chai", 2.0)]
    with pytest.raises(StatementError):
        await node.run("CREATE OR REPLACE STREAM teas AS SELECT id FROM orders;")


async def test_source_tables_can_be_pulled_and_their_query_is_out_of_reach(node: SqlNode) -> None:
    await node.run(
        "CREATE TABLE w (id INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC='t', PARTITIONS=1, VALUE_FORMAT='JSON');"
    )
    (made,) = await node.run(
        "CREATE SOURCE TABLE r (id INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON');"
    )
    assert made["commandStatus"]["message"] == "Table created"
    await node.run("INSERT INTO w VALUES (1, 10);")
    await node.settle()
    assert await node.select("SELECT * FROM r WHERE id = 1;") == [(1, 10)]
    with pytest.raises(StatementError, match="SOURCE table"):
        await node.run("TERMINATE CST_R_0;")
    for refused in ("INSERT INTO r VALUES (2, 20);", "DROP TABLE r DELETE TOPIC;"):
        with pytest.raises(StatementError, match="read-only"):
            await node.run(refused)
    await node.run("DROP TABLE r;")
    assert not node.engine.runtime.queries


async def test_scalable_push_queries_are_named_so() -> None:
    properties = {"ksql.query.push.v2.enabled": "true", "ksql.query.push.v2.registry.installed": "true"}
    async with sql_node(properties=properties) as node:
        await node.run(ORDERS + "CREATE STREAM fed AS SELECT * FROM orders;")
        kinds = {
            "SELECT * FROM fed EMIT CHANGES;": "SCALABLE_PUSH_QUERY_FED_",
            "SELECT * FROM orders EMIT CHANGES;": "transient_ORDERS_",
            "SELECT ROWOFFSET FROM fed EMIT CHANGES;": "transient_FED_",
            "SELECT item, COUNT(*) FROM fed GROUP BY item EMIT CHANGES;": "transient_FED_",
        }
        for text, prefix in kinds.items():
            result = await node.engine.query(text)
            assert isinstance(result, RowResult)
            assert result.query_id.startswith(prefix)
            await result.close()


async def test_a_corrupt_command_topic_degrades_the_server(node: SqlNode) -> None:
    await node.run(ORDERS)
    batch = build_batch([(b'"x"', b"{", 0, ())])
    await node.cluster.commit(Commit([Append(TopicPartition(node.settings.command_topic, 0), batch)]))
    await node.restart()
    assert list(node.engine.metastore.sources) == ["ORDERS"]
    (streams,) = await node.run("SHOW STREAMS;")
    assert "degraded" in streams["warnings"][0]["message"]
    with pytest.raises(RequestError) as caught:
        await node.run("DROP STREAM orders;")
    assert caught.value.code == ErrorCode.SERVER_ERROR


async def test_a_server_takes_only_so_many_requests() -> None:
    clock = ManualClock()
    limits = {
        "ksql.query.pull.max.qps": "2",
        "ksql.query.pull.max.concurrent.requests": "1",
        "ksql.server.command.topic.rate.limit": "1",
    }
    async with sql_node(clock, limits) as node:
        await node.run(ORDERS)
        with pytest.raises(RequestError) as caught:
            await node.run("DROP STREAM orders;")
        assert caught.value.code == ErrorCode.RATE_LIMIT
        clock.advance(1_000)
        held = await node.engine.query("SELECT * FROM orders;")
        with pytest.raises(RequestError, match="concurrent"):
            await node.engine.query("SELECT * FROM orders;")
        await held.close()
        with pytest.raises(RequestError, match="qps"):
            await node.engine.query("SELECT * FROM orders;")
        clock.advance(500)
        assert await node.select("SELECT * FROM orders;") == []
        await node.run("DROP STREAM orders;")


@pytest.mark.parametrize(("grace", "notices"), [("", 1), (" GRACE PERIOD 1 MINUTE", 0)])
async def test_a_join_of_streams_without_grace_is_carried_out_with_a_notice(
    node: SqlNode, grace: str, notices: int
) -> None:
    await node.run(ORDERS + "CREATE STREAM gifts (id INT KEY) WITH (KAFKA_TOPIC='gifts', PARTITIONS=2, FORMAT='JSON');")
    join = f"SELECT * FROM orders o JOIN gifts g WITHIN 1 HOUR{grace} ON o.id = g.id EMIT CHANGES;"
    (created,) = await node.run(f"CREATE STREAM given AS {join}")
    assert created["commandStatus"]["status"] == "SUCCESS"
    assert len(created["warnings"]) == notices
    assert all("GRACE PERIOD" in notice["message"] for notice in created["warnings"])


async def test_a_statement_whose_caller_goes_away_is_carried_out_all_the_same() -> None:
    async with sql_node() as node:
        for moment in range(20):
            create = f"CREATE STREAM s{moment} (a INT) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');"
            waiting = asyncio.create_task(node.run(create))
            for _ in range(moment):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await node.run(f"CREATE TYPE t{moment} AS INT;")
        known = set(node.engine.metastore.sources)
        await node.restart()
        assert set(node.engine.metastore.sources) == known
