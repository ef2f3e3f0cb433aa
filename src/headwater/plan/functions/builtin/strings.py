"""String functions; positions and lengths count UTF-16 code units."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, TypeVar

from headwater.core.types import INTEGER
from headwater.plan.functions import utf16
from headwater.plan.functions.declarations import udf
from headwater.plan.functions.types import REQUIRED, Int, RequiredInt

_STRING = "STRING"
Text = TypeVar("Text", str, bytes)


@udf("UCASE", category=_STRING, description="Upper case", inline="{0}.upper()")
def ucase(text: str) -> str:
    return text.upper()


@udf("LCASE", category=_STRING, description="Lower case", inline="{0}.lower()")
def lcase(text: str) -> str:
    return text.lower()


@udf(
    "LEN",
    category=_STRING,
    description="The number of characters or bytes",
    inline="len({0}) if {w0}.isascii() else {f}({0})",
)
def len_string(text: str) -> Int:
    return utf16.length(text)


@udf("LEN", category=_STRING, inline="len({0})")
def len_bytes(data: bytes) -> Int:
    return len(data)


_BLANKS = "".join(map(chr, range(33)))
_WORDS = re.compile(r"\S+\s*", re.ASCII)
_FEW = 6
"""Up to this many texts are added up faster than they are joined."""


@udf(
    "TRIM",
    category=_STRING,
    description="Without blanks and control characters at both ends",
    inline=f"{{0}}.strip({_BLANKS!r})",
)
def trim(text: str) -> str:
    return text.strip(_BLANKS)


def _sum(empty: str) -> Callable[[int], str | None]:
    """Source for the concatenation of a few arguments."""
    return lambda count: " + ".join(f"({{{i}}} or {empty})" for i in range(count)) if 0 < count <= _FEW else None


@udf("CONCAT", category=_STRING, description="The arguments one after the other, NULLs left out", inline=_sum("''"))
def concat(*parts: str | None) -> str:
    return "".join([part for part in parts if part is not None])


@udf("CONCAT", category=_STRING, inline=_sum("b''"))
def concat_bytes(*parts: bytes | None) -> bytes:
    return b"".join([part for part in parts if part is not None])


@udf("CONCAT_WS", category=_STRING, description="The arguments with a separator between them, NULLs left out")
def concat_ws(separator: str, first: str | None, *others: str | None) -> str:
    return separator.join([part for part in (first, *others) if part is not None])


@udf("CONCAT_WS", category=_STRING)
def concat_ws_bytes(separator: bytes, first: bytes | None, *others: bytes | None) -> bytes:
    return separator.join([part for part in (first, *others) if part is not None])


@udf(
    "REPLACE",
    category=_STRING,
    description="Every occurrence of a text replaced by another",
    inline="{0}.replace({1}, {2})",
)
def replace(text: str, old: str, new: str) -> str:
    return text.replace(old, new)


@udf("INITCAP", category=_STRING, description="The first letter of every word in upper case, the others in lower case")
def initcap(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in _WORDS.findall(text.lower()))


def _slice(size: int, position: int, length: int | None) -> slice:
    """What SUBSTRING takes of something of `size` units."""
    if position > 0:
        start = min(position - 1, size)
    elif position < 0:
        start = max(size + position, 0)
    else:
        start = 0
    return slice(start, size if length is None else min(size, start + max(length, 0)))


@udf(
    "SUBSTRING",
    category=_STRING,
    description="The part from a position (1 is the first, -1 the last), of at most a length",
    inline="{0}[{1} - 1:] if {w0}.isascii() and {c1} > 0 else {f}({0}, {1})",
)
def substring(text: str, position: Int) -> str:
    return _substring(text, position, None)


@udf(
    "SUBSTRING",
    category=_STRING,
    inline="{0}[{1} - 1:{1} - 1 + {2}] if {w0}.isascii() and {c1} > 0 <= {c2} else {f}({0}, {1}, {2})",
)
def substring_of_length(text: str, position: Int, length: Int) -> str:
    return _substring(text, position, length)


def _substring(text: str, position: int, length: int | None) -> str:
    if utf16.is_plain(text):
        return text[_slice(len(text), position, length)]
    units = utf16.units(text)
    return utf16.join(units[_slice(len(units), position, length)])


@udf("SUBSTRING", category=_STRING)
def substring_bytes(data: bytes, position: Int) -> bytes:
    return data[_slice(len(data), position, None)]


@udf("SUBSTRING", category=_STRING)
def substring_bytes_of_length(data: bytes, position: Int, length: Int) -> bytes:
    return data[_slice(len(data), position, length)]


@udf("SPLIT", category=_STRING, description="The pieces between delimiters; with an empty one, the characters")
def split(text: str, delimiter: str) -> list[str]:
    if delimiter:
        return text.split(delimiter)
    return list(text) or [""]


@udf("SPLIT", category=_STRING)
def split_bytes(data: bytes, delimiter: bytes) -> list[bytes]:
    if delimiter:
        return data.split(delimiter)
    return [bytes([byte]) for byte in data] or [b""]


@udf("SPLIT_TO_MAP", category=_STRING, description="Entries between delimiters, keys and values around another")
def split_to_map(text: str, entry_delimiter: str, pair_delimiter: str) -> dict[str, str] | None:
    if not entry_delimiter or not pair_delimiter or entry_delimiter == pair_delimiter:
        return None
    pairs = (entry.split(pair_delimiter) for entry in text.split(entry_delimiter) if pair_delimiter in entry)
    return {pair[0]: pair[1] for pair in pairs}


@udf("LPAD", category=_STRING, description="Padded at the left, or cut, to a length")
def lpad(text: str, length: Int, padding: str) -> str | None:
    return _padded(text, length, padding, left=True)


@udf("RPAD", category=_STRING, description="Padded at the right, or cut, to a length")
def rpad(text: str, length: Int, padding: str) -> str | None:
    return _padded(text, length, padding, left=False)


def _padded(text: str, length: int, padding: str, *, left: bool) -> str | None:
    if length < 0 or not padding:
        return None
    units, fill = utf16.units(text), utf16.units(padding)
    missing = max(length - len(units), 0)
    pad = (fill * (missing // len(fill) + 1))[:missing]
    return utf16.join(pad + units[:length] if left else units[:length] + pad)


@udf("LPAD", category=_STRING)
def lpad_bytes(data: bytes, length: Int, padding: bytes) -> bytes | None:
    return None if length < 0 or not padding else _byte_padding(data, length, padding) + data[:length]


@udf("RPAD", category=_STRING)
def rpad_bytes(data: bytes, length: Int, padding: bytes) -> bytes | None:
    return None if length < 0 or not padding else data[:length] + _byte_padding(data, length, padding)


def _byte_padding(data: bytes, length: int, padding: bytes) -> bytes:
    missing = max(length - len(data), 0)
    return (padding * (missing // len(padding) + 1))[:missing]


@udf("INSTR", category=_STRING, description="The position of a text in another, 0 when it is not there")
def instr(text: str | None, wanted: str | None) -> Int:
    return _position(text, wanted, 1, 1)


@udf("INSTR", category=_STRING)
def instr_from(text: str | None, wanted: str | None, position: RequiredInt) -> Int:
    return _position(text, wanted, position, 1)


@udf("INSTR", category=_STRING)
def instr_nth(text: str | None, wanted: str | None, position: RequiredInt, occurrence: RequiredInt) -> Int:
    return _position(text, wanted, position, occurrence)


def _position(text: str | None, wanted: str | None, position: int, occurrence: int) -> int:
    if text is None or wanted is None:
        return 0
    units, part = utf16.units(text), utf16.units(wanted)
    if abs(position) > len(units) or position == 0:
        return 0
    at = -1
    start = position - 1 if position > 0 else len(units) + position
    for _ in range(occurrence):
        if position > 0:
            at = units.find(part, start)
            start = at + 1
        else:
            at = units.rfind(part, 0, start + len(part)) if start >= 0 else -1
            start = at - 1
        if at < 0:
            return 0
    return at + 1


@udf("ELT", category=_STRING, description="The n-th of the following arguments")
def elt(n: Annotated[int, INTEGER, REQUIRED], *texts: str | None) -> str | None:
    return texts[n - 1] if 1 <= n <= len(texts) else None


@udf("FIELD", category=_STRING, description="Which of the following arguments equals the first, 0 for none")
def field(wanted: str | None, *texts: str | None) -> Int:
    return texts.index(wanted) + 1 if wanted is not None and wanted in texts else 0


_ESCAPED_UNIT = re.compile(r"\\u+([0-9a-fA-F]{4})")


@udf("CHR", category=_STRING, description="The character of a code point, given as a number or as \\uXXXX")
def chr_code(code: Int) -> str | None:
    return chr(code) if 0 <= code <= 0x10FFFF else None


@udf("CHR", category=_STRING)
def chr_escape(code: str) -> str | None:
    if len(code) < 6 or not code.startswith("\\u"):
        return None
    return utf16.join(_ESCAPED_UNIT.sub(lambda found: chr(int(found[1], 16)), code))
