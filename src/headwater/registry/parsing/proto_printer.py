"""The `.proto` text of a file descriptor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pb2 as pb

_TYPE_NAMES = {number: name.removeprefix("TYPE_").lower() for name, number in pb.FieldDescriptorProto.Type.items()}
_MAX_FIELD = 536870912
"""One past the largest field number; `max` in a text."""


def proto_text(file: pb.FileDescriptorProto) -> str:
    """The text; options of users are left out, because only their numbers are known."""
    syntax = file.syntax or "proto2"
    if syntax == "editions":
        head = [f'edition = "{pb.Edition.Name(file.edition).removeprefix("EDITION_")}";']
    else:
        head = [f'syntax = "{syntax}";']
    if file.package:
        head.append(f"package {file.package};")
    public = set(file.public_dependency)
    head += [f'import {"public " if i in public else ""}"{name}";' for i, name in enumerate(file.dependency)]
    head += [
        f"option {name.name} = {_value(value)};" for name, value in file.options.ListFields() if name.name in _OPTIONS
    ]
    head += [f"option {each};" for each in _features(file.options)]
    printer = _Printer(syntax == "proto2")
    for message in file.message_type:
        head += printer.message(message, f".{file.package}" if file.package else "", "")
    for enum in file.enum_type:
        head += printer.enum(enum, "")
    for service in file.service:
        head += _service(service)
    return "\n".join(head) + "\n"


_OPTIONS = ("java_package", "java_outer_classname", "java_multiple_files", "go_package", "csharp_namespace",
            "objc_class_prefix", "cc_enable_arenas", "deprecated")  # fmt: skip


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _features(options: Any) -> list[str]:
    """What an edition's features are set to."""
    return [
        f"features.{name.name} = {name.enum_type.values_by_number[value].name}"
        for name, value in options.features.ListFields()
        if name.enum_type is not None
    ]


class _Printer:
    """`proto2` has a label before every field."""

    def __init__(self, proto2: bool) -> None:
        self._proto2 = proto2

    def message(self, message: pb.DescriptorProto, scope: str, indent: str) -> Iterator[str]:
        yield f"{indent}message {message.name} {{"
        yield from self._body(message, f"{scope}.{message.name}", indent)
        yield f"{indent}}}"

    def _body(self, message: pb.DescriptorProto, scope: str, indent: str) -> Iterator[str]:
        nested = {f"{scope}.{each.name}": each for each in message.nested_type}
        written = {made.type_name for made in message.field if made.type == pb.FieldDescriptorProto.TYPE_GROUP}
        deeper = indent + "  "
        for span in message.reserved_range:
            yield f"{deeper}reserved {_span(span.start, span.end, _MAX_FIELD)};"
        for name in message.reserved_name:
            yield f'{deeper}reserved "{name}";'
        for extension in message.extension_range:
            yield f"{deeper}extensions {_span(extension.start, extension.end, _MAX_FIELD)};"
        yield from self._fields(message, nested, deeper)
        for name, inner in nested.items():
            if not inner.options.map_entry and name not in written:
                yield from self.message(inner, scope, deeper)
        for enum in message.enum_type:
            yield from self.enum(enum, deeper)

    def _fields(self, message: pb.DescriptorProto, nested: dict[str, pb.DescriptorProto], indent: str) -> Iterator[str]:
        opened: set[int] = set()
        for made in message.field:
            if not made.HasField("oneof_index") or made.proto3_optional:
                yield from self._field(made, nested, indent, in_oneof=False)
            elif made.oneof_index not in opened:
                opened.add(made.oneof_index)
                yield f"{indent}oneof {message.oneof_decl[made.oneof_index].name} {{"
                for member in message.field:
                    if member.HasField("oneof_index") and member.oneof_index == made.oneof_index:
                        yield from self._field(member, nested, f"{indent}  ", in_oneof=True)
                yield f"{indent}}}"

    def _field(
        self, made: pb.FieldDescriptorProto, nested: dict[str, pb.DescriptorProto], indent: str, in_oneof: bool
    ) -> Iterator[str]:
        inner = nested.get(made.type_name)
        label, kind, name = "" if in_oneof else self._label(made), _type(made), made.name
        if inner is not None and inner.options.map_entry:
            label, kind = "", f"map<{_type(inner.field[0])}, {_type(inner.field[1])}>"
        is_group = inner is not None and made.type == pb.FieldDescriptorProto.TYPE_GROUP
        if inner is not None and is_group:
            kind, name = "group", inner.name
        head = f"{indent}{label}{kind} {name} = {made.number}{_field_options(made)}"
        if inner is None or not is_group:
            yield f"{head};"
            return
        yield f"{head} {{"
        yield from self._body(inner, made.type_name, indent)
        yield f"{indent}}}"

    def _label(self, made: pb.FieldDescriptorProto) -> str:
        if made.label == pb.FieldDescriptorProto.LABEL_REPEATED:
            return "repeated "
        if made.label == pb.FieldDescriptorProto.LABEL_REQUIRED:
            return "required "
        return "optional " if made.proto3_optional or self._proto2 else ""

    def enum(self, enum: pb.EnumDescriptorProto, indent: str) -> Iterator[str]:
        yield f"{indent}enum {enum.name} {{"
        if enum.options.allow_alias:
            yield f"{indent}  option allow_alias = true;"
        for span in enum.reserved_range:
            yield f"{indent}  reserved {_span(span.start, span.end + 1, (1 << 31))};"
        for name in enum.reserved_name:
            yield f'{indent}  reserved "{name}";'
        for value in enum.value:
            yield f"{indent}  {value.name} = {value.number};"
        yield f"{indent}}}"


def _field_options(made: pb.FieldDescriptorProto) -> str:
    options = []
    if made.HasField("default_value"):
        text = made.type in (pb.FieldDescriptorProto.TYPE_STRING, pb.FieldDescriptorProto.TYPE_BYTES)
        options.append(f"default = {_value(made.default_value) if text else made.default_value}")
    if made.HasField("json_name") and made.json_name != _json_name(made.name):
        options.append(f'json_name = "{made.json_name}"')
    options += [f"{name} = true" for name in ("deprecated",) if getattr(made.options, name)]
    if made.options.HasField("packed"):
        options.append(f"packed = {str(made.options.packed).lower()}")
    options += _features(made.options)
    return f" [{', '.join(options)}]" if options else ""


def _service(service: pb.ServiceDescriptorProto) -> Iterator[str]:
    yield f"service {service.name} {{"
    for method in service.method:
        sent = f"{'stream ' if method.client_streaming else ''}{method.input_type}"
        got = f"{'stream ' if method.server_streaming else ''}{method.output_type}"
        yield f"  rpc {method.name}({sent}) returns ({got});"
    yield "}"


def _type(made: pb.FieldDescriptorProto) -> str:
    return made.type_name or _TYPE_NAMES[made.type]


def _span(start: int, end: int, limit: int) -> str:
    """`end` is exclusive."""
    if end >= limit:
        return f"{start} to max"
    return str(start) if end == start + 1 else f"{start} to {end - 1}"


def _json_name(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)
