"""Transforms that choose another topic: RegexRouter, TimestampRouter, Debezium's ByLogicalTableRouter; and Filter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import regex

from headwater.connect import schema as s
from headwater.connect.config import Config, ConfigDef, Key, Type
from headwater.connect.schema import ConnectSchema, Field
from headwater.connect.transforms.api import R, SchemaCache, Transform
from headwater.connect.transforms.predicates import is_pattern
from headwater.connect.transforms.timestamp_converter import simple_formatter


class Filter(Transform):
    """Leaves out every record that its predicate lets through to it."""

    names = ("org.apache.kafka.connect.transforms.Filter",)
    sided = False

    def configure(self, config: Config) -> None:
        """Nothing to set: the predicate decides."""

    def apply(self, record: R) -> R | None:
        return None


def java_replacement(text: str) -> Callable[[Any], str]:
    """A function from a match to what Java's `Matcher.replaceAll` makes of a replacement (`$1`, `${name}`, `\\$`)."""
    parts = regex.findall(r"\\(.)|\$(\d)|\$\{(\w+)\}|([^\\$]+)", text)

    def expand(match: Any) -> str:
        made = []
        for escaped, number, name, plain in parts:
            group = int(number) if number else name
            made.append(escaped or plain or (match.group(group) or "" if number or name else ""))
        return "".join(made)

    return expand


class RegexRouter(Transform):
    """The topic's name as a pattern's replacement, where the pattern matches all of it."""

    names = ("org.apache.kafka.connect.transforms.RegexRouter",)
    sided = False
    config = ConfigDef(
        Key("regex", Type.STRING, "Pattern of the whole name.", validator=is_pattern),
        Key("replacement", Type.STRING, "The new name; $1 stands for the first group."),
    )

    def configure(self, config: Config) -> None:
        self._match = regex.compile(config.text("regex")).fullmatch
        self._expand = java_replacement(config.text("replacement"))
        self._topics: dict[str, str] = {}

    def apply(self, record: R) -> R | None:
        topic = self._topics.get(record.topic)
        if topic is None:
            found = self._match(record.topic)
            topic = self._topics[record.topic] = record.topic if found is None else self._expand(found)
        return record if topic == record.topic else record.replace(topic=topic)


class TimestampRouter(Transform):
    """The topic's name with the record's time in it."""

    names = ("org.apache.kafka.connect.transforms.TimestampRouter",)
    sided = False
    config = ConfigDef(
        Key("topic.format", Type.STRING, "Name with ${topic} and ${timestamp}.", default="${topic}-${timestamp}"),
        Key("timestamp.format", Type.STRING, "Pattern of Java's SimpleDateFormat.", default="yyyyMMdd"),
    )

    def configure(self, config: Config) -> None:
        self._format = config.text("topic.format")
        self._text = simple_formatter(config.text("timestamp.format"))

    def apply(self, record: R) -> R | None:
        if record.timestamp_ms is None:
            return record
        moment = self._text(record.timestamp_ms)
        return record.replace(topic=self._format.replace("${topic}", record.topic).replace("${timestamp}", moment))


_TABLE_FIELD = "__dbz__physicalTableIdentifier"


class ByLogicalTableRouter(Transform):
    """One topic for the tables whose topics match a pattern; the key tells them apart."""

    names = ("io.debezium.transforms.ByLogicalTableRouter",)
    sided = False
    config = ConfigDef(
        Key("topic.regex", Type.STRING, "Pattern of the whole name.", validator=is_pattern),
        Key("topic.replacement", Type.STRING, "The new name; $1 stands for the first group."),
        Key("key.enforce.uniqueness", Type.BOOLEAN, "Put the table into the key.", default=True),
        Key("key.field.name", Type.STRING, "The key's field for the table.", default=_TABLE_FIELD),
        Key("key.field.regex", Type.STRING, "Pattern of the topic's name.", default=None, validator=is_pattern),
        Key("key.field.replacement", Type.STRING, "What stands for the table in the key.", default=None),
    )

    def configure(self, config: Config) -> None:
        self._match = regex.compile(config.text("topic.regex")).fullmatch
        self._expand = java_replacement(config.text("topic.replacement"))
        self._unique, self._field = config.flag("key.enforce.uniqueness"), config.text("key.field.name")
        pattern = config["key.field.regex"]
        self._key_match = None if pattern is None else regex.compile(pattern).fullmatch
        self._key_expand = java_replacement(config.text("key.field.replacement"))
        self._schemas = SchemaCache(self._key_schema)

    def apply(self, record: R) -> R | None:
        found = self._match(record.topic)
        topic = None if found is None else self._expand(found)
        if not topic:
            return record
        if not self._unique or not isinstance(record.key, dict):
            return record.replace(topic=topic)
        matched = None if self._key_match is None else self._key_match(record.topic)
        table = record.topic if matched is None else self._key_expand(matched)
        made = None if record.key_schema is None else self._schemas(record.key_schema)
        return record.replace(topic=topic, key_schema=made, key=record.key | {self._field: table})

    def _key_schema(self, schema: ConnectSchema) -> ConnectSchema:
        return replace(schema, fields=(*schema.fields, Field(self._field, s.STRING)))
