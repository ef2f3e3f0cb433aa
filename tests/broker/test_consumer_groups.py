"""Consumer groups (KIP-848): who may read what when, on a clock that moves only when told to."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.broker.errors import Code
from headwater.broker.groups.assignors import Partitions
from headwater.broker.groups.classic_group import ClassicGroup, JoinRequest, JoinResult
from headwater.broker.groups.consumer import ConsumerHeartbeat, HeartbeatResult
from headwater.broker.groups.consumer_group import ConsumerGroup, ConsumerState
from headwater.broker.groups.coordinator import GroupCoordinator
from headwater.broker.groups.group import expired_offsets
from headwater.broker.settings import BrokerSettings
from headwater.core.errors import LogError
from headwater.log.log import Log
from headwater.log.offsets import OffsetAndMetadata
from headwater.log.storage import MemoryStorage
from tests.broker.support import ManualTime, MemoryGroups

SESSION, REBALANCE = 45.0, 60.0


class House:
    """A coordinator, its time, its topics and its storage."""

    def __init__(self, storage: MemoryGroups | None = None, log: Log | None = None, **topics: int) -> None:
        self.time = ManualTime()
        self.storage = storage or MemoryGroups()
        if log is None:
            log = Log(MemoryStorage(), self.time)
            log.open()
        self.log = log
        for name, partitions in topics.items():
            log.create_topic(name, partitions)
        numbers = count(1)
        self.coordinator = GroupCoordinator(
            self.storage, log, self.time, self.time, BrokerSettings(), lambda: f"made-{next(numbers)}"
        )
        self.coordinator.load()

    @property
    def group(self) -> ConsumerGroup:
        found = self.coordinator.groups["g"]
        assert isinstance(found, ConsumerGroup)
        return found

    def restarted(self) -> House:
        """After the process has ended and begun again."""
        self.coordinator.close()
        return House(self.storage, self.log)

    def names(self, partitions: Partitions) -> set[str]:
        found = set()
        for topic_id, index in partitions:
            topic = self.log.topic_by_id(topic_id)
            found.add(f"{topic.name if topic else '?'}-{index}")
        return found


class Consumer:
    """A member as clients are: it gives up what it is told to, and says what it has."""

    def __init__(self, house: House, name: str, *topics: str, instance: str | None = None, **more: Any) -> None:
        self.house = house
        self.wish = ConsumerHeartbeat(
            "g", name, 0, instance, None, int(REBALANCE * 1000), topics, owned=frozenset(), client_id=name
        )
        self.wish = replace(self.wish, **more)
        self.owned: Partitions = frozenset()
        self.epoch = 0
        self.last: HeartbeatResult | None = None

    @property
    def id(self) -> str:
        return self.wish.member_id

    @property
    def reads(self) -> set[str]:
        return self.house.names(self.owned)

    def send(self, **fields: Any) -> HeartbeatResult:
        """A heartbeat that says nothing but these fields; the answer is not acted upon."""
        beat = ConsumerHeartbeat(
            "g", self.id, self.epoch, self.wish.instance_id, client_id=self.id, may_see=self.wish.may_see
        )
        return self.house.coordinator.consumer.heartbeat(replace(beat, **fields))

    def take(self, result: HeartbeatResult) -> HeartbeatResult:
        self.last = result
        if not result.error:
            self.epoch = result.epoch
            if result.assignment is not None:
                self.owned = result.assignment
        return result

    def join(self) -> HeartbeatResult:
        self.epoch, self.owned = 0, frozenset()
        return self.take(self.house.coordinator.consumer.heartbeat(self.wish))

    def beat(self) -> HeartbeatResult:
        return self.take(self.send(owned=self.owned))

    def change(self, *topics: str) -> HeartbeatResult:
        return self.take(self.send(topics=topics, owned=self.owned))

    def leave(self, epoch: int = -1) -> HeartbeatResult:
        return self.send(epoch=epoch)


def settle(*consumers: Consumer) -> None:
    """Beats in turn until everybody has what it is to have."""
    for _ in range(10):
        for consumer in consumers:
            assert not consumer.beat().error
        if consumers[0].house.group.state is ConsumerState.STABLE:
            return
    raise AssertionError(f"not stable: {[(c.id, c.epoch, c.reads) for c in consumers]}")


def settled(house: House, *names: str, **more: Any) -> list[Consumer]:
    consumers = [Consumer(house, name, "t", **more) for name in names]
    for consumer in consumers:
        assert not consumer.join().error
    settle(*consumers)
    return consumers


def test_one_member_reads_everything_at_once() -> None:
    house = House(t=3)
    a = Consumer(house, "a", "t")
    result = a.join()
    assert (result.error, result.member_id, result.epoch) == (Code.NONE, "a", 1)
    assert a.reads == {"t-0", "t-1", "t-2"}
    assert house.group.state is ConsumerState.STABLE
    assert a.beat().assignment is None, "it knows"


def test_a_second_member_gets_partitions_only_when_the_first_has_given_them_up() -> None:
    house = House(t=4)
    a, b = Consumer(house, "a", "t"), Consumer(house, "b", "t")
    a.join()
    b.join()
    assert (b.epoch, b.reads) == (2, set()), "all are still read by a"
    told = a.send(owned=a.owned)
    assert told.assignment is not None
    assert (told.epoch, len(told.assignment)) == (1, 2), "it stays in its epoch until it has given up two"
    assert b.beat().assignment is None
    assert a.send(owned=a.owned).assignment is None, "it still has them"
    a.take(told)
    assert a.beat().epoch == 2
    assert len(b.beat().assignment or ()) == 2
    assert a.reads | b.reads == {"t-0", "t-1", "t-2", "t-3"}
    assert not a.reads & b.reads
    assert house.group.state is ConsumerState.STABLE


def test_who_stays_keeps_its_partitions_when_others_come_and_go() -> None:
    house = House(t=6)
    a, b, c = settled(house, "a", "b", "c")
    assert [len(x.reads) for x in (a, b, c)] == [2, 2, 2]
    before = a.reads, b.reads
    assert c.leave() == HeartbeatResult(Code.NONE, None, "c", -1)
    settle(a, b)
    assert (len(a.reads), len(b.reads)) == (3, 3)
    assert before[0] < a.reads
    assert before[1] < b.reads


def test_a_silent_member_is_out_after_its_session_and_the_others_take_over() -> None:
    house = House(t=2)
    a, b = settled(house, "a", "b")
    for _ in range(4):
        house.time.advance(SESSION * 0.3)
        a.beat()
    assert a.reads == {"t-0", "t-1"}
    assert b.beat().error is Code.UNKNOWN_MEMBER_ID


def test_a_member_that_does_not_give_up_its_partitions_in_time_is_out() -> None:
    house = House(t=2)
    a, b = Consumer(house, "a", "t"), Consumer(house, "b", "t")
    a.join()
    b.join()
    for _ in range(7):
        house.time.advance(REBALANCE / 6)
        a.send(owned=frozenset(a.owned))
        b.beat()
    assert b.reads == {"t-0", "t-1"}
    assert a.beat().error is Code.UNKNOWN_MEMBER_ID


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"epoch": 5}, Code.FENCED_MEMBER_EPOCH),
        ({"epoch": 1}, Code.FENCED_MEMBER_EPOCH),
        ({"epoch": -3}, Code.INVALID_REQUEST),
        ({"member_id": "nobody"}, Code.UNKNOWN_MEMBER_ID),
        ({"member_id": ""}, Code.INVALID_REQUEST),
        ({"instance_id": ""}, Code.INVALID_REQUEST),
        ({"rack_id": ""}, Code.INVALID_REQUEST),
        ({"group": ""}, Code.INVALID_GROUP_ID),
        ({"group": "other"}, Code.GROUP_ID_NOT_FOUND),
        ({"assignor": "mine"}, Code.UNSUPPORTED_ASSIGNOR),
        ({"pattern": "("}, Code.INVALID_REGULAR_EXPRESSION),
        ({"epoch": -2}, Code.INVALID_REQUEST),
        ({"epoch": 0}, Code.INVALID_REQUEST),
        ({"epoch": 0, "rebalance_timeout_ms": 5, "owned": frozenset()}, Code.INVALID_REQUEST),
        ({"epoch": 0, "rebalance_timeout_ms": 5, "topics": ("t",)}, Code.INVALID_REQUEST),
    ],
)
def test_a_heartbeat_that_makes_no_sense_is_refused_and_changes_nothing(fields: dict[str, Any], expected: Code) -> None:
    house = House(t=2)
    a, _ = settled(house, "a", "b")
    stored = dict(house.storage.values["g"])
    result = a.send(**fields)
    assert result.error is expected
    assert result.message
    assert house.storage.values == {"g": stored}


def test_a_lost_answer_is_made_good() -> None:
    house = House(t=4)
    a, b = settled(house, "a", "b")
    epoch, owned = a.epoch, a.owned
    b.leave()
    assert a.send(owned=owned).epoch > epoch, "but the answer does not arrive"
    again = a.send(epoch=epoch, owned=owned, rebalance_timeout_ms=1000, topics=("t",))
    assert again.error is Code.NONE
    assert len(again.assignment or ()) == 4, "who says everything is told everything"


def test_new_partitions_and_topics_are_assigned_at_the_next_heartbeat() -> None:
    house = House(t=1)
    a = Consumer(house, "a", "t", "later")
    a.join()
    assert a.reads == {"t-0"}
    house.log.add_partitions("t", 3)
    a.beat()
    assert a.reads == {"t-0", "t-1", "t-2"}
    house.log.create_topic("later")
    house.log.create_topic("unrelated")
    a.beat()
    assert a.reads == {"t-0", "t-1", "t-2", "later-0"}
    epoch = a.epoch
    house.log.create_topic("unrelated-too")
    assert a.beat().epoch == epoch
    house.log.delete_topic("t")
    a.beat()
    a.beat()
    assert a.reads == {"later-0"}


def test_members_may_want_different_topics_and_change_their_minds() -> None:
    house = House(t=2, u=2)
    a, b = Consumer(house, "a", "t"), Consumer(house, "b", "t", "u")
    a.join()
    b.join()
    settle(a, b)
    assert (a.reads, b.reads) == ({"t-0", "t-1"}, {"u-0", "u-1"})
    a.change("u")
    settle(a, b)
    assert {name[0] for name in a.reads} == {"u"}
    assert a.reads | b.reads == {"t-0", "t-1", "u-0", "u-1"}


def test_a_regular_expression_stands_for_present_and_future_topics_that_the_client_may_see() -> None:
    house = House(orders=1, invoices=1, secret=1)
    a = Consumer(house, "a", pattern="(orders|sec.*|returns)", may_see=lambda topic: topic != "secret")
    a.join()
    assert a.reads == {"orders-0"}
    house.log.create_topic("returns")
    house.log.create_topic("returns-old")
    a.beat()
    assert a.reads == {"orders-0", "returns-0"}
    a.take(a.send(pattern="", topics=("invoices",), owned=a.owned))
    settle(a)
    assert a.reads == {"invoices-0"}


def test_a_regular_expression_stands_for_internal_topics_too() -> None:
    house = House(orders=1, __consumer_offsets=1)
    a = Consumer(house, "a", pattern=".*o.*")
    a.join()
    assert a.reads == {"orders-0", "__consumer_offsets-0"}


def test_a_static_member_that_leaves_for_now_finds_its_partitions_again() -> None:
    house = House(t=4)
    a, b = Consumer(house, "a", "t"), Consumer(house, "b", "t", instance="i")
    a.join()
    b.join()
    settle(a, b)
    before, epoch = b.reads, house.group.epoch
    assert b.leave(-2).epoch == -2
    a.beat()
    assert len(a.reads) == 2, "its place is kept"
    reborn = Consumer(house, "b2", "t", instance="i")
    reborn.join()
    assert (reborn.reads, house.group.epoch) == (before, epoch), "without a rebalance"
    assert house.group.state is ConsumerState.STABLE
    assert b.beat().error is Code.FENCED_INSTANCE_ID
    assert set(house.group.members) == {"a", "b2"}


def test_a_static_member_in_use_is_not_replaced_until_its_session_ends() -> None:
    house = House(t=1)
    a = Consumer(house, "a", "t", instance="i")
    a.join()
    usurper = Consumer(house, "b", "t", instance="i")
    assert usurper.join().error is Code.UNRELEASED_INSTANCE_ID
    assert usurper.leave(-1).error is Code.FENCED_INSTANCE_ID
    house.time.advance(SESSION + 0.1)
    assert usurper.join().error is Code.NONE
    assert usurper.reads == {"t-0"}
    assert usurper.leave(-2).error is Code.NONE
    house.time.advance(SESSION + 0.1)
    assert house.group.is_empty, "who leaves for now has to be back within a session"


def test_before_version_1_the_broker_makes_the_member_id() -> None:
    house = House(t=1)
    a = Consumer(house, "", "t", has_own_id=False)
    assert a.join().member_id == "made-1"


def test_the_range_assignor_puts_equal_partitions_together() -> None:
    house = House(t=4, u=4)
    a, b = (Consumer(house, name, "t", "u", assignor="range") for name in "ab")
    a.join()
    b.join()
    settle(a, b)
    assert a.reads == {"t-0", "t-1", "u-0", "u-1"}


def test_offsets_may_be_committed_and_fetched_in_the_members_epoch_only() -> None:
    house = House(t=2)
    a, _ = settled(house, "a", "b")
    coordinator, epoch = house.coordinator, a.epoch
    cases = [
        ((epoch, "a", 9), Code.NONE),
        ((epoch, "a", 8), Code.UNSUPPORTED_VERSION),
        ((epoch - 1, "a", 9), Code.STALE_MEMBER_EPOCH),
        ((epoch, "nobody", 9), Code.UNKNOWN_MEMBER_ID),
        ((-1, "", 9), Code.UNKNOWN_MEMBER_ID),
    ]
    for (named, member, version), expected in cases:
        assert coordinator.check_commit("g", named, member, None, version) is expected
    assert coordinator.check_fetch("g", -1, None) is Code.NONE
    assert coordinator.check_fetch("g", epoch, "a") is Code.NONE
    assert coordinator.check_fetch("g", epoch - 1, "a") is Code.STALE_MEMBER_EPOCH
    assert coordinator.check_transactional_commit("g", epoch, "a", None) is Code.NONE
    assert coordinator.check_transactional_commit("g", -1, "", None) is Code.NONE
    assert coordinator.check_transactional_commit("g", epoch - 1, "a", None) is Code.ILLEGAL_GENERATION


def test_members_epochs_and_partitions_survive_a_restart_of_the_broker() -> None:
    house = House(t=4)
    a, b = settled(house, "a", "b")
    c = Consumer(house, "c", "t", instance="i")
    c.join()
    a.take(a.send(owned=a.owned))
    after = house.restarted()
    assert after.group.epoch == house.group.epoch
    for consumer in (a, b, c):
        consumer.house = after
    epoch = after.group.epoch
    settle(a, b, c)
    assert after.group.epoch == epoch, "nothing has changed, so nobody rebalances"
    assert len(a.owned | b.owned | c.owned) == len(a.owned) + len(b.owned) + len(c.owned) == 4
    b.house = house
    for _ in range(4):
        after.time.advance(SESSION * 0.3)
        a.beat()
        c.beat()
    assert set(after.group.members) == {"a", "c"}


def test_a_heartbeat_that_cannot_be_stored_changes_nothing() -> None:
    house = House(t=2)
    (a,) = settled(house, "a")
    house.storage.failure = LogError("the disk is full")
    b = Consumer(house, "b", "t")
    assert b.join().error is Code.COORDINATOR_NOT_AVAILABLE
    assert list(house.group.members) == ["a"]
    assert a.leave().error is Code.COORDINATOR_NOT_AVAILABLE
    assert a.beat().error is Code.NONE, "nothing had to be stored"
    house.storage.failure = None
    assert b.join().error is Code.NONE
    settle(a, b)


def join_classic(house: House) -> JoinResult:
    answers: list[JoinResult] = []
    house.coordinator.classic.join(
        JoinRequest("g", "", None, "old", "/h", 10_000, 60_000, "consumer", (("range", b""),)), answers.append
    )
    return answers[0]


def test_an_empty_group_changes_its_kind_and_one_with_members_does_not() -> None:
    house = House(t=1)
    (a,) = settled(house, "a")
    assert join_classic(house).error is Code.INCONSISTENT_GROUP_PROTOCOL
    a.leave()
    joined = join_classic(house)
    assert joined.error is Code.NONE
    group = house.coordinator.groups["g"]
    assert isinstance(group, ClassicGroup)
    assert a.join().error is Code.GROUP_ID_NOT_FOUND
    assert house.storage.values == {}, "nothing of the consumer group is left"
    house.coordinator.leave("g", [(joined.member_id, None)])
    assert len(house.storage.values["g"]) == 1
    assert a.join().error is Code.NONE
    assert isinstance(house.restarted().coordinator.groups["g"], ConsumerGroup)


def test_only_a_group_without_members_can_be_deleted_and_nothing_of_it_remains() -> None:
    house = House(t=1)
    (a,) = settled(house, "a")
    assert house.coordinator.delete("g") is Code.NON_EMPTY_GROUP
    assert house.coordinator.leave("g", [("a", None), ("x", None)]) == [Code.NONE, Code.UNKNOWN_MEMBER_ID]
    assert a.beat().error is Code.UNKNOWN_MEMBER_ID
    assert house.coordinator.delete("g") is Code.NONE
    assert house.storage.values == {}
    assert house.time.armed == 0


def test_offsets_expire_only_without_members() -> None:
    house = House(t=1)
    (a,) = settled(house, "a")
    offsets = {("t", 0): OffsetAndMetadata(5, timestamp=1)}
    assert expired_offsets(house.group, offsets, house.time.now_ms() + 1) == []
    a.leave()
    assert expired_offsets(house.group, offsets, house.time.now_ms() + 1) == [("t", 0)]
    assert expired_offsets(house.group, offsets, house.time.now_ms()) == []


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["join", "beat", "leave", "die", "grow"])), max_size=60))
@settings(max_examples=60, deadline=None)
def test_no_partition_ever_has_two_readers_and_all_are_read_in_the_end(steps: list[tuple[int, str]]) -> None:
    house = House(t=5)
    consumers = [Consumer(house, f"c{n}", "t") for n in range(5)]
    alive: set[int] = set()
    for number, action in steps:
        consumer = consumers[number]
        if action == "grow" and len(house.log.topics()["t"].partitions) < 12:
            house.log.add_partitions("t", len(house.log.topics()["t"].partitions) + 1)
        elif action == "join" and number not in alive:
            assert not consumer.join().error
            alive.add(number)
        elif action == "beat" and number in alive:
            assert not consumer.beat().error
        elif action in ("leave", "die") and number in alive:
            alive.discard(number)
            if action == "leave":
                consumer.leave()
            else:  # everybody else is heard of meanwhile
                for _ in range(4):
                    house.time.advance(SESSION * 0.3)
                    for other in alive:
                        assert not consumers[other].beat().error
            consumer.owned = frozenset()
        owned = [partition for n in alive for partition in consumers[n].owned]
        assert len(owned) == len(set(owned))
    if alive:
        settle(*(consumers[n] for n in alive))
        sizes = sorted(len(consumers[n].owned) for n in alive)
        assert sum(sizes) == len(house.log.topics()["t"].partitions)
        assert sizes[-1] - sizes[0] <= 1
