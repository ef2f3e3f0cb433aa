"""Queries over topics of several partitions: rows that belong together meet wherever they lie, also after a restart."""

from tests.engine.sql_node import SqlNode, sql_node

EARLIEST = {"ksql.streams.auto.offset.reset": "earliest"}
PARTITIONS = 4


async def values(node: SqlNode, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    await node.settle()
    return sorted(
        ((r.key, r.value) for r in await node.records(topic)), key=lambda pair: (pair[0] or b"", pair[1] or b"")
    )


async def test_a_foreign_key_finds_its_row_in_any_partition() -> None:
    async with sql_node(properties=EARLIEST) as node:
        await node.run(
            f"""
            CREATE TABLE people (id INT PRIMARY KEY, town INT)
              WITH (kafka_topic='people', value_format='JSON', key_format='JSON', partitions={PARTITIONS});
            CREATE TABLE towns (id INT PRIMARY KEY, name STRING)
              WITH (kafka_topic='towns', value_format='JSON', key_format='JSON', partitions={PARTITIONS});
            CREATE TABLE housed AS
              SELECT p.id AS id, t.name AS name FROM people p JOIN towns t ON p.town = t.id;
            """
        )
        for person in range(10):
            await node.run(f"INSERT INTO people (id, town) VALUES ({person}, {person % 3});")
        for town in range(3):
            await node.restart()
            await node.run(f"INSERT INTO towns (id, name) VALUES ({town}, 'T{town}');")
            await node.settle()
        found = await values(node, "HOUSED")
        assert found == [(b"%d" % n, b'{"NAME":"T%d"}' % (n % 3)) for n in range(10)]


async def test_keys_in_different_formats_join() -> None:
    async with sql_node(properties=EARLIEST) as node:
        await node.run(
            f"""
            CREATE TABLE names (id INT PRIMARY KEY, name STRING)
              WITH (kafka_topic='names', value_format='JSON', key_format='KAFKA', partitions={PARTITIONS});
            CREATE STREAM visits (id INT KEY, page STRING)
              WITH (kafka_topic='visits', value_format='JSON', key_format='DELIMITED', partitions={PARTITIONS});
            CREATE STREAM named AS SELECT v.id AS id, page, name FROM visits v JOIN names n ON v.id = n.id;
            """
        )
        for number in range(10):
            await node.run(f"INSERT INTO names (id, name) VALUES ({number}, 'N{number}');")
        await node.settle()
        for number in range(10):
            await node.run(f"INSERT INTO visits (id, page) VALUES ({number}, 'p');")
        found = await values(node, "NAMED")
        assert found == [(b"%d" % n, b'{"PAGE":"p","NAME":"N%d"}' % n) for n in range(10)]


async def test_a_key_schema_given_by_its_id_is_for_its_own_topic_only() -> None:
    async with sql_node(properties=EARLIEST) as node:
        node.registry.register("source-key", "AVRO", '"int"', schema_id=100)
        await node.create_topic("source", PARTITIONS)
        await node.run(
            """
            CREATE STREAM source (a INT, b INT)
              WITH (kafka_topic='source', key_format='AVRO', key_schema_id=100, value_format='JSON');
            CREATE TABLE counts WITH (key_format='JSON') AS
              SELECT STRUCT(a := a, b := b) AS k, COUNT(*) AS n FROM source GROUP BY STRUCT(a := a, b := b);
            """
        )
        for number in range(4):
            await node.run(f"INSERT INTO source (rowkey, a, b) VALUES ({number}, 1, 2);")
        await node.settle()
        assert [query.errors for query in node.engine.runtime.queries.values()] == [[]]
        assert (await values(node, "COUNTS"))[-1] == (b'{"A":1,"B":2}', b'{"N":4}')


async def test_a_window_that_was_put_out_as_final_is_not_put_out_again_after_a_restart() -> None:
    async with sql_node(properties=EARLIEST) as node:
        await node.run(
            """
            CREATE STREAM clicks (page STRING KEY) WITH (kafka_topic='clicks', value_format='JSON', partitions=1);
            CREATE TABLE counts AS
              SELECT page, COUNT(*) AS n FROM clicks WINDOW TUMBLING (SIZE 10 SECONDS, RETENTION 1 DAY)
              GROUP BY page EMIT FINAL;
            """
        )
        for time in (0, 1, 10_000, 10_001, 20_000):
            await node.run(f"INSERT INTO clicks (rowtime, page) VALUES ({time}, 'a');")
            await node.settle()
            await node.restart()
        assert [value for _, value in await values(node, "COUNTS")] == [b'{"N":2}', b'{"N":2}']
