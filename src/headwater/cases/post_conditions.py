"""What a case expects of the catalog and the schema registry after it has run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from headwater.cases.host import Host
from headwater.core.schema import Role, Schema
from headwater.formats.capabilities import NULLABLE
from headwater.formats.schema_registry import canonical
from headwater.plan.catalog import DataSource
from headwater.plan.custom_types import resolve_type
from headwater.plan.serdes import serde_features
from headwater.plan.steps import Aggregate, FormatSpec, Rekey, Step, WindowInfo
from headwater.sql import ast
from headwater.sql.parser import parse_columns

_INTERNAL_PREFIX = "_confluent-ksql-"


def unmet(post: Mapping[str, Any], host: Host) -> str:
    """The first post-condition that does not hold; "" if all hold."""
    for expected in post.get("sources") or ():
        problem = _source_problem(expected, host)
        if problem:
            return problem
    topics = post.get("topics") or {}
    for expected in topics.get("topics") or ():
        if not str(expected["name"]).startswith(_INTERNAL_PREFIX):
            problem = _topic_problem(expected, host)
            if problem:
                return problem
    return _blacklisted(topics.get("blacklist"), host)


def _source_problem(expected: Mapping[str, Any], host: Host) -> str:
    name = str(expected["name"])
    source = host.engine.metastore.get(name)
    if source is None:
        return f"there is no source {name}"
    for what, wanted, found in _source_checks(expected, source, host):
        if wanted != found:
            return f"source {name}: {what}: expected {wanted}, found {found}"
    return ""


def _source_checks(expected: Mapping[str, Any], source: DataSource, host: Host) -> Iterator[tuple[str, object, object]]:
    if "type" in expected:
        yield "type", str(expected["type"]).upper(), source.kind.value
    if expected.get("schema") is not None:
        columns = _declared(str(expected["schema"]), host)
        yield "schema", columns, described(source.schema)
    key_format = expected.get("keyFormat")
    if key_format is not None:
        if key_format.get("format"):
            yield "key format", str(key_format["format"]).upper(), source.formats.key.name
        yield "window", _window(key_format, 1, "windowType", "windowSize"), _found_window(source.window)
    value_format = expected.get("valueFormat")
    if value_format is not None:
        name = value_format["format"] if isinstance(value_format, Mapping) else value_format
        yield "value format", str(name).upper(), source.formats.value.name
    for side in ("key", "value"):
        features = expected.get(f"{side}Features")
        if features is not None:
            yield f"{side} features", set(features), _features(source, side)
    if "isSource" in expected:
        yield "isSource", bool(expected["isSource"]), source.read_only


def described(schema: Schema) -> tuple[tuple[str, str, str], ...]:
    """(name, type, role) of every column, in order."""
    return tuple((c.name, str(c.type), c.role.name if c.role is not Role.VALUE else "") for c in schema.columns)


def _declared(columns: str, host: Host) -> tuple[tuple[str, str, str], ...]:
    roles = {
        ast.ColumnKind.KEY: "KEY",
        ast.ColumnKind.PRIMARY_KEY: "KEY",
        ast.ColumnKind.HEADERS: "HEADER",
        ast.ColumnKind.VALUE: "",
    }
    types = host.engine.metastore.types
    return tuple((c.name, str(resolve_type(c.type, types)), roles[c.kind]) for c in parse_columns(columns))


def _window(data: Mapping[str, Any], unit_ms: int, type_name: str, size_name: str) -> tuple[str, int | None] | None:
    if data.get(type_name) is None:
        return None
    size = data.get(size_name)
    return str(data[type_name]).upper(), None if size is None else int(size) * unit_ms


def _found_window(window: WindowInfo | None) -> tuple[str, int | None] | None:
    return None if window is None else (window.kind.name, window.size_ms)


def _topic_problem(expected: Mapping[str, Any], host: Host) -> str:
    name = str(expected["name"])
    sources = host.engine.metastore.on_topic(name)
    if not sources:
        return f"there is no topic {name}"
    problems = [_formats_problem(expected, source, host) for source in sources]
    if all(problems):
        return f"topic {name}: {problems[0]}"
    for side in ("key", "value"):
        problem = _schema_problem(expected.get(f"{side}Schema"), f"{name}-{side}", host)
        if problem:
            return f"topic {name}: {problem}"
    return ""


def _formats_problem(expected: Mapping[str, Any], source: DataSource, host: Host) -> str:
    for side in ("key", "value"):
        wanted = expected.get(f"{side}Format")
        if wanted is None:
            continue
        for what, want, found in _format_checks(wanted, source, side, host):
            if want != found:
                return f"{side} {what}: expected {want}, found {found}"
    info = (expected.get("keyFormat") or {}).get("windowInfo") or {}
    want_window = _window(info, 1000, "type", "size")
    if want_window != _found_window(source.window):
        return f"window: expected {want_window}, found {_found_window(source.window)}"
    return ""


def _format_checks(
    wanted: Mapping[str, Any], source: DataSource, side: str, host: Host
) -> Iterator[tuple[str, object, object]]:
    spec = _spec(source, side)
    yield "format", str(wanted["format"]).upper(), spec.name
    yield "features", set(wanted.get("features") or ()), _features(source, side)
    properties = wanted.get("properties") or {}
    yield "nullable representation", properties.get("nullableRepresentation"), _lower(spec.properties.get(NULLABLE))
    if "fullSchemaName" in properties:
        yield "full schema name", properties["fullSchemaName"], _full_name(f"{source.topic}-{side}", host)


def _spec(source: DataSource, side: str) -> FormatSpec:
    return source.formats.key if side == "key" else source.formats.value


def _features(source: DataSource, side: str) -> set[str]:
    is_key = side == "key"
    columns = source.schema.key if is_key else source.schema.value
    return set(serde_features(_spec(source, side), columns, is_key=is_key))


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _full_name(subject: str, host: Host) -> str | None:
    found = host.registry.latest(subject)
    if found is None or found.kind != "AVRO":
        return None
    schema = json.loads(found.schema)
    if not isinstance(schema, dict):
        return None
    return ".".join(part for part in (schema.get("namespace"), schema.get("name")) if part)


def _schema_problem(expected: Any, subject: str, host: Host) -> str:
    if expected is None:
        return ""
    found = host.registry.latest(subject)
    if found is None:
        return f"no schema is registered under {subject}"
    if found.kind == "PROTOBUF":
        same = _layout_free(str(expected)) == _layout_free(found.schema)
    else:
        wanted = expected if isinstance(expected, str) else json.dumps(expected, default=float)
        same = json.loads(canonical(found.kind, wanted)) == json.loads(found.schema)
    return "" if same else f"schema of {subject}: expected {expected}, found {found.schema}"


def _layout_free(proto: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", re.sub(r"//.*", "", proto))


def _blacklisted(pattern: Any, host: Host) -> str:
    """A query fed by hand has no internal topics: its plan tells which it would have."""
    if pattern is None:
        return ""
    for query in host.stepped.stepped:
        for name in _repartitions(query.plan.root):
            if re.search(str(pattern), f"{name}-repartition"):
                return f"query {query.id} needs a repartition topic for its step {name}"
    return ""


def _repartitions(step: Step) -> Iterator[str]:
    """Steps into which records come through an internal topic."""
    if isinstance(step, Rekey | Aggregate) and step.repartition:
        yield type(step).__name__
    for child in step.inputs:
        yield from _repartitions(child)
