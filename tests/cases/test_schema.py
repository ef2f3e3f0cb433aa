"""Schema tests: random Avro records pass a query over inferred columns unchanged."""

import json
import random
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from headwater.cases.model import Suite, Verdict
from headwater.cases.schema import expected, random_value, statements
from headwater.cli.main import app
from tests.cases.support import outcome_of

SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "all",
    "fields": [
        {"name": "number", "type": "long"},
        {"name": "maybe", "type": ["null", "string"]},
        {"name": "either", "type": ["int", "string", "boolean"]},
        {"name": "colour", "type": {"type": "enum", "name": "colours", "symbols": ["RED", "BLUE"]}},
        {"name": "inner", "type": {"type": "record", "name": "pair", "fields": [{"name": "x", "type": "double"}]}},
        {"name": "list", "type": {"type": "array", "items": "pair"}},
        {"name": "map", "type": {"type": "map", "values": "int"}},
    ],
}


def test_random_records_come_out_as_they_went_in() -> None:
    outcome = outcome_of({"name": "n", "format": "AVRO", "schema": SCHEMA}, Suite.SCHEMA)
    assert outcome.verdict is Verdict.PASSED, outcome.detail


def test_random_values_are_the_same_for_the_same_seed() -> None:
    assert random_value(SCHEMA, {}, random.Random(7)) == random_value(SCHEMA, {}, random.Random(7))


def test_a_union_of_several_types_is_expected_as_a_struct() -> None:
    assert expected(["int", "null", "string"], {}, ("string", "x"), exact=False) == {"INT": None, "STRING": "x"}
    assert expected(["int", "null"], {}, 5, exact=False) == 5


def test_names_keep_their_case_where_the_schema_is_given_by_its_id() -> None:
    schema = {"type": "record", "name": "r", "fields": [{"name": "aB", "type": "int"}]}
    assert "VALUE_SCHEMA_ID=3" in statements(schema, 3, exact=True)
    assert "SELECT ROWKEY, `aB` FROM" in statements(schema, 3, exact=True)
    assert "SELECT ROWKEY, `AB` FROM" in statements(schema, 3, exact=False)


def test_the_command_runs_random_data_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "schema" / "case.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"tests": [{"name": "n", "format": "AVRO", "schema": SCHEMA}]}), encoding="utf-8")
    assert CliRunner().invoke(app, ["test", str(path)]).output.endswith("0 passed, 0 failed, 1 skipped\n")
    asked = CliRunner().invoke(app, ["test", str(path), "--random-data"])
    assert asked.output.endswith("1 passed, 0 failed, 0 skipped\n")
