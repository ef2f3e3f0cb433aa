"""Makes the records of changes: source block, transaction block, key, envelope, tombstone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headwater.connect.config import Config
from headwater.connect.connectors.postgres.envelope import (
    CONNECTOR,
    HEARTBEAT_KEY,
    HEARTBEAT_VALUE,
    MESSAGE_KEY,
    TRANSACTION_KEY,
    TRANSACTION_VALUE,
    VERSION,
    TableRecords,
    message_schema,
)
from headwater.connect.connectors.postgres.mapped import Mapped
from headwater.connect.connectors.postgres.settings import EMBEDDED, options
from headwater.connect.connectors.postgres.types import binary
from headwater.connect.record import Header, Headers, SourceRecord

Row = dict[str, Any]
Offset = Mapping[str, Any]


class RecordMaker:
    """Records of one connector. `now_ms` (wall clock, ms) is set by whoever calls, once per slice of work."""

    def __init__(
        self,
        server: str,
        database: str,
        delimiter: str,
        heartbeat_prefix: str,
        transaction_topic: str,
        tombstones: bool,
        content: Mapped,
    ) -> None:
        self.partition: Mapping[str, Any] = {"server": server}
        self.now_ms = 0
        self._server, self._database = server, database
        self._tombstones = tombstones
        self._content, self._message_schema = content.read, message_schema(content.schema)
        self._heartbeat_topic = f"{heartbeat_prefix}{delimiter}{server}"
        self._transaction_topic = f"{server}{delimiter}{transaction_topic}"
        self._message_topic = f"{server}.message"

    def source(
        self, schema: str, table: str, lsn: int, commit: int | None, xid: int | None, moment_us: int, snapshot: str
    ) -> Row:
        """The block that says where a change comes from. `commit` is the end of the last transaction before it."""
        before = "null" if commit is None else f'"{commit}"'
        return {
            "version": VERSION,
            "connector": CONNECTOR,
            "name": self._server,
            "ts_ms": moment_us // 1000,
            "snapshot": snapshot,
            "db": self._database,
            "sequence": f'[{before},"{lsn}"]',
            "ts_us": moment_us,
            "ts_ns": moment_us * 1000,
            "schema": schema,
            "table": table,
            "txId": xid,
            "lsn": lsn,
            "xmin": None,
        }

    def change(
        self, table: TableRecords, op: str, before: Row | None, after: Row | None, source: Row, block: Row | None,
        offset: Offset, headers: Headers = (),
    ) -> SourceRecord:  # fmt: skip
        """One change: (c)reate, (u)pdate, (d)elete, (r)ead, (t)runcate."""
        now = self.now_ms
        row = before if after is None else after
        return SourceRecord(
            self.partition,
            offset,
            table.topic,
            None,
            None if row is None or table.key_schema is None else {name: row[name] for name in table.key_names},
            {
                "before": before,
                "after": after,
                "source": source,
                "transaction": block,
                "op": op,
                "ts_ms": now,
                "ts_us": now * 1000,
                "ts_ns": now * 1_000_000,
            },
            None if row is None else table.key_schema,
            table.value_schema,
            None,
            headers,
        )

    def delete(
        self, table: TableRecords, before: Row, source: Row, block: Row | None, offset: Offset, headers: Headers = ()
    ) -> list[SourceRecord]:
        """A delete with its tombstone; a table without a key has none."""
        records = [self.change(table, "d", before, None, source, block, offset, headers)]
        if self._tombstones and table.key_schema is not None:
            records.append(
                SourceRecord(self.partition, offset, table.topic, None, table.key(before), None, table.key_schema, None)
            )
        return records

    def new_key(
        self, table: TableRecords, before: Row, after: Row, source: Row, blocks: Sequence[Row | None], offset: Offset
    ) -> list[SourceRecord]:
        """An update of the key: the old row goes and the new one comes, each naming the other's key in a header."""
        old, new = table.key(before), table.key(after)
        leaving = (Header("__debezium.newkey", new, table.key_schema),)
        coming = (Header("__debezium.oldkey", old, table.key_schema),)
        records = self.delete(table, before, source, blocks[0], offset, leaving)
        return [*records, self.change(table, "c", None, after, source, blocks[1], offset, coming)]

    def message(self, prefix: str, content: bytes, source: Row, block: Row | None, offset: Offset) -> SourceRecord:
        """What `pg_logical_emit_message` wrote."""
        content_value = self._content(rb"\x" + content.hex().encode())
        value = {
            "op": "m",
            "ts_ms": self.now_ms,
            "source": source,
            "transaction": block,
            "message": {"prefix": prefix, "content": content_value},
        }
        topic, key, schema = self._message_topic, {"prefix": prefix}, self._message_schema
        return SourceRecord(self.partition, offset, topic, None, key, value, MESSAGE_KEY, schema)

    def heartbeat(self, offset: Offset) -> SourceRecord:
        """A sign of life, which also carries the offset on."""
        key, value = {"serverName": self._server}, {"ts_ms": self.now_ms}
        return SourceRecord(
            self.partition, offset, self._heartbeat_topic, None, key, value, HEARTBEAT_KEY, HEARTBEAT_VALUE
        )

    def transaction(
        self, status: str, id_: str, moment_us: int, counts: Mapping[str, int] | None, offset: Offset
    ) -> SourceRecord:
        """BEGIN, or END with how many changes each table had."""
        value = {
            "status": status,
            "id": id_,
            "event_count": None if counts is None else sum(counts.values()),
            "data_collections": None
            if counts is None
            else [{"data_collection": name, "event_count": count} for name, count in counts.items()],
            "ts_ms": moment_us // 1000,
        }
        return SourceRecord(
            self.partition,
            offset,
            self._transaction_topic,
            None,
            {"id": id_},
            value,
            TRANSACTION_KEY,
            TRANSACTION_VALUE,
        )


def record_maker(config: Config) -> RecordMaker:
    """As a configuration says."""
    return RecordMaker(
        config.text("topic.prefix"),
        config.text("database.dbname") or EMBEDDED,
        config.text("topic.delimiter"),
        config.text("topic.heartbeat.prefix"),
        config.text("topic.transaction"),
        config.flag("tombstones.on.delete"),
        binary(options(config)),
    )
