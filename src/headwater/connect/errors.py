"""What goes wrong in a connector, and what the worker does about it."""

from __future__ import annotations

from headwater.core.errors import HeadwaterError


class ConnectError(HeadwaterError):
    """The task cannot go on: it becomes FAILED, with this message and its cause as the trace in the status."""


class RetriableError(ConnectError):
    """The target or source is away for now: the same call is repeated after a growing pause, with the same records."""


class UsageError(HeadwaterError):
    """A request that cannot be done: unknown connector, name taken, wrong configuration. `status` is the HTTP code."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class MissingExtraError(ConnectError):
    """A connector needs a library that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs a library that is not installed: pip install 'headwater[{extra}]'")
