"""What compiling a plan gives: stage functions, the stores they use, and the topics between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from headwater.core.errors import HeadwaterError
from headwater.core.schema import Schema
from headwater.engine.stores import Store
from headwater.plan.steps import QueryPlan, SourceStep

OutputRecord = tuple[bytes | None, bytes | None, int, Sequence[tuple[str, bytes | None]]]
"""Key, value, timestamp ms, headers: a record to append."""


class QueryFailedError(HeadwaterError):
    """A query cannot go on: a result that cannot be written, or a setting that makes bad input fatal."""


class InputRecord(Protocol):
    """A record as stage functions read it; `wire.records.Record` is one."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


Report = Callable[[str, BaseException], None]


class TaskContext(Protocol):
    """What generated code asks of the task that runs it, once per batch."""

    partition: int
    rows: list[tuple[tuple[object, ...], bool]]

    @property
    def stores(self) -> Sequence[Store]: ...

    @property
    def outputs(self) -> Sequence[list[OutputRecord]]: ...

    def decoder(self, signature: str, decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        """`decode`, or what takes the rows that another query with the same signature has decoded."""
        ...

    def reporter(self, operator: str) -> Report:
        """Where failed expressions and skipped rows of that operator are logged."""
        ...

    def bad_record(self, topic: str, target: str, error: Exception, payload: bytes | None, record: InputRecord) -> None:
        """Log a record whose key or value cannot be read, with its place in the source topic."""
        ...


Stage = Callable[[TaskContext, Sequence[InputRecord]], None]


@dataclass(frozen=True)
class StageInput:
    """A topic that a unit reads, and the function its records go through.

    `source` is None for an internal repartition topic, whose `topic` is then the operator's name: the runtime makes the
    topic's name of it. `table` inputs are always read from the earliest offset.
    """

    topic: str
    function: str
    source: SourceStep | None
    table: bool = False


@dataclass(frozen=True)
class StageOutput:
    """A topic that a unit writes: the sink, or an internal topic named after its operator.

    The last `key_suffix` bytes of its keys are a window, which has no say in the partition.
    """

    topic: str
    internal: bool
    key_suffix: int = 0


@dataclass(frozen=True)
class StoreSpec:
    """A store every task of a unit has; `role` says what for."""

    role: str
    make: Callable[[], Store]


@dataclass
class Unit:
    """Steps that run together on the same partition: between repartition topics there is one unit each."""

    inputs: list[StageInput] = field(default_factory=list)
    outputs: list[StageOutput] = field(default_factory=list)
    stores: list[StoreSpec] = field(default_factory=list)


@dataclass(frozen=True)
class Materialized:
    """How pull queries read the result: which store of which unit, and the function from an entry to a row.

    The function takes (task, key, entry, window start, window end) and gives the values of `schema` in order followed
    by the row's time, or None when HAVING hides the row.
    """

    unit: int
    store: int
    schema: Schema
    function: str


@dataclass
class Program:
    """A compiled query. `source` is the generated Python text; `functions` are its functions by name.

    With `single_task` there is one task, which reads all partitions of the inputs.
    """

    plan: QueryPlan
    units: list[Unit]
    source: str
    functions: Mapping[str, Callable[..., object]]
    materialized: Materialized | None = None
    single_task: bool = False

    def stage(self, stage_input: StageInput) -> Stage:
        return cast("Stage", self.functions[stage_input.function])
