"""From a physical plan to a `Program`: every source of a unit gets one Python function that carries its records through
all steps up to the sink, in one loop.

Steps add their code in `operators/`: a step is handed the row as variables (`rows.Row`, or `rows.Change` in a table)
and hands its own result on with `StageCompiler.deliver`. Code of a step that two sources reach (a join's downstream)
stands in both functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from headwater.core.errors import HeadwaterError
from headwater.core.types import STRING, SqlType
from headwater.engine.needs import Needs, required_columns
from headwater.engine.operators import (
    aggregate,
    boundary,
    foreign_key,
    materialize,
    sink,
    source,
    stateless,
    stream_join,
    table_join,
)
from headwater.engine.program import Program, StageOutput, StoreSpec, Unit
from headwater.engine.rows import Change, Row
from headwater.engine.stores import Store
from headwater.engine.text import SourceText, compile_functions
from headwater.formats.api import SchemaRegistry
from headwater.plan.expressions import Binding, Code, ExpressionOptions, NameSpace, compile_expression
from headwater.plan.functions import FunctionRegistry
from headwater.plan.steps import (
    Aggregate,
    Filter,
    FlatMap,
    ForeignKeyJoin,
    Project,
    QueryPlan,
    Rekey,
    SourceStep,
    Step,
    StreamStreamJoin,
    StreamTableJoin,
    TableTableJoin,
)
from headwater.sql.ast import ColumnRef, Expression

Flow = Row | Change


class CompileError(HeadwaterError):
    """A plan has a combination of steps that cannot be compiled: a defect of the planner or of this package."""


@dataclass(frozen=True)
class CompileOptions:
    """How to compile. With `single_task` one task sees the records of all partitions: no repartition topics."""

    single_task: bool = False
    expressions: ExpressionOptions = field(default_factory=ExpressionOptions)
    throw_on_invalid_timestamp: bool = False
    fail_on_deserialization_error: bool = False
    json_under_schema: bool = True


class ProgramCompiler:
    """Shared by the stages of one program: its names, units and stores."""

    def __init__(
        self,
        plan: QueryPlan,
        functions: FunctionRegistry,
        registry: SchemaRegistry | None,
        options: CompileOptions,
        name: str,
    ) -> None:
        self.plan = plan
        self.functions = functions
        self.registry = registry
        self.options = options
        self.name = name
        self.names = NameSpace()
        self.needs: Needs = required_columns(plan)
        self.parents: dict[int, tuple[Step, int]] = {}
        self.unit_of: dict[int, int] = {}
        self.units: list[Unit] = []
        self.leaves: list[Step] = []
        self.boundary_types: dict[int, tuple[list[SqlType | None], list[list[SqlType | None]]]] = {}
        """By `id(step)`: types of the key columns, and of each call's arguments, that pass the step's topic."""
        self.bound_calls: dict[int, list[aggregate.Call]] = {}
        """By `id(step)` of aggregations: their resolved functions."""
        self._stores: dict[tuple[int, str], tuple[int, int]] = {}
        self._outputs: dict[int, int] = {}
        self._survey(plan.root, self._new_unit())

    def _new_unit(self) -> int:
        self.units.append(Unit())
        return len(self.units) - 1

    def is_boundary(self, step: Step) -> bool:
        """Whether records pass through a topic on their way into this step."""
        if self.options.single_task or not isinstance(step, Rekey | Aggregate) or not step.repartition:
            return False
        return isinstance(step, Aggregate) or not step.input.is_table

    def _survey(self, step: Step, unit: int) -> None:
        self.unit_of[id(step)] = unit
        for side, child in enumerate(step.inputs):
            self.parents[id(child)] = (step, side)
            self._survey(child, self._new_unit() if self.is_boundary(step) else unit)
        if not step.inputs or self.is_boundary(step):
            self.leaves.append(step)

    def store(self, step: Step, role: str, make: Callable[[], Store]) -> tuple[int, int]:
        """(unit, index) of the step's store for `role`; the first call creates it."""
        place = self._stores.get((id(step), role))
        if place is None:
            unit = self.unit_of[id(step)]
            stores = self.units[unit].stores
            place = self._stores[(id(step), role)] = (unit, len(stores))
            stores.append(StoreSpec(role, make))
        return place

    def existing_store(self, step: Step, role: str) -> tuple[int, int]:
        """(unit, index) of a store that the step's code has made."""
        return self._stores[(id(step), role)]

    def output(self, unit: int, key: int, topic: str, *, internal: bool, key_suffix: int = 0) -> int:
        """Index of an output of the unit; `key` identifies it."""
        index = self._outputs.get(key)
        if index is None:
            outputs = self.units[unit].outputs
            index = self._outputs[key] = len(outputs)
            outputs.append(StageOutput(topic, internal, key_suffix))
        return index

    def operator_name(self, step: Step) -> str:
        """A name for internal topics and log lines: the kind of step and its number among the leaves."""
        return f"{type(step).__name__}-{self.leaves.index(step)}" if step in self.leaves else type(step).__name__

    def compile(self) -> Program:
        texts: list[str] = []
        for number, leaf in enumerate(self.leaves):
            function = f"stage_{number}"
            stage = StageCompiler(self, self.unit_of[id(leaf)])
            stage_input = (
                source.read(stage, leaf, function)
                if isinstance(leaf, SourceStep)
                else boundary.read(stage, leaf, function)
            )
            self.units[stage.unit].inputs.append(stage_input)
            texts.append(stage.text(function))
        reader = StageCompiler(self, 0)
        materialized = materialize.write_reader(reader)
        if materialized is not None:
            texts.append(reader.text(materialized.function, materialize.PARAMETERS))
        text = "\n\n".join(texts)
        functions = compile_functions(text, self.names.objects, f"<query {self.name}>")
        return Program(self.plan, self.units, text, functions, materialized, self.options.single_task)


