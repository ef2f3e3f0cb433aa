"""Records that cannot be handled: the stage where it went wrong, whether it is tolerated, and what is told about it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from headwater.connect.config import HIDDEN, Config
from headwater.connect.errors import ConnectError, RetriableError
from headwater.core.errors import DataError, HeadwaterError

LOGGER = logging.getLogger("headwater.connect.errors")
_SHORTEST_SECRET = 4
"""Shorter values are in every text by chance."""


class Stage(StrEnum):
    """Steps of a record's way, as Kafka Connect names them in its dead-letter headers (KIP-298)."""

    KEY_CONVERTER = "KEY_CONVERTER"
    VALUE_CONVERTER = "VALUE_CONVERTER"
    HEADER_CONVERTER = "HEADER_CONVERTER"
    TRANSFORMATION = "TRANSFORMATION"
    TASK_PUT = "TASK_PUT"
    TASK_POLL = "TASK_POLL"


_SAID = {
    Stage.KEY_CONVERTER: "converting its key",
    Stage.VALUE_CONVERTER: "converting its value",
    Stage.HEADER_CONVERTER: "converting its headers",
    Stage.TRANSFORMATION: "transforming it",
    Stage.TASK_PUT: "delivering it",
    Stage.TASK_POLL: "reading it",
}


_REMEDY = {
    Stage.KEY_CONVERTER: "key.converter says how keys are read, StringConverter for texts; ",
    Stage.VALUE_CONVERTER: "value.converter says how values are read; ",
}


@dataclass(frozen=True)
class Failure:
    """Why one record was not handled; `class_name` is the converter, transformation or task that refused it."""

    stage: Stage
    class_name: str
    error: Exception


@dataclass(frozen=True)
class Tolerance:
    """What a connector's configuration says about bad records."""

    tolerates: bool
    logs: bool
    logs_messages: bool

    @classmethod
    def of(cls, config: Config) -> Tolerance:
        """From `errors.tolerance` and `errors.log.*`."""
        return cls(
            config.text("errors.tolerance") == "all",
            config.flag("errors.log.enable"),
            config.flag("errors.log.include.messages"),
        )

    def judge(self, task: str, failure: Failure, record: str) -> None:
        """Log where asked for. Raises `ConnectError` where errors are not tolerated; `record` says which one it is."""
        if self.logs:
            which = f" The record is {record}." if self.logs_messages else ""
            LOGGER.error(
                "Error encountered in task %s. Executing stage '%s' with class '%s'.%s %s: %s",
                task, failure.stage, failure.class_name, which, type(failure.error).__name__, failure.error,
            )  # fmt: skip
        if not self.tolerates:
            raise ConnectError(
                f"Tolerance exceeded in error handler: {_SAID[failure.stage]} failed for {record}: {failure.error} "
                f"({_REMEDY.get(failure.stage, '')}errors.tolerance=all skips such records)"
            ) from failure.error


def java_name(error: Exception) -> str:
    """The class that the original would name, where there is one that everybody knows."""
    if isinstance(error, DataError):
        return "org.apache.kafka.connect.errors.DataException"
    if isinstance(error, RetriableError):
        return "org.apache.kafka.connect.errors.RetriableException"
    if isinstance(error, ConnectError):
        return "org.apache.kafka.connect.errors.ConnectException"
    return f"{type(error).__module__}.{type(error).__qualname__}"


def trace(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """An error as a status shows it: it and its causes, a line each; of a defect also where it is. Secrets are
    hidden."""
    lines: list[str] = []
    current: BaseException | None = error
    while current is not None:
        name = java_name(current) if isinstance(current, Exception) else type(current).__name__
        words = f"{name}: {current}" if str(current) else name
        lines.append(f"Caused by: {words}" if lines else words)
        if not isinstance(current, HeadwaterError | OSError):
            lines += [f"\tat {f.filename}:{f.lineno} in {f.name}" for f in traceback.extract_tb(current.__traceback__)]
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return hide("\n".join(lines), secrets)


def hide(text: str, secrets: Iterable[str]) -> str:
    """The text with stars for each secret."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    return text
