"""Whether the storage takes what is to be written; whoever runs the node is told when that ends and comes back."""

from __future__ import annotations

import logging

from headwater.core.clock import Clock
from headwater.log.errors import StorageError

logger = logging.getLogger(__name__)

_REMIND_S = 60.0
"""Between two warnings while writes are refused: a full disk refuses thousands a second."""


_QUIET_S = 30.0
"""How long nothing must have been refused before a write that succeeds means that all is well: on a nearly full disk
small writes still succeed between large ones that do not."""


class WriteHealth:
    """Counts refused writes, from the first to one that succeeds after a while without any."""

    __slots__ = ("_clock", "_count", "_last", "_remind_at", "_since", "failure")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.failure: StorageError | None = None
        """Why a write was refused lately; None if none was."""
        self._count = 0
        self._since = self._last = self._remind_at = 0.0

    def refused(self, error: StorageError) -> None:
        """A write failed and was taken back."""
        now = self._clock.monotonic()
        if self.failure is None:
            self._count, self._since, self._remind_at = 0, now, now
        self.failure = error
        self._last = now
        self._count += 1
        if now >= self._remind_at:
            self._remind_at = now + _REMIND_S
            logger.warning("Writes to the log are refused (%d so far): %s", self._count, error)

    def accepted(self) -> None:
        """A write succeeded; of interest while `failure` is set."""
        if self.failure is not None and self._clock.monotonic() - self._last >= _QUIET_S:
            self.failure = None
            # A warning too: whoever saw the first must see that it is over.
            logger.warning(
                "The log can be written again; %d writes were refused in %.0f s", self._count, self._last - self._since
            )
