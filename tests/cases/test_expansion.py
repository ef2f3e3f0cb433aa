"""From a case in a file to its runs."""

from decimal import Decimal

from headwater.cases.expansion import record
from headwater.cases.model import DataRecord, ExpectedError
from tests.cases.support import runs_of


def test_formats_and_configurations_multiply_and_name_the_runs() -> None:
    runs = runs_of(
        {
            "statements": ["CREATE STREAM A (V INT) WITH (value_format='{FORMAT}');"],
            "format": ["JSON", "AVRO"],
            "config": [True, False],
            "properties": {"ksql.some.switch": "{CONFIG}", "ksql.other": 5},
        }
    )
    assert [run.name for run in runs] == [
        "file.json::case [JSON] [ksql.some.switch=true]",
        "file.json::case [JSON] [ksql.some.switch=false]",
        "file.json::case [AVRO] [ksql.some.switch=true]",
        "file.json::case [AVRO] [ksql.some.switch=false]",
    ]
    assert {run.case for run in runs} == {"file.json::case"}
    assert runs[2].script == "CREATE STREAM A (V INT) WITH (value_format='AVRO');"
    assert runs[3].properties == {"ksql.some.switch": "false", "ksql.other": "5"}


def test_the_format_is_replaced_in_statements_only() -> None:
    (run,) = runs_of({"statements": ["{FORMAT}"], "format": ["JSON"], "inputs": [{"topic": "{FORMAT}", "value": 1}]})
    assert run.statements == ["JSON"]
    assert run.inputs[0].topic == "{FORMAT}"


def test_a_case_may_be_disabled() -> None:
    (run,) = runs_of({"statements": [], "enabled": False})
    assert run.skip == "disabled"


def test_properties_for_the_runner_do_not_reach_the_engine() -> None:
    (run,) = runs_of({"statements": [], "properties": {"use.exact.numeric.comparison": False}})
    assert run.properties == {}


def test_members_that_are_not_known_are_ignored() -> None:
    (run,) = runs_of({"statements": ["A"], "comment": "x", "issues": [1], ",timestamp": 5})
    assert run.statements == ["A"]


def test_expected_errors_of_both_spellings() -> None:
    (query,) = runs_of({"statements": [], "expectedException": {"type": "a.B", "message": "m"}})
    (request,) = runs_of({"statements": [], "expectedError": {"type": "a.C", "message": "m", "status": 400}})
    assert query.expected_error == ExpectedError("m", "a.B")
    assert request.expected_error == ExpectedError("m", "a.C", 400)


def test_records() -> None:
    assert record({"topic": "t", "value": Decimal("1.20")}) == DataRecord("t", None, Decimal("1.20"), None)
    windowed = {"start": 1, "end": 5, "type": "Session"}
    headers = [{"KEY": "a", "VALUE": "AQ=="}, {"KEY": "b", "VALUE": None}]
    assert record({"topic": "t", "key": 1, "value": None, "timestamp": 3, "window": windowed, "headers": headers}) == (
        DataRecord("t", 1, None, 3, (1, 5, True), (("a", b"\x01"), ("b", None)))
    )
