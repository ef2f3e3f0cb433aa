"""Pull queries: which keys a WHERE names, what the answer's columns are, what is refused (semantics section 14)."""

from __future__ import annotations

import pytest

from headwater.plan.pull_keys import Bounds, KeyLookup, KeyRange
from tests.plan.conformance import Session
from tests.plan.planning import catalog, execute, pull, refusal

CATALOG = (
    "CREATE STREAM S (K STRING KEY, A INT, B BIGINT) WITH (KAFKA_TOPIC='s', FORMAT='JSON')",
    "CREATE TABLE T AS SELECT K, COUNT(*) AS C FROM S GROUP BY K",
    "CREATE TABLE N AS SELECT B, COUNT(*) AS C FROM S GROUP BY B",
    "CREATE TABLE M AS SELECT K, A, COUNT(*) AS C FROM S GROUP BY K, A",
    "CREATE TABLE W AS SELECT K, COUNT(*) AS C FROM S WINDOW TUMBLING (SIZE 1 SECOND) GROUP BY K",
    "CREATE TABLE P (K STRING PRIMARY KEY, V INT) WITH (KAFKA_TOPIC='p', FORMAT='JSON')",
    "CREATE SOURCE TABLE Q (K STRING PRIMARY KEY, V INT) WITH (KAFKA_TOPIC='q', FORMAT='JSON')",
)
NO_SCANS = {"ksql.query.pull.table.scan.enabled": "false"}


@pytest.fixture
def session() -> Session:
    return catalog(*CATALOG)


def keys(*values: object) -> tuple[KeyLookup, ...]:
    return tuple(KeyLookup(v if isinstance(v, tuple) else (v,)) for v in values)


LOOKUPS = [
    ("T", "K = 'a'", keys("a")),
    ("T", "'a' = K", keys("a")),
    ("T", "K = CONCAT('a', 'b')", keys("ab")),
    ("T", "K IN ('a', 'b', 'a')", keys("a", "b")),
    ("T", "K = 'a' OR K = 'b'", keys("a", "b")),
    ("T", "K = 'a' AND C > 3", keys("a")),
    ("T", "(K = 'a' OR K = 'b') AND C > 3", keys("a", "b")),
    ("N", "B = 1", keys(1)),
    ("N", "B IN (1, 2 + 3)", keys(1, 5)),
    ("M", "A = 1 AND K = 'a'", keys(("a", 1))),
    ("M", "K = 'a' AND A IN (1, 2)", keys(("a", 1), ("a", 2))),
    ("W", "K = 'a' AND WINDOWSTART = 1000", (KeyLookup(("a",), Bounds(1000, True, 1000, True)),)),
    ("W", "K = 'a' AND 5 < WINDOWSTART AND WINDOWEND <= '1970-01-01T00:00:09'",
     (KeyLookup(("a",), Bounds(5, False), Bounds(None, True, 9000, True)),)),
    ("W", "K = 'a' AND WINDOWSTART BETWEEN 1 AND 2", (KeyLookup(("a",), Bounds(1, True, 2, True)),)),
    ("Q", "K = 'a'", keys("a")),
]  # fmt: skip


@pytest.mark.parametrize(("table", "where", "lookups"), LOOKUPS)
def test_equal_keys_are_looked_up(session: Session, table: str, where: str, lookups: tuple[KeyLookup, ...]) -> None:
    plan = pull(session, f"SELECT * FROM {table} WHERE {where}")
    assert plan.lookups == lookups
    assert plan.where is not None


SCANS = ["C = 1", "K = 'a' OR C = 1", "K <> 'a'", "K LIKE 'a%'", "K = 'a' AND K = 'b'", "UCASE(K) = 'A'", "NOT_A = 1"]


@pytest.mark.parametrize("where", SCANS[:-1])
def test_anything_else_scans(session: Session, where: str) -> None:
    plan = pull(session, f"SELECT * FROM T WHERE {where}")
    assert plan.lookups is None
    assert plan.key_range is None


@pytest.mark.parametrize("where", SCANS[:-1])
def test_scans_can_be_forbidden(where: str) -> None:
    session = catalog(*CATALOG, settings=NO_SCANS)
    assert "table scans can be enabled" in refusal(session, f"SELECT * FROM T WHERE {where}")
    assert "Missing WHERE clause" in refusal(session, "SELECT * FROM T")


