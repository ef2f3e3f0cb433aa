"""Whether a Protobuf reader's schema can read what a writer's schema wrote: the differences Confluent's registry names.

Fields meet by their number, messages and enums by their name within the package
(https://protobuf.dev/programming-guides/proto3/#updating).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from headwater.formats.proto_file import ROOT_NAME
from headwater.registry.compatibility.incompatibility import Difference
from headwater.registry.parsing.protobuf import ParsedProtobuf

COMPATIBLE = frozenset(
    """
    MESSAGE_ADDED MESSAGE_MOVED ENUM_ADDED ENUM_REMOVED ENUM_CONST_ADDED ENUM_CONST_CHANGED ENUM_CONST_REMOVED
    FIELD_ADDED FIELD_REMOVED FIELD_NAME_CHANGED FIELD_STRING_OR_BYTES_LABEL_CHANGED
    ONEOF_ADDED ONEOF_REMOVED ONEOF_FIELD_ADDED
    """.split()
)
"""A schema that differs from an older one only in these reads every payload that the older one wrote."""

DESCRIPTIONS = {
    "PACKAGE_CHANGED": "The {reader} schema has another package than the {writer} schema",
    "MESSAGE_REMOVED": "The {reader} schema lacks the message at '{path}' of the {writer} schema",
    "FIELD_KIND_CHANGED": (
        "The field at '{path}' is a scalar, a message or a map: not the same in the {reader} and {writer} schema"
    ),
    "FIELD_SCALAR_KIND_CHANGED": (
        "The field at '{path}' has a scalar type in the {reader} schema that is encoded in another way than in the "
        "{writer} schema"
    ),
    "FIELD_NAMED_TYPE_CHANGED": "The message of the field at '{path}' differs between the {reader} and {writer} schema",
    "FIELD_NUMERIC_LABEL_CHANGED": "The number at '{path}' is repeated in one of the {reader} and {writer} schema only",
    "REQUIRED_FIELD_ADDED": "The {reader} schema requires the field at '{path}', which the {writer} schema lacks",
    "REQUIRED_FIELD_REMOVED": "The {reader} schema lacks the field at '{path}', which the {writer} schema requires",
    "ONEOF_FIELD_REMOVED": "The {reader} schema lacks the field at '{path}' of a oneof of the {writer} schema",
    "MULTIPLE_FIELDS_MOVED_TO_ONEOF": "The oneof at '{path}' of the {reader} schema has several fields that were "
    "outside of it in the {writer} schema",
    "FIELD_MOVED_TO_EXISTING_ONEOF": "The oneof at '{path}' of the {reader} schema has a field that was outside of the "
    "oneof in the {writer} schema",
}

SCALAR_KINDS: Mapping[int, str] = {
    number: kind
    for kind, names in {
        "GENERAL_NUMBER": "INT32 INT64 UINT32 UINT64 BOOL ENUM",
        "SIGNED_NUMBER": "SINT32 SINT64",
        "STRING_OR_BYTES": "STRING BYTES",
        "FIXED32": "FIXED32 SFIXED32",
        "FIXED64": "FIXED64 SFIXED64",
        "FLOAT": "FLOAT",
        "DOUBLE": "DOUBLE",
    }.items()
    for name in names.split()
    for number in [getattr(FieldDescriptor, f"TYPE_{name}")]
}
"""Scalar types that read each other's encoding."""


def differences(update: ParsedProtobuf, original: ParsedProtobuf) -> list[Difference]:
    """All differences, compatible ones too."""
    old, new = (each.file.pool.FindFileByName(ROOT_NAME) for each in (original, update))
    found = [Difference("PACKAGE_CHANGED", "#/")] if old.package != new.package else []
    found += _Comparison().types(
        "#/", old.message_types_by_name, new.message_types_by_name, old.enum_types_by_name, new.enum_types_by_name
    )
    return found


