"""What the parts of the engine share: the log, the clock, functions, schemas, running queries."""

from __future__ import annotations

from dataclasses import dataclass

from headwater.cluster.api import Cluster
from headwater.core.clock import Clock
from headwater.engine.processing_log import ProcessingLog
from headwater.engine.runtime import QueryRuntime
from headwater.engine.settings import EngineSettings
from headwater.formats.api import SchemaRegistry
from headwater.plan.functions import FunctionRegistry


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
