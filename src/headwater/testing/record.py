"""Records that tests put on topics, and those that they find there."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

Payload = bytes | str | dict[str, Any] | list[Any] | int | float | bool | None


@dataclass(frozen=True)
class Record:
    """A record to put on a topic as it is: bytes as they are, text as UTF-8, anything else as JSON; None is null.

    `timestamp` is ms since the epoch or a datetime; None is the clock's time.
    """

    value: Payload = None
    key: Payload = None
    timestamp: int | datetime.datetime | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()


@dataclass(frozen=True)
class OutputRecord:
    """A record that was found on a topic.

    Where a stream or table is over the topic, `key` is the value of its key column (a `Row` if there are several) and
    `value` a `Row` of its value columns; both are None for null. Elsewhere both are the payloads' bytes. `timestamp`
    is ms since the epoch; `window` is (start, end) in ms where the key is that of a window.
    """

    key: Any
    value: Any
    window: tuple[int, int] | None
    timestamp: int
    headers: Sequence[tuple[str, bytes | None]] = ()
    partition: int = 0
    offset: int = 0


def payload(given: Payload) -> bytes | None:
    """The bytes of a key or value of a `Record`."""
    if given is None or isinstance(given, bytes):
        return given
    return given.encode() if isinstance(given, str) else msgspec.json.encode(given)
