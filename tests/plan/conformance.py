"""Runs the statements of conformance cases through parser and planner only: no engine, no topics, no records."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from headwater.core.clock import SystemClock
from headwater.core.errors import HeadwaterError
from headwater.core.schema import Role, Schema
from headwater.core.types import SqlType
from headwater.formats.schema_registry import LocalSchemaRegistry
from headwater.plan.catalog import DataSource, MetaStore, QueryLink
from headwater.plan.custom_types import resolve_type
from headwater.plan.functions import FunctionRegistry, builtin_functions
from headwater.plan.planner import Planner
from headwater.plan.pull import PullPlan
from headwater.plan.registered_schemas import SchemaSpec
from headwater.plan.serdes import serde_features
from headwater.plan.steps import QueryPlan
from headwater.sql import ast
from headwater.sql.parser import parse_columns, parse_script

FOLDER = Path(__file__).parents[3] / "shared" / "conformance"
"""Where the cases are, beside the repository; not part of it."""


@dataclass(frozen=True)
class Run:
    """A case with its format and configuration filled in."""

    name: str
    case: dict[str, Any]
    script: str
    settings: dict[str, str]


@dataclass
class Topics:
    """Partition counts of the topics that exist before the statements."""

    counts: dict[str, int] = field(default_factory=dict)

    def partitions(self, topic: str) -> int | None:
        return self.counts.get(topic)


def load(suite: str, file: str | None = None) -> Iterator[Run]:
    """Every enabled run of a suite."""
    for path in sorted((FOLDER / suite).glob(f"{file or '*'}.json")):
        with path.open() as stream:
            document = json.load(stream, parse_float=Decimal)
        for case in document["tests"]:
            if case.get("enabled", True):
                yield from expand(case)


def expand(case: dict[str, Any]) -> Iterator[Run]:
    """One run per format and per configured value."""
    properties = dict(case.get("properties", {}))
    text = "\n".join(case["statements"])
    for form, config in itertools.product(case.get("format", [None]), case.get("config", [None])):
        name = case["id"] + (f" [{form}]" if form else "") + (f" [{config}]" if config is not None else "")
        settings = {k: str(config if v == "{CONFIG}" else v) for k, v in properties.items()}
        yield Run(name, case, text.replace("{FORMAT}", form) if form else text, settings)


class Session:
    """A catalog and what it takes to plan against it."""

    def __init__(self, run: Run, functions: FunctionRegistry | None = None) -> None:
        self.run = run
        self.metastore = MetaStore()
        self.settings = dict(run.settings)
        self.functions = functions or builtin_functions()
        self.topics = Topics()
        self.registry = LocalSchemaRegistry()
        for topic in run.case.get("topics", []):
            self.topics.counts[topic["name"]] = topic.get("partitions", 1)
        for record in run.case.get("inputs", []):
            self.topics.counts.setdefault(record["topic"], 4)
        self._queries = 0
        self.plans: list[QueryPlan] = []
        self.pulls: list[PullPlan] = []
        self.headers: list[str] = []

    def prepare(self, statements: Iterable[ast.Statement]) -> None:
        """Fill the registry: schemas of declared columns first, then those of the case's topics, in order of their
        ids.
        """
        topics = self.run.case.get("topics", [])
        supplied = {f"{t['name']}-{side}" for t in topics for side in ("key", "value") if f"{side}Schema" in t}
        for statement in statements:
            if isinstance(statement, ast.CreateSource) and statement.columns:
                self._existing_topic(statement)
                with contextlib.suppress(HeadwaterError):
                    plan = self.planner.plan_create(replace(statement, if_not_exists=False))
                    self._register_all(s for s in plan.schemas if s.subject not in supplied)
        for topic in topics:
            self._register(topic, "key")
            self._register(topic, "value")

    @property
    def planner(self) -> Planner:
        return Planner(self.metastore, self.functions, self.settings, self.topics, self.registry)

    def execute(self, statement: ast.Statement) -> None:
        """Plan the statement and apply what the plan says to the catalog."""
        handler = self._handlers.get(type(statement))
        if handler is None:
            raise NotImplementedError(type(statement).__name__)
        handler(self, statement)

    def _create(self, statement: ast.CreateSource) -> None:
        self._existing_topic(statement)
        plan = self.planner.plan_create(statement, f"CST_{statement.name}_{self._queries}")
        self._register_all(plan.schemas)
        self._add(plan.source, plan.link, plan.query)

    def _create_as(self, statement: ast.CreateAsSelect) -> None:
        prefix = "CSAS" if statement.kind is ast.SourceKind.STREAM else "CTAS"
        plan = self.planner.plan_create_as(statement, f"{prefix}_{statement.name}_{self._queries}")
        if not plan.exists:
            self._register_all(plan.schemas)
            self._add(plan.source, plan.link, plan.query)

    def _insert_into(self, statement: ast.InsertInto) -> None:
        plan = self.planner.plan_insert_into(statement, f"INSERTQUERY_{self._queries}")
        self._add(plan.target, plan.link, plan.query)

    def _add(self, source: DataSource, link: QueryLink | None, query: QueryPlan | None) -> None:
        self.metastore.put(source)
        if link is not None and query is not None:
            self._queries += 1
            self.metastore.link(link)
            self.plans.append(query)

    def _insert_values(self, statement: ast.InsertValues) -> None:
        self.planner.plan_insert_values(statement, SystemClock())

    def _drop(self, statement: ast.DropSource) -> None:
        plan = self.planner.plan_drop(statement)
        for query_id in plan.terminate:
            self.metastore.unlink(query_id)
        if plan.source is not None:
            self.metastore.remove(plan.source.name)

    def _alter(self, statement: ast.AlterSource) -> None:
        self.metastore.put(self.planner.plan_alter(statement))

    def _create_type(self, statement: ast.CreateType) -> None:
        plan = self.planner.plan_create_type(statement)
        self.metastore.types[plan.name] = plan.type

    def _drop_type(self, statement: ast.DropType) -> None:
        name = self.planner.plan_drop_type(statement)
        if name is not None:
            del self.metastore.types[name]

    def _set(self, statement: ast.SetProperty) -> None:
        self.settings[statement.name] = statement.value

    def _unset(self, statement: ast.UnsetProperty) -> None:
        self.settings.pop(statement.name, None)

    def _query(self, statement: ast.QueryStatement) -> None:
        if statement.query.emit is None:
            pull = self.planner.plan_pull(statement.query)
            self.pulls.append(pull)
            self.headers.append(str(pull.schema))
        else:
            push = self.planner.plan_push(statement.query)
            self.plans.append(push)
            self.headers.append(str(push.schema))

    _handlers: ClassVar[dict[type[ast.Statement], Callable[[Session, Any], None]]] = {
        ast.CreateSource: _create,
        ast.CreateAsSelect: _create_as,
        ast.InsertInto: _insert_into,
        ast.InsertValues: _insert_values,
        ast.DropSource: _drop,
        ast.AlterSource: _alter,
        ast.CreateType: _create_type,
        ast.DropType: _drop_type,
        ast.SetProperty: _set,
        ast.UnsetProperty: _unset,
        ast.QueryStatement: _query,
    }

    def _register(self, topic: dict[str, Any], side: str) -> None:
        schema = topic.get(f"{side}Schema")
        if schema is None:
            return
        references = tuple((r["name"], r["schema"]) for r in topic.get(f"{side}SchemaReferences", []))
        kind = {"PROTOBUF": "PROTOBUF", "JSON": "JSON", "JSON_SR": "JSON"}.get(
            topic.get(f"{side}Format", "AVRO"), "AVRO"
        )
        text = schema if kind == "PROTOBUF" else json.dumps(schema, default=float)
        self.registry.register(f"{topic['name']}-{side}", kind, text, references, topic.get(f"{side}SchemaId"))

    def _register_all(self, schemas: Iterable[SchemaSpec]) -> None:
        for new in schemas:
            self.registry.register(new.subject, new.kind, new.schema, new.references)

    def _existing_topic(self, statement: ast.CreateSource) -> None:
        values = {p.name.upper(): p.value for p in statement.properties}
        topic, partitions = values.get("KAFKA_TOPIC"), values.get("PARTITIONS")
        if isinstance(topic, ast.StringLiteral):
            written = str(getattr(partitions, "value", 4))
            count = int(written) if written.isdigit() else 4
            if partitions is not None or topic.value not in self.topics.counts:
                self.topics.counts[topic.value] = count


def outcome(run: Run) -> tuple[str, str]:
    """(verdict, explanation): pass, fail-post, unsupported, fail-accepted, rejected-early or crash."""
    session = Session(run)
    negative = run.case.get("expectedException") or run.case.get("expectedError")
    must_fail = negative is not None and (not run.case.get("inputs") or "expectedError" in run.case)
    try:
        statements = parse_script(run.script)
    except HeadwaterError as error:
        return ("pass", str(error)) if must_fail else ("unsupported", str(error))
    session.prepare(statements)
    for i, statement in enumerate(statements):
        try:
            session.execute(statement)
        except HeadwaterError as error:
            if not must_fail:
                return "unsupported", str(error)
            return ("pass" if i == len(statements) - 1 else "rejected-early"), str(error)
        except Exception as error:  # noqa: BLE001 - the point is to find them
            return "crash", f"{type(error).__name__}: {error}"
    if negative is not None and must_fail:
        return "fail-accepted", str(negative.get("message"))
    for expected in run.case.get("post", {}).get("sources", []):
        problem = check_source(expected, session.metastore)
        if problem:
            return "fail-post", problem
    wanted = [r["query"][0]["header"]["schema"] for r in run.case.get("responses", []) if "query" in r]
    for expected_header, got in zip(wanted, session.headers, strict=False):
        if expected_header != got:
            return "fail-post", f"header {got}, expected {expected_header}"
    return "pass", ""


def check_source(expected: dict[str, Any], metastore: MetaStore) -> str | None:
    """What is wrong with the source that a post-condition describes; None when nothing is."""
    source = metastore.get(expected["name"])
    if source is None:
        return f"no source {expected['name']}"
    if expected["type"].upper() != source.kind.value:
        return f"{source.name} is a {source.kind_word}"
    if "schema" in expected:
        wanted = _columns(expected["schema"], metastore)
        got = [(c.name, c.type, c.role) for c in source.schema.columns]
        if wanted != got:
            return f"{source.name}: expected {expected['schema']}, got {source.schema}"
    if "isSource" in expected and expected["isSource"] != source.read_only:
        return f"{source.name}: read_only is {source.read_only}"
    return _check_formats(expected, source)


def _check_formats(expected: dict[str, Any], source: DataSource) -> str | None:
    if "keyFormat" in expected:
        wanted = expected["keyFormat"]
        if wanted.get("format", source.formats.key.name) != source.formats.key.name:
            return f"{source.name}: key format {source.formats.key.name}, expected {wanted['format']}"
        kind = source.window.kind.value if source.window else None
        size = source.window.size_ms if source.window else None
        if (wanted.get("windowType"), wanted.get("windowSize")) != (kind, size):
            return f"{source.name}: window {kind} {size}, expected {wanted}"
    value_format = expected.get("valueFormat")
    if value_format is not None:
        name = value_format["format"] if isinstance(value_format, dict) else value_format
        if name != source.formats.value.name:
            return f"{source.name}: value format {source.formats.value.name}, expected {name}"
    for side, spec, columns in (
        ("keyFeatures", source.formats.key, source.schema.key),
        ("valueFeatures", source.formats.value, source.schema.value),
    ):
        if side in expected:
            features = serde_features(spec, columns, is_key=side == "keyFeatures")
            if set(expected[side]) != set(features):
                return f"{source.name}: {side} {features}, expected {expected[side]}"
    return None


def _columns(text: str, metastore: MetaStore) -> list[tuple[str, SqlType, Role]]:
    roles = {
        ast.ColumnKind.KEY: Role.KEY,
        ast.ColumnKind.PRIMARY_KEY: Role.KEY,
        ast.ColumnKind.HEADERS: Role.HEADER,
    }
    return [(c.name, resolve_type(c.type, metastore.types), roles.get(c.kind, Role.VALUE)) for c in parse_columns(text)]


_PLACES = re.compile(r"line:? \d+,? ?(?:col)?:? ?\d*:?|line \d+:\d+:?", re.IGNORECASE)


def message_matches(expected: str, got: str) -> bool:
    """Whether a message says what is expected, loosely: punctuation, places and a fifth of the words do not count."""

    def words(text: str) -> str:
        plain = re.sub(r"[^a-z0-9_ ]+", " ", _PLACES.sub(" ", text).lower())
        return " ".join(plain.split())

    wanted, found = words(expected), words(got)
    if wanted in found:
        return True
    parts, have = wanted.split(), set(found.split())
    return bool(parts) and sum(p in have for p in parts) >= 0.8 * len(parts)


def schema_text(schema: Schema) -> str:
    return str(schema)
