"""Schemas that statements register: which, under what name, and the checks when a schema is given by its id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from headwater.core.errors import AnalysisError
from headwater.core.schema import Column
from headwater.formats import registry as formats
from headwater.formats.api import SchemaRegistry, SerdeOptions
from headwater.formats.capabilities import MATRIX
from headwater.formats.checks import columns_text
from headwater.formats.failures import side
from headwater.formats.registered import subject

_AVRO_NAMESPACE = "io.confluent.ksql.avro_schemas"


class _WithSchemas(Protocol):
    schema_kind: str

    def schema_text(self, columns: tuple[Column, ...], options: SerdeOptions) -> str: ...


def schema_to_register(format_name: str, columns: tuple[Column, ...], options: SerdeOptions) -> tuple[str, str] | None:
    """(kind, schema text) for declared columns; None for formats without a registry and for sides without columns.

    Raises `AnalysisError` for columns that the kind of schema cannot name or type.
    """
    if not columns or not MATRIX[format_name].needs_registry:
        return None
    found = cast(_WithSchemas, formats.get(format_name))
    return found.schema_kind, found.schema_text(columns, options)


def register_columns(
    registry: SchemaRegistry,
    format_name: str,
    columns: tuple[Column, ...],
    options: SerdeOptions,
    topic: str,
    only_if_missing: bool = False,
) -> int | None:
    """Register the schema of columns under the topic's subject and return its id; None where there is nothing to do.

    `only_if_missing` leaves a subject alone that exists already, as CREATE over a topic does.
    """
    made = schema_to_register(format_name, columns, options)
    name = subject(topic, options.is_key)
    if made is None or (only_if_missing and registry.latest(name) is not None):
        return None
    return registry.register(name, *made)


def register_given(registry: SchemaRegistry, schema_id: int, topic: str, is_key: bool) -> None:
    """Register the schema of an id under the sink's subject. Raises `AnalysisError` when it gets another id there."""
    held = registry.by_id(schema_id)
    registered = registry.register(subject(topic, is_key), held.kind, held.schema, held.references)
    if registered != schema_id:
        raise AnalysisError(
            f"Schema id registered is {registered} which is different from provided schema id {schema_id}.\n"
            f"Topic: {topic}\nSubject: {subject(topic, is_key)}"
        )


def check_against_given(columns: Sequence[Column], given: Sequence[Column], is_key: bool) -> None:
    """Raise `AnalysisError` unless the query's columns lead those of the given schema: same names, types and order."""
    differing = tuple(
        column
        for i, column in enumerate(columns)
        if i >= len(given) or (given[i].name, given[i].type) != (column.name, column.type)
    )
    if differing:
        raise AnalysisError(
            f"The following {side(is_key)} columns are changed, missing or reordered: {columns_text(differing)}. "
            f"Schema from schema registry is {columns_text(tuple(given))}"
        )


def avro_key_name(sink: str) -> str:
    """The full name of the Avro schema of a CxAS sink's key: `MY_TABLE` has `...MyTableKey`."""
    camel = "".join(word[:1].upper() + word[1:].lower() for word in sink.split("_"))
    return f"{_AVRO_NAMESPACE}.{camel}Key"
