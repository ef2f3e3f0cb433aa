"""The cases of the folder `data`, and what the command says about them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from headwater.cases.discovery import find_runs
from headwater.cases.execution import execute
from headwater.cases.model import Run, Verdict
from headwater.cli.main import app
from headwater.plan.functions import builtin_functions
from tests.cases.support import DATA


@pytest.mark.parametrize("run", list(find_runs([DATA])), ids=lambda run: run.name)
def test_case(run: Run) -> None:
    outcome = execute(run, builtin_functions()).outcome
    assert outcome.verdict is Verdict.PASSED, outcome.detail


def test_the_command_counts_and_succeeds() -> None:
    answer = CliRunner().invoke(app, ["test", str(DATA), "-j", "1"])
    assert answer.exit_code == 0
    assert answer.output.splitlines()[-1] == "7 passed, 0 failed, 0 skipped"


def test_the_command_tells_the_first_difference_and_writes_one_object_per_run(tmp_path: Path) -> None:
    folder = DATA / "filter-and-project"
    wrong = tmp_path / "output.json"
    wrong.write_text('{"outputs": [{"topic": "HOT", "key": "b", "value": null}]}', encoding="utf-8")
    report = tmp_path / "report.jsonl"
    files = ["-s", str(folder / "statements.sql"), "-i", str(folder / "input.json"), "-o", str(wrong)]
    answer = CliRunner().invoke(app, ["test", *files, "--json", str(report), "-j", "1"])
    assert answer.exit_code == 1
    assert "HOT[0] value: expected None, found {'FAHRENHEIT': 104.0, 'PLACE': 'ROOF'}" in answer.output
    assert answer.output.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"
    (line,) = report.read_text(encoding="utf-8").splitlines()
    row = json.loads(line)
    assert row["result"] == "failed"
    assert row["reason"] == "fail-records"
    assert row["detail"].startswith("HOT[0] value: ")


def test_workers_give_the_same_results() -> None:
    answer = CliRunner().invoke(app, ["test", str(DATA), str(DATA), "-j", "2"])
    assert answer.output.splitlines()[-1] == "14 passed, 0 failed, 0 skipped"
