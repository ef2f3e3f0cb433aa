"""Identifiers: when a name needs quotes, and how it is printed."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Z_][A-Z0-9_@]*\Z")


def quote(name: str) -> str:
    """The name in backticks, backticks inside doubled."""
    return "`" + name.replace("`", "``") + "`"


def quote_if_needed(name: str, *, always: bool = False) -> str:
    """The name as SQL text that reads back as the same name, but for reserved words (see `sql.words`)."""
    return name if not always and _PLAIN.match(name) else quote(name)
