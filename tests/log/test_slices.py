"""Turns on the event loop: one slice of work, then rounds for everybody else."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from itertools import pairwise

from headwater.log.slices import next_turn, run, run_in_slices


async def worker(name: str, seen: list[str], slices: int) -> None:
    for _ in range(slices):
        await next_turn()
        seen.append(name)


async def test_a_request_of_several_rounds_is_through_before_the_next_slice() -> None:
    seen: list[str] = []
    working = asyncio.create_task(worker("slice", seen, 3))
    while not seen:  # noqa: ASYNC110 - it is rounds that are counted
        await asyncio.sleep(0)
    for step in ("read", "synced", "answered"):
        await asyncio.sleep(0)
        seen.append(step)
    await working
    assert seen == ["slice", "read", "synced", "answered", "slice", "slice"]


async def test_those_who_compute_take_turns_however_many_they_are() -> None:
    seen: list[str] = []
    await asyncio.gather(*(worker(name, seen, 3) for name in "abc"))
    assert "".join(seen) == "abcabcabc"


async def test_only_one_slice_runs_between_the_rounds_of_others() -> None:
    rounds: list[int] = []
    now = 0

    async def compute() -> None:
        for _ in range(4):
            await next_turn()
            rounds.append(now)

    computing = asyncio.gather(*(compute() for _ in range(5)))
    while not computing.done():
        await asyncio.sleep(0)
        now += 1
    assert len(rounds) == 20
    assert all(after - before >= 3 for before, after in pairwise(rounds))


async def test_who_is_cancelled_while_waiting_passes_the_turn_on() -> None:
    seen: list[str] = []
    gone = asyncio.create_task(worker("gone", seen, 1))
    stays = asyncio.create_task(worker("stays", seen, 1))
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    assert seen == ["stays"]


def test_each_loop_has_turns_of_its_own() -> None:
    for _ in range(2):
        seen: list[str] = []
        asyncio.run(worker("once", seen, 1))
        assert seen == ["once"]


async def test_steps_give_the_same_result_at_once_and_in_slices() -> None:
    def steps() -> Generator[None, None, int]:
        total = 0
        for number in range(100):
            total += number
            yield
        return total

    assert run(steps()) == await run_in_slices(steps(), 0.0) == 4950
