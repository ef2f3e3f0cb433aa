"""REST tests: requests in-process, responses judged by their shapes."""

from typing import Any

import pytest

from headwater.cases.model import Outcome, Suite, Verdict
from tests.cases.support import outcome_of

CREATE = "CREATE STREAM A (K STRING KEY, V INT) WITH (kafka_topic='a', value_format='JSON');"
SELECT = "SELECT K, V FROM A EMIT CHANGES LIMIT 2;"
INPUTS = [{"topic": "a", "key": "x", "value": {"V": 1}}, {"topic": "a", "key": "x", "value": {"V": 2}}]
ADMIN = {"admin": {"@type": "currentStatus"}}


def rows(*values: list[Any], schema: str = "`K` STRING, `V` INTEGER", message: str = "Limit Reached") -> dict[str, Any]:
    columns = [{"row": {"columns": row}} for row in values]
    return {"query": [{"header": {"schema": schema}}, *columns, {"finalMessage": message}]}


def asked(*statements: str, **members: Any) -> Outcome:
    return outcome_of({"statements": [CREATE, *statements], "inputs": INPUTS, **members}, Suite.REST)


def test_rows_are_compared_in_any_order() -> None:
    outcome = asked(SELECT, responses=[ADMIN, rows(["x", 2], ["x", 1])])
    assert outcome.verdict is Verdict.PASSED, outcome.detail


WRONG = [
    (rows(["x", 1], ["x", 3]), "line 2: no row {'columns': ['x', 3]}"),
    (rows(["x", 1]), "expected 3 lines, found 4"),
    (rows(["x", 1], ["x", 2], schema="`K` STRING"), "line 0.header.schema: expected '`K` STRING', found"),
    (rows(["x", 1], ["x", 2], message="Query Completed"), "line 3.finalMessage: expected 'Query Completed', found"),
]


@pytest.mark.parametrize(("response", "problem"), WRONG)
def test_differences(response: dict[str, Any], problem: str) -> None:
    outcome = asked(SELECT, responses=[ADMIN, response])
    assert outcome.verdict is Verdict.FAILED
    assert outcome.detail.startswith(f"response 1: {problem}")


def test_a_member_may_be_expected_to_start_with_a_text() -> None:
    response = rows(["x", 1], ["x", 2])
    response["query"][0]["header"]["queryId|starts_with"] = "transient_"
    assert asked(SELECT, responses=[ADMIN, response]).verdict is Verdict.PASSED


def test_inputs_may_wait_for_the_push_query() -> None:
    waiting = {"waitForActivePushQuery": True}
    late = {"auto.offset.reset": "latest"}
    outcome = asked(SELECT, responses=[ADMIN, rows(["x", 1], ["x", 2])], inputConditions=waiting, properties=late)
    assert outcome.verdict is Verdict.PASSED, outcome.detail


ERRORS = [
    ("SELECT NOPE FROM A EMIT CHANGES;", 400, Verdict.PASSED),
    ("SELECT NOPE FROM A EMIT CHANGES;", 500, Verdict.FAILED),
    (SELECT, 400, Verdict.FAILED),
]


@pytest.mark.parametrize(("query", "status", "verdict"), ERRORS)
def test_expected_errors(query: str, status: int, verdict: Verdict) -> None:
    kind = "io.confluent.ksql.rest.entity.KsqlStatementErrorMessage"
    error = {"type": kind, "message": "cannot be resolved", "status": status}
    assert asked(query, expectedError=error).verdict is verdict
