"""Fetch sessions (KIP-227): after the first, requests and answers say only what has changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from headwater.broker.errors import Code
from headwater.broker.fetch_sessions import EVICTION_SECONDS, FetchSession, FetchSessions, TopicKey, Wanted
from headwater.wire.messages import FetchRequest, FetchResponse
from headwater.wire.records import build_batch
from tests.broker.server import RawClient, Running, running_broker
from tests.broker.support import ManualTime

BATCH = build_batch([(b"k", b"v", 1, ())])
VERSION = 12
WITH_IDS = 13


class Reader:
    """A client with one session."""

    def __init__(self, running: Running, client: RawClient, version: int = VERSION) -> None:
        self.running = running
        self.client = client
        self.version = version
        self.session = 0
        self.epoch = 0

    async def fetch(self, wanted: Mapping[str, int], *, forget: Mapping[str, int] | None = None) -> FetchResponse:
        """Ask from these offsets on, by "topic-partition"; the session's id and epoch are looked after."""
        topics = [
            FetchRequest.FetchTopic(
                **self.named(place),
                partitions=[
                    FetchRequest.FetchPartition(partition=number(place), fetch_offset=at, partition_max_bytes=1 << 20)
                ],
            )
            for place, at in wanted.items()
        ]
        forgotten = [
            FetchRequest.ForgottenTopic(**self.named(place), partitions=[number(place)]) for place in forget or ()
        ]
        request = FetchRequest(
            max_bytes=1 << 20,
            session_id=self.session,
            session_epoch=self.epoch,
            topics=topics,
            forgotten_topics_data=forgotten,
        )
        response = await self.client.ask(request, self.version, FetchResponse)
        if not response.error_code:
            self.session = response.session_id
            self.epoch += 1
        return response

    def named(self, place: str) -> dict[str, Any]:
        name = place.partition("-")[0]
        if self.version < WITH_IDS:
            return {"topic": name}
        topic = self.running.broker.log.topic(name)
        return {"topic_id": topic.topic_id if topic is not None else b"?" * 16}


def number(place: str) -> int:
    return int(place.partition("-")[2])


def told(response: FetchResponse) -> list[tuple[int, int, int]]:
    """Partition, error and bytes of records, in the answer's order."""
    assert not response.error_code
    return [
        (p.partition_index, p.error_code, len(p.records or b""))
        for topic in response.responses
        for p in topic.partitions
    ]


@asynccontextmanager
async def reading(version: int = VERSION, partitions: int = 3) -> AsyncIterator[Reader]:
    async with running_broker() as running:
        running.broker.log.create_topic("t", partitions)
        client = await RawClient.connect(running.port)
        try:
            yield Reader(running, client, version)
        finally:
            await client.close()


@pytest.mark.parametrize("version", [7, VERSION, WITH_IDS, 18])
async def test_only_partitions_with_news_are_answered(version: int) -> None:
    async with reading(version) as reader:
        append = reader.running.broker.log.partition("t", 1).append
        append(BATCH)
        size = len(BATCH)
        assert told(await reader.fetch({"t-0": 0, "t-1": 0, "t-2": 0})) == [(0, 0, 0), (1, 0, size), (2, 0, 0)]
        assert reader.session > 0
        assert told(await reader.fetch({})) == [(1, 0, size)], "it has not said that it is further"
        assert told(await reader.fetch({"t-1": 1})) == []
        append(BATCH)
        assert told(await reader.fetch({})) == [(1, 0, size)]
        reader.running.broker.log.partition("t", 1).delete_records(2)
        assert told(await reader.fetch({"t-1": 2})) == [(1, 0, 0)], "the log starts elsewhere"
        assert told(await reader.fetch({})) == []


async def test_partitions_are_added_and_forgotten() -> None:
    async with reading() as reader:
        for index in range(3):
            reader.running.broker.log.partition("t", index).append(BATCH)
        size = len(BATCH)
        assert told(await reader.fetch({"t-0": 0})) == [(0, 0, size)]
        assert told(await reader.fetch({"t-2": 0}, forget={"t-0": 0})) == [(2, 0, size)]
        assert told(await reader.fetch({"t-2": 1})) == []


