"""Which cases there are in files and folders, and which are selected."""

import json
from pathlib import Path
from typing import Any

import pytest

from headwater.cases.discovery import Selection, find_runs, three_files
from headwater.cases.model import ExpectedError, Suite
from headwater.core.errors import ConfigError
from tests.cases.support import DATA


def written(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_a_folder_holds_cases_of_every_kind() -> None:
    assert [(run.suite, run.case) for run in find_runs([DATA])] == [
        (Suite.CASES, "data/count-per-window"),
        (Suite.CASES, "data/filter-and-project"),
        (Suite.CASES, "data/join-orders"),
        (Suite.SQL, "script.sql::every insert runs through the whole graph"),
        (Suite.SQL, "script.sql::a table's deletion is a tombstone"),
        (Suite.SQL, "script.sql::an assertion that does not hold"),
        (Suite.SQL, "script.sql::a refusal"),
    ]


SUITES = [
    ("qtt/a.json", {}, Suite.QTT),
    ("rest/a.json", {}, Suite.REST),
    ("schema/a.json", {}, Suite.SCHEMA),
    ("any/a.json", {"inputs": []}, Suite.QTT),
    ("any/a.json", {"responses": []}, Suite.REST),
    ("any/a.json", {"schema": {}}, Suite.SCHEMA),
]


@pytest.mark.parametrize(("name", "members", "suite"), SUITES)
def test_a_suite_is_known_by_its_folder_or_its_members(
    tmp_path: Path, name: str, members: dict[str, object], suite: Suite
) -> None:
    path = written(tmp_path / name, {"tests": [{"name": "n", "statements": [], **members}]})
    assert [run.suite for run in find_runs([path])] == [suite]


def test_names_that_repeat_are_numbered_unless_cases_have_ids(tmp_path: Path) -> None:
    case = {"name": "n", "statements": []}
    path = written(tmp_path / "f.json", {"tests": [case, case, {**case, "id": "mine"}]})
    assert [run.case for run in find_runs([path])] == ["f.json::n", "f.json::n#2", "mine"]


def test_other_json_files_are_passed_over(tmp_path: Path) -> None:
    written(tmp_path / "inventory.json", {"totals": 5})
    written(tmp_path / "f.json", {"tests": [{"name": "n", "statements": []}]})
    assert [run.case for run in find_runs([tmp_path])] == ["f.json::n"]


def test_directives_of_scripts(tmp_path: Path) -> None:
    text = "-- about\n--@test: one\n--@Expected.Error: E\n--@expected.message: M m\n--@other: x\nA;\n--@test: two\nB;\n"
    first, second = find_runs([written(tmp_path / "s.sql", text)])
    assert first.expected_error == ExpectedError("M m", "E")
    assert "A;" in first.script
    assert "B;" not in first.script
    assert second.expected_error is None


NOTHING: list[tuple[str, object]] = [
    ("nowhere", None),
    ("empty.json", {"tests": []}),
    ("plain.sql", "SELECT 1;"),
    ("bad.json", "{"),
]


@pytest.mark.parametrize(("name", "content"), NOTHING)
def test_a_path_without_cases_is_an_error_that_names_it(tmp_path: Path, name: str, content: object) -> None:
    path = tmp_path / name
    if content is not None:
        written(path, content)
    with pytest.raises(ConfigError, match=name):
        list(find_runs([path]))


MALFORMED: list[tuple[object, str]] = [
    ({"inputs": [{"value": 1}]}, "there is no member 'topic'"),
    ({"inputs": [5]}, "'int' object"),
    ({"inputs": [{"topic": "t", "timestamp": "now"}]}, "invalid literal"),
    ({"inputs": 5}, "not iterable"),
]


@pytest.mark.parametrize(("members", "reason"), MALFORMED)
def test_a_case_that_is_not_as_it_should_be_is_named(tmp_path: Path, members: dict[str, Any], reason: str) -> None:
    path = written(tmp_path / "f.json", {"tests": [{"name": "the one", "statements": [], **members}]})
    with pytest.raises(ConfigError, match=f"f.json: the case 'the one' is not as it should be: .*{reason}"):
        list(find_runs([path]))
    files = [
        written(tmp_path / name, content) for name, content in (("s.sql", ""), ("i.json", members), ("o.json", {}))
    ]
    with pytest.raises(ConfigError, match=r"i\.json: `inputs` is not as it should be"):
        three_files(files[0], files[1], files[2], "n")


SELECTIONS = [
    (Selection(), 2),
    (Selection(cases=frozenset({"f.json::a"})), 1),
    (Selection(tags=frozenset({"x"})), 2),
    (Selection(tags=frozenset({"x", "y"})), 1),
    (Selection(text="F.JSON"), 2),
    (Selection(text="::b"), 1),
    (Selection(text="::b", tags=frozenset({"y"})), 0),
]


@pytest.mark.parametrize(("selection", "count"), SELECTIONS)
def test_selections(tmp_path: Path, selection: Selection, count: int) -> None:
    cases = [{"name": "a", "tags": ["x", "y"]}, {"name": "b", "tags": ["x"]}]
    path = written(tmp_path / "f.json", {"tests": cases})
    assert sum(selection.keeps(run) for run in find_runs([path])) == count
