"""Text as Java sees it: lengths and positions count UTF-16 code units.

Text without characters beyond U+FFFF, that is nearly all text, needs no conversion: there Python's positions are the
same.
"""

from __future__ import annotations


def is_plain(text: str) -> bool:
    """Whether every character is one code unit."""
    return text.isascii() or max(text, default="") <= "\uffff"


def units(text: str) -> str:
    """The text with one Python character per code unit (surrogates for what lies beyond U+FFFF)."""
    if is_plain(text):
        return text
    encoded = text.encode("utf-16-be", "surrogatepass")
    return "".join(chr(encoded[i] << 8 | encoded[i + 1]) for i in range(0, len(encoded), 2))


def join(text: str) -> str:
    """The inverse of `units`: surrogate pairs become characters, lone surrogates stay."""
    if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")


def length(text: str) -> int:
    """Code units in the text."""
    return len(text) if text.isascii() else len(text) + sum(char > "\uffff" for char in text)
