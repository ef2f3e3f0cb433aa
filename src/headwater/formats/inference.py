"""Columns out of the schema registry, for statements that declare none (section 10 of the format rules)."""

from __future__ import annotations

from collections.abc import Callable

from headwater.core.errors import AnalysisError, HeadwaterError
from headwater.core.schema import Column, Role
from headwater.core.types import SqlType, Struct
from headwater.formats import capabilities as caps
from headwater.formats.api import RegisteredSchema, SchemaRegistry, SerdeOptions
from headwater.formats.failures import SchemaError
from headwater.formats.registered import needed, subject

BARE_NAMES = {True: "ROWKEY", False: "ROWVAL"}
"""The column of a schema whose root is no record, by whether it is a key."""

_KINDS = {"AVRO": "AVRO", "JSON_SR": "JSON", "PROTOBUF": "PROTOBUF"}
_FORMATS = {kind: name for name, kind in _KINDS.items()}

Rename = Callable[[str], str]


def infer_columns(
    format_name: str, registry: SchemaRegistry | None, topic: str, is_key: bool, options: SerdeOptions
) -> tuple[Column, ...]:
    """The columns of one side of a topic: of its subject's latest schema, or of the schema with the id in the options.

    Names are upper-cased, unless the schema was named by its id. Raises `AnalysisError` when there is no schema, when
    it is of another kind than the format, and when it describes what columns cannot hold.
    """
    schema = find_schema(format_name, registry, topic, is_key, options)
    return columns_of(schema, format_name, is_key, options, topic)


def find_schema(
    format_name: str, registry: SchemaRegistry | None, topic: str, is_key: bool, options: SerdeOptions
) -> RegisteredSchema:
    """The schema that columns are inferred from. Raises `AnalysisError` naming the subject and possible causes."""
    given = options.properties.get(caps.SCHEMA_ID)
    _check_infers(format_name, is_key, given)
    port = needed(registry, format_name)
    reason = ""
    try:
        found = port.by_id(int(given)) if given is not None else port.latest(subject(topic, is_key))
    except HeadwaterError as error:
        found, reason = None, f"\nReason: {error}"
    if found is None:
        raise AnalysisError(_missing(topic, is_key, given) + reason)
    return found


def _check_infers(format_name: str, is_key: bool, given: str | None) -> None:
    if caps.MATRIX[format_name].infers_schema:
        return
    if given is not None:
        prefix = "KEY" if is_key else "VALUE"
        raise AnalysisError(
            f"{prefix}_FORMAT should support schema inference when {prefix}_SCHEMA_ID is provided. "
            f"Current format is {format_name}."
        )
    raise AnalysisError(f"The {format_name} format has no schemas to infer columns from: declare the columns.")


def _missing(topic: str, is_key: bool, given: str | None) -> str:
    what = "keys" if is_key else "values"
    which = "" if given is None else f" with schema id {given}"
    return (
        f"Schema for message {what} on topic '{topic}'{which} does not exist in the Schema Registry.\n"
        f"Subject: {subject(topic, is_key)}\n"
        "Possible causes include:\n"
        "- The topic itself does not exist\n"
        "\t-> Use SHOW TOPICS; to check\n"
        f"- Messages on the topic are not serialized using a format Schema Registry supports\n"
        f"\t-> Use PRINT '{topic}' FROM BEGINNING; to verify\n"
        "- Messages on the topic have not been serialized using a Schema Registry supported serializer\n"
        "- The schema is registered on a different instance of the Schema Registry\n"
        "\t-> Use the registry's REST API to list the subjects: GET /subjects\n"
        "- You do not have permissions to access the Schema Registry or the subject"
    )


def columns_of(
    schema: RegisteredSchema, format_name: str, is_key: bool, options: SerdeOptions, topic: str
) -> tuple[Column, ...]:
    """The columns that a schema describes in a format. Raises `AnalysisError`."""
    if schema.kind != _KINDS[format_name]:
        matching = _FORMATS.get(schema.kind, schema.kind)
        raise AnalysisError(
            f"{'Key' if is_key else 'Value'} schema is not in the expected format. You may want to set "
            f"{'KEY' if is_key else 'VALUE'}_FORMAT to '{matching}'.\n"
            f"topic: {topic}\nsubject: {schema.subject}\nexpected format: {format_name}\nactual format: {matching}"
        )
    rename: Rename = str if caps.SCHEMA_ID in options.properties else str.upper
    try:
        if format_name == "PROTOBUF":
            columns = _protobuf_columns(schema, is_key, options, rename)
        else:
            root = (_avro_type if format_name == "AVRO" else _json_type)(schema, rename)
            columns = _columns_of_root(root, is_key, options)
    except SchemaError as error:
        what = "keys" if is_key else "values"
        raise AnalysisError(
            f"Unable to verify if the schema for message {what} on topic '{topic}' is compatible with ksqlDB.\n"
            f"Reason: {error}\nSubject: {schema.subject}, version {schema.version}, id {schema.schema_id}"
        ) from None
    return columns


def _columns_of_root(root: SqlType, is_key: bool, options: SerdeOptions) -> tuple[Column, ...]:
    role = Role.KEY if is_key else Role.VALUE
    if is_key or options.wrap is False:
        return (Column(BARE_NAMES[is_key], root, role),)
    if not isinstance(root, Struct):
        raise SchemaError(
            f"its root is of type {root}, not a record of columns: to read it as one column "
            "set WRAP_SINGLE_VALUE to false"
        )
    return tuple(Column(f.name, f.type, role) for f in root.fields)


def _protobuf_columns(
    schema: RegisteredSchema, is_key: bool, options: SerdeOptions, rename: Rename
) -> tuple[Column, ...]:
    from headwater.formats import proto_file, proto_types

    file = proto_file.load(schema.schema, schema.references)
    message = file.message(options.properties.get(caps.SCHEMA_FULL_NAME))
    fields = proto_types.fields_of(message, file.params, rename)
    if not fields:
        raise SchemaError(f"message {message.full_name} has no fields that columns can hold")
    if is_key and len(fields) > 1:
        names = ", ".join(f.name for f in fields)
        raise SchemaError(f"a key must be one column, but message {message.full_name} has several: {names}")
    return tuple(Column(f.name, f.type, Role.KEY if is_key else Role.VALUE) for f in fields)


def _avro_type(schema: RegisteredSchema, rename: Rename) -> SqlType:
    from headwater.formats import avro_schema, avro_types

    return _known(avro_types.sql_type(avro_schema.parse(schema.schema, schema.references), rename))


def _json_type(schema: RegisteredSchema, rename: Rename) -> SqlType:
    from headwater.formats import json_schema

    node = json_schema.parse(schema.schema, schema.references)
    return _known(None if node is None else json_schema.sql_type(node, rename))


def _known(found: SqlType | None) -> SqlType:
    if found is None:
        raise SchemaError("it describes nothing that columns can hold")
    return found
