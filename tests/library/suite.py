"""`NodeSuite`: what a `headwater.Node` does, wherever its server is. Inherit it and provide the fixture `node`."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest

import headwater
from headwater.engine.entities import CurrentStatus, QueriesList, StreamsList
from headwater.errors import ErrorCode, HeadwaterError, InsertError, StatementError

EARLIEST = {"auto.offset.reset": "earliest"}
ORDERS = """
    CREATE STREAM orders (id INT KEY, city STRING, price DECIMAL(10, 2))
      WITH (KAFKA_TOPIC='orders', PARTITIONS=1, VALUE_FORMAT='JSON');
"""
EVERY_TYPE = (
    "k STRING KEY, b BOOLEAN, i INT, l BIGINT, d DOUBLE, e DECIMAL(12, 3), y BYTES, da DATE, ti TIME, ts TIMESTAMP, "
    "a ARRAY<DATE>, m MAP<STRING, INT>, st STRUCT<x INT, `y` ARRAY<STRUCT<z TIME>>>"
)
FULL = {
    "k": "key",
    "b": True,
    "i": -1,
    "l": 2**62,
    "d": 1e300,
    "e": Decimal("-1.500"),
    "y": b"\x00\xff",
    "da": datetime.date(2020, 2, 29),
    "ti": datetime.time(23, 59, 58),
    "ts": datetime.datetime(1969, 12, 31, 23, 59, 59, 999_000, datetime.UTC),
    "a": [datetime.date(1, 1, 1), None],
    "m": {"one": 1, "none": None},
    "st": {"x": 1, "y": [{"z": datetime.time(1, 2)}, None]},
}


def queries_of(node: headwater.Node) -> list[str]:
    """States of the push queries that run."""
    (listing,) = node.execute("SHOW QUERIES;")
    assert isinstance(listing, QueriesList)
    return [row.state for row in listing.queries if row.query_type == "PUSH"]


class NodeSuite:
    """The tests."""

    def test_statements_answer_with_entities(self, node: headwater.Node) -> None:
        created, listing = node.execute(ORDERS + "SHOW STREAMS;")
        assert isinstance(created, CurrentStatus)
        assert created.command_status.status == "SUCCESS"
        assert isinstance(listing, StreamsList)
        assert "ORDERS" in [row.name for row in listing.streams]

    def test_rows_go_in_as_dicts_tuples_or_one_by_one(self, node: headwater.Node) -> None:
        node.execute(ORDERS)
        assert node.insert("orders", [{"id": 1, "city": "Oslo", "price": 1.5}, {"ID": 2}]) == 2
        assert node.insert("orders", (item for item in [(3, "Bergen", 7), [4, None, Decimal("0.10")]])) == 2
        assert node.insert("ORDERS", {"id": 5}) == 1
        assert node.insert("`ORDERS`", []) == 0
        assert node.query("SELECT * FROM orders") == [
            (1, "Oslo", Decimal("1.50")),
            (2, None, None),
            (3, "Bergen", Decimal("7.00")),
            (4, None, Decimal("0.10")),
            (5, None, None),
        ]

    def test_many_rows_go_in_in_batches(self, node: headwater.Node) -> None:
        node.execute(ORDERS)
        assert node.insert("orders", ((number, "x" * 100, None) for number in range(5_000))) == 5_000
        assert [row.ID for row in node.query("SELECT id FROM orders")] == list(range(5_000))

    def test_every_type_comes_back_as_it_went_in(self, node: headwater.Node) -> None:
        node.execute(f"CREATE STREAM s ({EVERY_TYPE}) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');")
        node.insert("s", [FULL, dict.fromkeys(FULL) | {"k": "nothing"}])
        full, empty = node.query("SELECT * FROM s")
        assert full._asdict() | {"ST": None} == {name.upper(): value for name, value in FULL.items()} | {"ST": None}
        assert (full.ST.X, full.ST["y"][0].Z, full.ST["y"][1]) == (1, datetime.time(1, 2), None)
        assert empty == ("nothing", *(None,) * (len(FULL) - 1))

    def test_every_type_comes_back_with_a_time_of_its_own_or_a_null_key(self, node: headwater.Node) -> None:
        node.execute(f"CREATE STREAM s ({EVERY_TYPE}) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');")
        empty: dict[str, Any] = {"a": [], "m": {}, "st": {"y": []}, "d": float("-inf"), "l": -(2**63)}
        node.insert(
            "s", [{**FULL, "ROWTIME": 1}, empty, {"k": "it's ${no} variable", "ROWTIME": 3}, dict.fromkeys(FULL)]
        )
        first, second, third, last = node.query("SELECT * FROM s")
        assert first._asdict() | {"ST": None} == {name.upper(): value for name, value in FULL.items()} | {"ST": None}
        assert first["ST"] == (1, [(datetime.time(1, 2),), None])
        assert second[1:] == (None, None, -(2**63), float("-inf"), *(None,) * 5, [], {}, (None, []))
        assert third.K == "it's ${no} variable"
        assert last == (None,) * len(FULL)
        assert [row.ROWTIME for row in node.query("SELECT rowtime FROM s")][::2] == [1, 3]

    def test_what_a_query_gives_can_be_inserted_as_it_comes(self, node: headwater.Node) -> None:
        node.execute(
            ORDERS + "CREATE STREAM cities (city STRING) WITH (KAFKA_TOPIC='c', PARTITIONS=1, VALUE_FORMAT='JSON');"
        )
        node.insert("orders", [(1, "Oslo", 1), (2, "Bergen", 2)])
        coming = node.query("SELECT city FROM orders EMIT CHANGES LIMIT 2", EARLIEST)
        assert node.insert("cities", ({"city": row.CITY.upper()} for row in coming)) == 2
        assert node.query("SELECT * FROM cities") == [("OSLO",), ("BERGEN",)]

    def test_rows_may_bring_their_time(self, node: headwater.Node) -> None:
        node.execute(ORDERS)
        moment = datetime.datetime(2020, 1, 1)
        node.insert("orders", [{"id": 1, "ROWTIME": 5}, {"id": 2, "rowtime": moment}])
        assert node.query("SELECT rowtime FROM orders") == [(5,), (1_577_836_800_000,)]

    def test_a_row_that_was_read_can_be_inserted(self, node: headwater.Node) -> None:
        node.execute(f"CREATE STREAM s ({EVERY_TYPE}) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');")
        node.insert("s", FULL)
        node.insert("s", node.query("SELECT * FROM s"))
        first, second = node.query("SELECT * FROM s")
        assert first == second

    def test_a_push_query_gives_rows_as_they_come(self, node: headwater.Node) -> None:
        node.execute(ORDERS)
        with node.query("SELECT id, city FROM orders EMIT CHANGES", EARLIEST) as query:
            assert [column.name for column in query.columns] == ["ID", "CITY"]
            node.insert("orders", {"id": 1})
            assert next(query) == (1, None)
            node.insert("orders", {"id": 2, "city": "Oslo"})
            assert next(query).CITY == "Oslo"
            assert queries_of(node) == ["RUNNING"]
        assert queries_of(node) == []
        assert list(query) == []

    def test_a_push_query_ends_at_its_limit(self, node: headwater.Node) -> None:
        node.execute(ORDERS)
        node.insert("orders", [{"id": number} for number in range(5)])
        query = node.query("SELECT id FROM orders EMIT CHANGES LIMIT 3", EARLIEST)
        assert [row.id for row in query] == [0, 1, 2]
        rows = node.query("SELECT id FROM orders EMIT CHANGES LIMIT 3;", EARLIEST).rows()
        assert rows == [(0,), (1,), (2,)]

    def test_leaving_the_loop_ends_the_query(self, node: headwater.Node) -> None:
        node.execute(ORDERS)
        node.insert("orders", {"id": 1})
        for row in node.query("SELECT id FROM orders EMIT CHANGES", EARLIEST):
            assert row.ID == 1
            break
        assert queries_of(node) == []

    def test_the_rows_of_a_push_query_have_no_places(self, node: headwater.Node) -> None:
        node.execute(ORDERS)
        with node.query("SELECT id FROM orders EMIT CHANGES") as query:
            for ask in (lambda: len(query), lambda: query[0]):
                with pytest.raises(TypeError, match="push query"):
                    ask()

    def test_a_pull_query_is_a_list(self, node: headwater.Node) -> None:
        node.execute(ORDERS)
        node.insert("orders", [(1, "Oslo", 1), (2, "Oslo", 2)])
        rows = node.query("SELECT id, price FROM orders WHERE city = 'Oslo'")
        assert len(rows) == 2
        assert Decimal("2.00") == rows[-1].PRICE
        assert rows[:1] == [(1, Decimal("1.00"))]
        assert list(rows) == list(rows)
        assert rows.to_dicts()[0] == {"ID": 1, "PRICE": Decimal("1.00")}
        assert not node.query("SELECT id FROM orders WHERE city = 'Rome'")

    def test_settle_waits_for_all_queries(self, node: headwater.Node) -> None:
        node.execute(ORDERS + "CREATE TABLE totals AS SELECT city, SUM(price) AS total FROM orders GROUP BY city;")
        node.execute("CREATE STREAM copies AS SELECT * FROM orders PARTITION BY city;")
        node.insert("orders", [(1, "Oslo", 1), (2, "Oslo", 2)])
        node.settle()
        assert node.query("SELECT total FROM totals WHERE city = 'Oslo'")[0].TOTAL == 3

    def test_settle_does_not_wait_for_queries_that_rest(self, node: headwater.Node) -> None:
        node.execute(ORDERS + "CREATE STREAM copies AS SELECT * FROM orders; PAUSE ALL;")
        node.insert("orders", {"id": 1})
        node.settle()

    def test_print_gives_lines(self, node: headwater.Node) -> None:
        node.execute(ORDERS)
        node.insert("orders", {"id": 7, "city": "Oslo"})
        lines = node.query("PRINT orders FROM BEGINNING LIMIT 1").rows()
        assert '"CITY":"Oslo"' in lines[-1].LINE

    def test_set_and_define_last(self, node: headwater.Node) -> None:
        node.execute("SET 'auto.offset.reset' = 'earliest'; DEFINE town = 'Oslo';")
        node.execute(ORDERS)
        node.insert("orders", [(1, "Oslo", 1)])
        assert next(iter(node.query("SELECT id FROM orders WHERE city = '${town}' EMIT CHANGES"))) == (1,)
        node.execute("UNSET 'auto.offset.reset'; UNDEFINE town;")
        assert (node.properties, node.variables) == ({}, {})

    def test_a_refused_statement_says_what_and_where(self, node: headwater.Node) -> None:
        with pytest.raises(StatementError, match="Unknown statement 'SELEC'") as caught:
            node.execute("SHOW STREAMS;\n  SELEC 1;")
        position = caught.value.position
        assert position is not None
        assert (position.line, position.column) == (2, 2)
        assert caught.value.code is ErrorCode.BAD_STATEMENT
        with pytest.raises(StatementError, match="TABLE_THAT_IS_NOT") as caught:
            node.query("SELECT * FROM table_that_is_not;")
        assert caught.value.message.startswith(str(caught.value)[:20])

    def test_statements_and_queries_are_told_apart(self, node: headwater.Node) -> None:
        node.execute(ORDERS)
        for sql in ("SELECT * FROM orders;", "PRINT orders;"):
            with pytest.raises(StatementError, match=r"give them to query\(\)"):
                node.execute(sql)
        for sql in ("SHOW STREAMS;", "", ";"):
            with pytest.raises(StatementError, match=r"execute\(\)|Syntax Error"):
                node.query(sql)

    def test_the_statements_before_a_refused_one_are_told(self, node: headwater.Node) -> None:
        with pytest.raises(StatementError) as caught:
            node.execute(ORDERS + "INSERT INTO orders (id) VALUES ('x');")
        assert "INSERT" in caught.value.statement
        assert len(caught.value.entities) in (0, 1)

    @pytest.mark.parametrize(
        ("row", "complaint"),
        [
            ({"id": "1"}, r"Row 1 .* column ID INTEGER: '1' is a str"),
            ({"id": 2**31}, "more than 32 bits"),
            ({"town": "Oslo"}, "no column town"),
            ({"price": 1_000_000_000}, "overflow"),
            ((1, 2), r"has 2 values, the columns are ID, CITY, PRICE"),
            ("text", "must be a mapping or a sequence"),
        ],
    )
    def test_a_row_that_does_not_fit_is_named(self, node: headwater.Node, row: object, complaint: str) -> None:
        node.execute(ORDERS)
        with pytest.raises(InsertError, match=complaint):
            node.insert("orders", [{"id": 1}, row])  # type: ignore[list-item]
        assert node.query("SELECT * FROM orders") == []

    def test_nothing_can_be_inserted_into_nothing(self, node: headwater.Node) -> None:
        with pytest.raises(HeadwaterError, match=r"(?i)nowhere"):
            node.insert("nowhere", [{"a": 1}])

    def test_a_row_of_a_table_needs_its_key(self, node: headwater.Node) -> None:
        node.execute(
            "CREATE TABLE t (k STRING PRIMARY KEY, v INT) WITH (KAFKA_TOPIC='t', PARTITIONS=1, VALUE_FORMAT='JSON');"
        )
        with pytest.raises(InsertError, match="primary key column K"):
            node.insert("t", {"v": 1})

    def test_a_closed_node_says_so(self, node: headwater.Node) -> None:
        node.close()
        node.close()
        with pytest.raises(HeadwaterError, match="closed"):
            node.execute("SHOW STREAMS;")
