"""The REST API as unmodified clients use it: bodies, framings, codes and headers, over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import httpx
import psutil
import pytest

from headwater.cluster.local import LocalCluster
from headwater.core.errors import StartupError
from headwater.engine.continuation import offsets_of, token_of
from headwater.http.framing import DELIMITED, JSON, KSQL_JSON, KSQL_PROTOBUF
from headwater.http.server import KsqlServer
from tests.engine.sql_node import SqlNode
from tests.http.rest_server import RestServer, rest_server

ORDERS = (
    "CREATE STREAM orders (id INT KEY, price DOUBLE, item VARCHAR) "
    "WITH (KAFKA_TOPIC='orders', PARTITIONS=1, VALUE_FORMAT='JSON');"
)
ROWS = "INSERT INTO orders VALUES (1, 2.5, 'tea'); INSERT INTO orders VALUES (2, 1e10, NULL);"
EARLIEST = {"auto.offset.reset": "earliest"}


@pytest.fixture
async def rest() -> AsyncIterator[RestServer]:
    async with rest_server() as running:
        yield running


@pytest.fixture
async def orders(rest: RestServer) -> RestServer:
    await rest.ksql(ORDERS + ROWS)
    return rest


async def test_statements_answer_with_entities(rest: RestServer) -> None:
    response = await rest.http1.post("/ksql", json={"ksql": ORDERS, "streamsProperties": EARLIEST, "unknown": 1})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    (entity,) = response.json()
    assert entity["@type"] == "currentStatus"
    assert entity["commandStatus"] == {"status": "SUCCESS", "message": "Stream created", "queryId": None}
    sequence = entity["commandSequenceNumber"]
    (streams,) = await rest.ksql("SHOW STREAMS;", commandSequenceNumber=sequence)
    assert [stream["name"] for stream in streams["streams"]] == ["ORDERS"]


async def test_variables_come_with_the_request(rest: RestServer) -> None:
    (entity,) = await rest.ksql(ORDERS.replace("'orders'", "'${t}'"), sessionVariables={"t": "other"})
    assert entity["commandStatus"]["status"] == "SUCCESS"
    assert rest.node.cluster.topic("other") is not None


BAD_REQUESTS = [
    ("/ksql", {"ksql": "SHOW NOTHING;"}, 400, "statement_error", 40001),
    ("/ksql", {"ksql": "SELECT * FROM orders;"}, 400, "statement_error", 40002),
    ("/ksql", {"sql": "SHOW STREAMS;"}, 400, "generic_error", 40000),
    ("/ksql", {"ksql": "SHOW STREAMS;", "streamsProperties": {"no.such": 1}}, 400, "generic_error", 40000),
    ("/ksql", {"ksql": "SHOW STREAMS;", "requestProperties": {"x": 1}}, 400, "generic_error", 40000),
    ("/ksql", {"ksql": "ASSERT TOPIC nothing TIMEOUT 0 SECONDS;"}, 417, "statement_error", 41700),
    ("/query", {"ksql": "SHOW STREAMS;"}, 400, "statement_error", 40001),
    ("/query-stream", {"sql": "SELECT * FROM a; SELECT * FROM b;"}, 400, "generic_error", 40001),
    ("/query-stream", {"sql": "SELECT * FROM nothing EMIT CHANGES;"}, 400, "statement_error", 40001),
    ("/close-query", {"queryId": "nothing"}, 400, "generic_error", 40000),
]


@pytest.mark.parametrize(("path", "body", "status", "kind", "code"), BAD_REQUESTS)
async def test_bad_requests_say_what_is_wrong(
    orders: RestServer, path: str, body: dict[str, object], status: int, kind: str, code: int
) -> None:
    response = await orders.http1.post(path, json=body)
    error = response.json()
    assert (response.status_code, error["@type"], error["error_code"]) == (status, kind, code)
    assert error["message"]
    assert (kind == "statement_error") is ("statementText" in error)


MALFORMED = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff",
    b'{"ksql": 1}',
    b'{"ksql": "\\ud800"}',
    b'{"ksql": "SHOW STREAMS;", "streamsProperties": []}',
    b'{"ksql": "SHOW STREAMS;", "streamsProperties": {"a": {}}}',
    b'{"ksql": "SHOW STREAMS;", "commandSequenceNumber": 1e99}',
    b'{"ksql": "SHOW STREAMS;", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
]


async def test_malformed_json_is_a_bad_request(rest: RestServer) -> None:
    for path in ("/ksql", "/query", "/query-stream", "/close-query"):
        for body in MALFORMED:
            response = await rest.http1.post(path, content=body)
            assert (response.status_code, response.json()["error_code"]) == (400, 40000), (path, body[:80])


async def test_unacceptable_types_are_refused(rest: RestServer) -> None:
    for path in ("/ksql", "/query", "/query-stream"):
        response = await rest.http1.post(path, json={}, headers={"accept": "text/html"})
        assert response.status_code == 406


async def test_unknown_paths_are_not_found(rest: RestServer) -> None:
    response = await rest.http1.get("/nothing")
    assert (response.status_code, response.text) == (404, "Not Found")
    assert (await rest.http1.get("/ksql")).status_code == 405


@pytest.mark.parametrize("version", ["http1", "http2"])
async def test_delimited_rows_are_a_document_per_line(orders: RestServer, version: str) -> None:
    client: httpx.AsyncClient = getattr(orders, version)
    body = {"sql": "SELECT * FROM orders EMIT CHANGES LIMIT 2;", "properties": EARLIEST}
    response = await client.post("/query-stream", json=body)
    assert response.http_version == ("HTTP/1.1" if version == "http1" else "HTTP/2")
    assert response.headers["content-type"].startswith(DELIMITED)
    header, *rows = response.text.splitlines()
    description = json.loads(header)
    assert description.pop("queryId").startswith("transient_ORDERS_")
    assert description == {"columnNames": ["ID", "PRICE", "ITEM"], "columnTypes": ["INTEGER", "DOUBLE", "STRING"]}
    assert rows == ['[1,2.5,"tea"]', "[2,1.0E10,null]"]


async def test_rows_as_one_json_array(orders: RestServer) -> None:
    body = {"sql": "SELECT id FROM orders;"}
    response = await orders.http1.post("/query-stream", json=body, headers={"accept": JSON})
    assert response.headers["content-type"] == JSON
    assert "\n" not in response.text
    header, *rows = response.json()
    assert header["columnNames"] == ["ID"]
    assert rows == [[1], [2]]


@pytest.mark.parametrize("accept", [None, JSON, KSQL_JSON])
async def test_streamed_rows_are_objects_of_one_member(orders: RestServer, accept: str | None) -> None:
    body = {"ksql": "SELECT id, item FROM orders EMIT CHANGES LIMIT 2;", "streamsProperties": EARLIEST}
    headers = {} if accept is None else {"accept": accept}
    response = await orders.http1.post("/query", json=body, headers=headers)
    assert response.headers["content-type"].startswith(KSQL_JSON)
    header, *rest = response.json()
    assert header["header"].pop("queryId")
    assert header == {"header": {"schema": "`ID` INTEGER, `ITEM` STRING"}}
    assert rest == [
        {"row": {"columns": [1, "tea"]}},
        {"row": {"columns": [2, None]}},
        {"finalMessage": "Limit Reached"},
    ]
    assert len(response.text.splitlines()) == 4


async def test_pull_queries_on_tables_mark_keys_and_say_no_last_word(orders: RestServer) -> None:
    await orders.ksql("CREATE TABLE t AS SELECT id, COUNT(*) AS n FROM orders GROUP BY id;", streamsProperties=EARLIEST)
    await orders.node.settle()
    response = await orders.http1.post("/query", json={"ksql": "SELECT * FROM t WHERE id = 1;"})
    header, row = response.json()
    assert header["header"]["schema"] == "`ID` INTEGER KEY, `N` BIGINT"
    assert row == {"row": {"columns": [1, 1]}}
    response = await orders.http1.post("/query", json={"ksql": "SELECT * FROM t WHERE id = 7;"})
    assert len(response.json()) == 1


async def test_pull_queries_on_streams_end_with_a_message(orders: RestServer) -> None:
    response = await orders.http1.post("/query", json={"ksql": "SELECT id FROM orders;"})
    assert response.json()[-1] == {"finalMessage": "Query Completed"}


@pytest.mark.parametrize("version", ["http1", "http2"])
async def test_rows_arrive_as_they_are_made_and_a_disconnect_ends_the_query(orders: RestServer, version: str) -> None:
    client: httpx.AsyncClient = getattr(orders, version)
    body = {"sql": "SELECT item FROM orders EMIT CHANGES;"}
    async with client.stream("POST", "/query-stream", json=body) as response:
        lines = response.aiter_lines()
        await anext(lines)
        await orders.ksql("INSERT INTO orders VALUES (3, 1.0, 'mate');")
        assert await anext(lines) == '["mate"]'
        assert len((await orders.ksql("SHOW QUERIES;"))[0]["queries"]) == 1
    await client.aclose()
    async with asyncio.timeout(5), httpx.AsyncClient(base_url=client.base_url, verify=False) as other:
        while (await other.post("/ksql", json={"ksql": "SHOW QUERIES;"})).json()[0]["queries"]:
            pass


async def test_each_row_is_a_piece_of_its_own(orders: RestServer) -> None:
    """ksqldb-client for Node.js takes every piece that comes for one row."""
    body = {"sql": "SELECT id FROM orders EMIT CHANGES LIMIT 2;", "properties": EARLIEST}
    async with orders.http2.stream("POST", "/query-stream", json=body) as response:
        pieces = [piece async for piece in response.aiter_raw()]
    assert [json.loads(piece) for piece in pieces[1:]] == [[1], [2]]


OLD = {"ksql.endpoint.migrate.query": False}


async def test_the_query_endpoint_of_old_ends_with_a_line_break(orders: RestServer) -> None:
    for sql, last in (
        ("SELECT id FROM orders EMIT CHANGES LIMIT 1;", '{"finalMessage":"Limit Reached"}]\n'),
        ("SELECT id FROM orders LIMIT 1;", '{"finalMessage":"Limit Reached"}]\n'),
        ("PRINT orders FROM BEGINNING LIMIT 1;", "\n"),
    ):
        body = {"ksql": sql, "streamsProperties": {**EARLIEST, **OLD}}
        response = await orders.http1.post("/query", json=body)
        assert (response.status_code, response.text[-len(last) :]) == (200, last), response.text
        refused = await orders.http2.post("/query", json=body)
        assert (refused.status_code, refused.json()["error_code"]) == (405, 40500)
        delimited = await orders.http2.post("/query", json=body, headers={"accept": DELIMITED})
        assert delimited.status_code == 200


async def test_the_query_endpoint_of_old_sends_empty_lines_while_there_are_no_rows() -> None:
    async with rest_server({"query.stream.disconnect.check": "5"}) as server:
        await server.ksql("CREATE STREAM s (a INT) WITH (kafka_topic='s', partitions=1, value_format='json');")
        body = {"ksql": "SELECT a FROM s EMIT CHANGES LIMIT 1;", "streamsProperties": OLD}
        async with server.http1.stream("POST", "/query", json=body) as response:
            lines = response.aiter_lines()
            assert (await anext(lines)).startswith('[{"header":')
            assert await anext(lines) == ""
            await server.ksql("INSERT INTO s VALUES (7);")
            rest = [line async for line in lines if line]
            assert rest == ['{"row":{"columns":[7]}},', '{"finalMessage":"Limit Reached"}]']


SCALABLE = {"ksql.query.push.v2.enabled": "true", "ksql.query.push.v2.registry.installed": "true"}
TOKENS = {"ksql.query.push.v2.continuation.tokens.enabled": True}
LINES = [
    ("/query-stream", DELIMITED, '["*"]\n', '{"continuationToken":"*"}\n'),
    ("/query-stream", JSON, ',["*"]', ',{"continuationToken":"*"}'),
    ("/query", KSQL_JSON, '{"row":{"columns":["*"]}},\n', '{"continuationToken":{"continuationToken":"*"}},\n'),
]


@pytest.mark.parametrize(("path", "accept", "row", "token"), LINES)
async def test_a_scalable_push_query_goes_on_from_the_token_of_another(
    path: str, accept: str, row: str, token: str
) -> None:
    sql, properties = ("ksql", "streamsProperties") if path == "/query" else ("sql", "properties")
    body: dict[str, object] = {sql: "SELECT item FROM fed EMIT CHANGES;", properties: TOKENS}
    async with rest_server(SCALABLE) as rest:
        await rest.ksql(ORDERS + "CREATE STREAM fed AS SELECT * FROM orders;" + ROWS)
        await rest.node.settle()

        async def ask(body: dict[str, object]) -> tuple[str, str]:
            """The first row, and the token after it."""
            async with rest.http1.stream("POST", path, json=body, headers={"accept": accept}) as response:
                assert response.status_code == 200, await response.aread()
                pieces = response.aiter_text()
                await anext(pieces)
                if "requestProperties" not in body:
                    await rest.ksql("INSERT INTO orders VALUES (3, 1.0, 'mate');")
                text = ""
                while "Token" not in text:
                    text += await anext(pieces)
            before, between, after = (row + token).split("*")
            first, second = text.removeprefix(before).removesuffix(after).split(between)
            return first, second

        item, at = await ask(body)
        assert item == "mate"
        await rest.ksql("INSERT INTO orders VALUES (4, 1.0, 'missed');")
        await rest.node.settle()
        again = {**body, "requestProperties": {"request.ksql.query.push.continuation.token": at}}
        assert (await ask(again))[0] == "missed"
        others: list[dict[str, object]] = [
            {properties: {}},
            {sql: "SELECT item FROM orders EMIT CHANGES;"},
            {"requestProperties": {"request.ksql.query.push.continuation.token": "x"}},
        ]
        for other in others:
            refused = await rest.http1.post(path, json={**again, **other})
            assert (refused.status_code, refused.json()["error_code"]) == (400, 40000)


async def test_a_token_behind_a_limit_leaves_out_no_row() -> None:
    body: dict[str, object] = {"sql": "SELECT item FROM fed EMIT CHANGES LIMIT 1;", "properties": TOKENS}
    async with rest_server(SCALABLE) as rest:
        await rest.ksql(ORDERS + "CREATE STREAM fed AS SELECT * FROM orders;" + ROWS)
        await rest.node.settle()
        from_start = {"request.ksql.query.push.continuation.token": token_of([0])}
        answer = await rest.http1.post("/query-stream", json={**body, "requestProperties": from_start})
        _, row, token = answer.text.splitlines()
        assert row == '["tea"]'
        (offset,) = offsets_of(json.loads(token)["continuationToken"])
        assert offset <= 1


async def test_any_connection_can_close_a_push_query(orders: RestServer) -> None:
    async with orders.http2.stream(
        "POST", "/query-stream", json={"sql": "SELECT id FROM orders EMIT CHANGES;"}
    ) as stream:
        lines = stream.aiter_lines()
        query_id = json.loads(await anext(lines))["queryId"]
        response = await orders.http1.post("/close-query", json={"queryId": query_id})
        assert (response.status_code, response.content) == (200, b"")
        assert [line async for line in lines] == []


async def test_one_connection_carries_many_queries_at_once(orders: RestServer) -> None:
    body = {"sql": "SELECT id FROM orders EMIT CHANGES LIMIT 2;", "properties": EARLIEST}
    responses = await asyncio.gather(*(orders.http2.post("/query-stream", json=body) for _ in range(20)))
    assert {tuple(response.text.splitlines()[1:]) for response in responses} == {("[1]", "[2]")}


async def test_rows_are_inserted_and_acknowledged_over_one_stream(orders: RestServer) -> None:
    async def lines() -> AsyncIterator[bytes]:
        yield b'{"target": "orders"}\n'
        yield b'{"ID": 7, "price": 1, "`ITEM`": "mate"}\n{"id": 8'
        yield b', "price": "no"}\n{"id": 9}\n'

    response = await orders.http2.post("/inserts-stream", content=lines())
    first, second = (json.loads(line) for line in response.text.splitlines())
    assert first == {"status": "ok", "seq": 0}
    assert (second["status"], second["seq"], second["error_code"]) == ("error", 1, 40000)
    assert "PRICE" in second["message"]
    assert (7, 1.0, "mate") in await orders.node.select("SELECT * FROM orders;")


async def test_names_of_targets_in_quotes_keep_their_case(orders: RestServer) -> None:
    for quoted in ("`orders`", '"orders"'):
        response = await orders.http2.post("/inserts-stream", content=json.dumps({"target": quoted}).encode())
        assert response.json()["message"] == (
            "Cannot insert values into an unknown stream/table: `orders`\n"
            "Did you mean ORDERS? Hint: try removing double quotes from the source name."
        )


INSERT_REFUSALS = [
    ("http1", b'{"target": "orders"}\n', 40004),
    ("http2", b'{"target": "nothing"}\n', 40001),
    ("http2", b'{"target": \n', 40000),
    ("http2", b"", 40000),
]


@pytest.mark.parametrize(("version", "body", "code"), INSERT_REFUSALS)
async def test_inserts_need_http2_and_a_known_target(orders: RestServer, version: str, body: bytes, code: int) -> None:
    client: httpx.AsyncClient = getattr(orders, version)
    response = await client.post("/inserts-stream", content=body)
    assert (response.status_code, response.json()["error_code"]) == (400, code)


async def test_inserts_without_a_key_are_refused_one_by_one(orders: RestServer) -> None:
    body = b'{"target": "orders"}\n{"item": "tea"}\n'
    response = await orders.http2.post("/inserts-stream", content=body, headers={"accept": JSON})
    (error,) = response.json()
    assert error["error_code"] == 40000
    assert "ID" in error["message"]


async def test_the_server_describes_itself(rest: RestServer) -> None:
    info = (await rest.http1.get("/info")).json()["KsqlServerInfo"]
    assert info["ksqlServiceId"] == "default_"
    assert info["kafkaClusterId"] == rest.node.cluster.cluster_id
    assert info["serverStatus"] == "RUNNING"
    redirect = await rest.http1.get("/")
    assert (redirect.status_code, redirect.headers["location"]) == (307, "/info")
    health = (await rest.http1.get("/healthcheck")).json()
    assert health["isHealthy"] is True
    assert set(health["details"]) == {"metastore", "kafka", "commandRunner", "processingLog"}
    metadata = (await rest.http1.get("/v1/metadata")).json()
    assert metadata["clusterId"] == (await rest.http1.get("/v1/metadata/id")).json()
    assert (await rest.http1.get("/clusterStatus")).status_code == 404
    assert (await rest.http1.get("/chc/ready")).json() == {}


class FullCluster(LocalCluster):
    """The disk under it has no space left."""

    @property
    def write_failure(self) -> str | None:
        return "Cannot write: No space left on device."


async def test_a_server_that_cannot_write_is_not_healthy() -> None:
    health = SqlNode(cluster=FullCluster).engine.health()
    assert health["kafka"] is False


async def test_command_statuses_can_be_asked_for(orders: RestServer) -> None:
    assert (await orders.http1.get("/status")).json() == {"commandStatuses": {"stream/`ORDERS`/create": "SUCCESS"}}
    one = await orders.http1.get("/status/stream/%60ORDERS%60/create")
    assert one.json() == {"status": "SUCCESS", "message": "Stream created", "queryId": None}
    none = await orders.http1.get("/status/stream/x/create")
    assert (none.status_code, none.json()["error_code"]) == (404, 40400)


async def test_properties_are_valid_or_not(rest: RestServer) -> None:
    assert (await rest.http1.get("/is_valid_property/auto.offset.reset")).json() is True
    for name in ("no.such", "ksql.service.id"):
        response = await rest.http1.get(f"/is_valid_property/{name}")
        assert (response.status_code, response.json()["error_code"]) == (400, 40000)


async def test_waiting_for_a_command_that_never_comes_times_out() -> None:
    async with rest_server({"ksql.server.command.response.timeout.ms": "10"}) as rest:
        response = await rest.http1.post("/ksql", json={"ksql": "SHOW STREAMS;", "commandSequenceNumber": 99})
        assert (response.status_code, response.json()["error_code"]) == (503, 50301)


async def test_a_server_that_still_replays_says_so() -> None:
    node = SqlNode()
    server = KsqlServer(node.engine, port=0)
    await server.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        response = await client.post("/ksql", json={"ksql": "SHOW STREAMS;"})
        assert (response.status_code, response.headers["retry-after"]) == (503, "10")
        assert response.json()["error_code"] == 50302
        assert (await client.get("/chc/live")).status_code == 200
    await server.close()


async def test_a_taken_port_is_a_startup_error_that_names_it() -> None:
    node = SqlNode()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartupError, match=f"127.0.0.1:{port}"):
            await KsqlServer(node.engine, port=port).start()


async def test_servers_leave_nothing_open() -> None:
    async def life() -> None:
        async with rest_server() as rest:
            await rest.http1.get("/info")
            await rest.http2.get("/info")

    await life()
    before = psutil.Process().num_fds(), len(asyncio.all_tasks())
    for _ in range(10):
        await life()
    assert (psutil.Process().num_fds(), len(asyncio.all_tasks())) == before


async def test_a_terminated_cluster_is_gone(orders: RestServer) -> None:
    response = await orders.http1.post("/ksql/terminate", json={"deleteTopicList": ["ord.*"]})
    assert response.json()[0]["commandId"] == "cluster/TerminateCluster/terminate"
    assert not {"orders", orders.node.settings.command_topic} & set(orders.node.cluster.topics())
    assert (await orders.http1.post("/ksql", json={"ksql": "SHOW STREAMS;"})).status_code == 503


async def test_open_queries_end_when_the_server_closes(orders: RestServer) -> None:
    async with orders.http1.stream("POST", "/query", json={"ksql": "SELECT id FROM orders EMIT CHANGES;"}) as stream:
        lines = stream.aiter_lines()
        await anext(lines)
        closing = asyncio.create_task(orders.server.close())
        assert [line async for line in lines] == ['{"finalMessage":"Query Completed"}]']
        await closing


async def test_other_origins_are_let_in_when_configured() -> None:
    async with rest_server({"access.control.allow.origin": "https://app.example"}) as rest:
        response = await rest.http1.get("/info", headers={"origin": "https://app.example"})
        assert response.headers["access-control-allow-origin"] == "https://app.example"


async def test_rows_as_protobuf_messages(orders: RestServer) -> None:
    body = {"sql": "SELECT id, item FROM orders;"}
    response = await orders.http1.post("/query-stream", json=body, headers={"accept": KSQL_PROTOBUF})
    assert response.headers["content-type"] == KSQL_PROTOBUF
    header, first, second, last = response.json()
    assert "message ConnectDefault1 {\n  int32 ID = 1;\n  string ITEM = 2;\n}" in header["header"]["protoSchema"]
    assert [row["row"]["protobufBytes"] for row in (first, second)] == ["CAESA3RlYQ==", "CAI="]
    assert last == {"finalMessage": "Query Completed"}
    unnameable = {"sql": "SELECT id AS `a b` FROM orders EMIT CHANGES;"}
    response = await orders.http1.post("/query-stream", json=unnameable, headers={"accept": KSQL_PROTOBUF})
    assert response.status_code == 400
    assert (await orders.ksql("SHOW QUERIES;"))[0]["queries"] == []


@pytest.mark.parametrize("path", ["/query", "/query-stream"])
async def test_topics_are_printed_as_lines(orders: RestServer, path: str) -> None:
    member = "ksql" if path == "/query" else "sql"
    response = await orders.http1.post(path, json={member: "PRINT orders FROM BEGINNING LIMIT 2;"})
    key_format, value_format, first, second = response.text.splitlines()
    assert key_format.startswith("Key format: ")
    assert value_format == "Value format: JSON or KAFKA_STRING"
    assert first.startswith("rowtime: ")
    assert first.endswith(', key: 1, value: {"PRICE":2.5,"ITEM":"tea"}, partition: 0')
    assert "value: " in second


async def test_printing_needs_a_topic_and_the_right_type(orders: RestServer) -> None:
    body = {"sql": "PRINT orders;"}
    response = await orders.http1.post("/query-stream", json=body, headers={"accept": JSON})
    assert response.status_code == 406
    response = await orders.http1.post("/query-stream", json={"sql": "PRINT ORDERS;"})
    assert response.json()["error_code"] == 40001
    assert "Did you mean orders" in response.json()["message"]


async def test_print_waits_for_what_comes_and_skips_in_between(orders: RestServer) -> None:
    async with orders.http1.stream("POST", "/query-stream", json={"sql": "PRINT orders INTERVAL 2 LIMIT 2;"}) as stream:
        for number in range(4):
            await orders.ksql(f"INSERT INTO orders VALUES ({number}, 0.5, 'x{number}');")
        lines = [line async for line in stream.aiter_lines()]
    assert [line.partition('"ITEM":')[2][:4] for line in lines if line.startswith("rowtime")] == ['"x0"', '"x2"']
