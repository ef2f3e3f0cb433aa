"""Which transactional ids a query owns, and whether it may take one back after the cluster has shut it out."""

from __future__ import annotations

from collections.abc import Mapping

from headwater.cluster.api import Cluster, Commit, TopicPartition
from headwater.cluster.remote.errors import FencedError


class Ownership:
    """The ids under which one query commits, as the only one that uses its group."""

    def __init__(self, cluster: Cluster, group: str) -> None:
        self._cluster = cluster
        self._group = group
        self._owned: set[str] = set()
        self._settled: dict[TopicPartition, int] = {}
        """Offsets that the group has, for all that this owner knows."""
        self._left_open: Commit | None = None
        """The last one, if it failed, so that its transaction may be open still."""

    async def claim(self, name: str) -> None:
        """Take the id over, or go on with it after a failure; raises `FencedError` if somebody else has it now.

        The cluster also shuts out who leaves a transaction open for too long: then nobody has gone on from there, and
        the id is taken over once more.
        """
        if name not in self._owned:
            await self._cluster.take_over(name)
            self._owned.add(name)
            return
        try:
            await self._cluster.regain(name)
        except FencedError:
            if not await self._has_timed_out(name):
                raise
            await self._cluster.take_over(name)
        if self._left_open is not None and self._left_open.transactional_id == name:
            self._left_open = None  # it is aborted by now

    async def _has_timed_out(self, name: str) -> bool:
        """Whether the group is where the transaction that was left open began, or has come to where it was to end."""
        left = self._left_open
        if left is None or left.transactional_id != name:
            return False
        before = {place: self._settled[place] for place in left.offsets if place in self._settled}
        return await self._cluster.committed(self._group, list(left.offsets)) in (before, left.offsets)

    def begins(self, offsets: Mapping[TopicPartition, int]) -> None:
        """The group has these offsets: work begins there."""
        self._settled = dict(offsets)

    def committed(self, work: Commit) -> None:
        """The commit has succeeded."""
        self._settled.update(work.offsets)
        self._left_open = None

    def failed(self, work: Commit, error: BaseException) -> None:
        """The commit has failed. Who was shut out by another has nothing open."""
        if not isinstance(error, FencedError):
            self._left_open = work
