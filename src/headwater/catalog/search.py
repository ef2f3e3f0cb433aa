"""Search: by words, type, tag and attribute. Nothing is indexed; everything is looked at, which is quick enough."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.catalog import names
from headwater.catalog.catalog import Catalog
from headwater.catalog.entity import Entity
from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.inventory import entities
from headwater.catalog.products import product_entities
from headwater.log.slices import run_in_slices

DEFAULT_LIMIT = 100
MOST = 500
"""Entities in one answer."""


@dataclass(frozen=True)
class Query:
    """`text`: every word must occur, `*` stands for anything. `prefixes` are (attribute, prefix of its value); an
    attribute of business metadata is written `Team details.channel`. Empty lists ask for nothing."""

    text: str = ""
    types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    prefixes: tuple[tuple[str, str], ...] = ()
    sort_by: str = ""
    descending: bool = False
    deleted: bool = False
    limit: int = DEFAULT_LIMIT
    offset: int = 0


@dataclass(frozen=True)
class Found:
    """An entity with all that is said about it. `status` is ACTIVE or DELETED."""

    entity: Entity
    attributes: dict[str, Any]
    tags: tuple[str, ...]
    metadata: dict[str, dict[str, Any]]
    status: str = "ACTIVE"


async def search(catalog: Catalog, query: Query) -> list[Found]:
    """The entities that match, best-named first. Raises `CatalogError` for a type that does not exist."""
    for name in query.types:
        if name not in (names.ROOT, ""):
            names.entity_type(name)
    if not 0 <= query.limit <= MOST or query.offset < 0:
        raise CatalogError(CatalogCode.INVALID_PARAMETERS, f"limit is 0 to {MOST} and offset is not negative.")
    matching = _Matcher(query)

    def steps() -> Generator[None, None, list[Found]]:
        hits = []
        for hit in _candidates(catalog, query):
            if matching(hit):
                hits.append(hit)
            yield
        return hits

    found = await run_in_slices(steps())
    found.sort(key=lambda hit: _order(hit, query), reverse=query.descending)
    return found[query.offset : query.offset + query.limit]


def describe(catalog: Catalog, entity: Entity, status: str = "ACTIVE") -> Found:
    """An entity with all that is said about it."""
    return Found(
        entity,
        catalog.attributes(entity),
        tuple(catalog.tags.on(entity)),
        {name: binding.attributes for name, binding in catalog.metadata.on(entity).items()},
        status,
    )


def _candidates(catalog: Catalog, query: Query) -> Iterable[Found]:
    kinds = {names.entity_type(name) for name in query.types if name not in (names.ROOT, "")}
    for entity in entities(catalog.platform, kinds):
        yield describe(catalog, entity)
    if not kinds or names.PRODUCT in kinds:
        for product in product_entities(catalog):
            yield describe(catalog, product)
    if query.deleted:
        for entity in list(catalog.deleted.values()):
            if not kinds or entity.key.type in kinds:
                yield describe(catalog, entity, "DELETED")


class _Matcher:
    def __init__(self, query: Query) -> None:
        self._words = [_pattern(word) for word in query.text.split()]
        self._tags = [tag.casefold() for tag in query.tags]
        self._prefixes = query.prefixes

    def __call__(self, hit: Found) -> bool:
        borne = {tag.casefold() for tag in hit.tags}
        if not all(tag in borne for tag in self._tags):
            return False
        if not all(_starts(attribute_of(hit, name), prefix) for name, prefix in self._prefixes):
            return False
        if not self._words:
            return True
        texts = list(_texts(hit))
        return all(any(word.search(text) for text in texts) for word in self._words)


def _pattern(word: str) -> re.Pattern[str]:
    return (
        re.compile(fnmatch.translate(f"*{word.strip('*')}*"), re.IGNORECASE)
        if "*" in word.strip("*")
        else (re.compile(re.escape(word.strip("*")), re.IGNORECASE))
    )


def _texts(hit: Found) -> Iterable[str]:
    """Everything that words are looked for in."""
    yield hit.entity.name
    yield hit.entity.key.name
    yield from (str(hit.attributes[name]) for name in ("description", "owner", "ownerEmail") if name in hit.attributes)
    yield from hit.tags
    for values in hit.metadata.values():
        yield from (str(value) for value in values.values())


def attribute_of(hit: Found, name: str) -> Any:
    """The value of an attribute, of the entity or of its business metadata; None when it has none."""
    if name in hit.attributes:
        return hit.attributes[name]
    group, _, attribute = name.rpartition(".")
    for known, values in hit.metadata.items():
        if (not group or known.casefold() == group.casefold()) and attribute in values:
            return values[attribute]
    return None


def _starts(value: Any, prefix: str) -> bool:
    items: Sequence[Any] = value if isinstance(value, list) else [value]
    return any(item is not None and str(item).casefold().startswith(prefix.casefold()) for item in items)


def _order(hit: Found, query: Query) -> tuple[Any, ...]:
    if query.sort_by:
        value = attribute_of(hit, query.sort_by)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return (value is None, not number, value if number else 0, str(value), hit.entity.qualified_name)
    word = query.text.strip("* ").casefold()
    name = hit.entity.name.casefold()
    rank = 0 if name == word else 1 if word and name.startswith(word) else 2
    return (rank, hit.entity.internal, names.ENTITY_TYPES.index(hit.entity.key.type), name, hit.entity.qualified_name)
