"""What a format offers to the rest of the house.

A format is asked once per query for a `Reader` or `Writer` of one side (key or value) of one topic; those are what
runs per record. They carry small pieces of Python source, because the engine inlines them into its generated stage
functions: no call, object or dict per record beyond what the format itself needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from headwater.core.errors import HeadwaterError
from headwater.core.schema import Column


@dataclass(frozen=True)
class SerdeOptions:
    """How one side of a topic is written, besides the format's name.

    `wrap` None means the format's default. `properties` holds upper-case WITH names without the KEY_/VALUE_ prefix
    (DELIMITER, SCHEMA_FULL_NAME, SCHEMA_ID, PROTOBUF_NULLABLE_REPRESENTATION). `under_schema` False: JSON_SR passes
    over the schema that a payload names, and reads it as JSON is read.
    """

    is_key: bool
    wrap: bool | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    under_schema: bool = True


@dataclass(frozen=True)
class Reader:
    """Payload to values.

    `decode(payload)` returns an opaque row and raises `DeserializationError`; it implements the format exactly. `fast`
    is an optional quicker decoder with the same results that may refuse any payload by raising one of `fast_errors`;
    then `decode` is asked. `access[i]` is a Python expression for column i over the name `row` (`row.c0`, `row[2]`,
    `row`). Neither is ever called with None: a null payload is a null row. A bare value may be NULL in its own notation
    (JSON's `null`): then `row` is None, and that is a null row too. Lists and dicts are fresh per call.

    `fast()` is called through the attribute once per batch (`fast = reader.fast()`), so that a reader may improve it
    between batches.
    """

    columns: tuple[Column, ...]
    decode: Callable[[bytes], object]
    access: tuple[str, ...]
    fast: Callable[[], Callable[[bytes], object]] | None = None
    fast_errors: tuple[type[Exception], ...] = ()


@dataclass(frozen=True)
class Writer:
    """Values to payload.

    `encode(*values)` takes one argument per column and returns the payload, or None for a null payload (an unwrapped
    NULL); it raises `SerializationError`. `inline` is optional source for the same thing: a template with `{args}` over
    the names in `names`, faster because it saves a call; on any exception the engine asks `encode` for the proper error
    or result.
    """

    columns: tuple[Column, ...]
    encode: Callable[..., bytes | None]
    inline: str | None = None
    names: Mapping[str, object] = field(default_factory=dict)


class UnknownSchemaError(HeadwaterError):
    """The registry has no schema of this id."""


class SchemaRegistry(Protocol):
    """What formats with schemas need of a registry. In-process or remote behind the same port.

    `schema` is the schema's text, `kind` one of AVRO, JSON, PROTOBUF; `references` are (name, schema text) pairs.
    `by_id` raises `UnknownSchemaError`; `register` and `check` raise `AnalysisError` for a schema that the registry
    does not take, incompatible with the subject's earlier ones for example. `register` answers from memory.
    """

    def register(
        self,
        subject: str,
        kind: str,
        schema: str,
        references: tuple[tuple[str, str], ...] = (),
        schema_id: int | None = None,
    ) -> int: ...

    def by_id(self, schema_id: int) -> RegisteredSchema: ...

    def latest(self, subject: str) -> RegisteredSchema | None: ...

    def subjects(self) -> list[str]: ...

    def delete(self, subject: str) -> None: ...

    def check(self, subject: str, kind: str, schema: str, references: tuple[tuple[str, str], ...] = ()) -> None:
        """Raise what `register` would raise; change nothing."""
        ...

    async def prepare(self, subject: str, kind: str, schema: str, references: tuple[tuple[str, str], ...] = ()) -> None:
        """Have done elsewhere what would hold up the loop in `check` and `register`. Raises `AnalysisError`."""
        ...

    async def bring(self, subject: str, kind: str, schema: str, references: tuple[tuple[str, str], ...] = ()) -> None:
        """Register, wherever that has to be done, and return when it is durable."""
        ...

    async def settle(self) -> None:
        """Return when everything registered so far is durable."""
        ...


@dataclass(frozen=True)
class RegisteredSchema:
    """A schema as the registry holds it."""

    schema_id: int
    subject: str
    version: int
    kind: str
    schema: str
    references: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Capabilities:
    """The row of a format in the capability matrix (formats.md section 1)."""

    name: str
    key: bool
    value: bool
    multi_column_key: bool
    needs_registry: bool
    infers_schema: bool
    can_wrap: bool
    can_unwrap: bool
    nested: bool
    properties: frozenset[str]


class Format(Protocol):
    """One of the eight formats. `headwater.formats.registry.get(name)` finds it.

    For formats with schemas `reader` and `writer` need the registry, and `writer` registers the schema it writes.
    """

    capabilities: Capabilities

    def check(self, columns: tuple[Column, ...], options: SerdeOptions) -> None:
        """Raise `AnalysisError` when these columns cannot be written in this format."""
        ...

    def reader(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Reader: ...

    def writer(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Writer: ...
