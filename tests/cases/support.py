"""Runs of cases that tests write down as Python data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headwater.cases.execution import execute
from headwater.cases.expansion import expand
from headwater.cases.model import Outcome, Run, Suite, Verdict
from headwater.plan.functions import builtin_functions

DATA = Path(__file__).parent / "data"


def runs_of(case: dict[str, Any], suite: Suite = Suite.QTT) -> list[Run]:
    return list(expand(suite, "file.json::case", case, DATA))


def outcome_of(case: dict[str, Any], suite: Suite = Suite.QTT) -> Outcome:
    """Of a case with one run."""
    (run,) = runs_of(case, suite)
    return execute(run, builtin_functions()).outcome


def verdict_of(case: dict[str, Any], suite: Suite = Suite.QTT) -> Verdict:
    return outcome_of(case, suite).verdict
