"""Text that no encoding has: UTF-16 surrogates that are not part of a pair, as `CHR(55357)` makes them.

Java keeps them in a string and writes each as `?`. So does every writer here: it tries its quick way first, and falls
back on this module when that raises `UnicodeEncodeError`.
"""

from __future__ import annotations

from typing import Any


def cleaned(value: Any) -> Any:
    """The value with every lone surrogate in its texts, however deep, as `?`; the value itself where there is none.

    >>> cleaned(("a\\ud83d", ["\\ud83d\\ude00"], {"k": 1}))
    ('a?', ['😀'], {'k': 1})
    """
    if isinstance(value, str):
        return value if value.isascii() else _cleaned_text(value)
    if isinstance(value, dict):
        entries = {cleaned(key): cleaned(item) for key, item in value.items()}
        return value if entries == value else entries
    if isinstance(value, list | tuple):
        items = [cleaned(item) for item in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        return items if isinstance(value, list) else tuple(items)
    return value


def _cleaned_text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        return joined.encode("utf-8", "replace").decode()
    return text
