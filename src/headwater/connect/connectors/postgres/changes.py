"""Turns the messages of a replication stream into records, one after the other, and knows how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.connect.config import Config
from headwater.connect.connectors.postgres.envelope import TableRecords
from headwater.connect.connectors.postgres.pgoutput import (
    HEADER,
    Begin,
    Commit,
    Delete,
    Insert,
    LogicalMessage,
    Message,
    Relation,
    Truncate,
    Update,
    read_message,
)
from headwater.connect.connectors.postgres.position import COUNT_PREFIX, Position, Visible
from headwater.connect.connectors.postgres.records import RecordMaker, Row
from headwater.connect.record import SourceRecord

_BLOCK = {"I": "INSERT", "U": "UPDATE", "D": "DELETE", "T": "TRUNCATE", "M": "MESSAGE"}
_OPERATIONS = {ord("I"): "c", ord("U"): "u", ord("D"): "d", ord("T"): "t"}
_KINDS = {ord(letter): name for letter, name in _BLOCK.items()}


class Changes:
    """The state between two messages. `records` are those that nobody has taken yet."""

    def __init__(
        self, maker: RecordMaker, position: Position, skipped: frozenset[str], *, with_transactions: bool
    ) -> None:
        self.records: list[SourceRecord] = []
        self.commit_lsn: int | None = None
        """End of the last transaction that is complete here; None before the first."""
        self.in_transaction = False
        self._maker = maker
        self._skipped = skipped
        self._with_transactions = with_transactions
        self._tables: dict[int, TableRecords | None] = {}
        self._relations: dict[int, Relation] = {}
        self._start = position
        self._visible: Visible | None = position.visible
        self._resume: Position | None = position if position.events else None
        self._last_commit: int | None = None
        self._xid = 0
        self._moment_us = 0
        self._events = 0
        self._to_skip = 0
        self._hidden = False
        self._offset: dict[str, Any] | None = None
        self._counts: dict[str, int] = {}

    @property
    def position(self) -> Position:
        """Where to go on after a lost connection: right after the last message."""
        commit = self._start.commit_lsn if self.commit_lsn is None else self.commit_lsn
        return Position(commit, self._xid, max(self._events, self._to_skip), self._visible, counts=self._counts)

    @property
    def received_lsn(self) -> int:
        """The end of what is complete here."""
        return self._start.commit_lsn if self.commit_lsn is None else self.commit_lsn

    @property
    def offset(self) -> Mapping[str, Any] | None:
        """Where we are, for heartbeats: between transactions the end of the last one, within one the last record's."""
        return self._offset if self.in_transaction else self._offset_at(self.received_lsn, "HEARTBEAT")

    def apply(self, lsn: int, data: bytes) -> Relation | None:
        """One message with its header. A table that is new or has changed is given back: `learn` it, then go on."""
        kind = data[HEADER]
        if kind in _KINDS and self.passes(kind):
            return None
        message = read_message(data)
        if type(message) is Relation:
            return None if self._relations.get(message.oid) == message else message
        self.handle(lsn, message)
        return None

    def handle(self, lsn: int, message: Message) -> None:
        """One message that is to be told of."""
        if type(message) is Insert:
            self._insert(message, lsn)
        elif type(message) is Update:
            self._update(message, lsn)
        elif type(message) is Delete:
            self._delete(message, lsn)
        elif type(message) is Begin:
            self._begin(message, lsn)
        elif type(message) is Commit:
            self._commit(message)
        elif type(message) is Truncate:
            self._truncate(message, lsn)
        elif type(message) is LogicalMessage:
            self._message(message, lsn)

    def learn(self, relation: Relation, table: TableRecords | None) -> None:
        """How the records of a table look from now on; None for a table that is not captured."""
        self._relations[relation.oid] = relation
        self._tables[relation.oid] = table

    def passes(self, kind: int) -> bool:
        """Whether a change gives no record: it was delivered before, is in the snapshot, or is not wanted."""
        if self.in_transaction:
            self._events += 1
            if self._hidden or self._events <= self._to_skip:
                return True
        return _OPERATIONS.get(kind, "m") in self._skipped

    def _begin(self, begin: Begin, lsn: int) -> None:
        self.in_transaction = True
        self._events, self._to_skip = 0, 0
        self._xid, self._moment_us = begin.xid, begin.commit_us
        resume, self._resume = self._resume, None
        if resume is not None and resume.xid == begin.xid:
            self._to_skip = resume.events
        self._hidden = False
        if self._visible is not None:
            if begin.final_lsn > self._visible.lsn:
                self._visible = None
            else:
                self._hidden = self._visible.has_seen(begin.xid, begin.final_lsn)
        self._counts = dict(resume.counts) if resume is not None and self._to_skip else {}
        if self._with_transactions and not self._hidden and not self._to_skip:
            offset = self._offset_at(lsn, "BEGIN")
            self.records.append(self._maker.transaction("BEGIN", f"{begin.xid}:{lsn}", begin.commit_us, None, offset))

    def _commit(self, commit: Commit) -> None:
        hidden = self._hidden
        self.in_transaction, self._hidden = False, False
        self._events, self._to_skip = 0, 0
        self.commit_lsn = commit.end_lsn
        if not hidden:
            self._last_commit = commit.end_lsn
            if self._with_transactions:
                offset = self._offset_at(commit.end_lsn, "COMMIT")
                id_ = f"{self._xid}:{commit.end_lsn}"
                self.records.append(self._maker.transaction("END", id_, commit.commit_us, self._counts, offset))

    def _offset_at(self, lsn: int, kind: str) -> dict[str, Any]:
        """What is stored with a record: Debezium's names, and how many changes of the transaction were delivered."""
        offset: dict[str, Any] = {
            "lsn_proc": lsn,
            "messageType": kind,
            "lsn_commit": self._start.commit_lsn if self.commit_lsn is None else self.commit_lsn,
            "lsn": lsn,
            "txId": self._xid,
            "ts_usec": self._moment_us,
            "tx_events": self._events,
        }
        if self._with_transactions:
            offset["transaction_id"] = str(self._xid)
            offset |= {COUNT_PREFIX + name: count for name, count in self._counts.items()}
        if self._visible is not None:
            offset |= {"snapshot_visible": str(self._visible), "snapshot_lsn": self._visible.lsn}
        self._offset = offset
        return offset

    def _source(self, table: TableRecords, lsn: int) -> Row:
        id_ = table.table.id
        return self._maker.source(id_.schema, id_.name, lsn, self._last_commit, self._xid, self._moment_us, "false")

    def _block(self, table: TableRecords, lsn: int) -> Row | None:
        """The block that says which change of its transaction this is."""
        if not self._with_transactions:
            return None
        return self._counted(str(table.table.id), lsn)

    def _counted(self, name: str, lsn: int) -> Row:
        count = self._counts.get(name, 0) + 1
        self._counts[name] = count
        total = sum(self._counts.values())
        return {"id": f"{self._xid}:{lsn}", "total_order": total, "data_collection_order": count}

    def _insert(self, message: Insert, lsn: int) -> None:
        table = self._tables.get(message.relation)
        if table is not None:
            block = self._block(table, lsn) if self._with_transactions else None
            after, offset = table.row(message.new), self._offset_at(lsn, "INSERT")
            source = self._source(table, lsn)
            self.records.append(self._maker.change(table, "c", None, after, source, block, offset))

    def _update(self, message: Update, lsn: int) -> None:
        table = self._tables.get(message.relation)
        if table is None:
            return
        after = table.changed_row(message.new, message.old if message.full else None)
        before = None
        if message.old is not None:
            before = table.row(message.old) if message.full else table.key_row(message.old)
        source, block = self._source(table, lsn), self._block(table, lsn)
        if before is not None and table.key(before) != table.key(after):
            blocks = (block, self._block(table, lsn))
            self.records += self._maker.new_key(table, before, after, source, blocks, self._offset_at(lsn, "UPDATE"))
        else:
            offset = self._offset_at(lsn, "UPDATE")
            self.records.append(self._maker.change(table, "u", before, after, source, block, offset))

    def _delete(self, message: Delete, lsn: int) -> None:
        table = self._tables.get(message.relation)
        if table is not None:
            before = table.row(message.old) if message.full else table.key_row(message.old)
            source, block = self._source(table, lsn), self._block(table, lsn)
            self.records += self._maker.delete(table, before, source, block, self._offset_at(lsn, "DELETE"))

    def _truncate(self, message: Truncate, lsn: int) -> None:
        for relation in message.relations:
            table = self._tables.get(relation)
            if table is not None:
                source, block = self._source(table, lsn), self._block(table, lsn)
                offset = self._offset_at(lsn, "TRUNCATE")
                self.records.append(self._maker.change(table, "t", None, None, source, block, offset))

    def _message(self, message: LogicalMessage, lsn: int) -> None:
        xid = self._xid if message.transactional else None
        source = self._maker.source("", "", lsn, self._last_commit, xid, self._moment_us, "false")
        block = self._counted("message", lsn) if self._with_transactions and message.transactional else None
        offset = self._offset_at(lsn, "MESSAGE")
        self.records.append(self._maker.message(message.prefix, message.content, source, block, offset))


def configured_changes(maker: RecordMaker, position: Position, config: Config) -> Changes:
    """What turns messages into records as a configuration says, from a position on."""
    skipped = frozenset(part.lower() for part in config.texts("skipped.operations"))
    return Changes(maker, position, skipped, with_transactions=config.flag("provide.transaction.metadata"))
