"""Query tests: how cases are executed and judged."""

from dataclasses import replace
from typing import Any

import pytest

from headwater.cases.execution import execute
from headwater.cases.model import Message, Suite, Verdict
from headwater.cases.qtt import java_hash_order
from headwater.cases.report import failure_line
from headwater.plan.functions import builtin_functions
from tests.cases.support import outcome_of, runs_of, verdict_of

CREATE = "CREATE STREAM A (K INT KEY, V INT) WITH (kafka_topic='a', value_format='JSON');"
COPY = "CREATE STREAM B AS SELECT * FROM A;"


def case(*statements: str, **members: Any) -> dict[str, Any]:
    return {"statements": [CREATE, *statements], **members}


def record(topic: str, value: Any, **members: Any) -> dict[str, Any]:
    return {"topic": topic, "key": 1, "value": value, **members}


def test_outputs_are_compared_in_order_and_completely() -> None:
    inputs = [record("a", {"v": 1}), record("a", {"V": 2})]
    one, two = record("B", {"V": 1}), record("B", {"v": 2})
    assert verdict_of(case(COPY, inputs=inputs, outputs=[one, two])) is Verdict.PASSED
    assert outcome_of(case(COPY, inputs=inputs, outputs=[two, one])).detail == "B[0] value.v: expected 2, found 1"
    assert outcome_of(case(COPY, inputs=inputs, outputs=[one])).detail == "B: expected 1 records, found 2"


def test_a_case_without_outputs_passes_when_its_statements_are_accepted() -> None:
    assert verdict_of(case(COPY, inputs=[record("a", {"V": 1})])) is Verdict.PASSED


def test_missing_input_timestamps_are_0_and_missing_output_timestamps_match_anything() -> None:
    inputs = [record("a", {"V": 1})]
    assert verdict_of(case(COPY, inputs=inputs, outputs=[record("B", {"V": 1}, timestamp=0)])) is Verdict.PASSED
    wrong = outcome_of(case(COPY, inputs=inputs, outputs=[record("B", {"V": 1}, timestamp=1)]))
    assert wrong.detail == "B[0] timestamp: expected 1, found 0"


def test_without_inputs_a_timestamp_of_0_matches_the_wall_clock() -> None:
    insert = "INSERT INTO A (K, V) VALUES (1, 5);"
    assert verdict_of(case(COPY, insert, outputs=[record("B", {"V": 5}, timestamp=0)])) is Verdict.PASSED


def test_inputs_to_a_topic_replace_what_queries_wrote_to_it() -> None:
    again = "CREATE STREAM C AS SELECT K, V + 100 AS V FROM B;"
    inputs = [record("a", {"V": 1}), record("B", {"V": 7})]
    assert verdict_of(case(COPY, again, inputs=inputs, outputs=[record("C", {"V": 107})])) is Verdict.PASSED


def test_headers_that_are_not_expected_are_a_difference() -> None:
    headers = [{"KEY": "h", "VALUE": "AQ=="}]
    inputs = [record("a", {"V": 1}, headers=headers)]
    assert verdict_of(case(COPY, inputs=inputs, outputs=[record("B", {"V": 1}, headers=headers)])) is Verdict.PASSED
    assert verdict_of(case(COPY, inputs=inputs, outputs=[record("B", {"V": 1})])) is Verdict.FAILED


def test_a_refusal_that_is_not_expected_is_unsupported() -> None:
    outcome = outcome_of(case("CREATE STREAM B AS SELECT NOPE FROM A;"))
    assert (outcome.verdict, outcome.reason) == (Verdict.FAILED, "unsupported")


def test_a_mistake_in_ones_own_script_is_rejected_and_pointed_at() -> None:
    run = replace(runs_of(case("CREATE STREAM B AS SELEC V FROM A;"))[0], suite=Suite.CASES)
    result = execute(run, builtin_functions())
    assert result.outcome.reason == "rejected"
    lines = failure_line(result).splitlines()
    assert lines[0].startswith("rejected  ")
    assert lines[-1].index("^") == lines[-2].index("SELEC ")


def negative(*statements: str, message: str | None = "cannot be resolved") -> dict[str, Any]:
    return case(*statements, expectedException={"type": "java.lang.Anything", "message": message})


def test_an_expected_refusal_passes_whatever_its_message() -> None:
    exact = outcome_of(negative("CREATE STREAM B AS SELECT NOPE FROM A;"))
    other = outcome_of(negative("CREATE STREAM B AS SELECT NOPE FROM A;", message="quite something else here"))
    assert (exact.verdict, exact.message) == (Verdict.PASSED, Message.EXACT)
    assert (other.verdict, other.message) == (Verdict.PASSED, Message.OTHER)


def test_a_refusal_of_another_statement_than_the_last_is_early() -> None:
    assert verdict_of(negative("CREATE STREAM B AS SELECT NOPE FROM A;", COPY)) is Verdict.REJECTED_EARLY


def test_a_syntax_error_refuses_the_whole_script() -> None:
    assert verdict_of(negative("CREATE STREEM B;", message="line 2:")) is Verdict.PASSED


def test_an_expected_refusal_that_does_not_come_is_a_failure() -> None:
    outcome = outcome_of(negative(COPY))
    assert (outcome.verdict, outcome.reason) == (Verdict.FAILED, "fail-accepted")


POSTS: list[tuple[dict[str, Any], str]] = [
    ({"name": "B", "type": "STREAM", "schema": "K INT KEY, V INT"}, ""),
    ({"name": "B", "keyFormat": {"format": "KAFKA"}, "valueFormat": "JSON"}, ""),
    ({"name": "C"}, "there is no source C"),
    ({"name": "B", "type": "table"}, "source B: type: expected TABLE, found STREAM"),
    ({"name": "B", "valueFormat": "AVRO"}, "source B: value format: expected AVRO, found JSON"),
    (
        {"name": "B", "schema": "V INT, K INT KEY"},
        "source B: schema: expected (('V', 'INTEGER', ''), ('K', 'INTEGER', 'KEY')), "
        "found (('K', 'INTEGER', 'KEY'), ('V', 'INTEGER', ''))",
    ),
    (
        {"name": "B", "keyFormat": {"windowType": "TUMBLING", "windowSize": 5}},
        "source B: window: expected ('TUMBLING', 5), found None",
    ),
]


@pytest.mark.parametrize(("source", "problem"), POSTS)
def test_sources_after_the_run(source: dict[str, Any], problem: str) -> None:
    assert outcome_of(case(COPY, post={"sources": [source]})).detail == problem


def test_a_blacklisted_repartition_topic() -> None:
    post = {"topics": {"blacklist": ".*-repartition"}}
    by_value = "CREATE TABLE B AS SELECT V, COUNT(*) AS N FROM A GROUP BY V;"
    by_key = "CREATE TABLE B AS SELECT K, COUNT(*) AS N FROM A GROUP BY K;"
    assert verdict_of(case(by_value, post=post)) is Verdict.FAILED
    assert verdict_of(case(by_key, post=post)) is Verdict.PASSED


@pytest.mark.parametrize(("text", "slot"), [("", 0), ("a", 1), ("INPUT", 3), ("ä", 4)])
def test_java_hash_order(text: str, slot: int) -> None:
    assert java_hash_order(text) == slot
