"""ASSERT TOPIC and ASSERT SCHEMA: wait until something is, or is not, there (statements 42 and 43)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from headwater.core.errors import HeadwaterError
from headwater.engine.answering import Answering
from headwater.engine.entities import AssertSchemaEntity, AssertTopicEntity, Entity
from headwater.engine.errors import AssertionFailedError
from headwater.formats.api import SchemaRegistry
from headwater.formats.failures import RegistryMissingError
from headwater.sql import ast

_POLL_SECONDS = 0.1


async def assert_topic(statement: ast.AssertTopic, context: Answering) -> Entity:
    """(42)"""
    services = context.services

    async def problem() -> str | None:
        await services.cluster.refresh()
        return _topic_problem(statement, context)

    timeout = _timeout(statement.timeout, "ksql.assert.topic.default.timeout.ms", context)
    await _until(problem, timeout, context)
    return AssertTopicEntity(statement_text=context.text, topic_name=statement.name, exists=statement.exists)


def _topic_problem(statement: ast.AssertTopic, context: Answering) -> str | None:
    topic = context.services.cluster.topic(statement.name)
    if not statement.exists:
        return f"Topic {statement.name} exists" if topic is not None else None
    if topic is None:
        return f"Topic {statement.name} does not exist"
    actual = {"PARTITIONS": topic.partitions, "REPLICAS": topic.replication}
    problems = []
    for entry in statement.properties:
        name = entry.name.upper()
        if name not in actual:
            problems.append(f"Cannot assert unknown topic property: {name}. There are PARTITIONS and REPLICAS")
            continue
        expected = None if isinstance(entry.value, ast.NullLiteral) else entry.value.value
        if str(expected) != str(actual[name]):
            problems.append(f"Mismatched configuration for topic {statement.name}: For config {name.lower()}, "
                            f"expected {expected} got {actual[name]}")  # fmt: skip
    return "\n".join(problems) or None


async def assert_schema(statement: ast.AssertSchema, context: Answering) -> Entity:
    """(43)"""
    registry = context.services.registry
    if registry is None:
        raise RegistryMissingError(
            "ASSERT SCHEMA needs a schema registry: set the property 'ksql.schema.registry.url'."
        )

    async def problem() -> str | None:
        return _schema_problem(statement, registry)

    timeout = _timeout(statement.timeout, "ksql.assert.schema.default.timeout.ms", context)
    await _until(problem, timeout, context)
    return AssertSchemaEntity(
        statement_text=context.text, subject=statement.subject, id=statement.schema_id, exists=statement.exists
    )


def _schema_problem(statement: ast.AssertSchema, registry: SchemaRegistry) -> str | None:
    if statement.subject is None and statement.schema_id is None:
        return None
    found = _schema_exists(statement, registry)
    if found is statement.exists:
        return None
    parts = [f"subject name {statement.subject}"] if statement.subject is not None else []
    parts += [f"id {statement.schema_id}"] if statement.schema_id is not None else []
    return f"Schema with {' '.join(parts)} {'exists' if found else 'does not exist'}"


def _schema_exists(statement: ast.AssertSchema, registry: SchemaRegistry) -> bool:
    latest = registry.latest(statement.subject) if statement.subject is not None else None
    if statement.subject is not None and latest is None:
        return False
    if statement.schema_id is None:
        return True
    try:
        registered = registry.by_id(statement.schema_id)
    except HeadwaterError:
        return False
    return latest is None or latest.schema_id == statement.schema_id or registered.subject == statement.subject


def _timeout(written: ast.Duration | None, name: str, context: Answering) -> float:
    ms = context.services.settings.integer(name, context.session.properties) if written is None else written.ms
    return ms / 1000


async def _until(problem: Callable[[], Awaitable[str | None]], timeout: float, context: Answering) -> None:
    """Poll until there is no problem; raises `AssertionFailedError` with the last one when the time is up."""
    clock = context.services.clock
    deadline = clock.monotonic() + timeout
    while (found := await problem()) is not None:
        if clock.monotonic() >= deadline:
            raise AssertionFailedError(found)
        await clock.sleep(_POLL_SECONDS)
