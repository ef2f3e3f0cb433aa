"""Which entities have gone since the last look. What has not changed is not looked at, and nothing is read for it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from headwater.catalog import names
from headwater.catalog.entity import Entity, EntityKey
from headwater.catalog.inventory import find, of_connector, of_fact, of_group, of_query, of_source, of_topic
from headwater.catalog.platform import Platform, SchemaFact
from headwater.cluster.api import TopicInfo
from headwater.plan.catalog import DataSource

_SCHEMA_TYPES = frozenset({names.SUBJECT, names.SCHEMA, names.RECORD, names.FIELD})


@dataclass(frozen=True)
class _Kind:
    """Things that entities are made of: their names with what is known of each, and what entities that makes.

    `differs`: whether other entities, or another incarnation of the same, come of the later one of two.
    """

    types: frozenset[str]
    things: Callable[[Platform], Iterator[tuple[str, Any]]]
    entities: Callable[[Platform, Any], Iterator[Entity]]
    differs: Callable[[Any, Any], bool]


def _topics(platform: Platform) -> Iterator[tuple[str, TopicInfo]]:
    yield from platform.topics().items()


def _sources(platform: Platform) -> Iterator[tuple[str, DataSource]]:
    yield from [(source.name, source) for source in platform.metastore()]


def _never(old: Any, new: Any) -> bool:
    return False


_KINDS = (
    _Kind(
        frozenset({names.TOPIC}), _topics, lambda p, info: iter((of_topic(p, info),)),
        lambda old, new: bool(old.topic_id != new.topic_id),
    ),
    _Kind(
        frozenset({names.STREAM, names.TABLE, names.COLUMN}), _sources, of_source,
        lambda old, new: old is not new and old != new,
    ),
    _Kind(
        frozenset({names.QUERY}), lambda p: ((q.query_id, q) for q in p.queries()),
        lambda p, query: iter((of_query(p, query),)), _never,
    ),
    _Kind(
        frozenset({names.CONNECTOR}), lambda p: ((c.name, c) for c in p.connectors()),
        lambda p, connector: iter((of_connector(p, connector),)), _never,
    ),
    _Kind(
        frozenset({names.GROUP}), lambda p: ((g.group, g) for g in p.groups()),
        lambda p, group: iter((of_group(p, group),)), _never,
    ),
)  # fmt: skip


@dataclass
class Departed:
    """`gone` are the entities that were there at the last look; `changed` the types of which anything at all is other
    than it was, or that have been looked at for the first time."""

    gone: dict[EntityKey, Entity] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)


class Departures:
    """Remembers what entities are made of, rather than the entities: those of 10,000 schemas are 100,000."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._things: dict[frozenset[str], dict[str, Any]] = {}
        self._facts: dict[str, SchemaFact] = {}
        self._revision: int | None = None
        self._facts_known = False

    def look(self) -> Generator[None, None, Departed]:
        """What has gone; as steps, to be run in slices."""
        found = Departed()
        for kind in _KINDS:
            if all(map(self._platform.knows, kind.types)):
                yield from self._compare(kind, found)
        if all(map(self._platform.knows, _SCHEMA_TYPES)):
            yield from self._compare_facts(found)
        return found

    def incarnation(self, key: EntityKey) -> str | None:
        """Of the entity of this key, as of the last look where all would be gone through; None: it is not there."""
        for types in ({names.QUERY}, {names.CONNECTOR}, {names.GROUP}):
            if key.type in types:
                return "" if key.name in self._things.get(frozenset(types), ()) else None
        found = find(self._platform, key)
        return None if found is None else found.incarnation

    def _compare(self, kind: _Kind, found: Departed) -> Generator[None, None, None]:
        now: dict[str, Any] = {}
        last = self._things.get(kind.types)
        if last is None:
            found.changed |= kind.types
        for name, thing in kind.things(self._platform):
            yield
            now[name] = thing
            old = last.get(name) if last is not None else None
            if old is None:
                found.changed |= kind.types
            elif kind.differs(old, thing):
                found.changed |= kind.types
                left = {entity.key for entity in kind.entities(self._platform, thing)}
                found.gone |= {e.key: e for e in kind.entities(self._platform, old) if e.key not in left}
        for name, old in (last or {}).items():
            yield
            if name not in now:
                found.changed |= kind.types
                found.gone |= {entity.key: entity for entity in kind.entities(self._platform, old)}
        self._things[kind.types] = now

    def _compare_facts(self, found: Departed) -> Generator[None, None, None]:
        """The registry says which of its subjects to look at."""
        revision, subjects = self._platform.subjects_changed(self._revision if self._facts_known else None)
        if not self._facts_known:
            found.changed |= _SCHEMA_TYPES
        self._revision, self._facts_known = revision, True
        if subjects is not None:
            for name in subjects:
                yield
                self._compare_fact(name, self._platform.subject(name), found)
            return
        left = dict(self._facts)
        for fact in self._platform.schemas():
            yield
            left.pop(fact.subject, None)
            self._compare_fact(fact.subject, fact, found)
        for name in left:
            yield
            self._compare_fact(name, None, found)

    def _compare_fact(self, subject: str, new: SchemaFact | None, found: Departed) -> None:
        old = self._facts.get(subject)
        if old == new:
            return
        found.changed |= _SCHEMA_TYPES
        if new is not None:
            self._facts[subject] = new
        else:
            del self._facts[subject]
        if old is not None:
            found.gone |= self._gone(old, new)

    def _gone(self, old: SchemaFact, new: SchemaFact | None) -> dict[EntityKey, Entity]:
        """A schema goes with the last subject whose newest version it is."""
        version, *parts = of_fact(self._platform, old)
        gone = {} if new is not None and new.version == old.version else {version.key: version}
        if self._platform.schema(old.schema_id) is None:
            gone |= {entity.key: entity for entity in parts}
        return gone
