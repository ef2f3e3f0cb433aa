"""The ASSERT statements of test scripts: against the next record of a topic, and against the catalog."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from headwater.cases.encoding import Codecs
from headwater.cases.host import Host
from headwater.cases.post_conditions import described
from headwater.cases.stepping import FedRecord
from headwater.cases.topics import AnyTopic
from headwater.core.errors import AnalysisError, HeadwaterError
from headwater.formats.capabilities import SCHEMA_ID
from headwater.plan.catalog import DataSource
from headwater.plan.functions import FunctionRegistry
from headwater.plan.insert_values import convert_row
from headwater.plan.planner import Planner
from headwater.plan.serdes import serde_features
from headwater.plan.steps import FormatSpec
from headwater.sql import ast


class AssertionViolated(HeadwaterError):
    """An ASSERT does not hold."""


class Topics:
    """The one read position that each topic has for the whole test."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._read: defaultdict[str, int] = defaultdict(int)

    def source(self, name: str) -> DataSource:
        """The source an ASSERT is about. Raises `AnalysisError`."""
        found = self._host.engine.metastore.get(name)
        if found is None:
            raise AnalysisError(f"{name} does not exist.")
        return found

    def next(self, source: DataSource) -> FedRecord:
        """The next unread record. Raises `AssertionViolated` if there is none."""
        records = self._host.cluster.records[source.topic]
        index = self._read[source.topic]
        if index >= len(records):
            raise AssertionViolated(f"Expected another record, but topic {source.topic} has only {len(records)}.")
        self._read[source.topic] = index + 1
        return records[index]

    def row(self, source: DataSource, record: FedRecord) -> dict[str, Any]:
        """Key columns, value columns and ROWTIME by name."""
        codec = Codecs(self._host.engine.metastore, self._host.registry).of(source.topic)
        assert codec is not None
        key, _ = codec.split_window(record.key)
        schema = source.schema
        row = dict(zip((c.name for c in schema.key), codec.key.values(key), strict=True))
        row |= dict(zip((c.name for c in schema.value), codec.value.values(record.value), strict=True))
        return row | {"ROWTIME": record.timestamp}


def check_values(statement: ast.AssertValues, topics: Topics, functions: FunctionRegistry) -> None:
    """ASSERT VALUES: the listed columns of the next record. Raises `AssertionViolated`, `AnalysisError`."""
    source = topics.source(statement.source)
    names = statement.columns or tuple(c.name for c in (*source.schema.key, *source.schema.value))
    expected = convert_row(source, names, statement.values, functions)
    record = topics.next(source)
    if record.value is None:
        raise AssertionViolated(f"Expected record does not match actual: expected {expected}, found a tombstone.")
    _compare(expected, topics.row(source, record))


def check_tombstone(statement: ast.AssertTombstone, topics: Topics, functions: FunctionRegistry) -> None:
    """ASSERT NULL VALUES: the next record has this key and no value. Raises as `check_values` does."""
    source = topics.source(statement.source)
    names = statement.columns or tuple(c.name for c in source.schema.key)
    expected = convert_row(source, names, statement.values, functions)
    record = topics.next(source)
    row = topics.row(source, record)
    if record.value is not None:
        raise AssertionViolated(f"Expected record does not match actual: expected a tombstone, found {row}.")
    _compare(expected, row)


def _compare(expected: dict[str, Any], row: dict[str, Any]) -> None:
    found = {name: row[name] for name in expected}
    if found != expected:
        raise AssertionViolated(f"Expected record does not match actual: expected {expected}, found {found}.")


def check_source(statement: ast.AssertSource, host: Host) -> None:
    """ASSERT STREAM or TABLE: the source is as declared. Raises `AssertionViolated`, `AnalysisError`."""
    store = host.engine.metastore
    source = store.get(statement.name)
    if source is None:
        raise AnalysisError(f"Source {statement.name} does not exist")
    others = store.copy()
    others.remove(statement.name)
    declaration = ast.CreateSource(
        statement.kind, statement.name, statement.columns, statement.properties, text=statement.text
    )
    settings = host.engine.settings.effective({})
    planner = Planner(others, host.functions, settings, AnyTopic(), host.registry)
    declared = planner.plan_create(declaration).source
    for what, wanted, found in _properties(declared, source):
        if wanted != found:
            raise AssertionViolated(
                f"Expected {what} does not match actual for source {source.name}. Expected: {wanted}, Actual: {found}"
            )


def _properties(declared: DataSource, source: DataSource) -> Iterator[tuple[str, object, object]]:
    """(name, declared, actual) of everything that is compared, as upstream names it."""
    yield "schema", described(declared.schema), described(source.schema)
    yield "type", declared.kind.value, source.kind.value
    yield "kafka topic", declared.topic, source.topic
    for side in ("key", "value"):
        mine, theirs = _spec(declared, side), _spec(source, side)
        yield f"{side} format", mine.name, theirs.name
        yield f"{side} format properties", _plain(mine), _plain(theirs)
        yield f"{side} schema id", mine.properties.get(SCHEMA_ID), theirs.properties.get(SCHEMA_ID)
        yield f"{side} serde features", _features(declared, side), _features(source, side)
    yield "timestamp column", _column(declared), _column(source)
    yield "timestamp format", _time_format(declared), _time_format(source)


def _spec(source: DataSource, side: str) -> FormatSpec:
    return source.formats.key if side == "key" else source.formats.value


def _plain(spec: FormatSpec) -> dict[str, str]:
    return {name: value for name, value in spec.properties.items() if name != SCHEMA_ID}


def _features(source: DataSource, side: str) -> tuple[str, ...]:
    is_key = side == "key"
    return serde_features(_spec(source, side), source.schema.key if is_key else source.schema.value, is_key=is_key)


def _column(source: DataSource) -> str | None:
    return None if source.timestamp is None else source.timestamp.name


def _time_format(source: DataSource) -> str | None:
    return None if source.timestamp is None else source.timestamp.format
