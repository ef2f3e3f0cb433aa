"""Tags that a schema gives its record and fields: those in its text, and those that its metadata names by pattern."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from functools import lru_cache

from headwater.catalog.platform import Platform, SchemaFact
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


class TagsInUse:
    """Which tags stand in schemas now. Looks only at subjects that have changed since it looked before."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._revision: int | None = None
        self._by_subject: dict[str, frozenset[str]] = {}

    def names(self) -> list[str]:
        """Sorted."""
        for _ in self.refresh():
            pass
        return sorted({tag for tags in self._by_subject.values() for tag in tags})

    def refresh(self) -> Generator[None, None, None]:
        """Take note of what has changed; may be done in slices beforehand."""
        revision, changed = self._platform.subjects_changed(self._revision)
        if changed is None:
            self._by_subject.clear()
            for fact in self._platform.schemas():
                self._note(fact.subject, fact)
                yield
        else:
            for subject in changed:
                self._note(subject, self._platform.subject(subject))
                yield
        self._revision = revision

    def _note(self, subject: str, fact: SchemaFact | None) -> None:
        tags = frozenset[str]() if fact is None else frozenset[str]().union(*schema_tags(fact).values())
        if tags:
            self._by_subject[subject] = tags
        else:
            self._by_subject.pop(subject, None)


def pattern_of(path: str) -> re.Pattern[str]:
    """A path in a schema's metadata, as Confluent's serializers read it: `*` is any part of a name between dots, `**`
    any part of a full name, `?` one letter of a name; a backslash takes what follows as it is."""
    out = []
    for anything, within, letter, escaped, plain in _PATTERN_PART.findall(path):
        wild = ".*" if anything else "[^.]*" if within else "[^.]" if letter else ""
        out.append(wild or re.escape(escaped or plain))
    return re.compile("".join(out), re.DOTALL)