def test_a_range_of_text_keys_is_scanned_from_key_to_key(session: Session) -> None:
    assert pull(session, "SELECT * FROM T WHERE K > 'a'").key_range == KeyRange(low="a", low_inclusive=False)
    assert pull(session, "SELECT * FROM T WHERE 'b' >= K").key_range == KeyRange(high="b")
    assert pull(session, "SELECT * FROM N WHERE B > 1").key_range is None
    assert pull(session, "SELECT * FROM W WHERE K > 'a'").key_range is None


HEADERS = [
    ("SELECT * FROM T", "`K` STRING KEY, `C` BIGINT"),
    ("SELECT * FROM W", "`K` STRING KEY, `WINDOWSTART` BIGINT KEY, `WINDOWEND` BIGINT KEY, `C` BIGINT"),
    ("SELECT C, C * 2, ROWTIME FROM T", "`C` BIGINT, `KSQL_COL_0` BIGINT, `ROWTIME` BIGINT"),
    ("SELECT * FROM S", "`K` STRING, `A` INTEGER, `B` BIGINT"),
    ("SELECT X.A FROM S X WHERE A IS NULL LIMIT 3", "`A` INTEGER"),
]


@pytest.mark.parametrize(("query", "schema"), HEADERS)
def test_the_answer_marks_the_keys_of_tables(session: Session, query: str, schema: str) -> None:
    assert str(pull(session, query).schema) == schema


REFUSED = [
    ("SELECT * FROM P", "The `P` table isn't queryable. To derive a queryable table, you can do"),
    ("SELECT COUNT(*) FROM T", "Pull queries don't support aggregate functions: COUNT."),
    ("SELECT K FROM T GROUP BY K", "Pull queries don't support GROUP BY clauses."),
    ("SELECT * FROM S PARTITION BY A", "Pull queries don't support PARTITION BY clauses."),
    ("SELECT * FROM S HAVING A = 1", "Pull queries don't support HAVING clauses."),
    ("SELECT *, C FROM T", "Pull queries only support wildcards"),
    ("SELECT C, C FROM T", "Duplicate column names in the SELECT clause: `C`"),
    ("SELECT ROWOFFSET FROM S", "don't support the following columns in SELECT clauses: `ROWOFFSET`"),
    ("SELECT * FROM T WHERE ROWPARTITION = 1", "don't support the following columns in WHERE clauses: `ROWPARTITION`"),
    ("SELECT * FROM T WHERE K = 'a' AND WINDOWSTART = 1", "WHERE column 'WINDOWSTART' cannot be resolved."),
    ("SELECT * FROM T WHERE K IN (1)", "1 can not be converted to the type of the key column: K STRING KEY"),
    ("SELECT * FROM T WHERE K IS NULL", "Unsupported expression in WHERE clause: (K IS NULL)."),
    ("SELECT * FROM T WHERE NOT (C = 1)", "Unsupported expression in WHERE clause"),
    ("SELECT * FROM T WHERE K = 1", "Cannot compare K (STRING) to 1 (INTEGER) with EQUAL."),
    ("SELECT * FROM T WHERE K IN (CAST(NULL AS STRING))", "Primary key columns can not be NULL"),
    ("SELECT * FROM W WHERE K = 'a' AND WINDOWSTART > 1 AND WINDOWSTART > 2", "WINDOWSTART cannot be combined"),
    ("SELECT * FROM W WHERE K = 'a' AND WINDOWEND <> 2", "Unsupported WINDOWEND bound: <>."),
    ("SELECT * FROM X", "Source `X` does not exist."),
]


@pytest.mark.parametrize(("query", "message"), REFUSED)
def test_what_pull_queries_cannot_do_is_refused(session: Session, query: str, message: str) -> None:
    assert message in refusal(session, query)


def test_a_table_whose_query_is_gone_is_not_queryable(session: Session) -> None:
    session.metastore.unlink("CTAS_T_0")
    assert "its query CTAS_T_0 has been terminated" in refusal(session, "SELECT * FROM T")


def test_a_where_with_endless_alternatives_scans_instead(session: Session) -> None:
    where = " AND ".join(f"(C = {i} OR C = {i + 1})" for i in range(40))
    assert pull(session, f"SELECT * FROM T WHERE {where}").lookups is None


def test_streams_can_be_closed_to_pull_queries(session: Session) -> None:
    execute(session, "SET 'ksql.query.pull.stream.enabled' = 'false'")
    assert "Pull queries on streams are disabled." in refusal(session, "SELECT * FROM S")
