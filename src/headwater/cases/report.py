"""What people and programs are told about a test run: progress, a line per failure, a summary, JSON lines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from headwater.cases.model import Message, Result, Suite, Verdict

_DETAIL_LENGTH = 300
FAILURES = (Verdict.FAILED, Verdict.CRASH, Verdict.REJECTED_EARLY)


@dataclass
class SuiteSummary:
    """Counts of one suite. A case passes when all its runs that are not skipped pass."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    messages: Counter[Message] = field(default_factory=Counter)
    other_lexemes: int = 0
    seconds: float = 0.0

    def add(self, result: Result) -> None:
        """Count one result."""
        self.verdicts[result.outcome.verdict] += 1
        self.seconds += result.seconds
        self.other_lexemes += bool(result.outcome.lexeme_difference)
        if result.outcome.verdict in FAILURES:
            self.reasons[result.outcome.reason or result.outcome.verdict.value] += 1
        if result.outcome.message is not None:
            self.messages[result.outcome.message] += 1

    @property
    def failed(self) -> int:
        """Everything that neither passed nor was skipped."""
        return sum(self.verdicts[verdict] for verdict in FAILURES)


@dataclass
class Summary:
    """All results of a test run."""

    suites: dict[Suite, SuiteSummary] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Count one result."""
        self.results.append(result)
        self.suites.setdefault(result.suite, SuiteSummary()).add(result)

    def count(self, *verdicts: Verdict) -> int:
        """Runs that ended with one of these verdicts."""
        return sum(suite.verdicts[verdict] for suite in self.suites.values() for verdict in verdicts)

    @property
    def failed(self) -> int:
        """Everything that neither passed nor was skipped."""
        return self.count(*FAILURES)

    def lines(self) -> Iterable[str]:
        """One line per suite: counts, causes of failure, and how close messages of expected failures are."""
        for suite, counted in sorted(self.suites.items(), key=lambda item: item[0].value):
            passed, skipped = counted.verdicts[Verdict.PASSED], counted.verdicts[Verdict.SKIPPED]
            line = f"{suite.value}: {passed} passed, {counted.failed} failed, {skipped} skipped"
            if counted.reasons:
                line += " (" + ", ".join(f"{n} {reason}" for reason, n in counted.reasons.most_common()) + ")"
            judged = sum(counted.messages.values()) - counted.messages[Message.NONE]
            if judged:
                exact, loose = counted.messages[Message.EXACT], counted.messages[Message.LOOSE]
                line += f"; messages: {exact / judged:.0%} exact, {loose / judged:.0%} loose of {judged}"
            if counted.other_lexemes:
                line += f"; numbers spelled differently in {counted.other_lexemes}"
            yield line

    @property
    def last_line(self) -> str:
        """The line that programs may rely on."""
        skipped = self.count(Verdict.SKIPPED)
        return f"{self.count(Verdict.PASSED)} passed, {self.failed} failed, {skipped} skipped"


def failure_line(result: Result) -> str:
    """About a run that did not pass: one line, and below it what points into a statement of one's own."""
    outcome = result.outcome
    if result.suite is Suite.CASES and "\n" in outcome.detail:
        below = "".join(f"\n    {line}" for line in outcome.detail.splitlines())
        return f"{outcome.reason or outcome.verdict.value}  {result.run}{below}"
    detail = " ".join(outcome.detail.split())
    if len(detail) > _DETAIL_LENGTH:
        detail = detail[:_DETAIL_LENGTH] + "…"
    return f"{outcome.reason or outcome.verdict.value}  {result.run}  {detail}"


def write_json(results: Iterable[Result], path: Path) -> None:
    """One JSON object per line and run, ordered by name."""
    with path.open("w", encoding="utf-8") as file:
        for result in sorted(results, key=lambda r: (r.suite.value, r.run)):
            file.write(json.dumps(result.as_json(), ensure_ascii=False) + "\n")
