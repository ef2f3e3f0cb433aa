"""What a converter is: the bytes of keys, values or headers to Connect's values with their schemas, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

from headwater.connect.config import Config, ConfigDef
from headwater.connect.errors import UsageError
from headwater.connect.schema import ConnectSchema
from headwater.core.errors import DataError, HeadwaterError
from headwater.formats.api import SchemaRegistry


class Converted(NamedTuple):
    """A value with its schema; None is a value without one."""

    schema: ConnectSchema | None
    value: Any


NULL = Converted(None, None)

_BROKEN = (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError, IndexError)
"""What code raises over values that are not what their schema says."""


class Converter(ABC):
    """Bytes to values and back. One object serves one side (key or value) of a connector, and keeps what it derives
    from a schema, so that the next record with it costs no more than its data.

    `settings` are the keys after `value.converter.`; unknown ones are ignored, wrong ones are a `UsageError`.
    """

    names: ClassVar[tuple[str, ...]]
    """The original's class name first."""
    config: ClassVar[ConfigDef] = ConfigDef()

    def __init__(self, settings: Mapping[str, str], is_key: bool, registry: SchemaRegistry | None = None) -> None:
        parsed = self.config.parse(settings)
        for problems in parsed.errors.values():
            raise UsageError(f"{self.names[0]}: {problems[0]}")
        self.is_key, self.registry = is_key, registry
        self.configure(parsed.config)

    def configure(self, config: Config) -> None:  # noqa: B027 - optional
        """Take the settings."""

    @abstractmethod
    def encode(self, topic: str, schema: ConnectSchema | None, value: Any) -> bytes | None:
        """The bytes of a value; None for a null. Raises `DataError`."""

    @abstractmethod
    def decode(self, topic: str, payload: bytes | None) -> Converted:
        """The value of bytes. Raises `DataError`."""

    def encode_all(
        self, topic: str, values: Iterable[tuple[ConnectSchema | None, Any]]
    ) -> list[bytes | DataError | None]:
        """The bytes of many; in the place of one that cannot be converted stands its error."""
        made: list[bytes | DataError | None] = []
        encode = self.encode
        for schema, value in values:
            try:
                made.append(encode(topic, schema, value))
            except DataError as error:
                made.append(error)
            except (*_BROKEN, HeadwaterError) as error:
                made.append(DataError(f"Cannot convert a record for topic {topic}: {error}"))
        return made

    def decode_all(self, topic: str, payloads: Iterable[bytes | None]) -> list[Converted | DataError]:
        """The values of many; in the place of one that cannot be converted stands its error."""
        made: list[Converted | DataError] = []
        decode = self.decode
        for payload in payloads:
            try:
                made.append(decode(topic, payload))
            except DataError as error:
                made.append(error)
            except (*_BROKEN, HeadwaterError) as error:
                made.append(DataError(f"Cannot convert a record of topic {topic}: {error}"))
        return made
