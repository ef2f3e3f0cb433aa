"""Plans as JSON and as text: nothing is lost, older documents stay readable, newer ones are refused."""

from __future__ import annotations

import json

import pytest

from headwater.plan.describe import describe_plan
from headwater.plan.serialisation import PlanFormatError, plan_from_json, plan_to_json
from headwater.plan.steps import QueryPlan
from tests.plan.planning import catalog, last_plan

CATALOG = (
    "CREATE STREAM S (ID INT KEY, A BIGINT, L ARRAY<STRUCT<`f` DECIMAL(4, 2)>>, `low er` STRING) "
    "WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', TIMESTAMP='A')",
    "CREATE STREAM R (ID INT KEY, A INT) WITH (KAFKA_TOPIC='r', VALUE_FORMAT='DELIMITED', VALUE_DELIMITER='|')",
    "CREATE TABLE T (ID INT PRIMARY KEY, F INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON')",
    "CREATE TABLE U (ID INT PRIMARY KEY, G STRING) WITH (KAFKA_TOPIC='u', VALUE_FORMAT='JSON')",
)

QUERIES = [
    "CREATE STREAM O AS SELECT ID, `low er`, CASE WHEN A > 1 THEN 'it''s' ELSE NULL END AS C FROM S WHERE "
    "ROWTIME > '1970'",
    "CREATE STREAM O AS SELECT `low er` AS `k`, EXPLODE(L)->`f` AS F, A FROM S PARTITION BY `low er`",
    "CREATE TABLE O AS SELECT A, COUNT(*), TOPK(A, 2) FROM S WINDOW HOPPING (SIZE 2 HOURS, ADVANCE BY 1 HOUR) "
    "GROUP BY A "
    "HAVING COUNT(*) > 1 EMIT FINAL",
    "CREATE STREAM O AS SELECT ROWKEY, R.A FROM S FULL JOIN R WITHIN 1 HOUR GRACE PERIOD 1 MINUTE ON S.ID = R.ID",
    "CREATE STREAM O AS SELECT T.ID, S.A FROM S LEFT JOIN T ON CAST(S.A AS INT) = T.ID",
    "CREATE TABLE O AS SELECT T.ID, G FROM T JOIN U ON T.F = U.ID",
    "CREATE TABLE O AS SELECT T.ID, G FROM T RIGHT JOIN U ON T.ID = U.ID WHERE G LIKE 'a!%' ESCAPE '!'",
    "SELECT TRANSFORM(L, X => X->`f` + 1.50) FROM S EMIT CHANGES LIMIT 3",
]


def planned(query: str) -> QueryPlan:
    return last_plan(catalog(*CATALOG, query))


@pytest.mark.parametrize("query", QUERIES)
def test_a_plan_comes_back_as_it_was(query: str) -> None:
    plan = planned(query)
    assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan


@pytest.mark.parametrize("query", QUERIES)
def test_a_plan_prints_every_step_once(query: str) -> None:
    plan = planned(query)
    text = describe_plan(plan)
    assert text.count("SOURCE ") == len(plan.sources)
    assert text.startswith("SINK O" if plan.sink else "PROJECT")


def test_fields_that_an_older_version_did_not_write_have_their_defaults() -> None:
    document = plan_to_json(planned(QUERIES[-1]))
    del document["materialize"]
    assert plan_from_json(document).materialize is False


@pytest.mark.parametrize(
    "broken",
    [{}, {"version": 2}, {"version": 1}, {"version": 1, "root": {"step": "Teleport"}, "schema": [], "sources": []}],
)
def test_what_is_not_a_plan_of_this_version_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(PlanFormatError, match="stored query plan"):
        plan_from_json(broken)
