"""Runs to their verdicts: what an engine must not do is a crash, not a failure."""

from headwater.cases.execution import execute
from headwater.cases.model import Outcome, Verdict
from headwater.plan.functions import builtin_functions
from tests.cases.support import runs_of

CREATE = "CREATE STREAM A (K INT KEY, V INT) WITH (kafka_topic='a', value_format='JSON');"


def test_a_disabled_case_is_skipped() -> None:
    (run,) = runs_of({"statements": [CREATE], "enabled": False})
    assert execute(run, builtin_functions()).outcome == Outcome(Verdict.SKIPPED, "skip", "disabled")


def test_a_run_that_takes_too_long_is_a_crash() -> None:
    many = [CREATE.replace("STREAM A", f"STREAM A{i}") for i in range(500)]
    (run,) = runs_of({"statements": many})
    outcome = execute(run, builtin_functions(), time_limit=0.05).outcome
    assert (outcome.verdict, outcome.detail) == (Verdict.CRASH, "not done after 0.05 s")


def test_input_that_does_not_fit_its_topic_is_a_failure_of_the_case() -> None:
    (run,) = runs_of({"statements": [CREATE], "inputs": [{"topic": "a", "key": "no number", "value": None}]})
    outcome = execute(run, builtin_functions()).outcome
    assert outcome.verdict is Verdict.FAILED
    assert "key 'no number' is not KAFKA of the columns" in outcome.detail
