"""Debezium's ExtractNewRecordState: the row of a change event instead of its envelope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headwater.connect import schema as s
from headwater.connect.config import Config, ConfigDef, Key, Type
from headwater.connect.record import Header
from headwater.connect.schema import ConnectSchema, Field
from headwater.connect.transforms.api import R, Transform, with_fields

_ENVELOPE = ".Envelope"
_TOP_LEVEL = frozenset({"op", "ts_ms", "ts_us", "ts_ns", "before", "after", "source", "transaction"})
_MODES = ("drop", "tombstone", "rewrite", "rewrite-with-tombstone", "delete-to-tombstone")
_DELETED = "__deleted"


@dataclass(frozen=True)
class _Reference:
    """A value of the envelope that goes into the row or the headers."""

    path: tuple[str, ...]
    name: str

    @classmethod
    def of(cls, text: str, prefix: str) -> _Reference:
        """`op`, `source.lsn`, `table` (of the source), each with `:newname` after it or not."""
        found, _, name = text.strip().partition(":")
        steps = tuple(found.split("."))
        made = name or "_".join(steps)
        return cls(steps if len(steps) > 1 or found in _TOP_LEVEL else ("source", found), prefix + made)

    def value(self, envelope: dict[str, Any]) -> Any:
        found: Any = envelope
        for step in self.path:
            found = found.get(step) if isinstance(found, dict) else None
        return found

    def schema(self, envelope: ConnectSchema) -> ConnectSchema | None:
        found: ConnectSchema | None = envelope
        for step in self.path:
            found = None if found is None else found.field(step)
        return found


class ExtractNewRecordState(Transform):
    """Flattens change events; others pass unchanged."""

    names = ("io.debezium.transforms.ExtractNewRecordState", "io.debezium.transforms.UnwrapFromEnvelope")
    sided = False
    config = ConfigDef(
        Key("drop.tombstones", Type.BOOLEAN, "Older key: whether tombstones are left out.", default=None),
        Key("delete.handling.mode", Type.STRING, "Older key: what becomes of deletes.", default=None,
            choices=("drop", "rewrite", "none")),
        Key("delete.tombstone.handling.mode", Type.STRING, "What becomes of deletes and tombstones.", default=None,
            choices=_MODES, aliases=("delete.handling.tombstone.mode",)),
        Key("add.fields", Type.LIST, "Values of the envelope to add: op, source.lsn, table:t.", default=()),
        Key("add.fields.prefix", Type.STRING, "Before their names.", default="__"),
        Key("add.headers", Type.LIST, "Values of the envelope that become headers.", default=()),
        Key("add.headers.prefix", Type.STRING, "Before their names.", default="__"),
        Key("route.by.field", Type.STRING, "Field of the row with the topic's name.", default=""),
        Key("drop.fields.header.name", Type.STRING, "Header that lists fields to drop.", default=None),
        Key("drop.fields.from.key", Type.BOOLEAN, "Drop them from the key too.", default=False),
    )  # fmt: skip

    def configure(self, config: Config) -> None:
        mode = config["delete.tombstone.handling.mode"]
        older = config["delete.handling.mode"] is not None or config["drop.tombstones"] is not None
        if mode is None and older:
            deletes = config["delete.handling.mode"] or "drop"
            keeps = config["drop.tombstones"] is False
            self._deletes = {"none": "tombstone"}.get(deletes, deletes)
            self._keeps_tombstones = keeps
        else:
            mode = mode or "tombstone"
            deletes = {"rewrite-with-tombstone": "rewrite", "delete-to-tombstone": "tombstone"}
            self._deletes = deletes.get(mode, "rewrite" if mode == "rewrite" else "drop")
            self._keeps_tombstones = mode in ("tombstone", "rewrite-with-tombstone")
        prefix = config.text("add.fields.prefix")
        self._fields = [_Reference.of(text, prefix) for text in config.texts("add.fields")]
        prefix = config.text("add.headers.prefix")
        self._headers = [_Reference.of(text, prefix) for text in config.texts("add.headers")]
        self._route, self._dropped = config.text("route.by.field"), config["drop.fields.header.name"]
        self._schemas: dict[tuple[ConnectSchema, bool], ConnectSchema] = {}

    def apply(self, record: R) -> R | None:
        value = record.value
        if value is None:
            return self._with_headers(record, {}, None) if self._keeps_tombstones else None
        if not _is_envelope(value, record.value_schema):
            return record
        made = self._with_headers(record, value, record.value_schema)
        row = value.get("after")
        if row is None and value.get("op") == "t":  # a truncate has no row at all
            return None if self._deletes == "drop" else made.replace(value=None, value_schema=None)
        if row is not None:
            return self._row(made, value, row, deleted=False)
        if self._deletes == "drop":
            return None
        if self._deletes == "tombstone":
            return made.replace(value=None, value_schema=None)
        return self._row(made, value, value.get("before") or {}, deleted=True)

    def _row(self, record: R, envelope: dict[str, Any], row: dict[str, Any], *, deleted: bool) -> R:
        topic = str(row[self._route]) if self._route and row.get(self._route) is not None else record.topic
        made = dict(row)
        if self._deletes == "rewrite":
            made[_DELETED] = "true" if deleted else "false"
        for reference in self._fields:
            made[reference.name] = reference.value(envelope)
        schema = None if record.value_schema is None else self._schema(record.value_schema, deleted)
        record = record.replace(value=made, value_schema=schema)
        return record if topic == record.topic else record.replace(topic=topic)

    def _schema(self, envelope: ConnectSchema, deleted: bool) -> ConnectSchema:
        found = self._schemas.get((envelope, deleted))
        if found is None:
            row = envelope.field("before" if deleted else "after")
            assert row is not None
            fields = list(row.fields)
            if self._deletes == "rewrite":
                fields.append(Field(_DELETED, s.OPTIONAL_STRING))
            for reference in self._fields:
                inner = reference.schema(envelope) or s.OPTIONAL_STRING
                fields.append(Field(reference.name, inner.as_optional()))
            # Debezium keeps the row's own schema where nothing is added to it.
            found = with_fields(row, fields) if len(fields) > len(row.fields) else row
            self._schemas[envelope, deleted] = found
        return found

    def _with_headers(self, record: R, envelope: dict[str, Any], schema: ConnectSchema | None) -> R:
        if not self._headers:
            return record
        added = tuple(
            Header(ref.name, ref.value(envelope), None if schema is None else ref.schema(schema))
            for ref in self._headers
        )
        if not envelope:
            added = tuple(Header(h.key, "d", s.STRING) for h in added if h.key.endswith("op"))
        return record.replace(headers=record.headers + added)


def _is_envelope(value: Any, schema: ConnectSchema | None) -> bool:
    if schema is not None:
        return schema.type is s.Type.STRUCT and (schema.name or "").endswith((_ENVELOPE, "Envelope"))
    return isinstance(value, dict) and "op" in value and "source" in value and ("after" in value or "before" in value)
