"""Log sequence numbers: byte positions in PostgreSQL's write-ahead log, written as two hexadecimal halves."""

from __future__ import annotations


def parse_lsn(text: str) -> int:
    """The number of `16/B374D848`. Raises ValueError for anything else."""
    high, low = text.split("/")
    return (int(high, 16) << 32) | int(low, 16)


def lsn_text(lsn: int) -> str:
    """As PostgreSQL writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"
