"""Tags that a schema gives its record and fields: those in its text, and those that its metadata names by pattern."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from headwater.catalog.platform import SchemaFact
from headwater.catalog.schema_fields import described

RECORD = ""
"""Stands for the record itself among the paths of fields."""
_PATTERN_PART = re.compile(r"(\*\*)(?:\.\*)?|(\*)|(\?)|\\(.)|([^*?\\]+|\\)", re.DOTALL)


def schema_tags(fact: SchemaFact) -> Mapping[str, frozenset[str]]:
    """By the path of the field, or RECORD; only what has tags. Costs nothing where the schema says nothing of tags."""
    if not fact.tags and "confluent" not in fact.schema:
        return {}
    return _tags(fact)


@lru_cache(maxsize=4096)
def _tags(fact: SchemaFact) -> Mapping[str, frozenset[str]]:
    record = described(fact.kind, fact.schema)
    said = [(pattern_of(path), frozenset(tags)) for path, tags in fact.tags]
    named = [(RECORD, record.full_name, record.tags)] + [(f.path, f.full_name, f.tags) for f in record.fields]
    found: dict[str, frozenset[str]] = {}
    for path, full_name, inline in named:
        tags = inline.union(*(more for pattern, more in said if pattern.fullmatch(full_name)))
        if tags:
            found[path] = tags
    return found


def pattern_of(path: str) -> re.Pattern[str]:
    """A path in a schema's metadata, as Confluent's serializers read it: `*` is any part of a name between dots, `**`
    any part of a full name, `?` one letter of a name; a backslash takes what follows as it is."""
    out = []
    for anything, within, letter, escaped, plain in _PATTERN_PART.findall(path):
        wild = ".*" if anything else "[^.]*" if within else "[^.]" if letter else ""
        out.append(wild or re.escape(escaped or plain))
    return re.compile("".join(out), re.DOTALL)