class StageCompiler:
    """Writes one stage function: a prologue that binds locals, and the loop's body."""

    def __init__(self, program: ProgramCompiler, unit: int) -> None:
        self.program = program
        self.unit = unit
        self.body = SourceText()
        self._locals: dict[str, str] = {}

    @property
    def names(self) -> NameSpace:
        return self.program.names

    def local(self, code: str, hint: str) -> str:
        """A local variable bound to `code` before the loop starts; the same code gives the same variable."""
        name = self._locals.get(code)
        if name is None:
            name = self._locals[code] = self.names.temp(hint)
        return name

    def store(self, step: Step, role: str, make: Callable[[], Store]) -> str:
        """The local that holds the step's store."""
        _, index = self.program.store(step, role, make)
        return self.local(f"task.stores[{index}]", "store")

    def null(self) -> str:
        """A local that holds None (a bare None in generated expressions makes Python warn)."""
        return self.local("None", "null")

    def reporter(self, operator: str) -> str:
        return self.local(f"task.reporter({operator!r})", "report")

    def text(self, function: str, parameters: str = "task, records") -> str:
        """The whole function."""
        whole = SourceText()
        with whole.block(f"def {function}({parameters}):"):
            for code, name in self._locals.items():
                whole.line(f"{name} = {code}")
            for line in str(self.body).splitlines():
                whole.line(line)
        return str(whole)

    # --- expressions ---------------------------------------------------------------------------------------------

    def compile(self, expression: Expression, row: Row) -> Code:
        return compile_expression(
            expression, row.resolve, self.names, self.program.functions, self.program.options.expressions
        )

    def type_of(self, expression: Expression, row: Row) -> SqlType:
        """The type of an expression that has one."""
        found = self.compile(expression, row).type
        if found is None:
            raise CompileError("An untyped NULL stands where a type is needed.")
        return found

    def evaluate(self, expressions: Sequence[Expression], row: Row, operator: str) -> list[Binding]:
        """Code that computes the expressions into locals, each NULL (and logged) if it fails; columns cost nothing."""
        codes = [self.compile(expression, row) for expression in expressions]
        results: list[Binding] = []
        work: list[tuple[str, Code]] = []
        for expression, code in zip(expressions, codes, strict=True):
            sql_type = code.type or STRING  # an untyped NULL is NULL in any type
            if isinstance(expression, ColumnRef):
                results.append(Binding(sql_type, code.source))
            else:
                name = self.names.temp("x")
                results.append(Binding(sql_type, name))
                work.append((name, code))
        if work:
            report = self.reporter(operator)
            with self.body.block("try:"):
                for name, code in work:
                    self.body.line(f"{name} = {code.source}")
            with self.body.block("except Exception:"):
                for name, code in work:
                    self.body.line(f"{name} = {self.careful(code, row, report)}")
        return results

    def careful(self, code: Code, row: Row, report: str) -> str:
        """Code that evaluates slowly, with exact handling of failures inside."""
        values = "".join(f"{row.resolve(ref).code}, " for ref in code.columns)
        return f"{self.names.add(code.careful, 'careful')}(({values}), {report})"

    # --- routing -------------------------------------------------------------------------------------------------

    def deliver(self, step: Step, flow: Flow) -> None:
        """Hand a row that `step` puts out to whatever comes next."""
        above = self.program.parents.get(id(step))
        if above is None:
            sink.write(self, flow)
            return
        parent, side = above
        if self.program.is_boundary(parent):
            boundary.write(self, parent, flow)
        else:
            self.enter(parent, side, flow)

    def enter(self, step: Step, side: int, flow: Flow) -> None:
        """Let `step` process a row of its input number `side`."""
        match step:
            case Project():
                stateless.project(self, step, flow)
            case Filter():
                stateless.filter_rows(self, step, flow)
            case FlatMap():
                stateless.flat_map(self, step, flow)
            case Rekey():
                stateless.rekey(self, step, flow)
            case Aggregate():
                aggregate.enter(self, step, flow)
            case StreamStreamJoin():
                stream_join.stream_stream(self, step, side, flow)
            case StreamTableJoin():
                stream_join.stream_table(self, step, side, flow)
            case TableTableJoin():
                table_join.enter(self, step, side, flow)
            case ForeignKeyJoin():
                foreign_key.enter(self, step, side, flow)
            case _:
                raise CompileError(f"No code for step {type(step).__name__}.")

    def wants_old(self, step: Step) -> bool:
        """Whether what comes after a table step asks for the row as it was before the change."""
        above = self.program.parents.get(id(step))
        if above is None:
            return False
        parent = above[0]
        if isinstance(parent, Project):
            return self.wants_old(parent)
        return isinstance(parent, Filter | Aggregate)


def compile_plan(
    plan: QueryPlan,
    functions: FunctionRegistry,
    registry: SchemaRegistry | None = None,
    options: CompileOptions | None = None,
    name: str = "query",
) -> Program:
    """Compile; `name` appears in tracebacks of the generated code."""
    return ProgramCompiler(plan, functions, registry, options or CompileOptions(), name).compile()
