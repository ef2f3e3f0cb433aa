"""Rate limits: how many requests of a kind a server takes."""

from __future__ import annotations

from headwater.core.clock import Clock
from headwater.engine.errors import ErrorCode, RequestError

_OFF = 1e9
"""Limits of this many per second and more are none: no clock is read for them."""


class RateLimit:
    """At most `per_second` on average, in bursts of at most one second's worth. `name` is the property behind it."""

    def __init__(self, name: str, per_second: float, clock: Clock) -> None:
        self._name = name
        self._rate = per_second
        self._clock = clock
        self._tokens = max(per_second, 1.0)
        self._at = clock.monotonic()

    def admit(self) -> None:
        """Count one; raises `RequestError` (42900) when it is one too many."""
        if self._rate >= _OFF:
            return
        now = self._clock.monotonic()
        self._tokens = min(max(self._rate, 1.0), self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1.0:
            raise RequestError(
                f"Host is at rate limit: {self._name} is {self._rate:g} a second. Try again later.",
                ErrorCode.RATE_LIMIT,
            )
        self._tokens -= 1.0
