"""`SqlSchemas`: the registry as the SQL side sees it (`formats.api.SchemaRegistry`), answered from memory.

A schema that SQL registers gets its id at once; the record follows, and `settle` waits for it. Data written with a
schema is committed later than that, so a schema never comes after data that needs it.
"""

from __future__ import annotations

from dataclasses import replace as with_values

from headwater.core.errors import AnalysisError
from headwater.formats.api import RegisteredSchema, UnknownSchemaError
from headwater.registry import deleting, registering
from headwater.registry.decisions import NEW_ID, Candidate, Decision
from headwater.registry.errors import RegistryError
from headwater.registry.records import Reference, SchemaValue
from headwater.registry.registering import Registered
from headwater.registry.registry import Registry
from headwater.registry.state import RegistryState
from headwater.registry.subjects import DEFAULT_CONTEXT

References = tuple[tuple[str, str], ...]


class SqlSchemas:
    """Subjects of the default context. What the registry refuses is an `AnalysisError` with its message."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def register(
        self, subject: str, kind: str, schema: str, references: References = (), schema_id: int | None = None
    ) -> int:
        """The id of the schema, which is the subject's latest version now. Raises `AnalysisError`.

        A given `schema_id` that the registry knows is registered with what belongs to it, its references too.
        """
        candidate = self._candidate(kind, schema, references, schema_id)
        latest = self._registry.state.latest(subject)
        if latest is not None and (latest.schema, latest.schema_type) == (schema, kind):
            return latest.id

        def decide(state: RegistryState) -> Decision[Registered]:
            now = self._registry.clock.now_ms()
            return registering.register(self._registry.schemas, subject, candidate, False, now)

        try:
            return self._registry.submit(decide).value.id
        except RegistryError as error:
            raise _refused(subject, error) from None

    def check(self, subject: str, kind: str, schema: str, references: References = ()) -> None:
        """Raise `AnalysisError` if registering would be refused; changes nothing."""
        candidate = self._candidate(kind, schema, references, None)
        try:
            registering.register(self._registry.schemas, subject, candidate, False, 0)
        except RegistryError as error:
            raise _refused(subject, error) from None

    async def prepare(self, subject: str, kind: str, schema: str, references: References = ()) -> None:
        """Have a large schema parsed and compared before `check` or `register` is asked. Raises `AnalysisError`."""
        latest = self._registry.state.latest(subject)
        if latest is not None and (latest.schema, latest.schema_type) == (schema, kind):
            return
        candidate = self._candidate(kind, schema, references, None)
        try:
            await registering.prepare(self._registry.schemas, subject, candidate, False)
        except RegistryError as error:
            raise _refused(subject, error) from None

    def _candidate(self, kind: str, schema: str, references: References, schema_id: int | None) -> Candidate:
        held = None if schema_id is None else self._registry.state.first_with_id(DEFAULT_CONTEXT, schema_id)
        if held is not None and (held.schema, held.schema_type) == (schema, kind):
            return Candidate(schema, kind, held.references, held.metadata, held.rule_set)
        candidate = Candidate(schema, kind, id=NEW_ID)
        return with_values(candidate, references=self._places(references)) if references else candidate

    def _places(self, references: References) -> tuple[Reference, ...]:
        """Where the registry holds the schemas that are referred to by their text."""
        return tuple(
            Reference(name, value.subject, value.version)
            for name, text in references
            for value in [self._with_text(name, text)]
        )

    def _with_text(self, name: str, text: str) -> SchemaValue:
        for value in self._registry.state.all_versions():
            if value.schema == text:
                return value
        raise AnalysisError(f"The schema that is referred to as '{name}' is not in the schema registry.")

    def by_id(self, schema_id: int) -> RegisteredSchema:
        """The schema of an id. Raises `UnknownSchemaError`."""
        found = self._registry.state.first_with_id(DEFAULT_CONTEXT, schema_id)
        if found is None:
            raise UnknownSchemaError(f"Schema {schema_id} not found; error code: 40403")
        return self._shown(found)

    def latest(self, subject: str) -> RegisteredSchema | None:
        found = self._registry.state.latest(subject)
        return None if found is None else self._shown(found)

    def _shown(self, value: SchemaValue) -> RegisteredSchema:
        references = self._registry.schemas.texts(value) if value.references else ()
        return RegisteredSchema(value.id, value.subject, value.version, value.schema_type, value.schema, references)

    def holder(self, schema_id: int) -> RegisteredSchema | None:
        """The first of the subjects' latest versions that has this schema, in any context."""
        state = self._registry.state
        latest = [value for value in state.holders(schema_id) if state.latest(value.subject) is value]
        return self._shown(min(latest, key=lambda value: value.subject)) if latest else None

    def metadata_tags(self, subject: str, version: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """What the metadata of a version tag: patterns of fields' full names, and their tags."""
        value = self._registry.state.version(subject, version)
        metadata = None if value is None else value.metadata
        return () if metadata is None else tuple((path, tuple(tags)) for path, tags in (metadata.tags or {}).items())

    def changed(self, since: int | None) -> tuple[int, list[str] | None]:
        """The revision of the subjects now, and the subjects changed since an earlier one; None: any may have been."""
        state = self._registry.state
        return state.revision, None if since is None else state.changed_since(since)

    def subjects(self) -> list[str]:
        """All subjects that are not deleted, sorted."""
        state = self._registry.state
        return sorted(name for name in state.subjects if state.has(name))

    def delete(self, subject: str) -> None:
        """Delete a subject softly, as ksqlDB does with a topic's: its ids stay readable. Raises `AnalysisError`."""
        if not self._registry.state.has(subject):
            return
        try:
            self._registry.submit(lambda state: deleting.delete_subject(state, subject, permanent=False))
        except RegistryError as error:
            raise _refused(subject, error) from None

    async def bring(self, subject: str, kind: str, schema: str, references: References = ()) -> None:
        """Register here or, where another node writes, there; return when it is durable. Raises `AnalysisError`."""
        await self.prepare(subject, kind, schema, references)
        self.check(subject, kind, schema, references)
        try:
            await self._registry.await_writer()
            if self._registry.writes_here:
                self.register(subject, kind, schema, references)
                await self._registry.settle()
            else:
                await self._registry.send(subject, self._candidate(kind, schema, references, None))
        except RegistryError as error:
            raise _refused(subject, error) from None

    async def settle(self) -> None:
        """Return when everything registered is durable. Raises `RegistryError`."""
        await self._registry.settle()


def _refused(subject: str, error: RegistryError) -> AnalysisError:
    return AnalysisError(f"Could not register or change the schema of subject '{subject}'. {error}")
