"""Background work goes on after any error, and says when it does not work."""

from __future__ import annotations

import asyncio
import logging

import pytest

from headwater.core.supervisor import Supervised
from headwater.testing.clock import ManualClock


class Work:
    """Rounds of a second; those in `failing` fail."""

    def __init__(self, clock: ManualClock, *failing: int) -> None:
        self.clock, self.failing = clock, failing
        self.rounds: list[int] = []
        """When each round ended, in seconds."""

    async def round(self) -> None:
        await self.clock.sleep(1)
        self.rounds.append(round(self.clock.monotonic()))
        if len(self.rounds) in self.failing:
            raise RuntimeError(f"round {len(self.rounds)}")


async def pass_seconds(clock: ManualClock, seconds: int) -> None:
    for _ in range(seconds):
        await clock.until_sleeping()
        clock.advance(1_000)
    await clock.until_sleeping()


async def test_rounds_follow_each_other_and_failures_delay_the_next(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    work = Work(clock, 2, 3, 4, 6)
    supervised = Supervised("upkeep", clock, work.round)
    supervised.start()
    with caplog.at_level(logging.ERROR):
        await pass_seconds(clock, 17)
    assert work.rounds == [1, 2, 4, 7, 12, 13, 15, 16, 17]
    failures = [record.getMessage() for record in caplog.records]
    assert failures[:3] == [f"upkeep failed; it goes on in {seconds} s" for seconds in (1, 2, 4)]
    assert caplog.records[0].exc_info is not None
    await supervised.close()


async def test_a_failure_is_a_problem_until_a_round_succeeds() -> None:
    clock = ManualClock()
    supervised = Supervised("upkeep", clock, Work(clock, 1).round)
    assert supervised.healthy
    supervised.start()
    await pass_seconds(clock, 1)
    assert (supervised.healthy, supervised.problem) == (False, "round 1")
    await pass_seconds(clock, 2)
    assert (supervised.healthy, supervised.problem) == (True, None)
    await supervised.close()


async def test_nothing_runs_after_the_end() -> None:
    clock = ManualClock()
    supervised = Supervised("upkeep", clock, Work(clock).round)
    await supervised.close()
    supervised.start()
    await clock.until_sleeping()
    await supervised.close()
    await supervised.close()
    assert [task.get_name() for task in asyncio.all_tasks()].count("upkeep") == 0
