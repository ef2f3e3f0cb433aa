"""The schema registry's part in planning: inferred columns, schemas to register (formats section 10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headwater.core.errors import AnalysisError
from headwater.core.names import quote
from headwater.core.schema import Column, Role, Schema
from headwater.core.types import Struct
from headwater.formats.api import SerdeOptions
from headwater.formats.inference import columns_of, find_schema, infer_columns
from headwater.formats.registered import needed, subject
from headwater.formats.registration import check_against_given, schema_to_register
from headwater.plan import serdes
from headwater.plan.catalog import DataSource
from headwater.plan.relation import Context
from headwater.plan.steps import FormatSpec, TopicFormats
from headwater.plan.with_properties import SourceProperties


@dataclass(frozen=True)
class SchemaSpec:
    """A schema to register under a subject; `schema_id` is what its id must turn out to be, where one was given."""

    subject: str
    kind: str
    schema: str
    references: tuple[tuple[str, str], ...] = ()
    schema_id: int | None = None


def _options(spec: FormatSpec, is_key: bool) -> SerdeOptions:
    return SerdeOptions(is_key, spec.wrap, spec.properties)


def with_inferred_columns(
    declared: Sequence[Column], props: SourceProperties, key: FormatSpec, value: FormatSpec, context: Context
) -> list[Column]:
    """The columns of CREATE, with those of undeclared sides taken from the registry: keys first, values last.

    Raises AnalysisError: no schema, wrong kind of schema, columns both declared and given by id, names on both sides.
    """
    topic = str(props.topic)
    keys, values = [], []
    if _is_inferred("KEY", props.key_schema_id, [c for c in declared if c.role is Role.KEY], key):
        keys = list(infer_columns(key.name, context.registry, topic, True, _options(key, True)))
    if _is_inferred("VALUE", props.value_schema_id, [c for c in declared if c.role is Role.VALUE], value):
        spec = FormatSpec(value.name, props.wrap, value.properties)
        values = list(infer_columns(value.name, context.registry, topic, False, _options(spec, False)))
    columns = [*keys, *declared, *values]
    names = [c.name for c in columns]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise AnalysisError(
                f"Duplicate column names: {quote(name)} is in the key and in the value of topic '{topic}'. "
                "Declare the columns of one side."
            )
    return columns


def _is_inferred(side: str, schema_id: int | None, declared: Sequence[Column], spec: FormatSpec) -> bool:
    if schema_id is not None:
        if declared:
            raise AnalysisError(f"Table elements and {side}_SCHEMA_ID cannot both exist for create statement.")
        return True
    return not declared and serdes.capabilities(spec.name).infers_schema


def schemas_of_source(
    topic: str, schema: Schema, formats: TopicFormats, declared: Sequence[Column], context: Context
) -> tuple[SchemaSpec, ...]:
    """What CREATE registers: the schemas of declared sides whose subjects do not exist yet."""
    found = []
    for is_key, columns, spec in ((True, schema.key, formats.key), (False, schema.value, formats.value)):
        if not any((c.role is Role.KEY) == is_key for c in declared if c.role is not Role.HEADER):
            continue
        made = _schema(topic, is_key, columns, spec)
        if made is not None and needed(context.registry, spec.name).latest(made.subject) is None:
            found.append(made)
    return tuple(found)


def schemas_of_sink(topic: str, schema: Schema, formats: TopicFormats, context: Context) -> tuple[SchemaSpec, ...]:
    """What CxAS registers: the schemas of both sides, or those given by id, which the columns must then lead."""
    found = []
    for is_key, columns, spec in ((True, schema.key, formats.key), (False, schema.value, formats.value)):
        if "SCHEMA_ID" in spec.properties:
            found.append(_given(topic, is_key, columns, spec, context))
            continue
        made = _schema(topic, is_key, columns, spec)
        if made is not None:
            needed(context.registry, spec.name)
            found.append(made)
    return tuple(found)


def _schema(topic: str, is_key: bool, columns: tuple[Column, ...], spec: FormatSpec) -> SchemaSpec | None:
    made = schema_to_register(spec.name, columns, _options(spec, is_key))
    return None if made is None else SchemaSpec(subject(topic, is_key), *made)


def _given(topic: str, is_key: bool, columns: tuple[Column, ...], spec: FormatSpec, context: Context) -> SchemaSpec:
    options = _options(spec, is_key)
    held = find_schema(spec.name, context.registry, topic, is_key, options)
    check_against_given(columns, columns_of(held, spec.name, is_key, options, topic), is_key)
    return SchemaSpec(subject(topic, is_key), held.kind, held.schema, held.references, held.schema_id)


def check_key_schema(source: DataSource, context: Context) -> None:
    """Raise AnalysisError when the registry holds another key schema than the source's: INSERT would replace it."""
    spec = source.formats.key
    if not source.schema.key or not serdes.capabilities(spec.name).needs_registry:
        return
    name = subject(source.topic, True)
    if needed(context.registry, spec.name).latest(name) is None:
        return  # the first record brings its schema along
    existing = infer_columns(spec.name, context.registry, source.topic, True, _options(spec, True))
    if _shape(existing) != _shape(source.schema.key):
        raise AnalysisError(
            f"Cannot INSERT VALUES into source {quote(source.name)}: ksqlDB generated schema would overwrite existing "
            f"key schema of subject {name}.\nExisting schema: {Schema(existing)}\n"
            f"Generated schema: {Schema(source.schema.key)}"
        )


def _shape(columns: tuple[Column, ...]) -> object:
    """The type of a single column, the names and types of several; one column of a record counts as its fields."""
    if len(columns) > 1:
        return tuple((c.name, c.type) for c in columns)
    only = columns[0].type
    return tuple((f.name, f.type) for f in only.fields) if isinstance(only, Struct) else only
