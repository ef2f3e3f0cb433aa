"""GROUP BY, aggregates, HAVING, windows and EMIT: keys, steps, defaults, refusals (semantics sections 11 and 12)."""

from __future__ import annotations

import pytest

from headwater.plan.steps import Aggregate, Filter, Step, WindowSpec
from headwater.sql.ast import WindowKind
from tests.plan.conformance import Session
from tests.plan.planning import catalog, execute, last_plan, refusal, source

CATALOG = (
    "CREATE STREAM S (ID INT KEY, A INT, B STRING, T STRUCT<F INT>, L ARRAY<INT>) WITH (KAFKA_TOPIC='s', "
    "FORMAT='JSON')",
    "CREATE STREAM K (ID INT KEY, A INT) WITH (KAFKA_TOPIC='k', FORMAT='KAFKA')",
    "CREATE STREAM D (ID INT KEY, A INT) WITH (KAFKA_TOPIC='d', FORMAT='DELIMITED')",
    "CREATE TABLE T (ID INT PRIMARY KEY, A INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON')",
)
HOUR, DAY = 3_600_000, 86_400_000


@pytest.fixture
def session() -> Session:
    return catalog(*CATALOG)


def aggregate(session: Session) -> Aggregate:
    """The aggregation of the latest query."""
    step: Step = last_plan(session).root
    while not isinstance(step, Aggregate):
        step = step.inputs[0]
    return step


RESULTS = [
    ("SELECT A, COUNT(*) FROM S GROUP BY A", "`A` INTEGER KEY, `KSQL_COL_0` BIGINT"),
    ("SELECT COUNT(*) AS C, A AS K FROM S GROUP BY A", "`K` INTEGER KEY, `C` BIGINT"),
    ("SELECT UCASE(B), COUNT(*) AS C FROM S GROUP BY UCASE(B)", "`KSQL_COL_0` STRING KEY, `C` BIGINT"),
    ("SELECT T->F, COUNT(*) AS C FROM S GROUP BY T->F", "`F` INTEGER KEY, `C` BIGINT"),
    ("SELECT B, A, SUM(A) AS C FROM S GROUP BY A, B", "`A` INTEGER KEY, `B` STRING KEY, `C` INTEGER"),
    ("SELECT A, AS_VALUE(A) AS V, COUNT(*) + A AS C FROM S GROUP BY A", "`A` INTEGER KEY, `V` INTEGER, `C` BIGINT"),
    ("SELECT A + 1, (A + 1) * 2 AS X, COUNT(*) AS C FROM S GROUP BY A + 1",
     "`KSQL_COL_0` INTEGER KEY, `X` INTEGER, `C` BIGINT"),
    ("SELECT A, WINDOWSTART AS W, COUNT(*) AS C FROM S WINDOW SESSION (5 SECONDS) GROUP BY A",
     "`A` INTEGER KEY, `W` BIGINT, `C` BIGINT"),
    ("SELECT A, COUNT(*) AS C FROM T GROUP BY A", "`A` INTEGER KEY, `C` BIGINT"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "schema"), RESULTS)
def test_grouping_expressions_become_the_key(session: Session, query: str, schema: str) -> None:
    execute(session, f"CREATE TABLE O AS {query}")
    assert str(source(session, "O").schema) == schema


def test_equal_aggregates_are_computed_once(session: Session) -> None:
    execute(session, "CREATE TABLE O AS SELECT A, SUM(ID) AS X, SUM(ID) * 2 AS Y FROM S GROUP BY A HAVING SUM(ID) > 3")
    assert [c.function for c in aggregate(session).calls] == ["SUM"]
    assert isinstance(last_plan(session).root.inputs[0], Filter)


def test_grouping_by_the_key_moves_no_records(session: Session) -> None:
    execute(session, "CREATE TABLE O AS SELECT ID, COUNT(*) FROM S GROUP BY ID")
    assert not aggregate(session).repartition
    execute(session, "CREATE TABLE P AS SELECT A, COUNT(*) FROM S GROUP BY A")
    assert aggregate(session).repartition


