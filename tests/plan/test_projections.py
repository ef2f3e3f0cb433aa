"""What a query's columns are called, which are keys, and what is refused (semantics sections 1, 8, 9 and 10)."""

from __future__ import annotations

import pytest

from tests.plan.conformance import Session
from tests.plan.planning import catalog, execute, last_plan, refusal, source, steps

STREAM = (
    "CREATE STREAM S (ID INT KEY, V STRING, A INT, T STRUCT<B INT, C STRING>) WITH (KAFKA_TOPIC='s', FORMAT='JSON')"
)
TABLE = "CREATE TABLE T (ID INT PRIMARY KEY, V STRING) WITH (KAFKA_TOPIC='t', FORMAT='JSON')"
WINDOWED = "CREATE STREAM W (ID INT KEY, V INT) WITH (KAFKA_TOPIC='w', FORMAT='JSON', WINDOW_TYPE='SESSION')"


@pytest.fixture
def session() -> Session:
    return catalog(STREAM, TABLE, WINDOWED)


PERSISTENT = [
    ("SELECT * FROM S", "`ID` INTEGER KEY, `V` STRING, `A` INTEGER, `T` STRUCT<`B` INTEGER, `C` STRING>"),
    ("SELECT V, ID FROM S", "`ID` INTEGER KEY, `V` STRING"),
    ("SELECT ID AS K, A FROM S", "`K` INTEGER KEY, `A` INTEGER"),
    ("SELECT s.id, X.V AS `v` FROM S AS X".replace("s.id", "x.id"), "`ID` INTEGER KEY, `v` STRING"),
    ("SELECT ID, A + 1, A * 2, A FROM S", "`ID` INTEGER KEY, `KSQL_COL_0` INTEGER, `KSQL_COL_1` INTEGER, `A` INTEGER"),
    ("SELECT ID, T->B, T->C, T->B + 1 FROM S", "`ID` INTEGER KEY, `B` INTEGER, `C` STRING, `KSQL_COL_0` INTEGER"),
    (
        "SELECT ID, T->B, T->B AS B2, T->* FROM S",
        "`ID` INTEGER KEY, `B` INTEGER, `B2` INTEGER, `B_1` INTEGER, `C` STRING",
    ),
    ("SELECT ID, AS_VALUE(ID) AS ID2 FROM S", "`ID` INTEGER KEY, `ID2` INTEGER"),
    ("SELECT ID, ROWTIME AS RT, ROWOFFSET AS RO FROM S", "`ID` INTEGER KEY, `RT` BIGINT, `RO` BIGINT"),
    ("SELECT * FROM W", "`ID` INTEGER KEY, `V` INTEGER"),
    ("SELECT ID, WINDOWSTART AS WS FROM W", "`ID` INTEGER KEY, `WS` BIGINT"),
    ("SELECT ID, V FROM S PARTITION BY V", "`V` STRING KEY, `ID` INTEGER"),
    ("SELECT V AS K, ID FROM S PARTITION BY V", "`K` STRING KEY, `ID` INTEGER"),
    ("SELECT ABS(A), V FROM S PARTITION BY ABS(A)", "`KSQL_COL_0` INTEGER KEY, `V` STRING"),
    ("SELECT V, A FROM S PARTITION BY NULL", "`V` STRING, `A` INTEGER"),
    ("SELECT V, A, ID FROM S PARTITION BY A, V", "`A` INTEGER KEY, `V` STRING KEY, `ID` INTEGER"),
    (
        "SELECT * FROM S PARTITION BY T->C",
        "`C` STRING KEY, `V` STRING, `A` INTEGER, `T` STRUCT<`B` INTEGER, `C` STRING>, `ID` INTEGER",
    ),
]


@pytest.mark.parametrize(("query", "schema"), PERSISTENT)
def test_a_persistent_query_has_its_keys_first_and_names_every_column(
    session: Session, query: str, schema: str
) -> None:
    execute(session, f"CREATE STREAM O AS {query}")
    assert str(source(session, "O").schema) == schema


TRANSIENT = [
    ("SELECT V, ID FROM S EMIT CHANGES", "`V` STRING, `ID` INTEGER"),
    ("SELECT V FROM S EMIT CHANGES", "`V` STRING"),
    ("SELECT ID, ID AS ID2 FROM S EMIT CHANGES", "`ID` INTEGER, `ID2` INTEGER"),
    ("SELECT ROWTIME, V FROM S EMIT CHANGES", "`ROWTIME` BIGINT, `V` STRING"),
    ("SELECT * FROM W EMIT CHANGES", "`ID` INTEGER, `WINDOWSTART` BIGINT, `WINDOWEND` BIGINT, `V` INTEGER"),
    ("SELECT COUNT(*) FROM S EMIT CHANGES", "`KSQL_COL_0` BIGINT"),
]


