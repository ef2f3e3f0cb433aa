"""How a result column is made: one expression over source columns, and which of them it still shows."""

from __future__ import annotations

import pytest

from headwater.plan.derivation import derivations
from headwater.sql.expression_text import format_expression
from tests.plan.planning import catalog, last_plan

CATALOG = (
    "CREATE STREAM S (ID INT KEY, A INT, B STRING, L ARRAY<INT>) WITH (KAFKA_TOPIC='s', FORMAT='JSON')",
    "CREATE STREAM R (ID INT KEY, C INT) WITH (KAFKA_TOPIC='r', FORMAT='JSON')",
    "CREATE TABLE T (ID INT PRIMARY KEY, D INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON')",
)
CASES = [
    ("STREAM", "SELECT ID, A AS X FROM S", "S.A", ["A"], ["A"]),
    ("STREAM", "SELECT ID, A + LEN(B) AS X FROM S WHERE A > 1", "(S.A + LEN(S.B))", ["A", "B"], ["A", "B"]),
    ("STREAM", "SELECT ID, 1 AS X FROM S", "1", [], []),
    ("STREAM", "SELECT ID, MASK(B) AS X FROM S", "MASK(S.B)", ["B"], []),
    ("STREAM", "SELECT ID, CONCAT(MASK(B), B) AS X FROM S", "CONCAT(MASK(S.B), S.B)", ["B"], ["B"]),
    ("STREAM", "SELECT ID, UCASE(MASK(TRIM(B))) AS X FROM S", "UCASE(MASK(TRIM(S.B)))", ["B"], []),
    ("STREAM", "SELECT ID, EXPLODE(L) AS X FROM S", "EXPLODE(S.L)", ["L"], ["L"]),
    ("STREAM", "SELECT ID, TRANSFORM(L, E => E + A) AS X FROM S", "TRANSFORM(S.L, E => (E + S.A))", ["A", "L"], None),
    ("STREAM", "SELECT A + 1 AS X, B FROM S PARTITION BY A + 1", "(S.A + 1)", ["A"], ["A"]),
    ("TABLE", "SELECT B, SUM(A) * 2 AS X FROM S GROUP BY B", "(SUM(S.A) * 2)", ["A"], ["A"]),
    ("TABLE", "SELECT B AS X, COUNT(*) FROM S GROUP BY B", "S.B", ["B"], ["B"]),
    ("TABLE", "SELECT B, COUNT(*) AS X FROM S GROUP BY B", "COUNT(*)", [], []),
    ("TABLE", "SELECT MASK(B) AS X, COUNT(*) FROM S GROUP BY MASK(B)", "MASK(S.B)", ["B"], []),
    ("STREAM", "SELECT S.A, S.B, A + D AS X FROM S JOIN T ON S.A = T.ID", "(S.A + T.D)", ["A", "D"], ["A", "D"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "query", "expression", "sources", "clear"), CASES)
def test_a_column_is_one_expression_over_the_sources(
    kind: str, query: str, expression: str, sources: list[str], clear: list[str] | None
) -> None:
    session = catalog(*CATALOG, f"CREATE {kind} O AS {query}")
    found = {d.name: d for d in derivations(last_plan(session), lambda name: name == "MASK")}["X"]
    assert format_expression(found.expression) == expression
    assert [origin.column for origin in found.sources] == sources
    assert [origin.column for origin in found.clear] == (sources if clear is None else clear)


def test_a_join_key_is_of_both_sides() -> None:
    session = catalog(*CATALOG, "CREATE STREAM O AS SELECT S.ID AS X, C FROM S JOIN R WITHIN 1 HOUR ON S.ID = R.ID")
    found = {d.name: d for d in derivations(last_plan(session), lambda _: False)}["X"]
    assert [(o.source, o.column) for o in found.sources] == [("R", "ID"), ("S", "ID")]
