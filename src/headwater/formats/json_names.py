"""Which names of members the quick JSON code can take: msgspec prints the names of structs without escaping them."""

from __future__ import annotations

import re

_REFUSED = re.compile('["\\\\\x00-\x1f\ud800-\udfff]')


def is_plain(name: str) -> bool:
    """Whether the name stands in JSON text as it is; only such a name can be a member of a msgspec struct.

    >>> [is_plain(name) for name in ("a b", "größe", 'a"b', "a\\\\b", "a\\nb")]
    [True, True, False, False, False]
    """
    return _REFUSED.search(name) is None
