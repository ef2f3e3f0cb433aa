"""Generates the code between Protobuf messages and column values.

The `protobuf` library parses and prints the bytes; the generated code only picks fields and converts what is not a
plain scalar, without looking anything up per record.
"""

from __future__ import annotations

import datetime
import keyword
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from headwater.core import types as t
from headwater.formats import proto_types as pt
from headwater.formats.conversions import mismatch, scalar_conversion
from headwater.formats.decimals import fitter, from_unscaled, unscaled_int
from headwater.formats.failures import Refused
from headwater.formats.proto_file import ProtoFile, message_class
from headwater.formats.source import Source

EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()
_MILLIS_PER_SECOND, _NANOS_PER_MILLI = 1000, 1_000_000

Fields = Sequence[tuple[str, t.SqlType]]


def row_maker(file: ProtoFile, message: Descriptor, fields: Fields) -> Callable[[bytes], Any]:
    """A function from the bytes of a message to the tuple of the fields; raises `Refused` and protobuf's errors."""
    source = Source("protobuf reader")
    reader = _Reader(source, file)
    struct = t.Struct(tuple(t.Field(name, field_type) for name, field_type in fields))
    source.names["parse"] = message_class(message).FromString
    with source.block("def row_of(payload):"):
        source.line("m = parse(payload)")
        source.line(f"return {reader.struct(message, struct, 'm', '$')}")
    return source.compile("row_of")


def bytes_maker(file: ProtoFile, message: Descriptor, fields: Fields, header: bytes) -> Callable[..., bytes]:
    """A function of one argument per field to `header` and the bytes of the message; raises what protobuf raises."""
    source = Source("protobuf writer")
    writer = _Writer(source)
    args = [f"c{i}" for i in range(len(fields))]
    struct = t.Struct(tuple(t.Field(name, field_type) for name, field_type in fields))
    source.names["header"] = header
    with source.block(f"def bytes_of({', '.join(args)}):"):
        source.line(f"return header + {writer.message(message, struct, args)}.SerializeToString()")
    return source.compile("bytes_of")


def _find(message: Descriptor, name: str) -> FieldDescriptor | None:
    """The field of a column: exactly its name, else the last whose upper case is the name."""
    exact: FieldDescriptor | None = message.fields_by_name.get(name)
    if exact is not None:
        return exact
    found = [f for f in message.fields if f.name.upper() == name]
    return found[-1] if found else None


