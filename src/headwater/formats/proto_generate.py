"""The `.proto` text to register for columns, as Connect writes it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from headwater.core import types as t
from headwater.formats.failures import SchemaError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SCALARS: dict[t.SqlType, str] = {t.BOOLEAN: "bool", t.INTEGER: "int32", t.BIGINT: "int64", t.DOUBLE: "double",
                                  t.STRING: "string", t.BYTES: "bytes"}  # fmt: skip
_WRAPPERS: dict[t.SqlType, str] = {t.BOOLEAN: "Bool", t.INTEGER: "Int32", t.BIGINT: "Int64", t.DOUBLE: "Double",
                                   t.STRING: "String", t.BYTES: "Bytes"}  # fmt: skip
_LOGICAL: dict[t.SqlType, tuple[str, str]] = {
    t.DATE: ("google.type.Date", "google/type/date.proto"),
    t.TIME: ("google.type.TimeOfDay", "google/type/timeofday.proto"),
    t.TIMESTAMP: ("google.protobuf.Timestamp", "google/protobuf/timestamp.proto"),
}


def schema_text(fields: Sequence[t.Field], full_name: str | None, nullable: str | None) -> str:
    """The text of a file with one message for the fields, numbered from 1 in their order.

    `nullable` is OPTIONAL, WRAPPER or None. Raises `SchemaError` for names and types that Protobuf does not have.
    """
    package, _, name = (full_name or "ConnectDefault1").rpartition(".")
    generator = _Generator(nullable)
    body = generator.message(name, fields)
    head = ['syntax = "proto3";']
    if package:
        head.append(f"package {package};")
    parts = ["\n".join(head)]
    if generator.imports:
        parts.append("\n".join(f'import "{name}";' for name in sorted(generator.imports)))
    return "\n\n".join([*parts, "\n".join(body)]) + "\n"


@dataclass
class _Generator:
    nullable: str | None
    imports: set[str] = field(default_factory=set)
    messages: int = 1

    def message(self, name: str, fields: Sequence[t.Field]) -> list[str]:
        """Fields first, then the messages they need; those are numbered in the order of the fields that use them."""
        lines: list[str] = []
        nested: list[list[str]] = []
        for number, f in enumerate(fields, 1):
            if not _NAME.match(f.name):
                raise SchemaError(f"Illegal field name: {f.name}")
            declared, options = self._type(f.type, nested)
            lines.append(f"  {declared} {f.name} = {number}{options};")
        for inner in nested:
            lines += ["", *(f"  {line}" if line else "" for line in inner)]
        return [f"message {name} {{", *lines, "}"]

    def _type(self, sql_type: t.SqlType, nested: list[list[str]], repeated: bool = False) -> tuple[str, str]:
        """The type of a field with its label, and its options."""
        if isinstance(sql_type, t.Array | t.Map) and repeated:
            raise SchemaError(f"Protobuf has no repeated field of {sql_type} items")
        if isinstance(sql_type, t.Array):
            declared, options = self._type(sql_type.element, nested, repeated=True)
            return f"repeated {declared}", options
        if isinstance(sql_type, t.Map):
            entry = (t.Field("key", sql_type.key), t.Field("value", sql_type.value))
            return f"repeated {self._nested(entry, nested, 'Entry')}", ""
        if isinstance(sql_type, t.Struct):
            return self._nested(sql_type.fields, nested), ""
        if isinstance(sql_type, t.Decimal):
            return self._decimal(sql_type)
        if sql_type in _LOGICAL:
            name, file = _LOGICAL[sql_type]
            self.imports.add(file)
            return name, ""
        return self._scalar(sql_type, repeated), ""

    def _nested(self, fields: Sequence[t.Field], nested: list[list[str]], suffix: str = "") -> str:
        self.messages += 1
        name = f"ConnectDefault{self.messages}{suffix}"
        nested.append(self.message(name, fields))
        return name

    def _decimal(self, sql_type: t.Decimal) -> tuple[str, str]:
        self.imports |= {"confluent/meta.proto", "confluent/type/decimal.proto"}
        params = ", ".join(
            f'{{ key: "{key}", value: "{value}" }}'
            for key, value in (("precision", sql_type.precision), ("scale", sql_type.scale))
        )
        return "confluent.type.Decimal", f" [(confluent.field_meta) = {{ params: [{params}] }}]"

    def _scalar(self, sql_type: t.SqlType, repeated: bool) -> str:
        if repeated or self.nullable is None:
            return _SCALARS[sql_type]
        if self.nullable == "WRAPPER":
            self.imports.add("google/protobuf/wrappers.proto")
            return f"google.protobuf.{_WRAPPERS[sql_type]}Value"
        return f"optional {_SCALARS[sql_type]}"
