"""`Catalog`: what there is, and what people have said about it. Reading asks the platform; writing goes to a topic."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from headwater.catalog import names
from headwater.catalog.bindings import Bindings
from headwater.catalog.definition import BusinessMetadataDef, TagDef
from headwater.catalog.definitions import Definitions
from headwater.catalog.departures import Departures
from headwater.catalog.entity import Entity, EntityKey, guid_of
from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.inventory import find, of_fact
from headwater.catalog.journal import Journal
from headwater.catalog.platform import Platform
from headwater.catalog.schema_tags import TagsInUse
from headwater.catalog.state import Change, Edit, Key, State
from headwater.cluster.api import Cluster
from headwater.core.clock import Clock
from headwater.core.supervisor import Supervised
from headwater.log.slices import UPKEEP_SLICE_S, run_in_slices

T = TypeVar("T")
Decide = Callable[[], tuple[Sequence[Change], T]]
"""Looks at the state and says what to write and what to answer; raises `CatalogError` to refuse."""
SWEEP_SECONDS = 5.0
"""How long what is said about a deleted entity may stay in the topic; nobody sees it there."""
EDITABLE = ("description", "owner", "ownerEmail")
"""Attributes of entities that people set."""
_DELETED_KEPT = 1_000
_TEXT_LENGTH = 1 << 16


class Catalog:
    """`start` before use, `close` after."""

    def __init__(self, platform: Platform, cluster: Cluster, clock: Clock) -> None:
        self.platform = platform
        self.clock = clock
        self.state = State()
        self.tag_defs = Definitions(self, TagDef, "TAGDEF", "TAG", self._tags_of_schemas)
        self.metadata_defs = Definitions(self, BusinessMetadataDef, "BMDEF", "BM")
        self.tags = Bindings(self, self.tag_defs, "TAG")
        self.metadata = Bindings(self, self.metadata_defs, "BM")
        self.ready = False
        """Whether the topic has been read."""
        self.deleted: dict[EntityKey, Entity] = {}
        """Entities that were there and are no more, as long as this process remembers."""
        self.sweeping = Supervised("catalog", clock, self._sweep_later)
        self._journal = Journal(cluster, clock)
        self._turn = asyncio.Lock()
        self._writing: set[asyncio.Task[Any]] = set()
        self._departures = Departures(platform)
        self._tags_in_use = TagsInUse(platform)
        self._checked = -1
        """`State.said` when it was last looked whether all that is said is about something that is there."""
        self.after_sweep: list[Callable[[], Awaitable[None]]] = []
        """What else is kept up to date in the topic, in each sweep."""

    async def start(self) -> None:
        """Read the topic. Raises `ClusterError`, `LogError`."""
        await self._catch_up()
        self.ready = True
        self.sweeping.start()

    async def close(self) -> None:
        """Let writes that have begun end."""
        await self.sweeping.close()
        if self._writing:
            await asyncio.wait(self._writing)

    def _tags_of_schemas(self) -> Iterator[TagDef]:
        names = self._tags_in_use.names()
        return (TagDef(name=tag, description="Used in schemas", guid=guid_of("tag", tag)) for tag in names)

    # --- entities -----------------------------------------------------------------------------------------------

    def find(self, key: EntityKey) -> Entity | None:
        """The entity of this key, if there is one now."""
        return find(self.platform, key)

    def entity(self, type_name: str, qualified_name: str) -> Entity:
        """The entity that a client means. Raises `CatalogError` when there is none."""
        kind = names.entity_type(type_name)
        local = names.local_name(kind, qualified_name)
        found = self.find(EntityKey(kind, local)) or self._by_subject(kind, local)
        if found is None:
            raise CatalogError(
                CatalogCode.ENTITY_NOT_FOUND,
                f"Instance {kind} with unique attribute {{qualifiedName={qualified_name}}} does not exist",
            )
        return found

    def _by_subject(self, kind: str, local: str) -> Entity | None:
        """A schema or subject version that a client names by its subject alone, or subject and version."""
        if kind not in (names.SUBJECT, names.SCHEMA):
            return None
        fact = self.platform.subject(local) or self.platform.subject(local.rpartition(":")[0])
        found = next(of_fact(self.platform, fact)) if fact is not None else None
        if found is not None and local not in (found.name, found.key.name):
            return None
        if found is None or kind == names.SUBJECT:
            return found
        return None if found.parent is None else self.find(found.parent)

    def attributes(self, entity: Entity) -> dict[str, Any]:
        """What the platform knows of an entity, and what people have added."""
        edit = self.state.edits.get(entity.key)
        added = edit.attributes if edit is not None and edit.incarnation == entity.incarnation else {}
        return {"name": entity.name, "qualifiedName": entity.qualified_name, **entity.attributes, **added}

    async def edit(self, type_name: str, qualified_name: str, attributes: Mapping[str, Any]) -> Entity:
        """Set description, owner, ownerEmail; None takes an attribute back. Raises `CatalogError`."""

        def decide() -> tuple[Sequence[Change], Entity]:
            entity = self.entity(type_name, qualified_name)
            given = {name: value for name, value in attributes.items() if name not in _derived(entity)}
            for name, value in given.items():
                _check_edit(name, value)
            known = self.state.edits.get(entity.key)
            held = dict(known.attributes) if known is not None and known.incarnation == entity.incarnation else {}
            held |= given
            held = {name: value for name, value in held.items() if value is not None}
            edit = Edit(held, entity.incarnation, self.clock.now_ms())
            return [(("EDIT", *entity.key), edit if held else None)], entity

        return await self.write(decide)

    # --- writing ------------------------------------------------------------------------------------------------

    async def write(self, decide: Decide[T]) -> T:
        """Decide, write down, apply; answers when it is durable. One at a time.

        A caller that is cancelled goes away alone: what is written down is applied.
        """
        running = asyncio.create_task(self._write(decide), name="catalog")
        self._writing.add(running)
        running.add_done_callback(self._writing.discard)
        return await asyncio.shield(running)

    async def _write(self, decide: Decide[T]) -> T:
        async with self._turn:
            await self._catch_up()
            changes, answer = decide()
            await self._journal.write(changes)
            for change in changes:
                self.state.apply(change)
            return answer

    async def _catch_up(self) -> None:
        for change in await self._journal.read():
            self.state.apply(change)

    # --- upkeep -------------------------------------------------------------------------------------------------

    async def _sweep_later(self) -> None:
        await self.clock.sleep(SWEEP_SECONDS)
        await self.sweep()

    async def sweep(self) -> None:
        """Forget what was said about entities that are gone, and note what else is to be kept up to date."""
        changed = await self._note_deleted()
        await run_in_slices(self._tags_in_use.refresh(), UPKEEP_SLICE_S)
        for upkeep in self.after_sweep:
            await upkeep()
        said = self.state.said
        gone = await run_in_slices(self._gone(), UPKEEP_SLICE_S) if changed or said != self._checked else []
        self._checked = said
        await self.write(lambda: self._forgotten(gone))

    async def _note_deleted(self) -> bool:
        """Whether anything at all has changed."""
        departed = await run_in_slices(self._departures.look(), UPKEEP_SLICE_S)
        for key, entity in departed.gone.items():
            self.deleted.pop(key, None)
            self.deleted[key] = entity
        for key in list(self.deleted):
            back = key.type in departed.changed and self._departures.incarnation(key) is not None
            if back or len(self.deleted) > _DELETED_KEPT:
                del self.deleted[key]
        return bool(departed.changed)

    def _gone(self) -> Generator[None, None, list[tuple[Key, EntityKey, str]]]:
        """What is said about entities that are not there."""
        found = []
        for record, key, incarnation in list(self.state.about()):
            yield
            if self._departures.incarnation(key) != incarnation and self.platform.knows(key.type):
                found.append((record, key, incarnation))
        return found

    def _forgotten(self, gone: Sequence[tuple[Key, EntityKey, str]]) -> tuple[Sequence[Change], None]:
        """What is to be taken back: unless the entity has come back since, or something else has been said."""
        said = {record: incarnation for record, _, incarnation in self.state.about()} if gone else {}
        changes: list[Change] = []
        for record, key, incarnation in gone:
            found = self.find(key)
            if said.get(record) == incarnation and (found is None or found.incarnation != incarnation):
                changes.append((record, None))
        return changes, None


def _derived(entity: Entity) -> frozenset[str]:
    """Attributes that clients send along but that say nothing new."""
    return (frozenset(entity.attributes) | {"name", "qualifiedName", "guid"}) - set(EDITABLE)


def _check_edit(name: str, value: Any) -> None:
    if name not in EDITABLE:
        raise CatalogError(
            CatalogCode.ATTRIBUTE_INVALID,
            f"The attribute `{name[:100]}` cannot be changed. What can: {', '.join(EDITABLE)}.",
        )
    if value is not None and (not isinstance(value, str) or len(value) > _TEXT_LENGTH):
        raise CatalogError(CatalogCode.ATTRIBUTE_INVALID, f"{name} is a text of at most {_TEXT_LENGTH} characters.")
