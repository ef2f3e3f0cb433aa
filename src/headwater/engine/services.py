"""What the parts of the engine share: the log, the clock, functions, schemas, running queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headwater.cluster.api import Cluster
from headwater.core.clock import Clock
from headwater.engine.changes import Change, StartQuery
from headwater.engine.connectors import ConnectPort
from headwater.engine.processing_log import ProcessingLog
from headwater.engine.runtime import QueryRuntime
from headwater.engine.settings import EngineSettings
from headwater.formats.api import SchemaRegistry
from headwater.plan.catalog import MetaStore
from headwater.plan.functions import FunctionRegistry
from headwater.plan.steps import QueryPlan

Admit = Callable[[QueryPlan, MetaStore], None]
"""Looks at the plan of a query that is about to be made, and at the sources there will be; raises to refuse it."""


def admit_all(plan: QueryPlan, metastore: MetaStore) -> None:
    """No rules."""


@dataclass
class Admission:
    """Who is asked before a persistent query is made. Queries that are replayed have been admitted before."""

    admit: Admit = admit_all

    def check(self, change: Change, metastore: MetaStore) -> None:
        """Raises what the rules raise."""
        for edit in change.edits:
            if isinstance(edit, StartQuery):
                self.admit(edit.query.plan, metastore)


@dataclass(frozen=True)
class Services:
    """`registry` is None when no Schema Registry is configured."""

    cluster: Cluster
    clock: Clock
    functions: FunctionRegistry
    registry: SchemaRegistry | None
    settings: EngineSettings
    runtime: QueryRuntime
    log: ProcessingLog
    admission: Admission
    connect: ConnectPort