def test_a_key_the_format_cannot_carry_travels_as_json_inside(session: Session) -> None:
    message = refusal(session, "CREATE TABLE O AS SELECT ID, A, COUNT(*) FROM K GROUP BY ID, A")
    assert "Source(s) K are using the 'KAFKA' value format." in message
    execute(session, "CREATE STREAM J (ID INT KEY, A INT) WITH (KAFKA_TOPIC='j', VALUE_FORMAT='JSON')")
    assert "only supports a single field" in refusal(
        session, "CREATE TABLE O AS SELECT ID, A, COUNT(*) FROM J GROUP BY ID, A"
    )
    execute(session, "CREATE TABLE O WITH (KEY_FORMAT='JSON') AS SELECT ID, A, COUNT(*) FROM J GROUP BY ID, A")
    assert aggregate(session).key_format.name == "JSON"


WINDOWS = [
    ("TUMBLING (SIZE 1 HOUR)", "CHANGES", WindowSpec(WindowKind.TUMBLING, HOUR, HOUR, DAY - HOUR, DAY)),
    ("TUMBLING (SIZE 1 HOUR)", "FINAL", WindowSpec(WindowKind.TUMBLING, HOUR, HOUR, 0, HOUR)),
    ("TUMBLING (SIZE 2 DAYS)", "CHANGES", WindowSpec(WindowKind.TUMBLING, 2 * DAY, 2 * DAY, 0, 2 * DAY)),
    ("TUMBLING (SIZE 1 HOUR, RETENTION 2 HOURS, GRACE PERIOD 1 HOUR)", "CHANGES",
     WindowSpec(WindowKind.TUMBLING, HOUR, HOUR, HOUR, 2 * HOUR)),
    ("HOPPING (SIZE 2 HOURS, ADVANCE BY 1 HOUR, GRACE PERIOD 0 HOURS)", "CHANGES",
     WindowSpec(WindowKind.HOPPING, 2 * HOUR, HOUR, 0, 2 * HOUR)),
    ("SESSION (1 HOUR)", "CHANGES", WindowSpec(WindowKind.SESSION, HOUR, HOUR, DAY - HOUR, DAY)),
]  # fmt: skip


@pytest.mark.parametrize(("window", "emit", "spec"), WINDOWS)
def test_windows_have_the_defaults_of_ksqldb(session: Session, window: str, emit: str, spec: WindowSpec) -> None:
    execute(session, f"CREATE TABLE O AS SELECT A, COUNT(*) FROM S WINDOW {window} GROUP BY A EMIT {emit}")
    assert aggregate(session).window == spec
    assert aggregate(session).final == (emit == "FINAL")


