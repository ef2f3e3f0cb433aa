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
    head = [f'syntax = "{syntax}";']
    if file.package:
        head.append(f"package {file.package};")
    public = set(file.public_dependency)
    head += [f'import {"public " if i in public else ""}"{name}";' for i, name in enumerate(file.dependency)]
    head += [
        f"option {name.name} = {_value(value)};" for name, value in file.options.ListFields() if name.name in _OPTIONS
    ]
    printer = _Printer(syntax == "proto3")
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


class _Printer:
    def __init__(self, proto3: bool) -> None:
        self._proto3 = proto3

    def message(self, message: pb.DescriptorProto, scope: str, indent: str) -> Iterator[str]:
        scope = f"{scope}.{message.name}"
        maps = {f"{scope}.{n.name}": n for n in message.nested_type if n.options.map_entry}
        yield f"{indent}message {message.name} {{"
        deeper = indent + "  "
        for span in message.reserved_range:
            yield f"{deeper}reserved {_span(span.start, span.end, _MAX_FIELD)};"
        for name in message.reserved_name:
            yield f'{deeper}reserved "{name}";'
        for extension in message.extension_range:
            yield f"{deeper}extensions {_span(extension.start, extension.end, _MAX_FIELD)};"
        yield from self._fields(message, maps, deeper)
        for nested in message.nested_type:
            if not nested.options.map_entry:
                yield from self.message(nested, scope, deeper)
        for enum in message.enum_type:
            yield from self.enum(enum, deeper)
        yield f"{indent}}}"

    def _fields(self, message: pb.DescriptorProto, maps: dict[str, pb.DescriptorProto], indent: str) -> Iterator[str]:
        opened: set[int] = set()
        for made in message.field:
            if not made.HasField("oneof_index") or made.proto3_optional:
                yield indent + self._field(made, maps, in_oneof=False)
            elif made.oneof_index not in opened:
                opened.add(made.oneof_index)
                yield f"{indent}oneof {message.oneof_decl[made.oneof_index].name} {{"
                for member in message.field:
                    if member.HasField("oneof_index") and member.oneof_index == made.oneof_index:
                        yield f"{indent}  {self._field(member, maps, in_oneof=True)}"
                yield f"{indent}}}"

    def _field(self, made: pb.FieldDescriptorProto, maps: dict[str, pb.DescriptorProto], in_oneof: bool) -> str:
        entry = maps.get(made.type_name)
        if entry is not None:
            label, kind = "", f"map<{_type(entry.field[0])}, {_type(entry.field[1])}>"
        else:
            label, kind = "" if in_oneof else self._label(made), _type(made)
        options = []
        if made.HasField("default_value"):
            text = made.type in (pb.FieldDescriptorProto.TYPE_STRING, pb.FieldDescriptorProto.TYPE_BYTES)
            options.append(f"default = {_value(made.default_value) if text else made.default_value}")
        if made.HasField("json_name") and made.json_name != _json_name(made.name):
            options.append(f'json_name = "{made.json_name}"')
        options += [f"{name} = true" for name in ("deprecated",) if getattr(made.options, name)]
        if made.options.HasField("packed"):
            options.append(f"packed = {str(made.options.packed).lower()}")
        suffix = f" [{', '.join(options)}]" if options else ""
        return f"{label}{kind} {made.name} = {made.number}{suffix};"

    def _label(self, made: pb.FieldDescriptorProto) -> str:
        if made.label == pb.FieldDescriptorProto.LABEL_REPEATED:
            return "repeated "
        if made.label == pb.FieldDescriptorProto.LABEL_REQUIRED:
            return "required "
        return "optional " if made.proto3_optional or not self._proto3 else ""

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
