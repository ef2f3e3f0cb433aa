"""A schema registry in this process: subjects, versions and ids in memory."""

from __future__ import annotations

import json

from headwater.formats.api import RegisteredSchema, UnknownSchemaError

References = tuple[tuple[str, str], ...]


class LocalSchemaRegistry:
    """The `SchemaRegistry` port without a server. Ids count from 1; the same schema has one id under all subjects."""

    def __init__(self) -> None:
        self._subjects: dict[str, list[RegisteredSchema]] = {}
        self._by_id: dict[int, RegisteredSchema] = {}
        self._ids: dict[tuple[str, str, References], int] = {}

    def register(
        self, subject: str, kind: str, schema: str, references: References = (), schema_id: int | None = None
    ) -> int:
        """The schema's id. Registering what the subject holds already changes nothing; anything else is a new version.

        A given `schema_id` is taken as it is, so that ids of another registry can be kept.
        """
        content = (kind, canonical(kind, schema), references)
        versions = self._subjects.setdefault(subject, [])
        for held in versions:
            if (held.kind, canonical(kind, held.schema), held.references) == content and schema_id in (
                None,
                held.schema_id,
            ):
                return held.schema_id
        if schema_id is None:
            schema_id = self._ids.get(content) or max(self._by_id, default=0) + 1
        registered = RegisteredSchema(schema_id, subject, len(versions) + 1, kind, schema, references)
        versions.append(registered)
        self._ids.setdefault(content, schema_id)
        self._by_id.setdefault(schema_id, registered)
        return schema_id

    def by_id(self, schema_id: int) -> RegisteredSchema:
        """The schema of an id. Raises `UnknownSchemaError`."""
        try:
            return self._by_id[schema_id]
        except KeyError:
            raise UnknownSchemaError(f"Schema {schema_id} not found; error code: 40403") from None

    def latest(self, subject: str) -> RegisteredSchema | None:
        """The newest version of a subject, or None."""
        versions = self._subjects.get(subject)
        return versions[-1] if versions else None

    def subjects(self) -> list[str]:
        """All subjects, sorted."""
        return sorted(self._subjects)

    def delete(self, subject: str) -> None:
        """Forget a subject; ids stay readable, as data written with them stays."""
        self._subjects.pop(subject, None)

    def check(self, subject: str, kind: str, schema: str, references: References = ()) -> None:
        """Everything is taken: this registry has no rules of compatibility."""

    async def prepare(self, subject: str, kind: str, schema: str, references: tuple[tuple[str, str], ...] = ()) -> None:
        """Nothing is looked at here."""

    async def bring(self, subject: str, kind: str, schema: str, references: References = ()) -> None:
        """Register; nothing is kept but in memory."""
        self.register(subject, kind, schema, references)

    async def settle(self) -> None:
        """At once: nothing is kept but in memory."""


def canonical(kind: str, schema: str) -> str:
    """A text that is equal for schemas which differ in layout only."""
    if kind != "PROTOBUF":
        try:
            return json.dumps(json.loads(schema), sort_keys=False)
        except ValueError:
            return schema.strip()
    return " ".join(schema.split())
