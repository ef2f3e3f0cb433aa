"""Trying again what may succeed later."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from headwater.connect.config import Config
from headwater.connect.errors import ConnectError, RetriableError
from headwater.core.clock import Clock

T = TypeVar("T")
FIRST_DELAY_MS = 300
"""As Kafka Connect has it (KIP-298); each further pause is twice as long."""
DEFAULT_TIMEOUT_MS = 300_000
"""A restart of a server or a lost network is over in 5 minutes, or somebody has to know."""
FOREVER = -1


@dataclass(frozen=True)
class RetryPolicy:
    """How long is tried, and the longest pause, in ms."""

    timeout_ms: int = DEFAULT_TIMEOUT_MS
    max_delay_ms: int = 60_000

    @classmethod
    def of(cls, config: Config) -> RetryPolicy:
        """From `errors.retry.timeout` and `errors.retry.delay.max.ms`."""
        timeout = config.get("errors.retry.timeout")
        return cls(DEFAULT_TIMEOUT_MS if timeout is None else int(timeout), config.integer("errors.retry.delay.max.ms"))

    def delay_ms(self, attempt: int) -> int:
        """The pause after a failed attempt, 0 being the first."""
        return min(FIRST_DELAY_MS << min(attempt, 40), self.max_delay_ms)

    def allows(self, waited_ms: float) -> bool:
        """Whether another pause may begin when so much time has gone by since the first failure."""
        return self.timeout_ms == FOREVER or waited_ms < self.timeout_ms


class Retrier:
    """Repeats calls of one task. `sleep` is a pause that can be interrupted; `notice` gets the error that is waited
    out, and None when the call has succeeded after all."""

    def __init__(
        self,
        policy: RetryPolicy,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
        notice: Callable[[Exception | None], None],
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._sleep = sleep
        self._notice = notice

    async def call(self, what: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """What `attempt` returns. After `RetriableError` it is called again, with growing pauses.

        Raises `ConnectError` when the policy's time is over, and whatever else `attempt` or the pause raises.
        """
        failures, since = 0, 0.0
        while True:
            try:
                result = await attempt()
            except RetriableError as error:
                now = self._clock.monotonic()
                since = since or now
                if not self._policy.allows((now - since) * 1000):
                    raise ConnectError(
                        f"Gave up to {what} after {failures + 1} tries in {now - since:.0f} s: {error}"
                    ) from error
                self._notice(error)
                await self._sleep(self._policy.delay_ms(failures) / 1000)
                failures += 1
            else:
                if failures:
                    self._notice(None)
                return result