@pytest.mark.parametrize(("query", "schema"), TRANSIENT)
def test_a_push_query_has_its_columns_as_written(session: Session, query: str, schema: str) -> None:
    execute(session, query)
    assert str(last_plan(session).schema) == schema


def test_a_push_query_keeps_the_key_of_its_rows_even_when_it_is_not_selected(session: Session) -> None:
    execute(session, "SELECT V AS ID FROM T EMIT CHANGES")
    assert str(last_plan(session).root.schema) == "`ID_1` INTEGER KEY, `ID` STRING"


REFUSED = [
    ("SELECT V FROM S", "must include the key column ID in its projection (eg, SELECT ID...)"),
    ("SELECT ID FROM S", "The projection contains no value columns."),
    ("SELECT ID, ID AS ID2, V FROM S",
     "The projection contains a key column (`ID`) more than once, aliased as: ID and ID2."),
    ("SELECT ID, V, A AS V FROM S", "Duplicate value columns found in schema: `V` INTEGER"),
    ("SELECT ID, ROWTIME FROM S", "Reserved column name in select: `ROWTIME`. Please remove or alias the column."),
    ("SELECT ID, V AS ROWTIME FROM S",
     "`ROWTIME` is a reserved column name. You cannot use it as an alias for a column."),
    ("SELECT ID, NULL AS N FROM S", "Can't infer a type of null."),
    ("SELECT ID, VV FROM S", "SELECT column 'VV' cannot be resolved. Did you mean V?"),
    ("SELECT ID, X.V FROM S", "SELECT column 'X.V' cannot be resolved. 'X' is not a valid stream/table name or alias. "
                              "Did you mean S.V?"),
    ("SELECT ID, X.* FROM S", "'X' is not a valid stream/table name or alias."),
    ("SELECT * FROM S WHERE B > 1", "WHERE column 'B' cannot be resolved."),
    ("SELECT * FROM S WHERE A",
     "Type error in WHERE expression: Should evaluate to boolean but is A (INTEGER) instead."),
    ("SELECT * FROM S WHERE COUNT(*) > 1", "Aggregate functions are not allowed in WHERE: COUNT"),
    ("SELECT ID, V FROM S PARTITION BY A", "must include the partitioning expression S.A in its projection"),
    ("SELECT ID, V FROM S PARTITION BY ()", "PARTITION BY requires at least one expression"),
    ("SELECT ID, V FROM S PARTITION BY NULL, V", "Cannot PARTITION BY multiple columns including NULL"),
    ("SELECT ID AS X, V FROM S PARTITION BY X", "PARTITION BY column 'X' cannot be resolved."),
    ("SELECT * FROM s LIMIT 3", "CREATE STREAM AS SELECT statements don't support LIMIT clause."),
    ("SELECT * FROM T PARTITION BY V", "PARTITION BY clause is not supported for tables"),
    ("SELECT * FROM SS", "Source `SS` does not exist. Did you mean S?"),
    ("SELECT * FROM `s`", "try removing double quotes from the source name"),
    ("SELECT ID, T->X FROM S", "X"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "message"), REFUSED)
def test_a_wrong_query_is_refused_with_the_name_and_a_remedy(session: Session, query: str, message: str) -> None:
    assert message in refusal(session, f"CREATE STREAM O AS {query}")


def test_an_error_says_where_it_is(session: Session) -> None:
    assert refusal(session, "CREATE STREAM O AS\n  SELECT ID,\n    NOWHERE FROM S").startswith(
        "Line: 3, Col: 5: SELECT column"
    )


def test_the_clauses_run_in_their_order(session: Session) -> None:
    execute(session, "CREATE STREAM O AS SELECT V, ID FROM S WHERE A > 1 PARTITION BY V")
    assert steps(last_plan(session).root) == ["Project", "Rekey", "Filter", "SourceStep"]


def test_a_result_of_the_other_kind_names_the_other_statement(session: Session) -> None:
    message = refusal(session, "CREATE TABLE O AS SELECT * FROM S")
    assert "Your SELECT query produces a STREAM. Please use CREATE STREAM AS SELECT statement instead." in message


def test_text_next_to_a_time_column_is_a_timestamp(session: Session) -> None:
    execute(session, "CREATE STREAM O AS SELECT * FROM S WHERE ROWTIME > '2020'")
    assert "1577836800000" in str(last_plan(session).root.inputs[0])


def test_a_custom_type_counts_in_a_cast(session: Session) -> None:
    execute(
        session, "CREATE TYPE MONEY AS DECIMAL(10, 2)", "CREATE STREAM O AS SELECT ID, CAST(A AS MONEY) AS M FROM S"
    )
    assert str(source(session, "O").schema) == "`ID` INTEGER KEY, `M` DECIMAL(10, 2)"
