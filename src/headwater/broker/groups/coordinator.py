"""The coordinator of all groups: one table of them, and what is asked of a group whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from uuid import uuid4

from headwater.broker.dynamic_configs import GroupNumber, group_configs
from headwater.broker.errors import Code
from headwater.broker.groups.classic import ClassicGroups
from headwater.broker.groups.classic_group import ClassicGroup
from headwater.broker.groups.classic_records import group_from_value
from headwater.broker.groups.consumer import ConsumerGroups, Topics
from headwater.broker.groups.consumer_group import ConsumerGroup
from headwater.broker.groups.consumer_records import group_from_records
from headwater.broker.groups.group import Group, GroupStorage
from headwater.broker.settings import BrokerSettings
from headwater.broker.timers import Timers
from headwater.core.clock import Clock
from headwater.log.offsets import group_key

_FIRST_COMMIT_WITH_NOT_FOUND = 9


class GroupCoordinator:
    """All groups of the broker. Members talk to `classic` or `consumer`, whichever their protocol is.

    `group_number` says what a group's dynamic configs are; if it is not given, those of `settings` hold for all.
    """

    def __init__(
        self,
        storage: GroupStorage,
        topics: Topics,
        clock: Clock,
        timers: Timers,
        settings: BrokerSettings,
        new_id: Callable[[], str] = lambda: str(uuid4()),
        group_number: GroupNumber | None = None,
    ) -> None:
        self._storage = storage
        self.groups: dict[str, Group] = {}
        self.classic = ClassicGroups(self.groups, storage, clock, timers, settings, new_id)
        defaults = group_configs(settings)
        self.consumer = ConsumerGroups(
            self.groups,
            storage,
            topics,
            clock,
            timers,
            new_id,
            group_number or (lambda group, name: int(defaults[name].default)),
        )

    def load(self) -> None:
        """Bring back the groups as stored."""
        for name, records in self._storage.group_records().items():
            group = _group_from(name, records)
            if group is None:
                continue
            self.groups[name] = group
            if isinstance(group, ClassicGroup):
                self.classic.start(group)
            elif isinstance(group, ConsumerGroup):
                self.consumer.start(group)

    def close(self) -> None:
        """Stop all timers."""
        for group in self.groups.values():
            if isinstance(group, ClassicGroup):
                self.classic.stop(group)
            elif isinstance(group, ConsumerGroup):
                self.consumer.stop(group)

    def leave(self, group_id: str, leavers: Iterable[tuple[str, str | None]]) -> list[Code]:
        """Members, as (member id, instance id), leave at once; one code for each."""
        group = self.groups.get(group_id)
        if isinstance(group, ClassicGroup):
            return self.classic.leave(group, leavers)
        if isinstance(group, ConsumerGroup):
            return self.consumer.remove(group, leavers)
        return [Code.UNKNOWN_MEMBER_ID for _ in leavers]

    def check_commit(self, group_id: str, epoch: int, member_id: str, instance_id: str | None, version: int) -> Code:
        """Whether this client may commit offsets for the group; counts as a heartbeat of a classic member."""
        group = self.groups.get(group_id)
        if not group_id:
            return Code.INVALID_GROUP_ID
        if group is None and epoch >= 0:
            return Code.GROUP_ID_NOT_FOUND if version >= _FIRST_COMMIT_WITH_NOT_FOUND else Code.ILLEGAL_GENERATION
        if group is None:
            return Code.NONE
        code = group.check_commit(epoch, member_id, instance_id, version)
        if (
            isinstance(group, ClassicGroup)
            and member_id in group.members
            and code
            in (
                Code.NONE,
                Code.REBALANCE_IN_PROGRESS,
            )
        ):
            self.classic.touch(group, group.members[member_id])
        return code

    def check_transactional_commit(self, group_id: str, epoch: int, member_id: str, instance_id: str | None) -> Code:
        """As `check_commit` for offsets in a transaction."""
        group = self.groups.get(group_id)
        if not group_id:
            return Code.INVALID_GROUP_ID
        if group is None:
            return Code.NONE if epoch < 0 else Code.ILLEGAL_GENERATION
        return group.check_transactional_commit(epoch, member_id, instance_id)

    def check_fetch(self, group_id: str, epoch: int, member_id: str | None) -> Code:
        """Whether this client may ask for the group's offsets."""
        group = self.groups.get(group_id)
        return Code.NONE if group is None else group.check_fetch(epoch, member_id)

    def delete(self, group_id: str) -> Code:
        """Forget a group without members. The caller deletes its offsets. Raises `LogError`."""
        group = self.groups.get(group_id)
        if group is None:
            return Code.GROUP_ID_NOT_FOUND
        if not group.is_empty:
            return Code.NON_EMPTY_GROUP
        stored = self._storage.group_records().get(group_id, ())
        self._storage.store_group(group_id, dict.fromkeys(stored))
        del self.groups[group_id]
        return Code.NONE


def _group_from(name: str, records: Mapping[bytes, bytes]) -> Group | None:
    """A group of the kind that its records are of; None if they are of a kind that is not served."""
    classic = records.get(group_key(name))
    return group_from_value(name, classic) if classic is not None else group_from_records(name, records)
