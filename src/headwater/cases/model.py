"""Test cases as data, and what running one gives."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any


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
class Result:
    """The outcome of one run; `reason` is a finer verdict (`fail-records`, `unsupported`, …), `detail` for a person."""

    case: str
    run: str
    verdict: Verdict
    reason: str = ""
    detail: str = ""
    message: Message | None = None
    tags: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The shape of `--json` files."""
        row: dict[str, object] = {"id": self.case, "run": self.run, "result": self.verdict.value, "detail": self.detail}
        if self.reason:
            row["reason"] = self.reason
        if self.message is not None:
            row["message"] = self.message.value
        return row


@dataclass(frozen=True)
class DataRecord:
    """A record of a case; `window` is (start, end, is_session)."""

    topic: str
    key: Any
    value: Any
    timestamp: int | None
    window: tuple[int, int, bool] | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(frozen=True)
class Run:
    """One run of a case: its statements and data after expansion. `suite` is qtt, rest or sql."""

    suite: str
    case: str
    name: str
    statements: Sequence[str]
    properties: Mapping[str, str]
    inputs: Sequence[DataRecord]
    outputs: Sequence[DataRecord]
    topics: Sequence[Mapping[str, Any]]
    raw: Mapping[str, Any]
    tags: tuple[str, ...] = ()
    skip: str = ""

    @property
    def script(self) -> str:
        """The joined script: positions in messages count in it."""
        return "\n".join(self.statements)


@dataclass
class Tally:
    """Counts of verdicts."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    results: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        self.results.append(result)
        if result.verdict is Verdict.PASSED:
            self.passed += 1
        elif result.verdict is Verdict.SKIPPED:
            self.skipped += 1
        else:
            self.failed += 1

    @property
    def line(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def read_json(path: Path) -> Any:
    """JSON with numbers kept exact: fractions become `Decimal`."""
    with path.open(encoding="utf-8") as file:
        return json.load(file, parse_float=Decimal)


def record(raw: Mapping[str, Any]) -> DataRecord:
    """A record as cases spell it."""
    import base64

    window = raw.get("window")
    headers = tuple(
        (h.get("KEY", h.get("key")), None if (v := h.get("VALUE", h.get("value"))) is None else base64.b64decode(v))
        for h in raw.get("headers") or ()
    )
    bounds = None
    if window is not None:
        bounds = (int(window["start"]), int(window["end"]), str(window["type"]).lower() == "session")
    timestamp = raw.get("timestamp")
    return DataRecord(
        raw["topic"], raw.get("key"), raw.get("value"), None if timestamp is None else int(timestamp), bounds, headers)


def expand(suite: str, case: Mapping[str, Any]) -> Iterator[Run]:
    """The runs of a case: one per format and config value."""
    name = case["id"]
    properties = {str(k): _text(v) for k, v in (case.get("properties") or {}).items()}
    for format_name in case.get("format") or [None]:
        for config in case.get("config") or [None]:
            statements = [s if format_name is None else s.replace("{FORMAT}", format_name) for s in case.get("statements") or ()]
            settings = {k: _text(config) if v == "{CONFIG}" else v for k, v in properties.items()}
            label = name
            if format_name is not None:
                label += f" [{format_name}]"
            if config is not None:
                label += "".join(f" [{k}={_text(config)}]" for k, v in properties.items() if v == "{CONFIG}")
            yield Run(
                suite, name, label, statements, settings,
                [record(r) for r in case.get("inputs") or ()], [record(r) for r in case.get("outputs") or ()],
                case.get("topics") or (), case, tuple(case.get("tags") or ()),
                "disabled" if case.get("enabled") is False else "",
            )  # fmt: skip


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
