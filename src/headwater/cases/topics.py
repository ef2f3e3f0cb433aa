"""The topics and schemas that a case takes for granted: made before its first statement."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from headwater.cases.host import Host
from headwater.cases.model import Run
from headwater.cluster.api import TopicSpec
from headwater.core.errors import HeadwaterError, ParseError
from headwater.formats.api import SerdeOptions
from headwater.formats.capabilities import MATRIX, SCHEMA_ID
from headwater.formats.registered import subject
from headwater.formats.registration import register_columns
from headwater.plan.catalog import MetaStore
from headwater.plan.planner import Planner
from headwater.sql import ast
from headwater.sql.parser import Dialect, iterate_statements

DEFAULT_PARTITIONS = 4
_REGISTERED = re.compile("|".join(name for name, row in MATRIX.items() if row.needs_registry), re.IGNORECASE)
"""Matches every text that names a format whose schemas are registered."""
_KINDS = {"AVRO": "AVRO", "JSON": "JSON", "JSON_SR": "JSON", "PROTOBUF": "PROTOBUF"}


async def prepare(run: Run, host: Host, partitions: int | None = None) -> None:
    """Create every topic that the case mentions and register the schemas it brings along.

    With `partitions` every topic gets so many, whatever the case says.
    """
    statements = _readable(run.script)
    counts = partition_counts(run, statements)
    if partitions is not None:
        counts = dict.fromkeys(counts, partitions)
    await host.cluster.create_topics([TopicSpec(name, count) for name, count in counts.items()])
    supplied = {
        f"{topic['name']}-{side}" for topic in run.topics for side in ("key", "value") if f"{side}Schema" in topic
    }
    if _REGISTERED.search(run.script) or any(_REGISTERED.search(str(value)) for value in run.properties.values()):
        _register_declared(statements, supplied, host)
    for topic in run.topics:
        for side in ("key", "value"):
            _register(topic, side, host)


def partition_counts(run: Run, statements: Iterable[ast.Statement]) -> dict[str, int]:
    """Topics to create: those listed, those of CREATE statements with columns, those of records.

    Listed topics have 1 partition, others 4, unless the case or the statement says something else.
    """
    listed = {str(topic["name"]): int(topic.get("partitions") or 1) for topic in run.topics}
    declared, made = _declared(statements)
    mentioned = dict.fromkeys((record.topic for record in (*run.inputs, *run.outputs)), DEFAULT_PARTITIONS)
    written = {name: count for name, count in (declared | made).items() if count is not None}
    wanted = [*listed, *(declared.keys() - listed.keys()), *mentioned]
    return {name: written.get(name) or listed.get(name) or DEFAULT_PARTITIONS for name in dict.fromkeys(wanted)}


def _declared(statements: Iterable[ast.Statement]) -> tuple[dict[str, int | None], dict[str, int | None]]:
    """Topics with the PARTITIONS of their statements: of CREATE with columns, and of CREATE … AS SELECT."""
    declared: dict[str, int | None] = {}
    made: dict[str, int | None] = {}
    for statement in statements:
        if isinstance(statement, ast.CreateSource | ast.CreateAsSelect):
            options = _options(statement.properties)
            partitions = options.get("PARTITIONS")
            count = partitions if isinstance(partitions, int) and partitions > 0 else None
            if isinstance(statement, ast.CreateAsSelect):
                made[str(options.get("KAFKA_TOPIC", statement.name))] = count
            elif "KAFKA_TOPIC" in options:
                declared[str(options["KAFKA_TOPIC"])] = count
    return declared, made


def _readable(script: str) -> list[ast.Statement]:
    """The statements up to the first syntax error, of which the engine will speak."""
    statements: list[ast.Statement] = []
    with contextlib.suppress(ParseError):
        statements.extend(iterate_statements(script, dialect=Dialect.TEST))
    return statements


def _register_declared(statements: Iterable[ast.Statement], supplied: Collection[str], host: Host) -> None:
    """Schemas of CREATE statements with columns, unless the case supplies the subject: they have the first ids."""
    store = MetaStore()
    settings = host.engine.settings.effective({})
    planner = Planner(store, host.functions, settings, AnyTopic(), host.registry)
    for statement in statements:
        # What cannot be planned is the engine's to refuse.
        with contextlib.suppress(HeadwaterError):
            if isinstance(statement, ast.CreateType):
                store.types[statement.name] = planner.plan_create_type(statement).type
            elif isinstance(statement, ast.CreateSource) and statement.columns:
                source = planner.plan_create(replace(statement, name=f"{statement.name}-{len(store.sources)}")).source
                for columns, spec, is_key in (
                    (source.schema.key, source.formats.key, True),
                    (source.schema.value, source.formats.value, False),
                ):
                    if subject(source.topic, is_key) not in supplied and SCHEMA_ID not in spec.properties:
                        options = SerdeOptions(is_key, spec.wrap, spec.properties)
                        register_columns(host.registry, spec.name, columns, options, source.topic)


class AnyTopic:
    """The view of topics in which every one exists, so that planning a declaration creates none."""

    def partitions(self, topic: str) -> int | None:
        """Always 1."""
        return 1


def _options(properties: Iterable[ast.Property]) -> dict[str, object]:
    return {p.name.upper(): getattr(p.value, "value", None) for p in properties}


def _register(topic: Mapping[str, Any], side: str, host: Host) -> None:
    schema = topic.get(f"{side}Schema")
    if schema is None:
        return
    kind = _KINDS[str(topic.get(f"{side}Format") or "AVRO").upper()]
    references = [(r["name"], _text(r["schema"])) for r in topic.get(f"{side}SchemaReferences") or ()]
    schema_id = topic.get(f"{side}SchemaId")
    host.registry.register(
        f"{topic['name']}-{side}",
        kind,
        _text(schema),
        tuple(references),
        None if schema_id is None else int(schema_id),
    )
    # After the schema that refers to them: statements know that one as number 1.
    for name, text in references:
        host.registry.register(name, kind, text)


def _text(schema: Any) -> str:
    return schema if isinstance(schema, str) else json.dumps(schema, default=float)
