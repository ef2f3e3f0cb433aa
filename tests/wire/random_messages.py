"""Random objects of any message class, from a seeded generator."""

from __future__ import annotations

from random import Random
from typing import Any

from headwater.wire.definitions import ArrayType, Field, Message, PrimitiveType, Struct, StructType
from headwater.wire.messages import message_class

_BITS = {"int8": 7, "int16": 15, "int32": 31, "int64": 63}


def random_message(message: Message, version: int, random: Random) -> Struct:
    """Any object of the message that its version can carry."""
    top = message_class(message)
    return top(**_fields(message.fields, version, random, top))


def _fields(fields: tuple[Field, ...], version: int, random: Random, top: type[Struct]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in fields:
        if not field.within(version):
            continue
        if field.is_tagged(version) and random.random() < 0.5:
            continue
        if field.is_nullable(version) and random.random() < 0.3:
            values[field.name] = None
        elif isinstance(field.type, ArrayType):
            count = random.choice((0, 1, 1, 3))
            values[field.name] = [_value(field.type.element, field.name, version, random, top) for _ in range(count)]
        else:
            values[field.name] = _value(field.type, field.name, version, random, top)
    return values


def _value(kind: Any, name: str, version: int, random: Random, top: type[Struct]) -> Any:
    if isinstance(kind, StructType):
        return getattr(top, kind.name)(**_fields(kind.fields, version, random, top))
    assert isinstance(kind, PrimitiveType)
    match kind.name:
        case "bool":
            return random.random() < 0.5
        case "float64":
            return random.uniform(-1e6, 1e6)
        case "string":
            return random.choice(("", "topic", "größe", "x" * 200, "y" * 300))
        case "uuid":
            return random.randbytes(16)
        case "bytes" | "records":
            return random.randbytes(random.choice((0, 1, 40, 20_000)))
        case "uint16":
            return random.randrange(1 << 16)
        case "uint32":
            return random.randrange(1 << 32)
    return _integer(name, _BITS[kind.name], random)


def _integer(name: str, bits: int, random: Random) -> int:
    """Any number of the width; codes and times only where the oracle's own types take them."""
    if "error_code" in name:
        return random.randrange(120)
    if name.endswith(("_ms", "timestamp")):
        return random.randrange(1 << min(bits, 40))
    return random.choice((0, -1, random.randrange(-(1 << bits), 1 << bits)))
