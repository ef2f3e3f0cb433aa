"""The JSON_SR format: JSON under a JSON Schema of the registry.

The schema says how a payload is typed and how its maps are written; the bytes themselves are read and written by the
JSON format's reader and writer, over the types the schema gives. What differs from the declared columns is converted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from headwater.core import types as t
from headwater.core.errors import DeserializationError, SerializationError
from headwater.core.javatext import INT_MAX, INT_MIN, LONG_MAX, LONG_MIN, double_text
from headwater.core.schema import Column
from headwater.formats import capabilities as caps
from headwater.formats import framing, json_fast, json_read, json_schema, json_write, registered
from headwater.formats.api import Reader, RegisteredSchema, SchemaRegistry, SerdeOptions, Writer
from headwater.formats.conversions import mismatch, scalar_conversion
from headwater.formats.failures import Refused, SchemaError, unreadable, unwritable
from headwater.formats.json_format import JsonFormat
from headwater.formats.source import Source

_HINT = "The data may be plain JSON, without a schema of the registry: for that use the format JSON."


class JsonSchemaFormat(JsonFormat):
    """Section 6 of the format rules."""

    name = "JSON_SR"
    schema_kind = "JSON"

    def schema_text(self, columns: tuple[Column, ...], options: SerdeOptions) -> str:
        """The schema to register for the columns."""
        full_name = options.properties.get(caps.SCHEMA_FULL_NAME)
        fields = [(c.name, c.type) for c in columns]
        return json.dumps(json_schema.schema_of(fields, self.is_wrapped(columns, options), full_name))

    def column_reader(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Reader:
        wrapped = self.is_wrapped(columns, options)
        if not options.under_schema:
            return _plain_reader(columns, wrapped, topic, options.is_key)

        def make(schema: RegisteredSchema) -> registered.Decode:
            if schema.kind != "JSON":
                raise SchemaError(f"it is a schema of kind {schema.kind}, not JSON")
            node = json_schema.parse(schema.schema, schema.references)
            if node is None:
                raise SchemaError("it describes nothing that columns can hold")
            return _tolerant_decoder(node, columns, wrapped, topic, options.is_key)

        decode = registered.decode_by_id(registered.needed(registry, self.name), make, topic, options.is_key, _HINT)
        return Reader(columns, decode, tuple(f"row[{i}]" for i in range(len(columns))) if wrapped else ("row",))

    def column_writer(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Writer:
        port = registered.needed(registry, self.name)
        wrapped = self.is_wrapped(columns, options)
        given = options.properties.get(caps.SCHEMA_ID)
        if given is None:
            text = self.schema_text(columns, options)
            schema_id = port.register(registered.subject(topic, options.is_key), self.schema_kind, text)
            node = json_schema.parse(text)
        else:
            schema_id = int(given)
            held = port.by_id(schema_id)
            node = json_schema.parse(held.schema, held.references)
        if node is None:
            raise unwritable(topic, options.is_key, "The schema describes nothing that columns can hold")
        return _writer(node, columns, wrapped, framing.header(schema_id), topic, options.is_key)


def _plain_reader(columns: tuple[Column, ...], wrapped: bool, topic: str, is_key: bool) -> Reader:
    """The reader of JSON, behind the id of the schema."""
    reader = json_read.reader(columns, wrapped, topic, is_key)

    def decode(payload: bytes) -> object:
        try:
            framing.schema_id_of(payload, _HINT)
        except Refused as refused:
            raise unreadable(topic, is_key, refused.reason, refused.path) from None
        return reader.decode(payload[framing.SIZE :])

    return Reader(columns, decode, reader.access)


def _tolerant_decoder(
    node: json_schema.Node, columns: tuple[Column, ...], wrapped: bool, topic: str, is_key: bool
) -> registered.Decode:
    """A decoder under the schema, which also takes maps as objects where the schema wants lists of entries."""
    decode = _decoder(node, columns, wrapped, topic, is_key)
    plain = _with_object_maps(node)
    if plain == node:
        return decode
    decode_plain = _decoder(plain, columns, wrapped, topic, is_key)

    def decode_either(payload: bytes, at: int) -> Any:
        try:
            return decode(payload, at)
        except DeserializationError as error:
            try:
                return decode_plain(payload, at)
            except DeserializationError:
                raise error from None

    return decode_either


def _decoder(
    node: json_schema.Node, columns: tuple[Column, ...], wrapped: bool, topic: str, is_key: bool
) -> registered.Decode:
    source = Source("json reader")
    if wrapped:
        if not isinstance(node, json_schema.Object):
            raise SchemaError("it is not of type object, but the columns are members of one")
        found = [_member(node, c.name) for c in columns]
        parts = [(name, inner) for pair in found if pair is not None for name, inner in (pair,)]
        inner_columns = tuple(Column(name, _physical(inner)) for name, inner in dict(parts).items())
        position = {c.name: i for i, c in enumerate(inner_columns)}
        values = [
            "None" if pair is None else _value(source, pair[1], c.type, f"row.c{position[pair[0]]}", f"$.{c.name}")
            for c, pair in zip(columns, found, strict=True)
        ]
        body = f"({''.join(value + ', ' for value in values)})"
    else:
        inner_columns = (Column(columns[0].name, _physical(node)),)
        body = _value(source, node, columns[0].type, "row", "$")
    reader = json_read.reader(inner_columns, wrapped, topic, is_key)
    source.line("def convert(row):")
    source.line(f"    return {body}")
    return _quick_first(reader, source.compile("convert"))


def _quick_first(reader: Reader, convert: Callable[[Any], Any]) -> registered.Decode:
    exact, fast = reader.decode, reader.fast
    if fast is None:
        return lambda payload, at: convert(exact(payload[at:]))

    def decode(payload: bytes, at: int) -> Any:
        data = payload[at:]
        try:
            row = fast()(data)
        except json_fast.FAST_ERRORS:
            row = exact(data)
        return convert(row)

    return decode


def _member(node: json_schema.Object, name: str) -> tuple[str, json_schema.Node] | None:
    """The property of a column: exactly its name, else the last whose upper case is the name."""
    found = None
    for field, inner in node.fields:
        if field == name:
            return field, inner
        if field.upper() == name:
            found = field, inner
    return found


def _physical(node: json_schema.Node) -> t.SqlType:
    """The type as the bytes have it: a map as entries is a list of (key, value) structs."""
    if isinstance(node, json_schema.Scalar):
        return node.type
    if isinstance(node, json_schema.Array):
        return t.Array(_physical(node.items))
    if isinstance(node, json_schema.Map):
        value = _physical(node.value)
        if node.as_entries:
            return t.Array(t.Struct((t.Field("key", t.STRING), t.Field("value", value))))
        return t.Map(t.STRING, value)
    return t.Struct(tuple(t.Field(name, _physical(inner)) for name, inner in node.fields))


def _with_object_maps(node: json_schema.Node) -> json_schema.Node:
    if isinstance(node, json_schema.Array):
        return json_schema.Array(_with_object_maps(node.items))
    if isinstance(node, json_schema.Map):
        return json_schema.Map(_with_object_maps(node.value), as_entries=False)
    if isinstance(node, json_schema.Object):
        return json_schema.Object(tuple((name, _with_object_maps(inner)) for name, inner in node.fields))
    return node


def _value(source: Source, node: json_schema.Node, target: t.SqlType, value: str, path: str) -> str:
    """Source of the column's value, from the value as the JSON reader gives it."""
    made = _converted(source, node, target, "v", path)
    if made == "v":
        return value
    return f"{source.null_safe(made)}({value})"