class _Comparison:
    """Pairs of messages that were compared, or are being compared further out, are not compared again."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], list[Difference]] = {}

    def types(
        self,
        path: str,
        old_messages: Mapping[str, Descriptor],
        new_messages: Mapping[str, Descriptor],
        old_enums: Mapping[str, EnumDescriptor],
        new_enums: Mapping[str, EnumDescriptor],
    ) -> list[Difference]:
        found: list[Difference] = []
        old_places, new_places = list(old_messages), list(new_messages)
        for name in dict.fromkeys([*old_places, *new_places]):
            old, new = old_messages.get(name), new_messages.get(name)
            if old is None or new is None:
                either = old or new
                if either is not None and not either.GetOptions().map_entry:
                    found.append(Difference("MESSAGE_REMOVED" if new is None else "MESSAGE_ADDED", f"{path}{name}"))
                continue
            found += [each.under(f"{path}{name}") for each in self.message(old, new)]
            if old_places.index(name) != new_places.index(name):
                found.append(Difference("MESSAGE_MOVED", f"{path}{name}"))
        for name in dict.fromkeys([*old_enums, *new_enums]):
            found += [each.under(f"{path}{name}") for each in _enum(old_enums.get(name), new_enums.get(name))]
        return found

    def message(self, old: Descriptor, new: Descriptor) -> list[Difference]:
        """The paths are relative to the message."""
        pair = (old.full_name, new.full_name)
        if pair in self._known:
            return self._known[pair]
        self._known[pair] = []
        found = [*_oneofs(old, new), *self._fields(old, new)]
        found += self.types(
            ".", old.nested_types_by_name, new.nested_types_by_name, old.enum_types_by_name, new.enum_types_by_name
        )
        self._known[pair] = found
        return found

    def _fields(self, old: Descriptor, new: Descriptor) -> list[Difference]:
        found: list[Difference] = []
        for number in dict.fromkeys(sorted([*old.fields_by_number, *new.fields_by_number])):
            before, after = old.fields_by_number.get(number), new.fields_by_number.get(number)
            step = f"/{number}"
            if before is not None and after is not None:
                found += [each.under(step) for each in self._field(before, after)]
            elif before is None:
                assert after is not None
                found += _added(after, old, step)
            else:
                found += _removed(before, new, step)
        return found

    def _field(self, old: FieldDescriptor, new: FieldDescriptor) -> list[Difference]:
        found = [Difference("FIELD_NAME_CHANGED", "")] if old.name != new.name else []
        return found + self._type(old, new)

    def _type(self, old: FieldDescriptor, new: FieldDescriptor) -> list[Difference]:
        kind = _kind(old)
        if kind != _kind(new):
            return [Difference("FIELD_KIND_CHANGED", "")]
        if kind == "SCALAR":
            if SCALAR_KINDS[old.type] != SCALAR_KINDS[new.type]:
                return [Difference("FIELD_SCALAR_KIND_CHANGED", "")]
            return _label(old, new)
        if kind == "MAP":
            return [
                each
                for name in ("key", "value")
                for each in self._type(_entry(old).fields_by_name[name], _entry(new).fields_by_name[name])
            ]
        return self._message_type(_entry(old), _entry(new))

    def _message_type(self, old: Descriptor, new: Descriptor) -> list[Difference]:
        if _local_name(old) != _local_name(new):
            return [Difference("FIELD_NAMED_TYPE_CHANGED", "")]
        if old.file.name == new.file.name == ROOT_NAME:
            return []  # met by its name
        found = [each.under(f"/{_local_name(old)}") for each in self.message(old, new)]
        if any(each.kind not in COMPATIBLE for each in found):
            found.append(Difference("FIELD_NAMED_TYPE_CHANGED", ""))
        return found


def _entry(field: FieldDescriptor) -> Descriptor:
    found = field.message_type
    assert found is not None
    return found


def _kind(field: FieldDescriptor) -> str:
    if field.type not in (FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_GROUP):
        return "SCALAR"
    return "MAP" if _entry(field).GetOptions().map_entry else "MESSAGE"


def _label(old: FieldDescriptor, new: FieldDescriptor) -> list[Difference]:
    if _is_repeated(old) == _is_repeated(new):
        return []
    texts = SCALAR_KINDS[old.type] == "STRING_OR_BYTES"
    return [Difference("FIELD_STRING_OR_BYTES_LABEL_CHANGED" if texts else "FIELD_NUMERIC_LABEL_CHANGED", "")]


def _is_repeated(field: FieldDescriptor) -> bool:
    return bool(field.is_repeated)


def _is_required(field: FieldDescriptor) -> bool:
    return bool(field.is_required)


def _local_name(message: Descriptor) -> str:
    return message.full_name.removeprefix(f"{message.file.package}.")


def _oneof(field: FieldDescriptor) -> Any:
    """The oneof that a person wrote around a field; `optional` in proto3 is one for the compiler only."""
    found = field.containing_oneof
    return None if found is None or (len(found.fields) == 1 and found.name == f"_{field.name}") else found


def _real_oneofs(message: Descriptor) -> dict[str, list[FieldDescriptor]]:
    return {one.name: list(one.fields) for one in message.oneofs if _oneof(one.fields[0]) is not None}


def _oneofs(old: Descriptor, new: Descriptor) -> list[Difference]:
    befores, afters = _real_oneofs(old), _real_oneofs(new)
    found = []
    for name, fields in afters.items():
        held = [old.fields_by_number[each.number] for each in fields if each.number in old.fields_by_number]
        moved = sum(_oneof(each) is None for each in held)
        if moved > 1:
            found.append(Difference("MULTIPLE_FIELDS_MOVED_TO_ONEOF", f"/{name}"))
        elif moved == 1 and len(held) > 1:
            found.append(Difference("FIELD_MOVED_TO_EXISTING_ONEOF", f"/{name}"))
    found += [Difference("ONEOF_REMOVED", f"/{name}") for name in befores if name not in afters]
    return found + [Difference("ONEOF_ADDED", f"/{name}") for name in afters if name not in befores]


def _added(field: FieldDescriptor, old: Descriptor, step: str) -> list[Difference]:
    oneof = _oneof(field)
    if oneof is not None:
        return [Difference("ONEOF_FIELD_ADDED", f"/{oneof.name}{step}")] if oneof.name in _real_oneofs(old) else []
    return [Difference("REQUIRED_FIELD_ADDED" if _is_required(field) else "FIELD_ADDED", step)]


def _removed(field: FieldDescriptor, new: Descriptor, step: str) -> list[Difference]:
    oneof = _oneof(field)
    if oneof is not None:
        return [Difference("ONEOF_FIELD_REMOVED", f"/{oneof.name}{step}")] if oneof.name in _real_oneofs(new) else []
    return [Difference("REQUIRED_FIELD_REMOVED" if _is_required(field) else "FIELD_REMOVED", step)]


def _enum(old: EnumDescriptor | None, new: EnumDescriptor | None) -> list[Difference]:
    if old is None or new is None:
        return [Difference("ENUM_ADDED" if old is None else "ENUM_REMOVED", "")]
    befores = {value.number: value.name for value in reversed(old.values)}
    afters = {value.number: value.name for value in reversed(new.values)}
    found = []
    for number in sorted({*befores, *afters}):
        if befores.get(number) != afters.get(number):
            change = "ADDED" if number not in befores else "REMOVED" if number not in afters else "CHANGED"
            found.append(Difference(f"ENUM_CONST_{change}", f"/{number}"))
    return found
