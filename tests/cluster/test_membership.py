"""Members of a group: what keeps a membership, and what ends it. The broker's time and the members' is the test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from headwater.broker.groups.classic_group import ClassicGroup
from headwater.cluster.kafka import KafkaCluster
from headwater.cluster.remote.membership import HEARTBEAT_SECONDS, GroupProtocol, Membership
from headwater.core.settings import ClusterSettings
from headwater.testing import ManualClock
from tests.broker.server import Running, running_broker, until
from tests.broker.support import ManualTime

SESSION_SECONDS = 10


@dataclass
class Member:
    """A member that takes down what it is told, and takes as long over it as the test wants."""

    clock: ManualClock
    told: list[str] = field(default_factory=list)
    may_begin: asyncio.Event = field(default_factory=asyncio.Event)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    last_poll: Callable[[], float] | None = None

    async def assigned(self, part: bytes) -> None:
        self.told.append(f"begin {part.decode()}")
        await self.may_begin.wait()
        self.told.append(f"begun {part.decode()}")

    async def revoked(self) -> None:
        self.told.append("end")
        await self.may_end.wait()
        self.told.append("ended")

    def protocol(self) -> GroupProtocol:
        return GroupProtocol(
            "g", "test", "t", b"", _count, self.assigned, self.revoked, SESSION_SECONDS * 1000, 60_000, self.last_poll
        )


def _count(members: Mapping[str, bytes]) -> dict[str, bytes]:
    return dict.fromkeys(members, b"1 of %d" % len(members))


class Time:
    """Moves the broker's timers and the members' clock together, one heartbeat at a time."""

    def __init__(self, broker: Running, timers: ManualTime, clock: ManualClock) -> None:
        self.broker = broker
        self.clock = clock
        self._timers = timers

    def members(self) -> int:
        group = self.broker.broker.groups.groups.get("g")
        return len(group.members) if isinstance(group, ClassicGroup) else 0

    async def pass_(self, seconds: float) -> None:
        """Let the time pass in steps of a heartbeat, each of which has arrived before the next one begins."""
        for _ in range(int(seconds // HEARTBEAT_SECONDS)):
            await self.begin_heartbeat()
            await until(lambda: self.clock.sleeping == 1)  # the broker has answered, and the next pause has begun
            self._timers.advance(HEARTBEAT_SECONDS)

    async def begin_heartbeat(self) -> None:
        await until(lambda: self.clock.sleeping == 1)
        self.clock.advance(int(HEARTBEAT_SECONDS * 1000))


@pytest.fixture
async def time() -> AsyncIterator[Time]:
    timers, clock = ManualTime(), ManualClock()
    async with running_broker(timers=timers) as broker:
        yield Time(broker, timers, clock)


@asynccontextmanager
async def joined(time: Time, member: Member) -> AsyncIterator[Membership]:
    cluster = KafkaCluster(ClusterSettings(bootstrap_servers=time.broker.address), time.clock)
    await cluster.start()
    membership = cluster.member(member.protocol())
    membership.start()
    try:
        yield membership
    finally:
        member.may_begin.set()
        member.may_end.set()
        await membership.close()
        await cluster.close()


async def test_a_member_that_takes_long_over_its_part_stays_one(time: Time) -> None:
    member = Member(time.clock)
    async with joined(time, member):
        await until(lambda: member.told == ["begin 1 of 1"])
        await time.pass_(5 * SESSION_SECONDS)
        assert time.members() == 1
        member.may_begin.set()
        await until(lambda: member.told == ["begin 1 of 1", "begun 1 of 1"])


async def test_a_member_joins_again_when_what_it_had_has_ended(time: Time) -> None:
    first, second = Member(time.clock), Member(time.clock)
    first.may_begin.set()
    async with joined(time, first):
        await until(lambda: first.told == ["begin 1 of 1", "begun 1 of 1"])
        async with joined(time, second):
            await until(lambda: time.members() == 2)
            await time.pass_(3 * SESSION_SECONDS)
            assert first.told[2:] == ["end"]
            assert second.told == []
            first.may_end.set()
            await until(lambda: second.told == ["begin 1 of 2"])
            await until(lambda: first.told[3:] == ["ended", "begin 1 of 2", "begun 1 of 2"])


async def test_a_member_whose_work_stands_still_leaves(time: Time) -> None:
    polled = time.clock.monotonic()
    member = Member(time.clock, last_poll=lambda: polled)
    member.may_begin.set()
    async with joined(time, member):
        await until(lambda: len(member.told) == 2)
        await time.pass_(60)
        assert (time.members(), member.told[2:]) == (1, [])
        await time.pass_(2 * HEARTBEAT_SECONDS)
        assert (time.members(), member.told[2:]) == (0, ["end"])
        polled = time.clock.monotonic()
        member.may_end.set()
        await until(lambda: member.told[3:] == ["ended", "begin 1 of 1", "begun 1 of 1"])


async def test_a_part_that_cannot_be_taken_up_is_given_back(time: Time) -> None:
    class Unable(Member):
        async def assigned(self, part: bytes) -> None:
            self.told.append("tried")
            raise ValueError("no")

    member = Unable(time.clock)
    member.may_end.set()
    async with joined(time, member) as membership:
        await until(lambda: member.told == ["tried", "end", "ended"])
        assert membership.background.problem == "no"
        time.clock.advance(2_000)
        await until(lambda: len(member.told) >= 4)


class Relay:
    """Stands between a broker and its clients, and keeps answers to itself while it is told to."""

    def __init__(self) -> None:
        self.broker_port = 0
        self.is_silent = False
        self.kept = 0
        """Answers that were not passed on."""
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """The port for clients."""
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        answers, questions = await asyncio.open_connection("127.0.0.1", self.broker_port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(reader, questions, is_answer=False))
                both.create_task(self._pass(answers, writer, is_answer=True))
        finally:
            writer.close()
            questions.close()

    async def _pass(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, *, is_answer: bool) -> None:
        while data := await source.read(65_536):
            if is_answer and self.is_silent:
                self.kept += 1
            else:
                to.write(data)
        to.close()


async def test_an_answer_that_is_lost_does_not_cost_the_membership(monkeypatch: pytest.MonkeyPatch) -> None:
    relay, timers, clock = Relay(), ManualTime(), ManualClock()
    async with relay.listening() as port, running_broker(timers=timers, advertised=("127.0.0.1", port)) as broker:
        relay.broker_port = broker.port
        time, member = Time(broker, timers, clock), Member(clock)
        member.may_begin.set()
        async with joined(time, member):
            await until(lambda: len(member.told) == 2)
            with monkeypatch.context() as patch:
                loop = asyncio.get_running_loop()
                now = loop.time()
                patch.setattr(loop, "time", lambda: now)  # only the test moves the time of the member's limits
                relay.is_silent = True
                await time.begin_heartbeat()
                await until(lambda: relay.kept == 1)
                relay.is_silent = False
                now += SESSION_SECONDS / 3
                timers.advance(SESSION_SECONDS / 3)
                await clock.until_sleeping()  # the answer is not waited for any more
                clock.advance(200)
                await until(lambda: clock.sleeping == 1)  # it was heard, with no pause before
            timers.advance(SESSION_SECONDS - 1)
            assert (time.members(), member.told) == (1, ["begin 1 of 1", "begun 1 of 1"])