def _converted(source: Source, node: json_schema.Node, target: t.SqlType, value: str, path: str) -> str:
    if isinstance(node, json_schema.Scalar):
        whole = _whole_number(target, path) if node.type == t.DOUBLE else None
        convert = scalar_conversion(node.type, target) if whole is None else whole
        if convert is None:
            return _refusal(source, node.type, target, path)
        return f"{source.named('convert', convert)}({value})" if callable(convert) else value
    if isinstance(node, json_schema.Array) and isinstance(target, t.Array):
        item = _value(source, node.items, target.element, "x", f"{path}[]")
        return value if item == "x" else f"[{item} for x in {value}]"
    if isinstance(node, json_schema.Map) and isinstance(target, t.Map):
        item = _value(source, node.value, target.value, "x", f"{path}.value")
        if item == "x":
            return f"dict({value})" if node.as_entries else value
        return f"{{k: {item} for k, x in {value}{'' if node.as_entries else '.items()'}}}"
    if isinstance(node, json_schema.Object) and isinstance(target, t.Struct):
        names = [name for name, _ in node.fields]
        items = []
        for f in target.fields:
            found = _member(node, f.name)
            items.append(
                "None"
                if found is None
                else _value(source, found[1], f.type, f"{value}[{names.index(found[0])}]", f"{path}.{f.name}")
            )
        return value if items == [f"{value}[{i}]" for i in range(len(names))] else f"({', '.join(items)},)"
    return _refusal(source, type(node).__name__.upper(), target, path)


_RANGES = {t.INTEGER: (INT_MIN, INT_MAX), t.BIGINT: (LONG_MIN, LONG_MAX)}


