"""Aggregates: results, NULLs, undo, merge, inline source, and what binding refuses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from headwater.core.errors import AnalysisError, FunctionError
from headwater.plan.functions import BoundAggregate, bind_aggregate
from headwater.plan.functions.declarations import Kind
from headwater.plan.functions.types import Limits
from headwater.sql.ast import ColumnRef, Expression
from headwater.sql.parser import parse_expression, parse_type
from tests.plan.evaluating import FUNCTIONS, same


def bind(call: str, *types: str, limits: Limits | None = None, session: bool = False) -> BoundAggregate:
    """Binds a call whose leading arguments are columns of the given types."""
    name, _, rest = call.partition("(")
    literals = [parse_expression(text) for text in rest.rstrip(")").split(", ") if text]
    columns: list[Expression] = [ColumnRef(f"C{i}") for i in range(len(types))]
    known = {"INTEGER": "INT", "BOOLEAN": "BOOLEAN", "STRING": "STRING"}
    literal_types = [parse_type(known[_kind_of(literal)]) for literal in literals]
    arguments = [*columns, *literals]
    return bind_aggregate(
        name, arguments, [*map(parse_type, types), *literal_types], FUNCTIONS, limits, session=session
    )


def _kind_of(literal: Expression) -> str:
    value = getattr(literal, "value", None)
    return "BOOLEAN" if isinstance(value, bool) else "STRING" if isinstance(value, str) else "INTEGER"


def fold(aggregate: BoundAggregate, rows: Sequence[Any], state: Any = None) -> Any:
    """The state after the rows; checks that inline source does the same as `add`."""
    state = aggregate.initial() if state is None else state
    for row in rows:
        values = row if isinstance(row, tuple) else (row,)
        if aggregate.inline_add is not None:
            names = [f"v{i}" for i in range(len(values))]
            source = aggregate.inline_add.format(*names, s="s")
            inline = eval(source, {"s": state, **dict(zip(names, values, strict=True))})
            state = aggregate.add(state, *values)
            assert same(inline, state), source
        else:
            state = aggregate.add(state, *values)
    return state


def result(aggregate: BoundAggregate, state: Any) -> Any:
    found = aggregate.result(state)
    if aggregate.inline_result is not None:
        assert same(eval(aggregate.inline_result.format(s="s"), {"s": state}), found)
    return found


S = "STRING"
CASES: list[tuple[str, tuple[str, ...], list[Any], Any]] = [
    ("COUNT()", ("BIGINT",), [1, None, 2], 2),
    ("COUNT()", (S,), [], 0),
    ("SUM()", ("INT",), [1, None, 2], 3),
    ("SUM()", ("INT",), [2**31 - 1, 1], -(2**31)),
    ("SUM()", ("BIGINT",), [2**63 - 1, 1], -(2**63)),
    ("SUM()", ("DOUBLE",), [1.5, None], 1.5),
    ("SUM()", ("DECIMAL(4, 2)",), [Decimal("1.10"), None, Decimal("2.20")], Decimal("3.30")),
    ("AVG()", ("INT",), [1, 2, None], 1.5),
    ("AVG()", ("INT",), [2**31 - 1, 1], -(2**31) / 2),
    ("AVG()", ("DOUBLE",), [], 0.0),
    ("MAX()", ("INT",), [1, None, 3, 2], 3),
    ("MIN()", ("DECIMAL(4, 2)",), [Decimal("1.10"), Decimal("0.20")], Decimal("0.20")),
    ("MAX()", (S,), ["\uffff", "\U0001f600", None], "\uffff"),
    ("MIN()", ("BYTES",), [b"\x01", b"\x80"], b"\x80"),
    ("MAX()", ("DATE",), [], None),
    ("COLLECT_LIST()", (S,), ["a", None, "a"], ["a", None, "a"]),
    ("COLLECT_SET()", (S,), ["a", None, "a", None, "b"], ["a", None, "b"]),
    ("COLLECT_SET()", ("ARRAY<INT>",), [[1], [1], [2]], [[1], [2]]),
    ("LATEST_BY_OFFSET()", ("INT",), [1, 2, None], 2),
    ("LATEST_BY_OFFSET(false)", ("INT",), [1, 2, None], None),
    ("LATEST_BY_OFFSET(2)", ("INT",), [1, None, 2, 3], [2, 3]),
    ("LATEST_BY_OFFSET(2, false)", ("INT",), [1, 2, None], [2, None]),
    ("EARLIEST_BY_OFFSET()", ("INT",), [None, 1, 2], 1),
    ("EARLIEST_BY_OFFSET(false)", ("INT",), [None, 1], None),
    ("EARLIEST_BY_OFFSET(2)", ("INT",), [None, 1, 2, 3], [1, 2]),
    ("EARLIEST_BY_OFFSET(2, false)", ("INT",), [None, 1, 2], [None, 1]),
    ("TOPK(3)", ("INT",), [1, 5, None, 3, 5, 2], [5, 5, 3]),
    ("TOPK(2)", (S,), ["a", "c", "b"], ["c", "b"]),
    ("TOPK(2)", ("INT", S), [(1, "a"), (3, "b"), (2, None), (3, "c")], [(3, "b"), (3, "c")]),
    ("TOPKDISTINCT(2)", ("DOUBLE",), [1.0, 3.0, 3.0, 2.0], [3.0, 2.0]),
    ("HISTOGRAM()", (S,), ["a", "b", "a", None], {"a": 2, "b": 1}),
    ("ATTR()", ("INT",), [1, 1], 1),
    ("ATTR()", ("INT",), [1, None], None),
    ("ATTR()", ("INT",), [], None),
    ("SUM_LIST()", ("ARRAY<INT>",), [[1, None, 2], None, [3]], 6),
    ("SUM_LIST()", ("ARRAY<DOUBLE>",), [[1.5], []], 1.5),
    ("STDDEV_SAMPLE()", ("INT",), [0, 10], math.sqrt(50)),
    ("STDDEV_SAMPLE()", ("DOUBLE",), [1.0], 0.0),
    ("STDDEV_SAMP()", ("INT",), [0, 10], 50.0),
    ("CORRELATION()", ("INT", "INT"), [(1, 2), (2, None), (2, 4)], 1.0),
    ("CORRELATION()", ("DOUBLE", "DOUBLE"), [(1.0, 2.0)], math.nan),
    ("COUNT_DISTINCT()", (S,), ["a", "b", None, "a"], 2),
]


@pytest.mark.parametrize(("call", "types", "rows", "expected"), CASES)
def test_an_aggregate_gives_its_result(call: str, types: tuple[str, ...], rows: list[Any], expected: Any) -> None:
    aggregate = bind(call, *types)
    state = fold(aggregate, rows)
    assert same(result(aggregate, state), expected)


@pytest.mark.parametrize(("call", "types", "rows", "expected"), CASES)
def test_states_survive_being_stored(call: str, types: tuple[str, ...], rows: list[Any], expected: Any) -> None:
    aggregate = bind(call, *types)
    state = fold(aggregate, rows)
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=aggregate.state)
    assert same(result(aggregate, read), expected)


UNDOABLE = {
    "ATTR",
    "AVG",
    "COLLECT_LIST",
    "CORRELATION",
    "COUNT",
    "HISTOGRAM",
    "STDDEV_SAMP",
    "STDDEV_SAMPLE",
    "SUM",
    "SUM_LIST",
}


@pytest.mark.parametrize(("call", "types", "rows", "expected"), CASES)
def test_undo_takes_a_row_back(call: str, types: tuple[str, ...], rows: list[Any], expected: Any) -> None:
    aggregate = bind(call, *types)
    assert (aggregate.undo is not None) == (aggregate.name in UNDOABLE)
    if aggregate.undo is None or not rows:
        return
    state = fold(aggregate, [*rows, rows[0]])
    values = rows[0] if isinstance(rows[0], tuple) else (rows[0],)
    assert same(result(aggregate, aggregate.undo(state, *values)), expected)


@pytest.mark.parametrize(("call", "types", "rows", "expected"), CASES)
def test_sessions_merge_to_what_one_session_gives(
    call: str, types: tuple[str, ...], rows: list[Any], expected: Any
) -> None:
    aggregate = bind(call, *types, session=True)
    assert aggregate.merge is not None
    early, late = fold(aggregate, rows[:1]), fold(aggregate, rows[1:])
    if "LATEST_BY_OFFSET(2" in call:
        expected = {"LATEST_BY_OFFSET(2)": [1, 2], "LATEST_BY_OFFSET(2, false)": [1, 2]}[call]  # ksqlDB's quirk
    assert same(result(aggregate, aggregate.merge(early, late)), expected)


def test_collections_respect_their_limits() -> None:
    limits = Limits(collect_list=2, collect_set=1)
    assert fold(bind("COLLECT_LIST()", "INT", limits=limits), [1, 2, 3]) == [1, 2]
    assert fold(bind("COLLECT_SET()", "INT", limits=limits), [1, 2]) == [1]


def test_a_histogram_ignores_new_values_after_a_thousand() -> None:
    aggregate = bind("HISTOGRAM()", S)
    state = fold(aggregate, [str(i) for i in range(1001)] + ["0"])
    assert len(state) == 1000
    assert state["0"] == 2


def test_distinct_counts_are_close() -> None:
    aggregate = bind("COUNT_DISTINCT()", "INT")
    found = result(aggregate, fold(aggregate, range(20_000)))
    assert abs(found - 20_000) < 20_000 * 0.03


def test_a_decimal_sum_that_overflows_raises() -> None:
    aggregate = bind("SUM()", "DECIMAL(2, 1)")
    with pytest.raises(FunctionError, match="Numeric field overflow"):
        fold(aggregate, [Decimal("9.9"), Decimal("0.1")])


RETURNS = [
    ("COUNT()", (S,), "BIGINT"),
    ("SUM()", ("DECIMAL(4, 2)",), "DECIMAL(4, 2)"),
    ("MAX()", ("TIMESTAMP",), "TIMESTAMP"),
    ("COLLECT_LIST()", ("MAP<STRING, INT>",), "ARRAY<MAP<STRING, INTEGER>>"),
    ("TOPK(2)", ("INT", S), "ARRAY<STRUCT<`sort_col` INTEGER, `col0` STRING>>"),
    ("TOPKDISTINCT(2)", ("DECIMAL(4, 2)",), "ARRAY<DECIMAL(4, 2)>"),
    ("HISTOGRAM()", (S,), "MAP<STRING, BIGINT>"),
]


@pytest.mark.parametrize(("call", "types", "expected"), RETURNS)
def test_result_types(call: str, types: tuple[str, ...], expected: str) -> None:
    assert str(bind(call, *types).returns) == expected


REFUSED = [
    ("AVG()", ("DECIMAL(4, 2)",), "Function 'AVG' does not accept parameters (DECIMAL(4, 2))."),
    ("SUM()", (S,), "Function 'SUM' does not accept parameters (STRING)."),
    (
        "EARLIEST_BY_OFFSET()",
        ("INT", "INT"),
        "Parameter 2 passed to function EARLIEST_BY_OFFSET must be a literal constant",
    ),
    ("LATEST_BY_OFFSET(0)", ("INT",), "must be 1 or greater"),
    ("TOPK(0)", ("INT",), "positive number"),
    ("LEN()", (S,), "Function 'LEN' is a scalar function"),
]


@pytest.mark.parametrize(("call", "types", "message"), REFUSED)
def test_binding_refuses(call: str, types: tuple[str, ...], message: str) -> None:
    with pytest.raises(AnalysisError) as refusal:
        bind(call, *types)
    assert message in str(refusal.value)


def test_all_eighteen_aggregates_are_covered_here() -> None:
    named = {call.partition("(")[0] for call, _, _, _ in CASES}
    assert named == {name for name, kind, _ in FUNCTIONS.all() if kind is Kind.AGGREGATE}