class _Reader:
    """Expressions over a parsed message."""

    def __init__(self, source: Source, file: ProtoFile) -> None:
        self._source, self._file = source, file

    def struct(self, message: Descriptor, target: t.Struct, var: str, path: str) -> str:
        """The tuple of a struct's fields."""
        oneofs = {pt.oneof_name(o): o for o in pt.real_oneofs(message)}
        oneofs |= {name.upper(): o for name, o in oneofs.items()}
        items = []
        for f in target.fields:
            found = _find(message, f.name)
            if found is not None:
                items.append(self._field(found, f.type, var, f"{path}.{f.name}"))
            elif f.name in oneofs and isinstance(f.type, t.Struct):
                items.append(self._oneof(message, oneofs[f.name], f.type, var, f"{path}.{f.name}"))
            else:
                items.append("None")
        return f"({''.join(item + ', ' for item in items)})"

    def _oneof(self, message: Descriptor, oneof: Any, target: t.Struct, var: str, path: str) -> str:
        inner = self.struct(message, target, var, path)
        return f"({inner} if {var}.WhichOneof({oneof.name!r}) is not None else None)"

    def _field(self, f: FieldDescriptor, target: t.SqlType, var: str, path: str) -> str:
        value = _attribute(var, f.name)
        if pt.is_map(f) and f.message_type is not None:
            return self._map(f.message_type, target, value, path)
        if f.is_repeated:
            if not isinstance(target, t.Array):
                return self._mismatch("ARRAY", target, path)
            item = self._source.fresh()
            read = self._item(f, target.element, item, f"{path}[]")
            return f"list({value})" if read == item else f"[{read} for {item} in {value}]"
        if not f.has_presence:
            return self._item(f, target, value, path)
        return f"({self._item(f, target, value, path)} if {var}.HasField({f.name!r}) else None)"

    def _map(self, entry: Descriptor, target: t.SqlType, value: str, path: str) -> str:
        if not isinstance(target, t.Map):
            return self._mismatch("MAP", target, path)
        if not entry.GetOptions().map_entry:
            item = self._source.fresh()
            key = self._field(entry.fields_by_name["key"], target.key, item, f"{path}.key")
            member = self._field(entry.fields_by_name["value"], target.value, item, f"{path}.value")
            return f"{{{key}: {member} for {item} in {value}}}"
        name, item = self._source.fresh(), self._source.fresh()
        key = self._item(entry.fields_by_name["key"], target.key, name, f"{path}.key")
        member = self._item(entry.fields_by_name["value"], target.value, item, f"{path}.value")
        return f"{{{key}: {member} for {name}, {item} in {value}.items()}}"

    def _item(self, f: FieldDescriptor, target: t.SqlType, value: str, path: str) -> str:
        """One value of the field's type, which is present."""
        message = f.message_type
        if message is None or message.full_name in pt.WRAPPERS:
            return self._scalar(f, target, value if message is None else f"{value}.value", path)
        if message.full_name == pt.DECIMAL or message.full_name in pt.LOGICAL:
            return self._logical(f, message.full_name, target, value, path)
        if isinstance(target, t.Struct):
            return self.struct(message, target, value, path)
        return self._mismatch("STRUCT", target, path)

    def _scalar(self, f: FieldDescriptor, target: t.SqlType, value: str, path: str) -> str:
        if f.enum_type is not None:
            names = {v.number: v.name for v in f.enum_type.values}
            value = f"{self._source.named('names', names)}.get({value}, str({value}))"
        elif f.type in (FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64):
            value = f"{self._source.named('signed', _signed)}({value})"
        return self._converted(pt.item_type(f, {}, str), target, value, path)

    def _logical(self, f: FieldDescriptor, name: str, target: t.SqlType, value: str, path: str) -> str:
        value = f"{self._source.named('from_message', _FROM_MESSAGE[name])}({value})"
        if name == pt.DECIMAL and isinstance(target, t.Decimal):
            # The message says its own scale, which may differ from the schema's.
            return f"{self._source.named('fit', fitter(target))}({value})"
        return self._converted(pt.item_type(f, self._file.params, str), target, value, path)

    def _converted(self, source_type: t.SqlType | None, target: t.SqlType, value: str, path: str) -> str:
        convert = scalar_conversion(source_type, target)
        if convert is None:
            return self._mismatch(source_type, target, path)
        return f"{self._source.named('convert', convert)}({value})" if callable(convert) else value

    def _mismatch(self, source_type: object, target: t.SqlType, path: str) -> str:
        """A call that raises: the types do not convert, but only a record with a value there is wrong."""

        def refuse() -> object:
            raise Refused(mismatch(source_type, target, path))

        return f"{self._source.named('refuse', refuse)}()"


