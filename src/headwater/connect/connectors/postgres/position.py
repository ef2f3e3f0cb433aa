"""How far the connector is: the offset that is stored with each record, in Debezium's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

COUNT_PREFIX = "transaction_data_collection_order_"
"""Before a table's name in an offset: how many changes of the open transaction it had."""


@dataclass(frozen=True, slots=True)
class Visible:
    """The transactions that a snapshot of the tables has seen (`pg_current_snapshot`), as far as the log up to `lsn`
    tells of them again."""

    xmin: int
    xmax: int
    running: frozenset[int]
    lsn: int

    @classmethod
    def parse(cls, text: str, lsn: int) -> Visible:
        """From `xmin:xmax:xid,xid`; ids are 64 bits wide."""
        match = re.fullmatch(r"(\d+):(\d+):([\d,]*)", text)
        if match is None:
            raise ValueError(f"not a snapshot of PostgreSQL: {text!r}")
        return cls(int(match[1]), int(match[2]), frozenset(int(part) for part in match[3].split(",") if part), lsn)

    def __str__(self) -> str:
        return f"{self.xmin}:{self.xmax}:{','.join(map(str, sorted(self.running)))}"

    def has_seen(self, xid: int, commit_lsn: int) -> bool:
        """Whether a transaction (its 32-bit id) that committed at this place is in the snapshot."""
        if commit_lsn > self.lsn:
            return False
        wide = self._widened(xid)
        return wide < self.xmax and (wide < self.xmin or wide not in self.running)

    def _widened(self, xid: int) -> int:
        """The id with its epoch: the nearest one to the snapshot's."""
        wide = (self.xmax & ~0xFFFFFFFF) | xid
        if wide > self.xmax + 0x7FFFFFFF:
            return wide - (1 << 32)
        return wide + (1 << 32) if wide < self.xmax - 0x80000000 else wide


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the stream of changes.

    Everything up to the transaction that ended at `commit_lsn` was delivered, and the first `events` changes of the
    one after it, whose id is `xid`.
    """

    commit_lsn: int
    xid: int = 0
    events: int = 0
    visible: Visible | None = None
    snapshot_done: bool = True
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many of those changes each table had, where transaction metadata is given."""


def read_position(offset: Mapping[str, Any]) -> Position | None:
    """The place that an offset names, one of Debezium's included; None where it names none."""
    commit = offset.get("lsn_commit")
    if commit is None:
        commit = offset.get("lsn")
    if commit is None:
        return None
    visible = None
    if offset.get("snapshot_visible"):
        visible = Visible.parse(str(offset["snapshot_visible"]), int(offset.get("snapshot_lsn") or 0))
    counts = {
        name.removeprefix(COUNT_PREFIX): int(count) for name, count in offset.items() if name.startswith(COUNT_PREFIX)
    }
    return Position(
        int(commit),
        int(offset.get("txId") or 0) if offset.get("tx_events") else 0,
        int(offset.get("tx_events") or 0),
        visible,
        snapshot_done=offset.get("snapshot") is None or bool(offset.get("snapshot_completed")),
        counts=counts,
    )
