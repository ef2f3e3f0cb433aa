"""Messages of the protocol: bytes to objects and back, one compiled function per message and version.

A function is written, compiled and kept when a message of its version first passes, so only what a process uses costs
anything. Its source shows up in tracebacks.
"""

from __future__ import annotations

import linecache
import struct
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from headwater.core.errors import HeadwaterError
from headwater.wire.decoding import DecoderWriter
from headwater.wire.definitions import Buffer, Message, Struct
from headwater.wire.encoding import EncoderWriter
from headwater.wire.messages import definition, message_class

Decode = Callable[[memoryview, int], tuple[Any, int]]
Encode = Callable[[Any, Callable[[Buffer], None]], None]
S = TypeVar("S", bound=Struct)


class WireError(HeadwaterError):
    """Bytes that are not the message they should be. The connection they came over cannot be used any further."""


@cache
def decoder(name: str, version: int) -> Decode:
    """The compiled decoder of a message, `FetchRequest`: (view, position) to (object, position after it)."""
    message = _of_version(name, version)
    writer = DecoderWriter(message, version, _classes(message))
    decode: Decode = _compile(writer.source, writer.scope, "decode", f"{name} v{version}")
    return decode


@cache
def encoder(name: str, version: int) -> Encode:
    """The compiled encoder of a message: appends its buffers through the function given as second argument."""
    message = _of_version(name, version)
    writer = EncoderWriter(message, version, _classes(message))
    encode: Encode = _compile(writer.source, writer.scope, "encode", f"{name} v{version}")
    return encode


def decode(kind: type[S], version: int, data: Buffer, position: int = 0) -> S:
    """The message of class `kind` that is all of `data` from `position` on. Raises `WireError`."""
    view = memoryview(data)
    try:
        value, position = decoder(kind.__name__, version)(view, position)
    except (ValueError, IndexError, struct.error) as error:
        raise WireError(f"Malformed {kind.__name__} v{version} ({len(view)} bytes): {error}") from None
    if position != len(view):
        raise WireError(f"Malformed {kind.__name__} v{version}: it ends at byte {position} of {len(view)}")
    result: S = value
    return result


def encode(value: Struct, version: int) -> list[Buffer]:
    """The buffers of the message, in order; record batches are the objects that were put in."""
    parts: list[Buffer] = []
    encoder(type(value).__name__, version)(value, parts.append)
    return parts


def _of_version(name: str, version: int) -> Message:
    message = definition(name)
    if not message.versions[0] <= version <= message.versions[1]:
        raise WireError(f"There is no {name} v{version}: versions are {message.versions[0]} to {message.versions[1]}")
    return message


def _classes(message: Message) -> dict[str, type[Struct]]:
    top = message_class(message)
    inner = {c.__qualname__: c for c in vars(top).values() if isinstance(c, type) and issubclass(c, Struct)}
    return {message.name: top, **inner}


def _compile(source: str, scope: dict[str, Any], name: str, title: str) -> Any:
    filename = f"<wire {name} {title}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    exec(compile(source, filename, "exec"), scope)  # noqa: S102  # the text is made from our own table
    return scope[name]
