"""Predicates: whether a transform is applied to a record (KIP-585)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import regex

from headwater.connect.config import Config, ConfigDef, Key, Type
from headwater.connect.errors import UsageError
from headwater.connect.record import Record


class Predicate(ABC):
    """A question about a record."""

    names: ClassVar[tuple[str, ...]]
    config: ClassVar[ConfigDef] = ConfigDef()

    def __init__(self, settings: Mapping[str, str]) -> None:
        parsed = self.config.parse(settings)
        for problems in parsed.errors.values():
            raise UsageError(problems[0])
        self.configure(parsed.config)

    def configure(self, config: Config) -> None:  # noqa: B027 - optional
        """Take the settings."""

    @abstractmethod
    def test(self, record: Record) -> bool:
        """The answer."""


def is_pattern(text: str) -> str | None:
    """What is wrong with a regular expression."""
    try:
        regex.compile(text)
    except regex.error as error:
        return f"Invalid regular expression: {error}"
    return None


class TopicNameMatches(Predicate):
    names = ("org.apache.kafka.connect.transforms.predicates.TopicNameMatches",)
    config = ConfigDef(Key("pattern", Type.STRING, "Pattern of the whole topic name.", validator=is_pattern))

    def configure(self, config: Config) -> None:
        self._matches = regex.compile(config.text("pattern")).fullmatch

    def test(self, record: Record) -> bool:
        return self._matches(record.topic) is not None


class HasHeaderKey(Predicate):
    names = ("org.apache.kafka.connect.transforms.predicates.HasHeaderKey",)
    config = ConfigDef(Key("name", Type.STRING, "Key of the header."))

    def configure(self, config: Config) -> None:
        self._name = config.text("name")

    def test(self, record: Record) -> bool:
        return any(header.key == self._name for header in record.headers)


class RecordIsTombstone(Predicate):
    names = ("org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",)

    def test(self, record: Record) -> bool:
        return record.value is None


PREDICATES: tuple[type[Predicate], ...] = (TopicNameMatches, HasHeaderKey, RecordIsTombstone)
