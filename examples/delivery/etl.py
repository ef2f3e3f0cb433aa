"""What the ETL makes of the database's changes: clean rows of three tables, with the transaction and the operation."""

from __future__ import annotations

from common.kafka import Event
from data import TOPICS
from database import Change


def cleaned(change: Change) -> Event | None:
    """The record for a change, keyed by the row so that its records stay in order. A deleted row is as it was.

    Changes of other tables than those of the topics give None.
    """
    if change.table not in TOPICS:
        return None
    row = change.before if change.op == "d" else change.after
    assert row is not None
    return Event(change.table, str(row["id"]), row | {"tx_id": change.tx_id, "op": change.op}, change.at)
