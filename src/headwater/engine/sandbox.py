"""What statements see of the world outside the catalog while they are decided: topics and schemas.

`Noted…` hand on to another view and note every answer; `Recalled…` answer from such notes, for a replay; `Planned…`
overlay what earlier statements of a request would create, for its validation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from headwater.cluster.api import Cluster, TopicSpec
from headwater.core.errors import AnalysisError, HeadwaterError
from headwater.engine.changes import Facts
from headwater.formats.api import RegisteredSchema, SchemaRegistry
from headwater.plan.registered_schemas import SchemaSpec

_PRETENDED_ID = 1 << 30
"""Id of a schema that is only pretended to be registered; no registry counts that far."""


class Topics(Protocol):
    """The planner's `TopicLookup`."""

    def partitions(self, topic: str) -> int | None:
        """How many partitions the topic has, None if it does not exist."""
        ...


class LiveTopics:
    """The topics of the cluster as last known."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def partitions(self, topic: str) -> int | None:
        info = self._cluster.topic(topic)
        return None if info is None else info.partitions


class PlannedTopics:
    """Another view with topics added and removed."""

    def __init__(self, base: Topics) -> None:
        self._base = base
        self._planned: dict[str, int | None] = {}

    def partitions(self, topic: str) -> int | None:
        return self._planned[topic] if topic in self._planned else self._base.partitions(topic)

    def create(self, specs: Iterable[TopicSpec]) -> None:
        self._planned.update((spec.name, spec.partitions) for spec in specs)

    def delete(self, topic: str) -> None:
        self._planned[topic] = None


class NotedTopics:
    """Another view; `notes` collects what it answered."""

    def __init__(self, base: Topics) -> None:
        self._base = base
        self.notes: dict[str, int | None] = {}

    def partitions(self, topic: str) -> int | None:
        self.notes[topic] = found = self._base.partitions(topic)
        return found


class RecalledTopics:
    """What was noted."""

    def __init__(self, facts: Facts) -> None:
        self._notes = facts.topics

    def partitions(self, topic: str) -> int | None:
        return self._notes.get(topic)


class _RegistryView:
    """Another registry, as it is."""

    def __init__(self, base: SchemaRegistry) -> None:
        self._base = base

    def register(
        self,
        subject: str,
        kind: str,
        schema: str,
        references: tuple[tuple[str, str], ...] = (),
        schema_id: int | None = None,
    ) -> int:
        return self._base.register(subject, kind, schema, references, schema_id)

    def by_id(self, schema_id: int) -> RegisteredSchema:
        return self._base.by_id(schema_id)

    def latest(self, subject: str) -> RegisteredSchema | None:
        return self._base.latest(subject)

    def subjects(self) -> list[str]:
        return self._base.subjects()

    def delete(self, subject: str) -> None:
        self._base.delete(subject)

    def check(self, subject: str, kind: str, schema: str, references: tuple[tuple[str, str], ...] = ()) -> None:
        self._base.check(subject, kind, schema, references)

    async def prepare(self, subject: str, kind: str, schema: str, references: tuple[tuple[str, str], ...] = ()) -> None:
        await self._base.prepare(subject, kind, schema, references)

    async def bring(self, subject: str, kind: str, schema: str, references: tuple[tuple[str, str], ...] = ()) -> None:
        await self._base.bring(subject, kind, schema, references)

    async def settle(self) -> None:
        await self._base.settle()


class PlannedRegistry(_RegistryView):
    """Another registry with schemas registered and subjects deleted that only this object knows of."""

    def __init__(self, base: SchemaRegistry) -> None:
        super().__init__(base)
        self._planned: dict[str, RegisteredSchema | None] = {}

    def register(
        self,
        subject: str,
        kind: str,
        schema: str,
        references: tuple[tuple[str, str], ...] = (),
        schema_id: int | None = None,
    ) -> int:
        held = self._base.latest(subject)
        same = held is not None and (held.kind, held.schema) == (kind, schema)
        if not same:
            self.check(subject, kind, schema, references)
        number = held.schema_id if held is not None and same else schema_id or _PRETENDED_ID
        self._planned[subject] = RegisteredSchema(number, subject, 1, kind, schema, references)
        return number

    def by_id(self, schema_id: int) -> RegisteredSchema:
        for planned in self._planned.values():
            if planned is not None and planned.schema_id == schema_id:
                return planned
        return self._base.by_id(schema_id)

    def latest(self, subject: str) -> RegisteredSchema | None:
        return self._planned[subject] if subject in self._planned else self._base.latest(subject)

    def subjects(self) -> list[str]:
        known = set(self._base.subjects()) | self._planned.keys()
        return sorted(name for name in known if self._planned.get(name, self) is not None)

    def delete(self, subject: str) -> None:
        self._planned[subject] = None

    def check(self, subject: str, kind: str, schema: str, references: tuple[tuple[str, str], ...] = ()) -> None:
        if subject not in self._planned:
            self._base.check(subject, kind, schema, references)

    async def bring(self, subject: str, kind: str, schema: str, references: tuple[tuple[str, str], ...] = ()) -> None:
        self.register(subject, kind, schema, references)

    async def settle(self) -> None:
        return


class NotedRegistry(_RegistryView):
    """Another registry; `latest_notes` and `id_notes` collect what it answered."""

    def __init__(self, base: SchemaRegistry) -> None:
        super().__init__(base)
        self.latest_notes: dict[str, RegisteredSchema | None] = {}
        self.id_notes: dict[int, RegisteredSchema] = {}

    def by_id(self, schema_id: int) -> RegisteredSchema:
        self.id_notes[schema_id] = found = self._base.by_id(schema_id)
        return found

    def latest(self, subject: str) -> RegisteredSchema | None:
        self.latest_notes[subject] = found = self._base.latest(subject)
        return found


class RecalledRegistry:
    """What was noted. Registering and deleting have been done when the command was live, and do nothing."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def register(
        self,
        subject: str,
        kind: str,
        schema: str,
        references: tuple[tuple[str, str], ...] = (),
        schema_id: int | None = None,
    ) -> int:
        return schema_id or _PRETENDED_ID

    def by_id(self, schema_id: int) -> RegisteredSchema:
        found = self._facts.by_id.get(schema_id)
        if found is None:
            raise HeadwaterError(f"The command was not decided on schema {schema_id}: its record does not hold it.")
        return found

    def latest(self, subject: str) -> RegisteredSchema | None:
        return self._facts.latest.get(subject)

    def subjects(self) -> list[str]:
        return sorted(self._facts.latest)

    def delete(self, subject: str) -> None:
        return

    def check(self, subject: str, kind: str, schema: str, references: tuple[tuple[str, str], ...] = ()) -> None:
        return

    async def prepare(self, subject: str, kind: str, schema: str, references: tuple[tuple[str, str], ...] = ()) -> None:
        return

    async def bring(self, subject: str, kind: str, schema: str, references: tuple[tuple[str, str], ...] = ()) -> None:
        return

    async def settle(self) -> None:
        return


def register_all(registry: SchemaRegistry, schemas: Iterable[SchemaSpec]) -> None:
    """Register in order. Raises `AnalysisError` when a schema given by its id turns out to have another one."""
    for spec in schemas:
        found = registry.register(spec.subject, spec.kind, spec.schema, spec.references)
        if spec.schema_id is not None and found not in (spec.schema_id, _PRETENDED_ID):
            raise AnalysisError(
                f"Schema id registered is {found} which is different from provided schema id {spec.schema_id} "
                f"(subject {spec.subject})."
            )
