"""Protobuf schemas: a `.proto` text or a serialised file descriptor in base64, resolved with the files it imports."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from google.protobuf import descriptor_pb2 as pb
from google.protobuf.message import DecodeError

from headwater.formats import proto_file
from headwater.formats.failures import SchemaError
from headwater.registry.parsing.parsed import Parsed, ParseError, References
from headwater.registry.parsing.proto_printer import proto_text
from headwater.registry.parsing.proto_statements import Statement, printed, sorted_statements, statements


@dataclass(frozen=True)
class ParsedProtobuf(Parsed):
    source: str
    """The `.proto` text."""
    tree: tuple[Statement, ...]
    file: proto_file.ProtoFile
    references: tuple[tuple[str, str], ...] = ()

    def canonical(self) -> str:
        return printed(self.tree)

    def normalised(self) -> str:
        return printed(sorted_statements(self.tree))

    def top_level(self) -> frozenset[str]:
        """Of the first message."""
        return frozenset(each.name for message in self.file.messages[:1] for each in message.fields)

    def formatted(self, name: str) -> str:
        """`serialized` is the file descriptor in base64."""
        if name != "serialized":
            return self.canonical()
        found = self.descriptor()
        found.name = "default"
        return base64.b64encode(found.SerializeToString()).decode()

    def descriptor(self) -> pb.FileDescriptorProto:
        """The file with every type name made absolute."""
        found = pb.FileDescriptorProto()
        self.file.pool.FindFileByName(proto_file.ROOT_NAME).CopyToProto(found)
        return found


def parse(text: str, references: References) -> ParsedProtobuf:
    """Raises `ParseError` with the line."""
    for name, (kind, _) in references.items():
        if kind != "PROTOBUF":
            raise ParseError(
                f"the reference '{name}' is of type {kind}: a Protobuf schema can only import its own kind"
            )
    source = _decoded(text)
    texts = tuple((name, _decoded(referred)) for name, (_, referred) in references.items())
    tree = statements(source)
    try:
        loaded = proto_file.load(source, texts)
    except (SchemaError, DecodeError) as error:
        raise ParseError(str(error)) from None
    return ParsedProtobuf("PROTOBUF", text, source, tree, loaded, texts)


def _decoded(text: str) -> str:
    """The `.proto` text of what may be a descriptor, as clients that have only generated code send it."""
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
        found = pb.FileDescriptorProto.FromString(data)
    except (binascii.Error, ValueError, DecodeError):
        return text
    return proto_text(found) if data else text
