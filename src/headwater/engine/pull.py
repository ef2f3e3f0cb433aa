"""Answers pull queries: candidates from a query's stores, then WHERE and the select list in one generated function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

from headwater.core.schema import Schema
from headwater.core.types import BYTES, STRING
from headwater.engine.compiler import CompileOptions
from headwater.engine.operators.keys import freeze
from headwater.engine.program import Program, Report
from headwater.engine.rows import Row
from headwater.engine.stores import KeyValueStore, SessionStore, Store, WindowStore
from headwater.engine.task import Task
from headwater.engine.text import SourceText, compile_functions
from headwater.formats import registry as formats
from headwater.formats.api import SchemaRegistry, SerdeOptions
from headwater.log.slices import next_turn
from headwater.plan.expressions import Binding, NameSpace, compile_expression
from headwater.plan.functions import FunctionRegistry
from headwater.plan.pull import PullPlan
from headwater.plan.pull_keys import KeyRange
from headwater.plan.steps import Filter, Project, QueryPlan, SourceStep, Step
from headwater.sql.ast import Expression

_SLICE = 2000
"""Entries that are worked on before others get their turn: some milliseconds."""

Entry = tuple[object, object, int | None, int | None]
"""Store key, store entry, window start, window end."""

Answer = Callable[[tuple[object, ...], int | None, int | None, Report], tuple[object, ...] | None]


def scan_plan(plan: PullPlan) -> QueryPlan:
    """A pull query over a stream as the plan of a scan of its topic."""
    source = plan.source
    step: Step = SourceStep(
        source.schema, False, source.name, source.topic, source.formats, source.window, source.timestamp
    )
    if plan.where is not None:
        step = Filter(step.schema, False, step, plan.where)
    keys = tuple(column.name for column in source.schema.key)
    step = Project(plan.schema, False, step, keys, plan.projection)
    return QueryPlan(step, plan.schema, (source.name,), limit=plan.limit)


async def read_rows(
    plan: PullPlan,
    program: Program,
    tasks: Sequence[Task],
    functions: FunctionRegistry,
    registry: SchemaRegistry | None,
    options: CompileOptions,
) -> list[tuple[object, ...]]:
    """The rows of a table, at most `plan.limit`; each as it is when it is read, while queries go on in between.

    Lookups come in the order of the query's keys, anything else partition by partition in the order of the keys' bytes.
    """
    materialized = program.materialized
    assert materialized is not None
    read = program.functions[materialized.function]
    answer = compile_answer(plan, materialized.schema, functions, options)
    window_size = plan.source.window.size_ms if plan.source.window is not None else None
    order = None if plan.lookups is not None else _bytes_order(plan, registry)
    rows: list[tuple[object, ...]] = []
    for task in tasks:
        if task.unit != materialized.unit:
            continue
        entries = list(candidates(plan, task.stores[materialized.store], window_size))
        if order is not None:
            entries = await _sorted(entries, order)
        report = task.reporter("Pull")
        for number, (key, entry, start, end) in enumerate(entries):
            if plan.limit is not None and len(rows) >= plan.limit:
                return rows
            values = read(task, key, entry, start, end)
            row = None if values is None else answer(cast("tuple[object, ...]", values), start, end, report)
            if row is not None:
                rows.append(row)
            if number % _SLICE == _SLICE - 1:
                await next_turn()
    return rows


async def _sorted(entries: list[Entry], order: Callable[[Entry], tuple[bytes, int]]) -> list[Entry]:
    """Sorted, with the keys computed in slices."""
    places: list[tuple[tuple[bytes, int], int]] = []
    for number, entry in enumerate(entries):
        places.append((order(entry), number))
        if number % _SLICE == _SLICE - 1:
            await next_turn()
    places.sort()
    return [entries[number] for _, number in places]


def _bytes_order(plan: PullPlan, registry: SchemaRegistry | None) -> Callable[[Entry], tuple[bytes, int]]:
    """Sorts entries by the bytes of their key on the topic, then by window start."""
    source = plan.source
    spec = source.formats.key
    options = SerdeOptions(is_key=True, wrap=spec.wrap, properties=spec.properties)
    encode = formats.get(spec.name).writer(source.schema.key, options, source.topic, registry).encode
    single = len(source.schema.key) == 1

    def order(entry: Entry) -> tuple[bytes, int]:
        key = cast("tuple[object, ...]", entry[0])
        columns = (key,) if single and not _windowed_key(plan, entry) else key[: len(source.schema.key)]
        return encode(*columns) or b"", entry[2] or 0

    return order


def _windowed_key(plan: PullPlan, entry: Entry) -> bool:
    """Whether the store's key carries the window's bounds behind the key columns."""
    return plan.source.window is not None and isinstance(entry[0], tuple) and entry[0][-2:] == (entry[2], entry[3])


def candidates(plan: PullPlan, store: Store, window_size: int | None) -> Iterator[Entry]:
    """What the store holds of the plan's keys: windows of a key by start, ranges in key order, scans in any order."""
    wanted = None if plan.lookups is None else list(dict.fromkeys(_store_key(lookup.key) for lookup in plan.lookups))
    match store:
        case WindowStore():
            for start in sorted(store.windows):
                entries = store.windows[start]
                for key in list(entries) if wanted is None else wanted:
                    if key in entries:
                        yield key, entries[key], start, start + (window_size or 0)
        case SessionStore():
            for key in list(store.data) if wanted is None else wanted:
                for session in store.data.get(key, ()):
                    yield key, session, session[0], session[1]
        case KeyValueStore():
            yield from _plain(plan, store, wanted)
        case _:
            raise TypeError(f"{type(store).__name__} cannot be read by pull queries")


