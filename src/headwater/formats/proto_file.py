"""A Protobuf schema of the registry, resolved: its descriptors and message classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

from google.protobuf import descriptor_pb2 as pb
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor

from headwater.formats import proto_text
from headwater.formats.failures import SchemaError

ROOT_NAME = "schema.proto"

_COMPILED = {
    f"google/protobuf/{name}.proto": f"google.protobuf.{name}_pb2"
    for name in ("any", "api", "descriptor", "duration", "empty", "field_mask", "source_context", "struct", "timestamp",
                 "type", "wrappers")
}  # fmt: skip
_TEXTS = {
    "confluent/meta.proto": 'syntax = "proto3"; package confluent;',
    "confluent/type/decimal.proto": """syntax = "proto3"; package confluent.type;
        message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }""",
    "google/type/date.proto": """syntax = "proto3"; package google.type;
        message Date { int32 year = 1; int32 month = 2; int32 day = 3; }""",
    "google/type/timeofday.proto": """syntax = "proto3"; package google.type;
        message TimeOfDay { int32 hours = 1; int32 minutes = 2; int32 seconds = 3; int32 nanos = 4; }""",
}


@dataclass(frozen=True)
class ProtoFile:
    """A schema's messages. `params` are the `confluent.field_meta` params by full field name."""

    pool: descriptor_pool.DescriptorPool
    params: dict[str, dict[str, str]]

    @cached_property
    def messages(self) -> tuple[Descriptor, ...]:
        """The messages at the top level, in the order of the text."""
        found = self.pool.FindFileByName(ROOT_NAME)
        return tuple(found.message_types_by_name.values())

    def message(self, full_name: str | None) -> Descriptor:
        """The message of this name, or the only one. Raises `SchemaError` that lists the candidates."""
        if full_name is not None:
            try:
                return self.pool.FindMessageTypeByName(full_name)
            except KeyError:
                raise SchemaError(f"Schema has no message '{full_name}'. It has: {self._names()}") from None
        if len(self.messages) != 1:
            raise SchemaError(
                f"Found multiple messages in the schema: {self._names()}. "
                "Name one with the property KEY_SCHEMA_FULL_NAME or VALUE_SCHEMA_FULL_NAME."
                if self.messages
                else "Schema has no message"
            )
        return self.messages[0]

    def at(self, indexes: tuple[int, ...]) -> Descriptor:
        """The message that a payload's index list points at."""
        try:
            found = self.messages[indexes[0]]
            for index in indexes[1:]:
                found = found.nested_types[index]
        except IndexError:
            raise SchemaError(f"Schema has no message at {list(indexes)}") from None
        return found

    def _names(self) -> str:
        return ", ".join(m.full_name for m in self.messages)


def indexes_of(message: Descriptor) -> tuple[int, ...]:
    """Where a message stands in its file: its index, after those of the messages around it."""
    outer = message.containing_type
    if outer is None:
        return (list(message.file.message_types_by_name).index(message.name),)
    return (*indexes_of(outer), [m.name for m in outer.nested_types].index(message.name))


def message_class(message: Descriptor) -> Any:
    """The Python class of a message."""
    return message_factory.GetMessageClass(message)


def load(text: str, references: tuple[tuple[str, str], ...] = ()) -> ProtoFile:
    """The resolved schema. `references` are the (name, text) of files it imports. Raises `SchemaError`."""
    loader = _Loader(dict(references))
    loader.add(proto_text.parse(ROOT_NAME, text))
    return ProtoFile(loader.pool, loader.params)


class _Loader:
    """Adds files to a pool, imports first, with every type name made absolute."""

    def __init__(self, references: dict[str, str]) -> None:
        self.pool = descriptor_pool.DescriptorPool()
        self.params: dict[str, dict[str, str]] = {}
        self._references = references
        self._kinds: dict[str, Any] = {}
        self._added: set[str] = set()

    def add(self, parsed: proto_text.ParsedFile) -> None:
        file = parsed.file
        self._added.add(file.name)
        for dependency in file.dependency:
            if dependency not in self._added:
                self._import(dependency)
        self._declare(file)
        for scope, message in _messages(file.package, file.message_type):
            for made in message.field:
                self._resolve(made, scope)
        try:
            self.pool.Add(file)
            self.pool.FindFileByName(file.name)
        except (TypeError, KeyError, ValueError) as error:
            raise SchemaError(f"Protobuf schema is not valid: {error}") from None
        self.params |= parsed.params

    def _import(self, name: str) -> None:
        if name in self._references:
            self.add(proto_text.parse(name, self._references[name]))
        elif name in _TEXTS:
            self.add(proto_text.parse(name, _TEXTS[name]))
        elif name in _COMPILED:
            file = pb.FileDescriptorProto()
            import_module(_COMPILED[name]).DESCRIPTOR.CopyToProto(file)
            self.add(proto_text.ParsedFile(file))
        else:
            raise SchemaError(f"Protobuf schema imports '{name}', which is not among its references")

    def _declare(self, file: pb.FileDescriptorProto) -> None:
        prefix = f".{file.package}" if file.package else ""
        for enum in file.enum_type:
            self._kinds[f"{prefix}.{enum.name}"] = pb.FieldDescriptorProto.TYPE_ENUM
        for scope, message in _messages(file.package, file.message_type):
            self._kinds[scope] = pb.FieldDescriptorProto.TYPE_MESSAGE
            for enum in message.enum_type:
                self._kinds[f"{scope}.{enum.name}"] = pb.FieldDescriptorProto.TYPE_ENUM

    def _resolve(self, made: pb.FieldDescriptorProto, scope: str) -> None:
        """Names are looked up from the innermost message outwards."""
        name = made.type_name
        if not name:
            return
        candidates = [name] if name.startswith(".") else [f"{outer}.{name}" for outer in _outwards(scope)]
        for candidate in candidates:
            if candidate in self._kinds:
                made.type_name = candidate
                if made.type != pb.FieldDescriptorProto.TYPE_GROUP:
                    made.type = self._kinds[candidate]
                return
        raise SchemaError(f"Protobuf schema uses an undefined type '{name}' in field '{made.name}'")


def _messages(package: str, messages: Any) -> Iterator[tuple[str, pb.DescriptorProto]]:
    """Every message with its absolute name."""
    prefix = f".{package}" if package and not package.startswith(".") else package
    for message in messages:
        scope = f"{prefix}.{message.name}"
        yield scope, message
        yield from _messages(scope, message.nested_type)


def _outwards(scope: str) -> Iterator[str]:
    while scope:
        yield scope
        scope = scope.rpartition(".")[0]
    yield ""
