"""Column lineage: what a result column is made of, through one query and through many."""

from __future__ import annotations

import pytest

from headwater.plan.lineage import ColumnLineage, Origin, column_lineage, upstream
from tests.plan.planning import catalog, last_plan

CATALOG = (
    "CREATE STREAM S (ID INT KEY, A INT, B STRING, L ARRAY<INT>) WITH (KAFKA_TOPIC='s', FORMAT='JSON')",
    "CREATE STREAM R (ID INT KEY, C INT) WITH (KAFKA_TOPIC='r', FORMAT='JSON')",
    "CREATE TABLE T (ID INT PRIMARY KEY, D INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON')",
)

CASES = [
    ("STREAM", "SELECT ID, A AS X FROM S", "X", ["S.A"], [], True),
    ("STREAM", "SELECT ID, A + LEN(B) AS X FROM S", "X", ["S.A", "S.B"], [], False),
    ("STREAM", "SELECT ID, 1 AS X FROM S", "X", [], [], False),
    ("STREAM", "SELECT ID, ROWTIME AS X FROM S", "X", ["S.ROWTIME"], [], True),
    ("STREAM", "SELECT ID, A AS X FROM S WHERE B = 'b'", "X", ["S.A"], ["S.B"], True),
    ("STREAM", "SELECT A AS X, B FROM S PARTITION BY A", "X", ["S.A"], [], True),
    ("STREAM", "SELECT A + 1 AS X, B FROM S PARTITION BY A + 1", "X", ["S.A"], [], False),
    ("STREAM", "SELECT ID, EXPLODE(L) AS X FROM S", "X", ["S.L"], ["S.L"], False),
    ("TABLE", "SELECT B, SUM(A) AS X FROM S GROUP BY B", "X", ["S.A"], ["S.B"], False),
    ("TABLE", "SELECT B AS X, COUNT(*) FROM S GROUP BY B", "X", ["S.B"], ["S.B"], True),
    ("STREAM", "SELECT S.ID, C AS X FROM S JOIN R WITHIN 1 HOUR ON S.ID = R.ID", "X", ["R.C"], ["R.ID", "S.ID"], True),
    ("STREAM", "SELECT S.ID AS X, C FROM S JOIN R WITHIN 1 HOUR ON S.ID = R.ID", "X", ["R.ID", "S.ID"],
     ["R.ID", "S.ID"], False),
    ("STREAM", "SELECT S.A, S.B, D AS X FROM S JOIN T ON S.A = T.ID", "X", ["T.D"], ["S.A", "T.ID"], True),
]  # fmt: skip


def origins(names: list[str]) -> tuple[Origin, ...]:
    return tuple(Origin(*name.split(".")) for name in names)


@pytest.mark.parametrize(("kind", "query", "column", "values", "rows", "copied"), CASES)
def test_a_column_knows_what_it_is_made_of(
    kind: str, query: str, column: str, values: list[str], rows: list[str], copied: bool
) -> None:
    session = catalog(*CATALOG, f"CREATE {kind} O AS {query}")
    found = {c.name: c for c in column_lineage(last_plan(session))}[column]
    assert found == ColumnLineage(column, origins(values), origins(rows), copied)


def test_lineage_goes_through_queries_to_the_declared_columns() -> None:
    session = catalog(
        *CATALOG,
        "CREATE STREAM O1 AS SELECT ID, A * 2 AS X, B FROM S",
        "CREATE TABLE O2 AS SELECT B, SUM(X) AS Y FROM O1 GROUP BY B",
        "CREATE STREAM M (ID INT KEY, X INT) WITH (KAFKA_TOPIC='m', FORMAT='JSON')",
        "INSERT INTO M SELECT ID, C AS X FROM R",
    )
    assert upstream(session.metastore, "O2", "Y") == origins(["S.A"])
    assert upstream(session.metastore, "M", "X") == origins(["M.X", "R.C"])
    assert upstream(session.metastore, "S", "A") == origins(["S.A"])
