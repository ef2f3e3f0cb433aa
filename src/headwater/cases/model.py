"""Test cases as data, and what running one gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any


class Suite(Enum):
    """How cases are executed and judged."""

    QTT = "qtt"
    """Statements, then queries run one after the other over the inputs."""
    CASES = "cases"
    """The same from three files: statements, inputs and outputs."""
    REST = "rest"
    """Statements, inputs and SELECTs as clients of the REST API send them."""
    SQL = "sql"
    """Scripts whose ASSERT statements judge; every INSERT runs through all queries at once."""
    SCHEMA = "schema"
    """An Avro schema whose random records must survive a query."""


class Verdict(Enum):
    """What a run of a case ends with, as `--json` reports it."""

    PASSED = "passed"
    FAILED = "failed"
    CRASH = "crash"
    REJECTED_EARLY = "rejected-early"
    SKIPPED = "skipped"


class Message(Enum):
    """How close the message of an expected failure came to the expected text."""

    EXACT = "message-exact"
    LOOSE = "message-loose"
    OTHER = "message-other"
    NONE = "no-message-expected"


@dataclass(frozen=True)
class Outcome:
    """How a run ended; `reason` is a finer verdict (`fail-records`, `unsupported`, …), `detail` for a person.

    `lexeme_difference` names a number that is equal to the expected one but written in other digits.
    """

    verdict: Verdict
    reason: str = ""
    detail: str = ""
    message: Message | None = None
    lexeme_difference: str = ""


@dataclass(frozen=True)
class Result:
    """The outcome of one run of one case."""

    suite: Suite
    case: str
    run: str
    outcome: Outcome
    seconds: float = 0.0

    def as_json(self) -> dict[str, object]:
        """The shape of a line of `--json` files."""
        outcome = self.outcome
        row: dict[str, object] = {
            "id": self.case,
            "run": self.run,
            "suite": self.suite.value,
            "result": outcome.verdict.value,
            "detail": outcome.detail,
        }
        if outcome.reason:
            row["reason"] = outcome.reason
        if outcome.message is not None:
            row["message"] = outcome.message.value
        if outcome.lexeme_difference:
            row["lexeme"] = outcome.lexeme_difference
        return row


@dataclass(frozen=True)
class DataRecord:
    """A record of a case in format-neutral JSON; `window` is (start ms, end ms, is_session), `timestamp` None: any."""

    topic: str
    key: Any
    value: Any
    timestamp: int | None
    window: tuple[int, int, bool] | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(frozen=True)
class ExpectedError:
    """That a case must be refused. `kind` is the class the original throws; it only matters where suites say so."""

    message: str | None = None
    kind: str = ""
    status: int | None = None


@dataclass(frozen=True)
class Run:
    """One run of a case: its statements and data after expansion. `raw` is the case as the file has it."""

    suite: Suite
    case: str
    name: str
    statements: Sequence[str]
    folder: Path
    properties: Mapping[str, str] = field(default_factory=dict)
    inputs: Sequence[DataRecord] = ()
    outputs: Sequence[DataRecord] = ()
    topics: Sequence[Mapping[str, Any]] = ()
    expected_error: ExpectedError | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    skip: str = ""

    @property
    def script(self) -> str:
        """The joined script: positions in messages count in it."""
        return "\n".join(self.statements)
