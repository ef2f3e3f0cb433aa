"""What columns a Protobuf message holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor

from headwater.core import types as t

DEFAULT_PRECISION = 64
MAP_ENTRY_SUFFIX = "Entry"

_SCALARS: dict[int, t.SqlType] = {
    FieldDescriptor.TYPE_BOOL: t.BOOLEAN,
    FieldDescriptor.TYPE_INT32: t.INTEGER,
    FieldDescriptor.TYPE_SINT32: t.INTEGER,
    FieldDescriptor.TYPE_SFIXED32: t.INTEGER,
    FieldDescriptor.TYPE_UINT32: t.BIGINT,
    FieldDescriptor.TYPE_FIXED32: t.BIGINT,
    FieldDescriptor.TYPE_INT64: t.BIGINT,
    FieldDescriptor.TYPE_SINT64: t.BIGINT,
    FieldDescriptor.TYPE_SFIXED64: t.BIGINT,
    FieldDescriptor.TYPE_UINT64: t.BIGINT,
    FieldDescriptor.TYPE_FIXED64: t.BIGINT,
    FieldDescriptor.TYPE_FLOAT: t.DOUBLE,
    FieldDescriptor.TYPE_DOUBLE: t.DOUBLE,
    FieldDescriptor.TYPE_STRING: t.STRING,
    FieldDescriptor.TYPE_BYTES: t.BYTES,
    FieldDescriptor.TYPE_ENUM: t.STRING,
}

WRAPPERS: dict[str, t.SqlType] = {
    f"google.protobuf.{name}Value": sql_type
    for name, sql_type in {
        "Bool": t.BOOLEAN, "Int32": t.INTEGER, "UInt32": t.BIGINT, "Int64": t.BIGINT, "UInt64": t.BIGINT,
        "Float": t.DOUBLE, "Double": t.DOUBLE, "String": t.STRING, "Bytes": t.BYTES,
    }.items()
}  # fmt: skip
TIMESTAMP, DATE, TIME = "google.protobuf.Timestamp", "google.type.Date", "google.type.TimeOfDay"
DECIMAL = "confluent.type.Decimal"
LOGICAL: dict[str, t.SqlType] = {TIMESTAMP: t.TIMESTAMP, DATE: t.DATE, TIME: t.TIME}

Rename = Callable[[str], str]
Params = Mapping[str, Mapping[str, str]]


def fields_of(message: Descriptor, params: Params, rename: Rename) -> tuple[t.Field, ...]:
    """The columns of a message: first a struct per oneof, then the other fields. Recursive fields are left out."""
    return _fields(message, params, rename, ())


def _fields(message: Descriptor, params: Params, rename: Rename, outer: tuple[str, ...]) -> tuple[t.Field, ...]:
    outer = (*outer, message.full_name)
    found: list[t.Field] = []
    for oneof in real_oneofs(message):
        branches = [
            t.Field(rename(f.name), branch)
            for f in oneof.fields
            if (branch := _sql_type(f, params, rename, outer)) is not None
        ]
        found.append(t.Field(rename(oneof_name(oneof)), t.Struct(tuple(branches))))
    others = [(f.name, _sql_type(f, params, rename, outer)) for f in message.fields if real_oneof(f) is None]
    found += [t.Field(rename(name), field_type) for name, field_type in others if field_type is not None]
    return tuple(found)


def real_oneofs(message: Descriptor) -> list[OneofDescriptor]:
    """The oneofs of the schema's text, without those that stand for `optional`."""
    return [o for o in message.oneofs if not _is_synthetic(o)]


def real_oneof(f: FieldDescriptor) -> OneofDescriptor | None:
    """The oneof of the schema's text that a field belongs to."""
    oneof = f.containing_oneof
    return None if oneof is None or _is_synthetic(oneof) else oneof


def _is_synthetic(oneof: OneofDescriptor) -> bool:
    return len(oneof.fields) == 1 and oneof.name == f"_{oneof.fields[0].name}"


def oneof_name(oneof: OneofDescriptor) -> str:
    """How a oneof is called as a field: Connect adds its index."""
    return f"{oneof.name}_{oneof.index}"


def is_map(f: FieldDescriptor) -> bool:
    """Whether a field is a map: a real one, or Connect's list of entries."""
    entry = f.message_type
    if not f.is_repeated or entry is None:
        return False
    if entry.GetOptions().map_entry:
        return True
    return bool(entry.name.endswith(MAP_ENTRY_SUFFIX)) and set(entry.fields_by_name) == {"key", "value"}


def item_type(f: FieldDescriptor, params: Params, rename: Rename, outer: tuple[str, ...] = ()) -> t.SqlType | None:
    """The SQL type of one item of a field, or None where there is none."""
    message = f.message_type
    if message is None:
        return _SCALARS.get(f.type)
    name = message.full_name
    if name == DECIMAL:
        meta = params.get(f.full_name, {})
        return t.Decimal(int(meta.get("precision", DEFAULT_PRECISION)), int(meta.get("scale", 0)))
    known = WRAPPERS.get(name) or LOGICAL.get(name)
    if known is not None:
        return known
    if name in outer:
        return None
    inner = _fields(message, params, rename, outer)
    return t.Struct(inner) if inner else None


def _sql_type(f: FieldDescriptor, params: Params, rename: Rename, outer: tuple[str, ...]) -> t.SqlType | None:
    if is_map(f) and f.message_type is not None:
        entry = f.message_type.fields_by_name
        key = _sql_type(entry["key"], params, rename, outer)
        value = _sql_type(entry["value"], params, rename, outer)
        return t.Map(key, value) if key is not None and value is not None else None
    item = item_type(f, params, rename, outer)
    return t.Array(item) if f.is_repeated and item is not None else item
