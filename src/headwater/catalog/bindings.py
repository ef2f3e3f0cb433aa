"""What entities bear of one kind, tags or business metadata: put on, changed, taken off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headwater.catalog import names
from headwater.catalog.definition import applies_to, check_values
from headwater.catalog.definitions import Definitions
from headwater.catalog.entity import Entity, EntityKey
from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.state import Binding, Change

if TYPE_CHECKING:
    from headwater.catalog.catalog import Catalog

MOST = 100
"""On one entity."""


@dataclass(frozen=True)
class Wanted:
    """A tag or group of metadata, on an entity as a client names it."""

    entity_type: str
    entity_name: str
    type_name: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bound:
    """What an entity bears. `entity_name` is as the client wrote it, `type_name` as it is defined."""

    entity: Entity
    entity_name: str
    type_name: str
    binding: Binding


class Bindings:
    """`record` is the kind of record that holds them."""

    def __init__(self, catalog: Catalog, definitions: Definitions[Any], record: str) -> None:
        self._catalog = catalog
        self._definitions = definitions
        self._record = record

    def on(self, entity: Entity) -> dict[str, Binding]:
        """What the entity bears, by name, in the order it was put on; after it the tags that its schema gives it."""
        table = self._table.get(entity.key, {})
        found = {name: b for name, b in table.items() if b.incarnation == entity.incarnation}
        if self._record == "TAG":
            for tag in sorted(entity.tags):
                found.setdefault(tag, Binding())
        return found

    @property
    def _table(self) -> dict[EntityKey, dict[str, Binding]]:
        state = self._catalog.state
        return state.tags if self._record == "TAG" else state.metadata

    def of(self, type_name: str, qualified_name: str) -> list[Bound]:
        """What the entity that a client names bears. Raises `CatalogError` when there is no such entity."""
        entity = self._catalog.entity(type_name, qualified_name)
        return [Bound(entity, qualified_name, name, binding) for name, binding in self.on(entity).items()]

    async def add(self, wanted: Sequence[Wanted]) -> list[Bound | CatalogError]:
        """Put on; one answer for each. Putting on again what is there with the same attributes changes nothing."""
        return await self._each(wanted, must_exist=False)

    async def update(self, wanted: Sequence[Wanted]) -> list[Bound | CatalogError]:
        """Replace the attributes of what is there."""
        return await self._each(wanted, must_exist=True)

    async def remove(self, type_name: str, qualified_name: str, name: str) -> None:
        """Take off. Raises `CatalogError` when the entity does not bear it."""

        def decide() -> tuple[Sequence[Change], None]:
            entity = self._catalog.entity(type_name, qualified_name)
            definition = self._definitions.find(name)
            if definition is None or definition.name not in self.on(entity):
                raise CatalogError(CatalogCode.NOT_ASSOCIATED, _absent(name, entity))
            if definition.name in entity.tags and self._record == "TAG":
                raise CatalogError(
                    CatalogCode.INVALID_PARAMETERS,
                    f"The schema of {entity.qualified_name} says {definition.name}: register a version without it.",
                )
            return [((self._record, *entity.key, definition.name), None)], None

        await self._catalog.write(decide)

    async def _each(self, wanted: Sequence[Wanted], *, must_exist: bool) -> list[Bound | CatalogError]:
        def decide() -> tuple[Sequence[Change], list[Bound | CatalogError]]:
            changes: list[Change] = []
            answers: list[Bound | CatalogError] = []
            made: dict[tuple[str, ...], Bound] = {}
            for item in wanted:
                try:
                    bound = self._bound(item, must_exist=must_exist)
                    key = (self._record, *bound.entity.key, bound.type_name)
                    if key in made:
                        raise CatalogError(CatalogCode.INVALID_PARAMETERS, f"{item.type_name} is there twice.")
                except CatalogError as error:
                    answers.append(error)
                    continue
                made[key] = bound
                changes.append((key, bound.binding))
                answers.append(bound)
            return changes, answers

        return await self._catalog.write(decide)

    def _bound(self, item: Wanted, *, must_exist: bool) -> Bound:
        kind = names.entity_type(item.entity_type)
        entity = self._catalog.entity(item.entity_type, item.entity_name)
        definition = self._definitions.get(item.type_name)
        if not applies_to(definition, kind):
            raise CatalogError(CatalogCode.INVALID_PARAMETERS, f"{definition.name} is not for entities of type {kind}.")
        values = check_values(definition, item.attributes)
        there = self.on(entity)
        known = there.get(definition.name)
        if known is None and must_exist:
            raise CatalogError(CatalogCode.NOT_ASSOCIATED, _absent(definition.name, entity))
        if known is not None and not must_exist and known.attributes != values:
            raise CatalogError(
                CatalogCode.ALREADY_ASSOCIATED,
                f"{entity.qualified_name} has {definition.name} already: PUT changes its attributes.",
            )
        if known is None and len(there) >= MOST:
            raise CatalogError(CatalogCode.INVALID_PARAMETERS, f"An entity can bear {MOST} of these at the most.")
        now = self._catalog.clock.now_ms()
        binding = Binding(values, entity.incarnation, known.create_time if known else now, now)
        return Bound(entity, item.entity_name, definition.name, binding)


def _absent(name: str, entity: Entity) -> str:
    return f"{name[:100]} is not on {entity.key.type} {entity.qualified_name}"