def _plain(plan: PullPlan, store: KeyValueStore, wanted: list[object] | None) -> Iterator[Entry]:
    if plan.source.window is not None:
        for key in list(store.data):
            if wanted is None or _store_key(key[:-2]) in wanted:
                yield key, store.data[key], key[-2], key[-1]
        return
    if wanted is not None:
        keys: list[object] = [key for key in wanted if key in store.data]
    elif plan.key_range is not None:
        keys = _in_range(plan, plan.key_range, store)
    else:
        keys = list(store.data)
    for key in keys:
        yield key, store.data[key], None, None


def _in_range(plan: PullPlan, bounds: KeyRange, store: KeyValueStore) -> list[object]:
    sql_type = plan.source.schema.key[0].type
    order: Callable[[object], object] = (lambda k: k.encode(errors="replace")) if sql_type == STRING else (lambda k: k)  # type: ignore[attr-defined]
    assert sql_type in (STRING, BYTES)
    keys = sorted((key for key in store.data if key is not None), key=order)  # type: ignore[arg-type]
    return [key for key in keys if _inside(order(key), bounds, order)]


def _inside(key: object, bounds: KeyRange, order: Callable[[object], object]) -> bool:
    if bounds.low is not None:
        low = order(bounds.low)
        if key < low or (key == low and not bounds.low_inclusive):  # type: ignore[operator]
            return False
    if bounds.high is not None:
        high = order(bounds.high)
        if key > high or (key == high and not bounds.high_inclusive):  # type: ignore[operator]
            return False
    return True


def _store_key(key: tuple[object, ...]) -> object:
    """Lookup keys as stores hold them: hashable, the bare value for one column."""
    return freeze(key[0] if len(key) == 1 else key)


def compile_answer(plan: PullPlan, schema: Schema, functions: FunctionRegistry, options: CompileOptions) -> Answer:
    """The function from a table's row (values in schema order, then its time) to the answer's row, or None."""
    names = NameSpace()
    text = SourceText()
    columns = {c.name: Binding(c.type, f"values[{i}]") for i, c in enumerate(schema.columns)}
    window = ("start", "end") if plan.source.window is not None else None
    row = Row(columns, (), f"values[{len(columns)}]", window)

    def evaluate(expression: Expression, target: str) -> None:
        code = compile_expression(expression, row.resolve, names, functions, options.expressions)
        arguments = "".join(f"{row.resolve(ref).code}, " for ref in code.columns)
        with text.block("try:"):
            text.line(f"{target} = {code.source}")
        with text.block("except Exception:"):
            text.line(f"{target} = {names.add(code.careful, 'careful')}(({arguments}), report)")

    with text.block("def answer(values, start, end, report):"):
        if plan.where is not None:
            evaluate(plan.where, "keep")
            with text.block("if not keep:"):
                text.line("return None")
        for i, (_, expression) in enumerate(plan.projection):
            evaluate(expression, f"x{i}")
        text.line(f"return ({''.join(f'x{i}, ' for i in range(len(plan.projection)))})")
    return compile_functions(str(text), names.objects, f"<pull on {plan.source.name}>")["answer"]
