"""The conformance suites, where they lie beside the repository: as many runs pass as `floors.toml` says."""

import tomllib
from pathlib import Path

import pytest

from headwater.cases.discovery import find_runs
from headwater.cases.model import Suite, Verdict
from headwater.cases.pool import Workers
from headwater.cases.report import FAILURES, Summary, failure_line

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "conformance"
EXTENSIONS = ROOT / "tests" / "extensions"
FLOORS: dict[str, int] = tomllib.loads((Path(__file__).parent / "floors.toml").read_text(encoding="utf-8"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not DATA.is_dir(), reason="there is no ../shared/conformance beside the repository"),
]


@pytest.mark.parametrize("suite", [Suite.QTT, Suite.REST, Suite.SQL], ids=lambda suite: suite.value)
def test_suite(suite: Suite) -> None:
    summary = Summary()
    for result in Workers(2, EXTENSIONS).run(list(find_runs([DATA / suite.value]))):
        summary.add(result)
    failures = [failure_line(result) for result in summary.results if result.outcome.verdict in FAILURES]
    passed, floor = summary.count(Verdict.PASSED), FLOORS[suite.value]
    assert passed >= floor, "\n".join([f"{passed} passed instead of {floor}", *summary.lines(), *failures])
