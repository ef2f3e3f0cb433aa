"""Classic consumer groups: who gets which answer when, on a clock that moves only when told to."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

import pytest

from headwater.broker.errors import Code
from headwater.broker.groups.classic_group import ClassicGroup, JoinRequest, JoinResult, State, SyncResult
from headwater.broker.groups.coordinator import GroupCoordinator
from headwater.broker.settings import BrokerSettings
from headwater.log.log import Log
from headwater.log.storage import MemoryStorage
from tests.broker.support import ManualTime, MemoryGroups

SESSION = 10.0
REBALANCE = 60.0


class House:
    """A coordinator, its time and its storage."""

    def __init__(self, storage: MemoryGroups | None = None, settings: BrokerSettings | None = None) -> None:
        self.time = ManualTime()
        self.storage = storage or MemoryGroups()
        numbers = count(1)
        self.coordinator = GroupCoordinator(
            self.storage,
            Log(MemoryStorage(), self.time),
            self.time,
            self.time,
            settings or BrokerSettings(),
            lambda: str(next(numbers)),
        )
        self.coordinator.load()

    def state(self, group: str = "g") -> State:
        found = self.coordinator.groups[group]
        assert isinstance(found, ClassicGroup)
        return found.state


@dataclass
class Client:
    """One consumer as the coordinator sees it."""

    house: House
    name: str
    instance: str | None = None
    protocols: tuple[tuple[str, bytes], ...] = (("range", b"topics"),)
    require_id: bool = True
    skip: bool = False
    id: str = ""
    generation: int = -1
    joins: list[JoinResult] = field(default_factory=list)
    syncs: list[SyncResult] = field(default_factory=list)

    def join(self, *, session_ms: int = 10_000, protocol_type: str = "consumer") -> JoinResult | None:
        """The answer if it came at once."""
        self.joins.clear()
        request = JoinRequest(
            "g",
            self.id,
            self.instance,
            self.name,
            "/127.0.0.1",
            session_ms,
            60_000,
            protocol_type,
            self.protocols,
            self.require_id and not self.instance,
            self.skip,
        )
        self.house.coordinator.classic.join(request, self._joined)
        return self.joins[-1] if self.joins else None

    def _joined(self, result: JoinResult) -> None:
        self.joins.append(result)
        if result.error in (Code.NONE, Code.MEMBER_ID_REQUIRED):
            self.id = result.member_id
        if not result.error:
            self.generation = result.generation

    def enter(self) -> JoinResult | None:
        """Join as new clients do: first for an id, then for real."""
        if self.require_id and not self.instance and not self.id:
            first = self.join()
            assert first is not None
            assert first.error is Code.MEMBER_ID_REQUIRED
        return self.join()

    def sync(self, assignments: dict[str, bytes] | None = None) -> SyncResult | None:
        self.syncs.clear()
        self.house.coordinator.classic.sync(
            "g", self.generation, self.id, self.instance, (None, None), assignments or {}, self.syncs.append
        )
        return self.syncs[-1] if self.syncs else None

    def heartbeat(self) -> Code:
        return self.house.coordinator.classic.heartbeat("g", self.generation, self.id, self.instance)

    def leave(self) -> Code:
        (code,) = self.house.coordinator.leave("g", [(self.id, self.instance)])
        return code

    @property
    def leads(self) -> bool:
        return bool(self.joins) and self.joins[-1].leader == self.id


def stable_pair(house: House, **kinds: str) -> tuple[Client, Client]:
    """Two members in a stable group; the first leads."""
    a, b = Client(house, "a", kinds.get("a")), Client(house, "b", kinds.get("b"))
    a.enter()
    a.sync({a.id: b"all"})
    b.enter()
    assert a.heartbeat() is Code.REBALANCE_IN_PROGRESS
    a.join()
    a.sync({a.id: b"half", b.id: b"other half"})
    b.sync()
    assert house.state() is State.STABLE
    return a, b


def test_one_member_joins_syncs_and_is_alone() -> None:
    house = House()
    a = Client(house, "a")
    joined = a.enter()
    assert joined is not None
    assert (joined.error, joined.generation, joined.protocol, joined.leader) == (Code.NONE, 1, "range", "a-1")
    assert [(m.member_id, m.subscription) for m in joined.members] == [("a-1", b"topics")]
    synced = a.sync({a.id: b"everything"})
    assert synced == SyncResult(Code.NONE, "consumer", "range", b"everything")
    assert a.heartbeat() is Code.NONE


def test_a_second_member_starts_a_rebalance_and_only_the_leader_sees_the_members() -> None:
    house = House()
    a, b = stable_pair(house)
    assert a.generation == b.generation == 2
    assert a.leads
    assert len(a.joins[-1].members) == 2
    assert b.joins[-1].members == ()
    assert b.syncs[-1].assignment == b"other half"


def test_the_rebalance_waits_for_a_member_that_was_given_an_id() -> None:
    house = House()
    a, b = Client(house, "a"), Client(house, "b")
    a.join()
    b.join()
    assert a.join() is None, "b has an id and is expected"
    assert b.join() is not None
    assert [len(c.joins) for c in (a, b)] == [1, 1]


def test_a_member_that_never_comes_back_for_its_id_is_forgotten_after_its_session() -> None:
    house = House()
    a, b = Client(house, "a"), Client(house, "b")
    a.join()
    b.join()
    a.join()
    house.time.advance(SESSION + 0.1)
    assert a.joins[-1].error is Code.NONE
    assert b.join() == JoinResult(Code.UNKNOWN_MEMBER_ID, b.id)


def test_a_silent_member_is_dropped_after_its_session_and_the_rest_rebalances() -> None:
    house = House()
    a, _ = stable_pair(house)
    for _ in range(3):
        house.time.advance(SESSION * 0.4)
        a.heartbeat()
    assert house.state() is State.PREPARING
    assert a.heartbeat() is Code.REBALANCE_IN_PROGRESS
    joined = a.join()
    assert joined is not None
    assert [m.member_id for m in joined.members] == [a.id]


def test_a_member_that_does_not_rejoin_in_time_is_left_behind() -> None:
    house = House()
    a, b = stable_pair(house)
    c = Client(house, "c")
    c.enter()
    a.join()
    for _ in range(10):
        house.time.advance(REBALANCE / 10 + 0.1)
        b.heartbeat()
    assert {m.member_id for m in a.joins[-1].members} == {a.id, c.id}
    assert b.heartbeat() is Code.UNKNOWN_MEMBER_ID


def test_leaving_rebalances_at_once_and_the_last_one_empties_the_group() -> None:
    house = House()
    a, b = stable_pair(house)
    assert b.leave() is Code.NONE
    assert house.state() is State.PREPARING
    a.join()
    a.sync({a.id: b"all"})
    assert a.leave() is Code.NONE
    assert house.state() is State.EMPTY
    assert a.heartbeat() is Code.UNKNOWN_MEMBER_ID
    assert house.time.armed == 0, "an empty group needs no timers"


def test_the_leader_leaves_and_another_one_leads() -> None:
    house = House()
    a, b = stable_pair(house)
    a.leave()
    b.join()
    assert b.leads


def test_syncing_members_wait_for_the_leader() -> None:
    house = House()
    a, b = stable_pair(house)
    a.protocols = (("range", b"more topics"),)
    assert a.join() is None
    b.join()
    assert a.joins
    assert b.sync() is None
    a.sync({a.id: b"1", b.id: b"2"})
    assert b.syncs[-1].assignment == b"2"


def test_a_member_that_does_not_sync_in_time_is_dropped() -> None:
    house = House()
    a, b = stable_pair(house)
    a.protocols = (("range", b"more topics"),)
    a.join()
    b.join()
    b.sync()
    for _ in range(7):
        house.time.advance(REBALANCE / 6)
        a.heartbeat()
    assert b.syncs[-1].error is Code.REBALANCE_IN_PROGRESS
    assert a.heartbeat() is Code.UNKNOWN_MEMBER_ID


def test_a_follower_that_joins_again_unchanged_gets_the_present_generation() -> None:
    house = House()
    a, b = stable_pair(house)
    again = b.join()
    assert again is not None
    assert (again.error, again.generation, again.leader) == (Code.NONE, 2, a.id)
    assert house.state() is State.STABLE


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"generation": 1}, Code.ILLEGAL_GENERATION),
        ({"id": "nobody"}, Code.UNKNOWN_MEMBER_ID),
        ({"instance": "nobody"}, Code.UNKNOWN_MEMBER_ID),
    ],
)
def test_who_is_not_in_the_present_generation_is_told_so(change: dict[str, object], expected: Code) -> None:
    house = House()
    a, _ = stable_pair(house)
    for name, value in change.items():
        setattr(a, name, value)
    assert a.heartbeat() is expected
    synced = a.sync()
    assert synced is not None
    assert synced.error is expected


def test_strategies_are_voted_on() -> None:
    house = House()
    both = (("range", b"r"), ("sticky", b"s"))
    a, b, c = (Client(house, n, protocols=p) for n, p in zip("abc", (both, both[::-1], both[::-1]), strict=True))
    for client in (a, b, c):
        client.join()
    for client in (a, b, c):
        client.join()
    assert {client.joins[-1].protocol for client in (a, b, c)} == {"sticky"}


def test_a_member_without_a_common_strategy_or_of_another_type_is_refused() -> None:
    house = House()
    stable_pair(house)
    stranger = Client(house, "x", protocols=(("other", b""),), require_id=False)
    assert stranger.join() == JoinResult(Code.INCONSISTENT_GROUP_PROTOCOL)
    connector = Client(house, "x", require_id=False)
    assert connector.join(protocol_type="connect") == JoinResult(Code.INCONSISTENT_GROUP_PROTOCOL)


@pytest.mark.parametrize("session_ms", [0, 5_999, 1_800_001])
def test_session_timeouts_have_bounds(session_ms: int) -> None:
    assert Client(House(), "a").join(session_ms=session_ms) == JoinResult(Code.INVALID_SESSION_TIMEOUT)


def test_a_static_member_that_restarts_takes_its_place_without_a_rebalance() -> None:
    house = House()
    a, b = stable_pair(house, b="b-instance")
    reborn = Client(house, "b2", "b-instance")
    joined = reborn.join()
    assert joined is not None
    assert (joined.error, joined.generation, joined.leader, joined.members) == (Code.NONE, 2, a.id, ())
    synced = reborn.sync()
    assert synced is not None
    assert synced.assignment == b"other half"
    assert b.heartbeat() is Code.FENCED_INSTANCE_ID
    assert a.heartbeat() is Code.NONE


@pytest.mark.parametrize("skip", [False, True])
def test_a_static_leader_that_restarts_does_not_assign_again(skip: bool) -> None:
    house = House()
    a, _ = stable_pair(house, a="a-instance")
    reborn = Client(house, "a2", "a-instance", skip=skip)
    joined = reborn.join()
    assert joined is not None
    assert joined.generation == 2
    if skip:
        assert joined.skip_assignment
        assert joined.leader == joined.member_id
        assert len(joined.members) == 2
    else:
        assert (joined.leader, joined.members) == (a.id, ())
    assert house.state() is State.STABLE


def test_a_static_member_leaves_by_its_instance_id() -> None:
    house = House()
    _, b = stable_pair(house, b="b-instance")
    b.id = ""
    assert b.leave() is Code.NONE
    assert house.state() is State.PREPARING


def test_a_stable_group_survives_a_restart_of_the_broker() -> None:
    house = House()
    a, b = stable_pair(house, b="b-instance")
    after = House(house.storage)
    a.house = b.house = after
    assert [a.heartbeat(), b.heartbeat()] == [Code.NONE, Code.NONE]
    assert b.sync() == SyncResult(Code.NONE, "consumer", "range", b"other half")
    after.time.advance(SESSION + 0.1)
    assert after.state() is State.EMPTY, "nobody was heard of for a session"


def test_offsets_may_be_committed_by_members_of_the_generation_or_by_anybody_while_the_group_is_empty() -> None:
    house = House()

    def check(group: str, generation: int, member: str, instance: str | None) -> Code:
        return house.coordinator.check_commit(group, generation, member, instance, 8)

    assert check("g", -1, "", None) is Code.NONE
    assert check("g", 3, "a-1", None) is Code.ILLEGAL_GENERATION
    assert check("", -1, "", None) is Code.INVALID_GROUP_ID
    a, b = stable_pair(house)
    assert check("g", 2, a.id, None) is Code.NONE
    assert check("g", 1, a.id, None) is Code.ILLEGAL_GENERATION
    assert check("g", -1, "", None) is Code.UNKNOWN_MEMBER_ID
    a.leave()
    assert check("g", 2, b.id, None) is Code.NONE, "offsets may be committed while others are rejoining"
    b.join()
    assert check("g", 3, b.id, None) is Code.REBALANCE_IN_PROGRESS


def test_only_empty_groups_can_be_deleted() -> None:
    house = House()
    assert house.coordinator.delete("g") is Code.GROUP_ID_NOT_FOUND
    a, b = stable_pair(house)
    assert house.coordinator.delete("g") is Code.NON_EMPTY_GROUP
    a.leave()
    b.leave()
    assert house.coordinator.delete("g") is Code.NONE
    assert house.storage.values == {}


def test_the_first_rebalance_can_be_held_back_for_more_members() -> None:
    house = House(settings=BrokerSettings(group_initial_rebalance_delay_ms=3_000))
    a, b = Client(house, "a"), Client(house, "b")
    assert a.enter() is None
    house.time.advance(2)
    assert b.enter() is None
    house.time.advance(1.1)
    assert [len(c.joins) for c in (a, b)] == [1, 1]
    assert len(a.joins[-1].members) == 2
