"""The JSON reader: the quick decoder where it applies, the exact one for every other record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from headwater.core.errors import DeserializationError
from headwater.core.schema import Column
from headwater.formats import json_exact, json_fast
from headwater.formats.api import Reader
from headwater.formats.failures import Refused, unreadable

RELEARN_LIMIT = 32
"""Decoders one reader builds at most; each takes about a millisecond, and a topic that needs more never settles."""


def reader(columns: tuple[Column, ...], wrapped: bool, topic: str, is_key: bool) -> Reader:
    """A reader of JSON objects, or of bare values when not `wrapped`; then a row that is None is a null row."""
    source = _Wrapped(columns, topic, is_key) if wrapped else _Bare(columns[0], topic, is_key)
    access = tuple(f"row.c{i}" for i in range(len(columns))) if wrapped else ("row",)
    return Reader(
        columns=columns,
        decode=source.decode,
        access=access,
        fast=source.fast if source.can_be_fast else None,
        fast_errors=json_fast.FAST_ERRORS if source.can_be_fast else (),
    )


class _Source:
    """State of one reader: what was learned of the topic's spelling, and the decoder made from it."""

    can_be_fast = True

    def __init__(self, topic: str, is_key: bool) -> None:
        self._topic, self._is_key = topic, is_key
        self._built = 0
        self._stale = False
        self._settled = False
        self._quick: Callable[[bytes], Any] = self._build() if self.can_be_fast else self.decode

    def decode(self, payload: bytes) -> object:
        """The exact reading. Raises `DeserializationError`."""
        try:
            node = json_exact.parse(payload)
            row = self._exact(node)
        except Refused as refused:
            raise unreadable(self._topic, self._is_key, refused.reason, refused.path) from None
        except RecursionError:
            raise unreadable(self._topic, self._is_key, "The document is nested too deeply") from None
        if self._built < RELEARN_LIMIT and self._learn(node):
            self._stale = True
        return row

    def fast(self) -> Callable[[bytes], object]:
        """The decoder for the next batch. During the first one it improves from record to record."""
        if not self._settled:
            self._settled = True
            return self._decode_and_learn
        if self._stale:
            self._rebuild()
        return self._quick

    def _decode_and_learn(self, payload: bytes) -> object:
        try:
            return self._quick(payload)
        except json_fast.FAST_ERRORS:
            try:
                row = self.decode(payload)
            except DeserializationError as error:
                raise Refused(str(error)) from None
        if self._stale:
            self._rebuild()
        return row

    def _rebuild(self) -> None:
        self._quick = self._build()
        self._built += 1
        self._stale = False

    def _build(self) -> Callable[[bytes], Any]:
        raise NotImplementedError

    def _exact(self, node: object) -> object:
        raise NotImplementedError

    def _learn(self, node: object) -> bool:
        raise NotImplementedError


class _Wrapped(_Source):
    def __init__(self, columns: tuple[Column, ...], topic: str, is_key: bool) -> None:
        fields = [(c.name, c.type) for c in columns]
        self.can_be_fast = json_fast.can_be_fast(fields)
        self._coerce = json_exact.struct_coercer(fields)
        self._shape = json_fast.Shape(fields)
        self._row = msgspec.defstruct("ExactRow", [(f"c{i}", Any) for i in range(len(columns))], gc=False)
        super().__init__(topic, is_key)

    def _exact(self, node: object) -> object:
        return self._row(*self._coerce(node))

    def _build(self) -> Callable[[bytes], Any]:
        return json_fast.row_decoder(self._shape)

    def _learn(self, node: object) -> bool:
        return self.can_be_fast and self._shape.learn(node)


class _Bare(_Source):
    def __init__(self, column: Column, topic: str, is_key: bool) -> None:
        self.can_be_fast = json_fast.inner_can_be_fast(column.type)
        self._type = column.type
        self._coerce = json_exact.coercer(column.type)
        self._shape = json_fast.shape_of(column.type)
        super().__init__(topic, is_key)

    def _exact(self, node: object) -> object:
        return None if node is None else self._coerce(node)

    def _build(self) -> Callable[[bytes], Any]:
        return json_fast.value_decoder(self._type, self._shape)

    def _learn(self, node: object) -> bool:
        return self.can_be_fast and self._shape is not None and json_fast.learn(self._type, self._shape, node)
