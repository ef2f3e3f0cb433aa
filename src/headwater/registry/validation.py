"""Broker-side schema validation: records of a topic must carry the id of a schema that is registered for it.

Topic configs, as Confluent Server has them: `confluent.value.schema.validation`, `confluent.key.schema.validation` and,
to say under which subject, `confluent.value.subject.name.strategy`, `confluent.key.subject.name.strategy`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from headwater.formats import framing
from headwater.registry.records import SchemaValue
from headwater.registry.registry import Registry
from headwater.registry.subjects import DEFAULT_CONTEXT
from headwater.wire.records import Buffer, CorruptBatchError, Record, read_records

KEY_VALIDATION, VALUE_VALIDATION = "confluent.key.schema.validation", "confluent.value.schema.validation"
KEY_STRATEGY, VALUE_STRATEGY = "confluent.key.subject.name.strategy", "confluent.value.subject.name.strategy"
_RECORD_NAME, _TOPIC_RECORD_NAME = "RecordNameStrategy", "TopicRecordNameStrategy"
_PACKAGE = re.compile(r"^\s*package\s+([\w.]+)\s*;", re.MULTILINE)
_MESSAGE = re.compile(r"\bmessage\s+(\w+)")


class RecordValidation:
    """A `RecordCheck` of the broker, which asks the registry's memory."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def __call__(self, topic: str, configs: Mapping[str, str], records: Buffer) -> Sequence[tuple[int, str]]:
        """What is wrong with the batch; nothing for topics without validation."""
        keys, values = (configs.get(name, "").lower() == "true" for name in (KEY_VALIDATION, VALUE_VALIDATION))
        if not keys and not values:
            return ()
        try:
            batch = read_records(records)
        except CorruptBatchError:
            return ()
        found: list[tuple[int, str]] = []
        if keys:
            found += self._wrong(batch, topic, configs.get(KEY_STRATEGY, ""), is_key=True)
        if values:
            found += self._wrong(batch, topic, configs.get(VALUE_STRATEGY, ""), is_key=False)
        return sorted(found)

    def _wrong(self, batch: Sequence[Record], topic: str, strategy: str, *, is_key: bool) -> list[tuple[int, str]]:
        verdicts: dict[bytes, str | None] = {}
        found = []
        for index, record in enumerate(batch):
            payload = record.key if is_key else record.value
            if payload is None:
                continue
            head = bytes(payload[: framing.SIZE])
            if head not in verdicts:
                verdicts[head] = self._verdict(head, topic, strategy, is_key)
            reason = verdicts[head]
            if reason is not None:
                found.append((index, f"The {'key' if is_key else 'value'} {reason}"))
        return found

    def _verdict(self, head: bytes, topic: str, strategy: str, is_key: bool) -> str | None:
        if len(head) < framing.SIZE or head[0] != framing.MAGIC:
            return "does not begin with a zero byte and the id of a schema"
        schema_id = int.from_bytes(head[1:], "big")
        versions = [v for v in self._registry.state.with_id(DEFAULT_CONTEXT, schema_id) if not v.deleted]
        if not versions:
            return f"has the schema id {schema_id}, which the schema registry does not know"
        subject = _subject(topic, strategy.rpartition(".")[2], versions[0], is_key)
        if all(version.subject != subject for version in versions):
            return f"has the schema id {schema_id}, which is not registered under subject {subject}"
        return None


def _subject(topic: str, strategy: str, value: SchemaValue, is_key: bool) -> str:
    if strategy == _RECORD_NAME:
        return record_name(value)
    if strategy == _TOPIC_RECORD_NAME:
        return f"{topic}-{record_name(value)}"
    return f"{topic}-{'key' if is_key else 'value'}"


def record_name(value: SchemaValue) -> str:
    """The full name that a schema has by itself: of its record, its first message, its title; empty if it has none."""
    if value.schema_type == "PROTOBUF":
        message, package = _MESSAGE.search(value.schema), _PACKAGE.search(value.schema)
        name = message[1] if message is not None else ""
        return f"{package[1]}.{name}" if package is not None else name
    try:
        document = msgspec.json.decode(value.schema)
    except msgspec.DecodeError:
        return ""
    if not isinstance(document, dict):
        return ""
    if value.schema_type == "JSON":
        return str(document.get("title", ""))
    name, namespace = str(document.get("name", "")), document.get("namespace")
    return f"{namespace}.{name}" if namespace and "." not in name else name
