"""Push queries: which of them are scalable, that is, read the output of the persistent query behind a source."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace

from headwater.plan.catalog import MetaStore
from headwater.plan.rewriting import column_refs
from headwater.plan.steps import Filter, FlatMap, Project, QueryPlan, SourceStep, Step
from headwater.sql import ast

_ENABLED = ("ksql.query.push.v2.enabled", "ksql.query.push.v2.registry.installed")
_NOT_OFFERED = frozenset({"ROWPARTITION", "ROWOFFSET"})


def push_query_id(
    query: ast.Query, metastore: MetaStore, properties: Mapping[str, str], randomness: random.Random
) -> str:
    """The id of a push query: it says which kind it is, and from what it reads."""
    kind = "SCALABLE_PUSH_QUERY" if is_scalable(query, metastore, properties) else "transient"
    return f"{kind}_{query.source.name}_{randomness.getrandbits(63)}"


def without_keyless(plan: QueryPlan) -> QueryPlan:
    """The plan of a scalable push query: it passes over records whose key is NULL."""
    return replace(plan, root=_keyed(plan.root))


def _keyed(step: Step) -> Step:
    if isinstance(step, SourceStep):
        for column in step.schema.key:
            step = Filter(step.schema, step.is_table, step, ast.IsNull(ast.ColumnRef(column.name), negated=True))
        return step
    if isinstance(step, Filter | Project | FlatMap):
        return replace(step, input=_keyed(step.input))
    return step


def is_scalable(query: ast.Query, metastore: MetaStore, properties: Mapping[str, str]) -> bool:
    """Whether all conditions of semantics section 15 hold."""
    if any(properties.get(name, "").lower() != "true" for name in _ENABLED):
        return False
    clauses = (query.joins, query.window, query.group_by, query.partition_by, query.having)
    if any(clause is not None and clause != () for clause in clauses) or query.emit is not ast.Emit.CHANGES:
        return False
    if properties.get("auto.offset.reset", "latest") != "latest":
        return False
    names = {ref.name for expression in _expressions(query) for ref in column_refs(expression)}
    return len(metastore.writers(query.source.name)) == 1 and not names & _NOT_OFFERED


def _expressions(query: ast.Query) -> Iterator[ast.Expression]:
    for item in query.select:
        if isinstance(item, ast.SingleColumn):
            yield item.expression
        elif isinstance(item, ast.StructStar):
            yield item.base
    if query.where is not None:
        yield query.where