REFUSED = [
    ("SELECT A FROM S GROUP BY A", "GROUP BY requires aggregate functions"),
    ("SELECT B, COUNT(*) FROM S GROUP BY A", "Non-aggregate SELECT expression(s) not part of GROUP BY: B"),
    ("SELECT A, B + 'x', COUNT(*) FROM S GROUP BY A", "not part of GROUP BY: (B + 'x')"),
    ("SELECT A, SUM(ID) + LEN(B) FROM S GROUP BY A", "not part of GROUP BY: B"),
    ("SELECT A, COUNT(*) FROM S GROUP BY A HAVING B = 'x'", "Non-aggregate HAVING expression not part of GROUP BY: B"),
    ("SELECT A, COUNT(*) FROM S GROUP BY A HAVING COUNT(*) > 'x'",
     "Error in HAVING expression: Cannot compare COUNT(*) (BIGINT) to 'x' (STRING) with GREATER_THAN."),
    ("SELECT COUNT(*) FROM S", "Use of aggregate function COUNT requires a GROUP BY clause."),
    ("SELECT ID, A FROM S HAVING A > 1", "HAVING requires a GROUP BY clause."),
    ("SELECT COUNT(*) FROM S GROUP BY A",
     "must include the grouping expression A in its projection (eg, SELECT A...)."),
    ("SELECT A, A AS X, COUNT(*) FROM S GROUP BY A", "contains a key column more than once: `A` and `X`."),
    ("SELECT A FROM S GROUP BY A HAVING COUNT(*) > 1", "The projection contains no value columns."),
    ("SELECT A, COUNT(*) FROM S GROUP BY A, A", "Duplicate GROUP BY expression: A"),
    ("SELECT A, COUNT(*) FROM S GROUP BY ()", "GROUP BY requires at least one expression"),
    ("SELECT SUM(A), COUNT(*) FROM S GROUP BY SUM(A)", "SUM is an aggregate function."),
    ("SELECT A, SUM(COUNT(*)) FROM S GROUP BY A", "Aggregate functions can not be nested: SUM(COUNT(*))"),
    ("SELECT A, EXPLODE(L), COUNT(*) FROM S GROUP BY A", "Table functions cannot be used with aggregations."),
    ("SELECT A, NOPE(B) FROM S GROUP BY A", "Can't find any functions with the name 'NOPE'"),
    ("SELECT A, MIN(ID), COLLECT_LIST(ID) FROM T GROUP BY A",
     "The aggregation function MIN cannot be applied to a table source, only to a stream source."),
    ("SELECT A, COUNT(*) FROM T WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY A", "WINDOW clause is not supported on a table"),
    ("SELECT ID, A FROM S WINDOW TUMBLING (SIZE 1 HOUR)", "WINDOW clause requires a GROUP BY clause."),
    ("SELECT A, COUNT(*) FROM S GROUP BY A EMIT FINAL", "EMIT FINAL is only supported for windowed aggregations."),
    ("SELECT A, COUNT(*) FROM S WINDOW HOPPING (SIZE 10 DAYS, ADVANCE BY 1 MILLISECOND) GROUP BY A",
     "With SIZE 864000000 ms and ADVANCE BY 1 ms every record would fall into 864000000 windows"),
    ("SELECT A, COUNT(*) FROM S WINDOW HOPPING (SIZE 1 HOUR, ADVANCE BY 2 HOURS) GROUP BY A",
     "not larger than the window size"),
    ("SELECT A, COUNT(*) FROM S WINDOW TUMBLING (SIZE 2 HOURS, RETENTION 1 HOUR) GROUP BY A", "must not be smaller"),
    ("SELECT A, SUM(WINDOWSTART) FROM S WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY A",
     "Window bounds column WINDOWSTART can only"),
    ("SELECT A, COUNT(*) FROM S WINDOW TUMBLING (SIZE 1 HOUR) WHERE WINDOWSTART > 1 GROUP BY A",
     "Unknown column WINDOWSTART."),
    ("SELECT A, AVG(ID) FROM D GROUP BY A", "intermediate type that the value format can not handle"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "message"), REFUSED)
def test_a_wrong_aggregation_is_refused(session: Session, query: str, message: str) -> None:
    kind = "STREAM" if query.endswith("HAVING A > 1") else "TABLE"
    assert message in refusal(session, f"CREATE {kind} O AS {query}")


def test_final_results_can_be_switched_off(session: Session) -> None:
    execute(session, "SET 'ksql.suppress.enabled' = 'false'")
    query = "SELECT A, COUNT(*) FROM S WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY A EMIT FINAL"
    assert "Suppression is currently disabled." in refusal(session, f"CREATE TABLE O AS {query}")


def test_a_push_query_may_aggregate_everything_in_one_group(session: Session) -> None:
    execute(session, "SELECT COUNT(*), SUM(A) FROM S EMIT CHANGES")
    assert aggregate(session).groups == ()
    assert last_plan(session).root.is_table
