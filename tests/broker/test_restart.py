"""What clients were promised is still there after the broker was stopped and started."""

from __future__ import annotations

from headwater.broker.errors import Code
from headwater.log.storage import MemoryStorage
from headwater.wire.messages import (
    HeartbeatRequest,
    HeartbeatResponse,
    InitProducerIdRequest,
    InitProducerIdResponse,
    JoinGroupRequest,
    JoinGroupResponse,
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetFetchRequest,
    OffsetFetchResponse,
    SyncGroupRequest,
    SyncGroupResponse,
)
from tests.broker.server import RawClient, running_broker


async def join(client: RawClient) -> tuple[str, int]:
    """Member id and generation of the only member of group g, its assignment stored."""
    protocol = JoinGroupRequest.JoinGroupRequestProtocol(name="range", metadata=b"subscription")
    request = JoinGroupRequest(
        group_id="g",
        session_timeout_ms=6_000,
        rebalance_timeout_ms=6_000,
        protocol_type="consumer",
        protocols=[protocol],
    )
    first = await client.ask(request, 9, JoinGroupResponse)
    assert first.error_code == Code.MEMBER_ID_REQUIRED
    request.member_id = first.member_id
    joined = await client.ask(request, 9, JoinGroupResponse)
    mine = SyncGroupRequest.SyncGroupRequestAssignment(member_id=joined.member_id, assignment=b"all")
    synced = await client.ask(
        SyncGroupRequest(
            group_id="g",
            generation_id=joined.generation_id,
            member_id=joined.member_id,
            protocol_type="consumer",
            protocol_name="range",
            assignments=[mine],
        ),
        5,
        SyncGroupResponse,
    )
    assert (synced.error_code, synced.assignment) == (0, b"all")
    return joined.member_id, joined.generation_id


async def commit(client: RawClient, offset: int, version: int, member: str = "", generation: int = -1) -> int:
    place = OffsetCommitRequest.OffsetCommitRequestPartition(
        partition_index=0, committed_offset=offset, committed_metadata="note"
    )
    request = OffsetCommitRequest(
        group_id="g",
        generation_id_or_member_epoch=generation,
        member_id=member,
        topics=[OffsetCommitRequest.OffsetCommitRequestTopic(name="t", partitions=[place])],
    )
    response = await client.ask(request, version, OffsetCommitResponse)
    return response.topics[0].partitions[0].error_code


async def committed(client: RawClient, version: int) -> tuple[int, str | None]:
    place = [OffsetFetchRequest.OffsetFetchRequestTopic(name="t", partition_indexes=[0])]
    places = [OffsetFetchRequest.OffsetFetchRequestTopics(name="t", partition_indexes=[0])]
    group = OffsetFetchRequest.OffsetFetchRequestGroup(group_id="g", topics=places)
    response = await client.ask(
        OffsetFetchRequest(group_id="g", topics=place, groups=[group]), version, OffsetFetchResponse
    )
    found = (response.groups[0].topics if version >= 8 else response.topics)[0].partitions[0]
    return found.committed_offset, found.metadata


async def test_offsets_groups_and_producer_ids_survive_a_restart() -> None:
    storage = MemoryStorage()
    async with running_broker(storage=storage) as running:
        running.broker.log.create_topic("t")
        client = await RawClient.connect(running.port)
        member, generation = await join(client)
        assert await commit(client, 42, 8, member, generation) == 0
        before = await client.ask(InitProducerIdRequest(transactional_id=None), 4, InitProducerIdResponse)
        await client.close()
    async with running_broker(storage=storage) as running:
        client = await RawClient.connect(running.port)
        assert await committed(client, 7) == (42, "note")
        alive = HeartbeatRequest(group_id="g", generation_id=generation, member_id=member)
        assert (await client.ask(alive, 4, HeartbeatResponse)).error_code == 0
        after = await client.ask(InitProducerIdRequest(transactional_id=None), 4, InitProducerIdResponse)
        assert after.producer_id > before.producer_id
        await client.close()


async def test_every_version_commits_and_fetches_offsets() -> None:
    async with running_broker() as running:
        running.broker.log.create_topic("t")
        client = await RawClient.connect(running.port)
        assert await committed(client, 1) == (-1, "")
        for version in range(1, 10):
            assert await commit(client, version, version) == 0
            for reading in range(1, 10):
                assert await committed(client, reading) == (version, "note")
        await client.close()


async def test_offsets_are_refused_and_deleted_as_the_group_demands() -> None:
    async with running_broker() as running:
        running.broker.log.create_topic("t")
        client = await RawClient.connect(running.port)
        member, generation = await join(client)
        assert await commit(client, 1, 8, member, generation + 1) == Code.ILLEGAL_GENERATION
        assert await commit(client, 1, 8, "stranger", generation) == Code.UNKNOWN_MEMBER_ID
        assert await commit(client, 1, 8, member, generation) == Code.NONE
        place = OffsetDeleteRequest.OffsetDeleteRequestPartition(partition_index=0)
        topic = OffsetDeleteRequest.OffsetDeleteRequestTopic(name="t", partitions=[place])
        deleted = await client.ask(OffsetDeleteRequest(group_id="g", topics=[topic]), 0, OffsetDeleteResponse)
        assert deleted.topics[0].partitions[0].error_code == 0
        assert await committed(client, 8) == (-1, "")
        unknown = await client.ask(OffsetDeleteRequest(group_id="h", topics=[topic]), 0, OffsetDeleteResponse)
        assert unknown.error_code == Code.GROUP_ID_NOT_FOUND
        await client.close()
