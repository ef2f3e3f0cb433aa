"""From a case as a JSON file spells it to its runs: one per format and configuration value."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from headwater.cases.model import DataRecord, ExpectedError, Run, Suite

_FORMAT = "{FORMAT}"
_CONFIG = "{CONFIG}"
_RUNNER_ONLY = frozenset({"use.exact.numeric.comparison"})
"""Properties that instruct a runner and are unknown to servers."""


def expand(suite: Suite, case_id: str, case: Mapping[str, Any], folder: Path) -> Iterator[Run]:
    """The runs of a case. Members that are not known are ignored."""
    properties = {str(k): text_of(v) for k, v in (case.get("properties") or {}).items() if k not in _RUNNER_ONLY}
    formats = case.get("format") or [None]
    for format_name in [formats] if isinstance(formats, str) else formats:
        for config in case.get("config") or [None]:
            statements = list(case.get("statements") or ())
            if format_name is not None:
                statements = [statement.replace(_FORMAT, format_name) for statement in statements]
            yield Run(
                suite,
                case_id,
                _label(case_id, format_name, config, properties),
                statements,
                folder,
                {k: text_of(config) if v == _CONFIG else v for k, v in properties.items()},
                [record(raw) for raw in case.get("inputs") or ()],
                [record(raw) for raw in case.get("outputs") or ()],
                [t if isinstance(t, Mapping) else {"name": t} for t in case.get("topics") or ()],
                expected_error(case.get("expectedException") or case.get("expectedError")),
                case,
                tuple(case.get("tags") or ()),
                "disabled" if case.get("enabled") is False else "",
            )


def _label(case_id: str, format_name: str | None, config: Any, properties: Mapping[str, str]) -> str:
    label = case_id
    if format_name is not None:
        label += f" [{format_name}]"
    if config is not None:
        label += "".join(f" [{k}={text_of(config)}]" for k, v in properties.items() if v == _CONFIG)
    return label


def record(raw: Mapping[str, Any]) -> DataRecord:
    """A record as cases spell it."""
    window = raw.get("window")
    bounds = None
    if window is not None:
        bounds = (int(window["start"]), int(window["end"]), str(window["type"]).lower() == "session")
    timestamp = raw.get("timestamp")
    return DataRecord(
        raw["topic"],
        raw.get("key"),
        raw.get("value"),
        None if timestamp is None else int(timestamp),
        bounds,
        tuple(_header(header) for header in raw.get("headers") or ()),
    )


def _header(raw: Mapping[str, Any]) -> tuple[str, bytes | None]:
    members = {name.upper(): value for name, value in raw.items()}
    value = members.get("VALUE")
    return members["KEY"], None if value is None else base64.b64decode(value)


def expected_error(raw: Mapping[str, Any] | None) -> ExpectedError | None:
    """What a case says of the refusal it expects."""
    if raw is None:
        return None
    status = raw.get("status")
    return ExpectedError(raw.get("message"), str(raw.get("type") or ""), None if status is None else int(status))


def text_of(value: object) -> str:
    """A property's value as text."""
    return str(value).lower() if isinstance(value, bool) else str(value)