def _whole_number(target: t.SqlType, path: str) -> Callable[[float], int] | None:
    """Reads 8.0 as an integer, which it is to JSON Schema, under a schema that says `number`; refuses 8.5.

    Connect's converter refuses both. A column that was calculated with FLOOR or ROUND is such a number.
    """
    if target not in _RANGES:
        return None
    low, high = _RANGES[target]

    def whole(value: float) -> int:
        if not value.is_integer() or not low <= value <= high:
            raise Refused(f"{mismatch(t.DOUBLE, target, path)}, value: {double_text(value)}")
        return int(value)

    return whole


def _refusal(source: Source, source_type: object, target: t.SqlType, path: str) -> str:
    def refuse() -> object:
        raise Refused(mismatch(source_type, target, path))

    return f"{source.named('refuse', refuse)}()"


def _writer(
    node: json_schema.Node, columns: tuple[Column, ...], wrapped: bool, header: bytes, topic: str, is_key: bool
) -> Writer:
    source = Source("json writer")
    args = [f"c{i}" for i in range(len(columns))]
    if wrapped:
        if not isinstance(node, json_schema.Object):
            raise unwritable(topic, is_key, "The schema is not of type object, but the columns are members of one")
        inner_columns = tuple(Column(name, _physical(inner)) for name, inner in node.fields)
        values = _members_written(source, node, [(c.name, c.type) for c in columns], args)
    else:
        inner_columns = (Column(columns[0].name, _physical(node)),)
        values = [_written(source, node, columns[0].type, "c0")]
    inner = json_write.writer(inner_columns, wrapped, topic, is_key).encode
    source.names |= {"encode": inner, "header": header}
    with source.block(f"def encode_row({', '.join(args)}):"):
        if not wrapped:
            source.line("if c0 is None: return None")
        source.line(f"return header + encode({', '.join(values)})")
    quick = source.compile("encode_row")

    def encode(*row: object) -> bytes | None:
        try:
            made: bytes | None = quick(*row)
        except SerializationError:
            raise
        except Refused as refused:
            raise unwritable(topic, is_key, refused.reason) from None
        except (TypeError, ValueError, AttributeError) as error:
            raise unwritable(topic, is_key, str(error)) from error
        return made

    return Writer(columns, encode, "encode_row({args})", {"encode_row": quick})


def _members_written(
    source: Source, node: json_schema.Object, fields: Sequence[tuple[str, t.SqlType]], values: Sequence[str]
) -> list[str]:
    """One expression per property of the schema: the column of its name, else NULL."""
    columns = {name: (field_type, value) for (name, field_type), value in zip(fields, values, strict=True)}
    written = []
    for name, inner in node.fields:
        found = columns.get(name) or columns.get(name.upper())
        written.append("None" if found is None else _written(source, inner, found[0], found[1]))
    return written


def _written(source: Source, node: json_schema.Node, value_type: t.SqlType, value: str) -> str:
    """Source of the value as the JSON writer takes it, from a column's value."""
    made = _unconverted(source, node, value_type)
    return value if made == "v" else f"{source.null_safe(made)}({value})"


def _unconverted(source: Source, node: json_schema.Node, value_type: t.SqlType) -> str:
    if isinstance(node, json_schema.Array) and isinstance(value_type, t.Array):
        item = _written(source, node.items, value_type.element, "x")
        return "v" if item == "x" else f"[{item} for x in v]"
    if isinstance(node, json_schema.Map) and isinstance(value_type, t.Map):
        item = _written(source, node.value, value_type.value, "x")
        if node.as_entries:
            return "list(v.items())" if item == "x" else f"[(k, {item}) for k, x in v.items()]"
        return "v" if item == "x" else f"{{k: {item} for k, x in v.items()}}"
    if isinstance(node, json_schema.Object) and isinstance(value_type, t.Struct):
        fields = [(f.name, f.type) for f in value_type.fields]
        same = [f"v[{i}]" for i in range(len(fields))]
        items = _members_written(source, node, fields, same)
        return "v" if items == same else f"({', '.join(items)},)"
    if isinstance(node, json_schema.Scalar) and _fits(value_type, node.type):
        return "v"
    return _refusal(source, value_type, node.type if isinstance(node, json_schema.Scalar) else value_type, "$")


def _fits(value_type: t.SqlType, written: t.SqlType) -> bool:
    """Whether a value prints as the schema wants it: equal types, and a narrower number under a wider one."""
    return value_type == written or (value_type, written) in ((t.INTEGER, t.BIGINT),)


FORMAT = JsonSchemaFormat()
