"""Bytes to text and back, numbers from bytes, hashes and UUIDs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import uuid

from headwater.core.errors import FunctionError
from headwater.plan.functions.declarations import udf
from headwater.plan.functions.types import Bigint, Double, Int

_ENCODINGS = ("hex", "utf8", "ascii", "base64")


def _hex_to_bytes(text: str) -> bytes:
    """Plain hex, `0x...` (an odd digit is padded), or `x'...'`."""
    if text[:2] in ("0x", "0X"):
        digits = text[2:]
        digits = digits if len(digits) % 2 == 0 else "0" + digits
    elif text[:2] in ("x'", "X'") and len(text) > 2 and text.endswith("'"):
        digits = text[2:-1]
    else:
        digits = text
    try:
        return binascii.unhexlify(digits)
    except ValueError as error:
        raise FunctionError(f"Failed to decode hex '{text}': {error}") from error


def _decode(text: str, encoding: str) -> bytes:
    if encoding == "hex":
        return _hex_to_bytes(text)
    if encoding == "utf8":
        return text.encode("utf-8", "replace")
    if encoding == "ascii":
        return text.encode("ascii", "replace")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise FunctionError(f"Failed to decode base64 '{text}': {error}") from error


def _encode(data: bytes, encoding: str) -> str:
    if encoding == "hex":
        return data.hex()
    if encoding == "utf8":
        return data.decode("utf-8", "replace")
    if encoding == "ascii":
        return data.decode("ascii", "replace")
    return str(base64.b64encode(data), "ascii")


def _known(encoding: str) -> str:
    name = encoding.lower()
    if name not in _ENCODINGS:
        raise FunctionError(
            f"Unknown encoding type '{encoding}'. Supported formats are 'hex', 'utf8', 'ascii', and 'base64'."
        )
    return name


@udf("ENCODE", category="STRING", description="Text from one encoding (hex, utf8, ascii, base64) to another")
def encode(text: str, source: str, target: str) -> str:
    given, wanted = source.lower(), target.lower()
    if given not in _ENCODINGS or wanted not in _ENCODINGS or given == wanted:
        raise FunctionError(
            f"Supported input and output encodings are: hex, utf8, ascii, base64. Got {source} to {target}"
        )
    return _encode(_decode(text, given), wanted)


@udf("FROM_BYTES", category="CONVERSIONS", description="Bytes as text, in hex, utf8, ascii or base64")
def from_bytes(data: bytes, encoding: str) -> str:
    name = _known(encoding)
    return data.hex().upper() if name == "hex" else _encode(data, name)


@udf("TO_BYTES", category="CONVERSIONS", description="Text in hex, utf8, ascii or base64 as bytes")
def to_bytes(text: str, encoding: str) -> bytes:
    return _decode(text, _known(encoding))


@udf("MD5", category="STRING", description="The MD5 checksum in hex")
def md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


@udf("UUID", category="STRING", description="A random UUID, or 16 bytes as one")
def random_uuid() -> str:
    return str(uuid.uuid4())


@udf("UUID", category="STRING")
def uuid_of(data: bytes) -> str | None:
    return str(uuid.UUID(bytes=data)) if len(data) == 16 else None


def _unpack(data: bytes, order: str, code: str, size: int) -> int | float:
    if len(data) != size:
        raise FunctionError(f"Number of bytes must be equal to {size}, but found {len(data)}")
    prefix = {"BIG_ENDIAN": ">", "LITTLE_ENDIAN": "<"}.get(order)
    if prefix is None:
        raise FunctionError(f"Byte order must be BIG_ENDIAN or LITTLE_ENDIAN, not {order}")
    number: int | float = struct.unpack(prefix + code, data)[0]
    return number


@udf("INT_FROM_BYTES", category="CONVERSIONS", description="Four bytes as a number")
def int_from_bytes(data: bytes) -> Int:
    return int(_unpack(data, "BIG_ENDIAN", "i", 4))


@udf("INT_FROM_BYTES", category="CONVERSIONS")
def int_from_bytes_in(data: bytes, order: str) -> Int:
    return int(_unpack(data, order, "i", 4))


@udf("BIGINT_FROM_BYTES", category="CONVERSIONS", description="Eight bytes as a number")
def bigint_from_bytes(data: bytes) -> Bigint:
    return int(_unpack(data, "BIG_ENDIAN", "q", 8))


@udf("BIGINT_FROM_BYTES", category="CONVERSIONS")
def bigint_from_bytes_in(data: bytes, order: str) -> Bigint:
    return int(_unpack(data, order, "q", 8))


@udf("DOUBLE_FROM_BYTES", category="CONVERSIONS", description="Eight bytes as a floating point number")
def double_from_bytes(data: bytes) -> Double:
    return float(_unpack(data, "BIG_ENDIAN", "d", 8))


@udf("DOUBLE_FROM_BYTES", category="CONVERSIONS")
def double_from_bytes_in(data: bytes, order: str) -> Double:
    return float(_unpack(data, order, "d", 8))
