"""The records that connectors, converters and transforms pass on: never changed, a transform makes new ones.

`record.replace(topic="x")` is a copy with some attributes changed. Values are those of `headwater.connect.schema`; a
schema is None where the record has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import msgspec

from headwater.connect.schema import ConnectSchema


class Header(NamedTuple):
    """One header; several may have one key, and their order counts."""

    key: str
    value: Any
    schema: ConnectSchema | None = None


Headers = tuple[Header, ...]


class SourceRecord(msgspec.Struct, frozen=True):
    """A record on its way in.

    `source_partition` is the part of the source that it comes from and `source_offset` its place there (JSON values by
    name). `partition` None lets the key decide. `timestamp_ms` None is the time of writing.
    """

    source_partition: Mapping[str, Any]
    source_offset: Mapping[str, Any]
    topic: str
    partition: int | None = None
    key: Any = None
    value: Any = None
    key_schema: ConnectSchema | None = None
    value_schema: ConnectSchema | None = None
    timestamp_ms: int | None = None
    headers: Headers = ()

    def replace(self, **changes: Any) -> Self:
        """A copy with these attributes changed."""
        return msgspec.structs.replace(self, **changes)


class SinkRecord(msgspec.Struct, frozen=True):
    """A record on its way out; `topic` is what transforms have made of `original_topic` (KIP-793).

    `timestamp_ms` is None where the record has none.
    """

    topic: str
    partition: int
    offset: int
    key: Any = None
    value: Any = None
    key_schema: ConnectSchema | None = None
    value_schema: ConnectSchema | None = None
    timestamp_ms: int | None = None
    headers: Headers = ()
    original: str | None = None

    def replace(self, **changes: Any) -> Self:
        """A copy with these attributes changed; where the topic changes, the first one is kept."""
        if "topic" in changes and self.original is None:
            changes["original"] = self.topic
        return msgspec.structs.replace(self, **changes)

    @property
    def original_topic(self) -> str:
        """The topic that the record was read from."""
        return self.topic if self.original is None else self.original


Record = SourceRecord | SinkRecord