async def test_who_was_read_goes_last_so_that_all_get_their_turn() -> None:
    async with reading() as reader:
        for index in range(2):
            reader.running.broker.log.partition("t", index).append(BATCH)
        first = await reader.fetch({"t-2": 0, "t-0": 0, "t-1": 0})
        assert [p for p, _, size in told(first) if size] == [0, 1]
        reader.running.broker.log.partition("t", 2).append(BATCH)
        assert [p for p, _, _ in told(await reader.fetch({}))] == [2, 0, 1]


@pytest.mark.parametrize(("version", "missing"), [(VERSION, 3), (WITH_IDS, Code.UNKNOWN_TOPIC_ID)])
async def test_a_topic_that_goes_and_comes_back_is_noticed(version: int, missing: int) -> None:
    async with reading(version, partitions=1) as reader:
        log = reader.running.broker.log
        assert told(await reader.fetch({"t-0": 0, "t-1": 0})) == [(0, 0, 0), (1, 3, 0)]
        log.add_partitions("t", 2)
        assert told(await reader.fetch({})) == [(1, 0, 0)]
        log.delete_topic("t")
        assert told(await reader.fetch({})) == [(0, missing, 0), (1, missing, 0)]
        log.create_topic("t", 2)
        if version < WITH_IDS:
            assert told(await reader.fetch({})) == [(0, 0, 0), (1, 0, 0)]


async def test_a_wrong_session_or_epoch_is_refused_and_a_session_can_be_ended() -> None:
    async with reading() as reader:
        await reader.fetch({"t-0": 0})
        session, epoch = reader.session, reader.epoch
        reader.epoch = epoch + 1
        assert (await reader.fetch({})).error_code == Code.INVALID_FETCH_SESSION_EPOCH
        reader.session, reader.epoch = session + 1, epoch
        assert (await reader.fetch({})).error_code == Code.FETCH_SESSION_ID_NOT_FOUND
        reader.session, reader.version = session, WITH_IDS
        assert (await reader.fetch({})).error_code == Code.FETCH_SESSION_TOPIC_ID_ERROR
        reader.version, reader.epoch = VERSION, -1
        assert (await reader.fetch({"t-0": 0})).session_id == 0
        assert len(reader.running.broker.fetch_sessions) == 0


def wanted(count: int) -> dict[tuple[TopicKey, int], Wanted]:
    return {("t", index): Wanted("t", index, 0, 1, -1) for index in range(count)}


def test_the_number_of_sessions_is_bounded_and_idle_or_small_ones_make_room() -> None:
    time = ManualTime()
    evictions: list[None] = []
    sessions = FetchSessions(time.monotonic, lambda: evictions.append(None), slots=2)
    first, second = (sessions.open(wanted(2), by_id=False) for _ in range(2))
    assert first is not None
    assert second is not None
    assert sessions.open(wanted(5), by_id=False) is None, "both are young and in use"
    time.advance(EVICTION_SECONDS + 1)
    for session in (first, second):
        assert isinstance(sessions.find(session.id, session.epoch, by_id=False), FetchSession)
    assert sessions.open(wanted(2), by_id=False) is None, "it is no bigger than those there are"
    bigger = sessions.open(wanted(3), by_id=False)
    assert bigger is not None
    assert len(evictions) == 1
    time.advance(EVICTION_SECONDS + 1)
    assert sessions.open(wanted(1), by_id=False) is not None, "the others are idle"
    assert len(sessions) == len(evictions) == 2
    assert sessions.open({}, by_id=False) is None


def test_epochs_start_again_at_one_after_the_last() -> None:
    sessions = FetchSessions(ManualTime().monotonic, lambda: None)
    session = sessions.open(wanted(1), by_id=False)
    assert session is not None
    session.epoch = (1 << 31) - 1
    assert sessions.find(session.id, (1 << 31) - 1, by_id=False) is session
    assert session.epoch == 1