class _Writer:
    """Expressions that build messages; None leaves a field unset."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def message(self, message: Descriptor, struct: t.Struct, values: Sequence[str]) -> str:
        """The construction of a message from one expression per field."""
        made = self._source.named("message", message_class(message))
        oneofs = {name: o for o in pt.real_oneofs(message) for name in (pt.oneof_name(o), pt.oneof_name(o).upper())}
        args: dict[str, str] = {}
        for f, value in zip(struct.fields, values, strict=True):
            found = _find(message, f.name)
            if found is not None:
                args[found.name] = self._field(found, f.type, value)
            elif f.name in oneofs and isinstance(f.type, t.Struct):
                for i, branch in enumerate(f.type.fields):
                    inner = _find(message, branch.name)
                    if inner is not None:
                        item = self._field(inner, branch.type, f"{value}[{i}]")
                        args[inner.name] = f"None if {value} is None else {item}"
            else:
                raise Refused(f"The schema has no field for column {f.name}")
        if any(keyword.iskeyword(name) for name in args):
            return f"{made}(**{{{', '.join(f'{name!r}: {arg}' for name, arg in args.items())}}})"
        return f"{made}({', '.join(f'{name}={arg}' for name, arg in args.items())})"

    def _field(self, f: FieldDescriptor, value_type: t.SqlType, value: str) -> str:
        if pt.is_map(f) and f.message_type is not None:
            return self._map(f, f.message_type, value_type, value)
        item = self._source.fresh()
        if f.is_repeated:
            if not isinstance(value_type, t.Array):
                raise self._misfit(f, value_type)
            written = self._item(f, value_type.element, item)
            if written == item:
                return value
            null = self._source.named("no_null", _no_null)
            return f"None if {value} is None else [{written} if {item} is not None else {null}() for {item} in {value}]"
        written = self._item(f, value_type, value)
        return written if written == value else f"None if {value} is None else {written}"

    def _map(self, f: FieldDescriptor, entry: Descriptor, value_type: t.SqlType, value: str) -> str:
        if not isinstance(value_type, t.Map):
            raise self._misfit(f, value_type)
        key, item = self._source.fresh(), self._source.fresh()
        if entry.GetOptions().map_entry:
            written = self._item(entry.fields_by_name["value"], value_type.value, item)
            body = f"{{{key}: {written} for {key}, {item} in {value}.items() if {item} is not None}}"
        else:
            members = t.Struct((t.Field("key", value_type.key), t.Field("value", value_type.value)))
            made = self.message(entry, members, [key, item])
            body = f"[{made} for {key}, {item} in {value}.items()]"
        return f"None if {value} is None else {body}"

    def _item(self, f: FieldDescriptor, value_type: t.SqlType, value: str) -> str:
        """One value that is not NULL, as the field holds it."""
        message = f.message_type
        if message is None:
            if value_type not in (pt.item_type(f, {}, str), t.INTEGER, t.BIGINT) or isinstance(value_type, t.Struct):
                raise self._misfit(f, value_type)
            return value
        name = message.full_name
        if name in pt.WRAPPERS:
            return f"{self._source.named('wrapper', message_class(message))}(value={value})"
        if name == pt.DECIMAL or name in pt.LOGICAL:
            if not isinstance(value_type, t.Decimal) and value_type != pt.LOGICAL.get(name):
                raise self._misfit(f, value_type)
            return f"{self._source.named('to_message', _to_message(message, value_type))}({value})"
        if not isinstance(value_type, t.Struct):
            raise self._misfit(f, value_type)
        inner = [self._source.fresh() for _ in value_type.fields]
        made = self.message(message, value_type, inner)
        return f"{self._source.function(made, ', '.join(inner))}(*{value})"

    def _misfit(self, f: FieldDescriptor, value_type: t.SqlType) -> Refused:
        return Refused(f"The schema's field {f.full_name} has no place for a value of type {value_type}")


def _attribute(var: str, name: str) -> str:
    return f"getattr({var}, {name!r})" if keyword.iskeyword(name) else f"{var}.{name}"


def _no_null() -> object:
    raise Refused("A repeated field cannot hold NULL: remove NULLs from the array, or use another format")


def _signed(value: int) -> int:
    """A 64-bit number without sign as Java holds it."""
    return value - 2**64 if value >= 2**63 else value


def _from_timestamp(message: Any) -> int:
    millis: int = message.seconds * _MILLIS_PER_SECOND + message.nanos // _NANOS_PER_MILLI
    return millis


def _from_date(message: Any) -> int:
    try:
        return datetime.date(message.year, message.month, message.day).toordinal() - EPOCH_ORDINAL
    except ValueError as error:
        raise Refused(f"Not a date: {message.year}-{message.month}-{message.day}: {error}") from None


def _from_time(message: Any) -> int:
    seconds = (message.hours * 60 + message.minutes) * 60 + message.seconds
    millis: int = seconds * _MILLIS_PER_SECOND + message.nanos // _NANOS_PER_MILLI
    return millis


def _from_decimal(message: Any) -> Decimal:
    return from_unscaled(int.from_bytes(message.value, "big", signed=True), message.scale)


_FROM_MESSAGE: dict[str, Callable[[Any], Any]] = {
    pt.TIMESTAMP: _from_timestamp,
    pt.DATE: _from_date,
    pt.TIME: _from_time,
    pt.DECIMAL: _from_decimal,
}


def _to_message(message: Descriptor, value_type: t.SqlType) -> Callable[[Any], Any]:
    made = message_class(message)

    def timestamp(millis: int) -> Any:
        seconds, rest = divmod(millis, _MILLIS_PER_SECOND)
        return made(seconds=seconds, nanos=rest * _NANOS_PER_MILLI)

    def date(days: int) -> Any:
        day = datetime.date.fromordinal(days + EPOCH_ORDINAL)
        return made(year=day.year, month=day.month, day=day.day)

    def time(millis: int) -> Any:
        seconds, rest = divmod(millis, _MILLIS_PER_SECOND)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        return made(hours=hours, minutes=minutes, seconds=seconds, nanos=rest * _NANOS_PER_MILLI)

    sql_type = value_type if isinstance(value_type, t.Decimal) else None
    fit = fitter(sql_type) if sql_type else None

    def decimal(value: Decimal) -> Any:
        number = unscaled_int(fit(value) if fit else value)
        size = (number + (number < 0)).bit_length() // 8 + 1
        raw = number.to_bytes(size, "big", signed=True)
        return made(value=raw, precision=sql_type.precision if sql_type else 0, scale=sql_type.scale if sql_type else 0)

    made_by: dict[t.SqlType, Callable[[Any], Any]] = {t.TIMESTAMP: timestamp, t.DATE: date, t.TIME: time}
    return made_by.get(value_type, decimal)
