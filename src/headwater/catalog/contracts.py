"""Contracts: where tagged data may go. Tags on fields go on to whatever is made of the fields, until a function masks.

A rule says that data with a tag must not reach topics whose names match a pattern. It is checked before a statement
that would break it is carried out, and against everything that runs when the rule is made.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from headwater.catalog import names
from headwater.catalog.catalog import Catalog
from headwater.catalog.columns import ColumnEdge, ColumnGraph, ColumnLineage
from headwater.catalog.entity import EntityKey
from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.inventory import column_key, facts_of, source_key
from headwater.catalog.platform import QueryFact
from headwater.catalog.schema_fields import record_name, schema_fields
from headwater.catalog.schema_tags import RECORD, schema_tags
from headwater.catalog.state import Change, Rule
from headwater.core.errors import SqlError
from headwater.core.schema import Role
from headwater.plan.catalog import DataSource, MetaStore
from headwater.plan.lineage import Origin
from headwater.plan.steps import QueryPlan

_MOST_RULES = 1_000
_NAME_LENGTH = 500
_STATEMENT = "(this statement)"
"""Stands for the id of a query that does not run yet."""


class ContractError(SqlError):
    """A statement would bring data where a rule forbids it."""


@dataclass(frozen=True)
class Violation:
    """`path` leads from the tagged column to the column of the forbidden topic; empty when that one is tagged."""

    rule: Rule
    column: Origin
    topic: str
    path: tuple[ColumnEdge, ...]

    @property
    def start(self) -> Origin:
        """The tagged column."""
        return self.path[0].source if self.path else self.column

    def __str__(self) -> str:
        steps = [f"{self.start.source}.{self.start.column}"]
        for edge in self.path:
            if not edge.copied:
                steps.append(edge.expression)
            steps.append(f"{edge.target.source}.{edge.target.column}")
        return " -> ".join(steps)


class Contracts:
    """The rules of a catalog."""

    def __init__(self, catalog: Catalog, columns: ColumnLineage) -> None:
        self._catalog = catalog
        self._columns = columns

    # --- rules --------------------------------------------------------------------------------------------------

    @property
    def rules(self) -> Mapping[str, Rule]:
        """By name."""
        return self._catalog.state.rules

    def rule(self, name: str) -> Rule:
        """Raises `CatalogError` when there is none of this name."""
        found = self.rules.get(name)
        if found is None:
            raise CatalogError(CatalogCode.NOT_FOUND, f"There is no rule `{name[:200]}`.")
        return found

    async def make(self, rule: Rule) -> tuple[Rule, list[Violation]]:
        """Make or replace a rule; also says what breaks it already, which goes on. Raises `CatalogError`."""

        def decide() -> tuple[Sequence[Change], Rule]:
            for what, text in (("name", rule.name), ("topic", rule.topic)):
                if not text.strip() or len(text) > _NAME_LENGTH:
                    raise CatalogError(
                        CatalogCode.INVALID_PARAMETERS, f"A rule's {what} has 1 to {_NAME_LENGTH} characters."
                    )
            if rule.name not in self.rules and len(self.rules) >= _MOST_RULES:
                raise CatalogError(CatalogCode.INVALID_PARAMETERS, f"There can be {_MOST_RULES} rules at the most.")
            tag = self._catalog.tag_defs.get(rule.tag)
            made = Rule(
                name=rule.name,
                tag=tag.name,
                topic=rule.topic,
                description=rule.description,
                create_time=self._catalog.clock.now_ms(),
            )
            return [(("RULE", made.name), made)], made

        made = await self._catalog.write(decide)
        return made, self.violations(made)

    async def drop(self, name: str) -> None:
        """Raises `CatalogError` when there is none of this name."""

        def decide() -> tuple[Sequence[Change], None]:
            return [(("RULE", self.rule(name).name), None)], None

        await self._catalog.write(decide)

    # --- tags of columns ----------------------------------------------------------------------------------------

    def own_tags(self, metastore: MetaStore, *, of_holders: bool = False) -> dict[Origin, frozenset[str]]:
        """Tags put on columns and on the fields of their topics' schemas, by column; with `of_holders` also those on
        their stream or table, topic and schema, which say something about every column."""
        tags = _Tags(self._catalog)
        found: dict[Origin, frozenset[str]] = {}
        for source in metastore:
            fields = tags.of_fields(source.topic)
            above = tags.of_holders(source) if of_holders else frozenset()
            for column in source.schema.columns:
                role = column.role is Role.KEY
                borne = tags.on(column_key(source.name, column.name))
                borne |= fields.get((role, column.name.casefold()), frozenset()) | above
                if borne:
                    found[Origin(source.name, column.name)] = borne
        return _shared(metastore, found)

    def column_tags(self, graph: ColumnGraph) -> dict[Origin, frozenset[str]]:
        """Own and inherited tags of every column that has some."""
        found = self.own_tags(graph.metastore)
        pending = list(found)
        while pending:
            column = pending.pop()
            for edge in graph.out_of(column):
                if edge.clear and not found[column] <= found.get(edge.target, frozenset()):
                    found[edge.target] = found.get(edge.target, frozenset()) | found[column]
                    pending.append(edge.target)
        return found

    def topic_tags(self, graph: ColumnGraph) -> dict[str, list[str]]:
        """By topic: the tags that its columns have, own and inherited, sorted."""
        found: dict[str, set[str]] = {}
        for column, tags in self.column_tags(graph).items():
            source = graph.metastore.get(column.source)
            if source is not None:
                found.setdefault(source.topic, set()).update(tags)
        return {topic: sorted(tags) for topic, tags in found.items()}

    # --- checking -----------------------------------------------------------------------------------------------

    def violations(self, rule: Rule) -> list[Violation]:
        """What breaks the rule now."""
        graph = self._columns.graph()
        ends = self._tagged(rule, graph.metastore)
        return list(self._breaches(rule, graph, ends, graph.metastore))

    def check(self, plan: QueryPlan, metastore: MetaStore) -> None:
        """Raise `ContractError` if a query of this plan would bring data where a rule forbids it."""
        sink = plan.sink
        if sink is None or not self.rules:
            return
        graph = self._columns.graph((QueryFact(_STATEMENT, "", "", plan),), metastore)
        topics = {source.name: source.topic for source in metastore} | {sink.source_name: sink.topic}
        new = [
            edge
            for column in sink.schema.columns
            for edge in graph.into(Origin(sink.source_name, column.name))
            if edge.query == _STATEMENT and edge.clear
        ]
        for rule in self.rules.values():
            ends = self._tagged(rule, metastore)
            forbidden = {name for name, topic in topics.items() if _forbids(rule, topic)}
            for edge in new if ends and forbidden else ():
                before = graph.path_to(edge.source, ends)
                after = None if before is None else graph.path_from(edge.target, forbidden)
                if before is not None and after is not None:
                    path = (*before, edge, *after)
                    column = path[-1].target
                    raise ContractError(_refusal(Violation(rule, column, topics[column.source], path)))

    def _tagged(self, rule: Rule, metastore: MetaStore) -> dict[Origin, frozenset[str]]:
        own = self.own_tags(metastore, of_holders=True)
        return {column: tags for column, tags in own.items() if rule.tag in tags}

    def _breaches(
        self, rule: Rule, graph: ColumnGraph, ends: Mapping[Origin, object], metastore: MetaStore
    ) -> Iterator[Violation]:
        for source in metastore:
            if not _forbids(rule, source.topic):
                continue
            for column in source.schema.columns:
                target = Origin(source.name, column.name)
                path = graph.path_to(target, ends)
                if path is not None:
                    yield Violation(rule, target, source.topic, tuple(path))


def _forbids(rule: Rule, topic: str) -> bool:
    return fnmatch.fnmatchcase(topic, rule.topic)


def _refusal(found: Violation) -> str:
    rule = found.rule
    return (
        f"The rule '{rule.name}' forbids data tagged {rule.tag} to reach topic {found.topic}: {found}. "
        f"Mask the column, with MASK or a function declared as masking, leave it out, or write to another topic."
    )


class _Tags:
    """What is tagged, by what columns know of it."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._bound = catalog.state.tags
        self._any_field = any(key.type == names.FIELD for key in self._bound)

    def on(self, key: EntityKey) -> frozenset[str]:
        entity = self._catalog.find(key) if key in self._bound else None
        return frozenset() if entity is None else frozenset(self._catalog.tags.on(entity))

    def of_fields(self, topic: str) -> dict[tuple[bool, str], frozenset[str]]:
        """Of the fields of a topic's schemas, by whether they are the key's and their lower-case names at the top."""
        found: dict[tuple[bool, str], frozenset[str]] = {}
        for fact in facts_of(self._catalog.platform, topic):
            own, record = schema_tags(fact), record_name(fact.kind, fact.schema)
            if not own and not self._any_field:
                continue
            for field in schema_fields(fact.kind, fact.schema):
                tags = own.get(field.path, frozenset())
                tags |= self.on(EntityKey(names.FIELD, f"{fact.schema_id}:{record}.{field.path}"))
                if tags:
                    at = (fact.subject.endswith("-key"), field.path.partition(".")[0].casefold())
                    found[at] = found.get(at, frozenset()) | tags
        return found

    def of_holders(self, source: DataSource) -> frozenset[str]:
        """Of the stream or table, its topic, and the topic's schema and record."""
        found = self.on(source_key(source)) | self.on(EntityKey(names.TOPIC, source.topic))
        fact = self._catalog.platform.subject(f"{source.topic}-value")
        if fact is not None:
            found |= schema_tags(fact).get(RECORD, frozenset())
            found |= self.on(EntityKey(names.SUBJECT, f"{fact.subject}:{fact.version}"))
            found |= self.on(EntityKey(names.SCHEMA, str(fact.schema_id)))
            found |= self.on(EntityKey(names.RECORD, f"{fact.schema_id}:{record_name(fact.kind, fact.schema)}"))
        return found


def _shared(metastore: MetaStore, found: Mapping[Origin, frozenset[str]]) -> dict[Origin, frozenset[str]]:
    """Tags of columns are those of every source over the same topic that has the column."""
    by_field: dict[tuple[str, str], frozenset[str]] = {}
    for column, tags in found.items():
        source = metastore.get(column.source)
        if source is not None:
            at = (source.topic, column.column.casefold())
            by_field[at] = by_field.get(at, frozenset()) | tags
    return {
        Origin(source.name, column.name): tags
        for source in metastore
        for column in source.schema.columns
        if (tags := by_field.get((source.topic, column.name.casefold()), frozenset()))
    }
