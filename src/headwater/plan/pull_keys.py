"""Which keys, key range or windows a pull query's WHERE names (semantics section 14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from headwater.core.errors import AnalysisError
from headwater.core.names import quote
from headwater.core.schema import WINDOW_COLUMNS, Column
from headwater.core.types import BIGINT, BYTES, STRING
from headwater.plan.catalog import DataSource
from headwater.plan.constants import constant_as
from headwater.plan.problems import problem
from headwater.plan.relation import Context
from headwater.plan.rewriting import column_refs
from headwater.sql.ast import (
    And,
    Between,
    ColumnRef,
    Comparison,
    ComparisonOp,
    Expression,
    InList,
    Like,
    NullLiteral,
    Or,
)
from headwater.sql.expression_text import format_expression

TABLE_SCAN = "ksql.query.pull.table.scan.enabled"
RANGE_SCAN = "ksql.query.pull.range.scan.enabled"

_MAX_DISJUNCTS = 1000
"""Beyond this a scan is cheaper than the lookups, and building them could take forever (the form grows
exponentially).
"""

_FLIPPED = {
    ComparisonOp.LESS: ComparisonOp.GREATER,
    ComparisonOp.LESS_EQUAL: ComparisonOp.GREATER_EQUAL,
    ComparisonOp.GREATER: ComparisonOp.LESS,
    ComparisonOp.GREATER_EQUAL: ComparisonOp.LESS_EQUAL,
}
_RANGES = tuple(_FLIPPED)


@dataclass(frozen=True)
class Bounds:
    """An interval of window starts or ends in ms; None is open."""

    low: int | None = None
    low_inclusive: bool = True
    high: int | None = None
    high_inclusive: bool = True


@dataclass(frozen=True)
class KeyLookup:
    """One exact key, in key column order, and the windows wanted of it."""

    key: tuple[object, ...]
    start: Bounds = Bounds()
    end: Bounds = Bounds()


@dataclass(frozen=True)
class KeyRange:
    """Keys between two values of the only key column; None is open. Keys compare by their bytes."""

    low: object | None = None
    low_inclusive: bool = True
    high: object | None = None
    high_inclusive: bool = True


@dataclass(frozen=True)
class Keys:
    """The candidates: `lookups`, or `key_range`, or everything."""

    lookups: tuple[KeyLookup, ...] | None = None
    key_range: KeyRange | None = None


_SCAN = Keys()


class _NeedsScan(Exception):
    """A disjunct does not name its key; the text says why, for servers where scans are off."""


def find_keys(where: Expression | None, table: DataSource, context: Context) -> Keys:
    """What WHERE, lowered and well typed, says about the keys of a table.

    Raises AnalysisError for shapes that pull queries do not have, and for scans where those are switched off.
    """
    scans = context.flag(TABLE_SCAN, default=True)
    if where is None:
        if not scans:
            raise AnalysisError(_scan_needed("Missing WHERE clause.", table))
        return _SCAN
    disjuncts = _disjuncts(where)
    finder = _Finder(table, context)
    if disjuncts is None:
        found: list[KeyLookup | KeyRange | _NeedsScan] = [_NeedsScan("The WHERE clause has too many alternatives.")]
    else:
        found = [finder.disjunct(d) for d in disjuncts]
    reasons = [f for f in found if isinstance(f, _NeedsScan)]
    ranges = [f for f in found if isinstance(f, KeyRange)]
    lookups = {_identity(f): f for f in found if isinstance(f, KeyLookup)}
    if not reasons:
        if not ranges:
            return Keys(tuple(lookups.values()))
        if len(found) == 1:
            return Keys(key_range=ranges[0])
        reasons = [_NeedsScan("Query requires table scan to be enabled")]
    if not scans:
        raise AnalysisError(_scan_needed(str(reasons[0]), table))
    return _SCAN


def _identity(lookup: KeyLookup) -> object:
    """Equal for equal lookups, and hashable whatever the types of the key."""
    return repr(lookup.key), lookup.start, lookup.end


def _scan_needed(reason: str, table: DataSource) -> str:
    keys = ", ".join(quote(c.name) for c in table.schema.key)
    return (
        f"{reason} See https://cnfl.io/queries for more info.\nAdd EMIT CHANGES if you intended to issue a push "
        "query.\nPull queries require a WHERE clause that:\n - includes a key equality expression, e.g. `SELECT * "
        f"FROM X WHERE <key> = Y;` (key: {keys}).\nIf more flexible queries are needed, table scans can be enabled "
        f"by setting {TABLE_SCAN}=true."
    )


# --- disjunctive normal form ----------------------------------------


def _disjuncts(expression: Expression) -> list[list[Expression]] | None:
    """OR of ANDs of leaves; None when there are too many."""
    if isinstance(expression, Or):
        parts = [_disjuncts(p) for p in _chain(expression)]
        joined = [d for part in parts for d in part or ()]
        return None if None in parts or len(joined) > _MAX_DISJUNCTS else joined
    if isinstance(expression, And):
        product: list[list[Expression]] = [[]]
        for factor in map(_disjuncts, _chain(expression)):
            if factor is None or len(product) * len(factor) > _MAX_DISJUNCTS:
                return None
            product = [a + b for a in product for b in factor]
        return product
    if isinstance(expression, Between):
        return _disjuncts(_without_between(expression))
    if isinstance(expression, InList):
        if expression.negated:
            return [[Comparison(ComparisonOp.NOT_EQUAL, expression.operand, i) for i in expression.items]]
        return [[Comparison(ComparisonOp.EQUAL, expression.operand, i)] for i in expression.items]
    if isinstance(expression, Comparison | Like):
        return [[expression]]
    raise problem(
        f"Unsupported expression in WHERE clause: {format_expression(expression)}. "
        "Pull queries take comparisons, IN, BETWEEN and LIKE, combined by AND and OR.",
        expression.position,
    )


def _chain(expression: And | Or) -> list[Expression]:
    """The parts of a chain of one operator, in order; chains lean to the left and may be long."""
    parts: list[Expression] = []
    current: Expression = expression
    while isinstance(current, type(expression)):
        parts.append(current.right)
        current = current.left
    parts.append(current)
    return parts[::-1]


def _without_between(expression: Between) -> Expression:
    operand = expression.operand
    if expression.negated:
        return Or(
            Comparison(ComparisonOp.LESS, operand, expression.low),
            Comparison(ComparisonOp.GREATER, operand, expression.high),
        )
    return And(
        Comparison(ComparisonOp.GREATER_EQUAL, operand, expression.low),
        Comparison(ComparisonOp.LESS_EQUAL, operand, expression.high),
    )


# --- one disjunct ----------------------------------------


class _Finder:
    def __init__(self, table: DataSource, context: Context) -> None:
        self._table = table
        self._context = context
        self._keys = {c.name: c for c in table.schema.key}

    def disjunct(self, leaves: Sequence[Expression]) -> KeyLookup | KeyRange | _NeedsScan:
        """The key of a conjunction; window bounds and constants are checked even where it needs a scan."""
        equal: dict[str, Any] = {}
        ranged: dict[str, KeyRange] = {}
        reason: _NeedsScan | None = None
        windows = {name: Bounds() for name in WINDOW_COLUMNS}
        for leaf in leaves:
            try:
                self._leaf(leaf, equal, ranged, windows)
            except _NeedsScan as found:
                reason = reason or found
        if reason is not None:
            return reason
        named = set(equal) | set(ranged)
        if not named:
            text = " AND ".join(format_expression(leaf) for leaf in leaves)
            return _NeedsScan(f"WHERE clause missing key column for disjunct: {text}.")
        if named != set(self._keys):
            expected = ", ".join(self._keys)
            return _NeedsScan(
                "Multi-column sources must specify every key in the WHERE clause. "
                f"Specified: [{', '.join(n for n in self._keys if n in named)}] Expected: [{expected}]."
            )
        if ranged:
            return self._range(ranged)
        return KeyLookup(tuple(equal[n] for n in self._keys), windows["WINDOWSTART"], windows["WINDOWEND"])

    def _range(self, ranged: dict[str, KeyRange]) -> KeyRange | _NeedsScan:
        name, found = next(iter(ranged.items()))
        scannable = (
            len(self._keys) == 1
            and self._table.window is None
            and self._keys[name].type in (STRING, BYTES)
            and self._context.flag(RANGE_SCAN, default=True)
        )
        return found if scannable else _NeedsScan("Query requires table scan to be enabled.")

    def _leaf(
        self, leaf: Expression, equal: dict[str, Any], ranged: dict[str, KeyRange], windows: dict[str, Bounds]
    ) -> None:
        if isinstance(leaf, Like):
            if not isinstance(leaf.operand, ColumnRef):
                raise _NeedsScan("Like condition must be between strings and directly reference a column.")
            return
        if not isinstance(leaf, Comparison):
            return
        column, op, other = _sides(leaf)
        if column is None:
            raise _NeedsScan("A comparison must directly reference a key column.")
        is_window = column in WINDOW_COLUMNS and self._table.window is not None
        if any(True for _ in column_refs(other)):
            if column in self._keys or is_window:
                raise _NeedsScan("A comparison must be between a key column and a resolvable expression.")
            return
        if is_window:
            windows[column] = self._window(column, op, other, windows[column])
        elif column in self._keys:
            self._key(self._keys[column], op, other, leaf, equal, ranged)

    def _key(
        self,
        column: Column,
        op: ComparisonOp,
        other: Expression,
        leaf: Comparison,
        equal: dict[str, Any],
        ranged: dict[str, KeyRange],
    ) -> None:
        value = self._constant(column, other, leaf)
        if op is not ComparisonOp.EQUAL and op not in _RANGES:
            listed = ", ".join(f"{quote(c.name)} {c.type} KEY" for c in self._keys.values())
            raise _NeedsScan(f"Bound on key columns '[{listed}]' must currently be '='.")
        if column.name in equal or column.name in ranged:
            raise _NeedsScan(
                "A comparison condition on the key column cannot be combined with other comparisons such as an IN "
                "predicate."
            )
        if op is ComparisonOp.EQUAL:
            equal[column.name] = value
        elif op in (ComparisonOp.GREATER, ComparisonOp.GREATER_EQUAL):
            ranged[column.name] = KeyRange(low=value, low_inclusive=op is ComparisonOp.GREATER_EQUAL)
        else:
            ranged[column.name] = KeyRange(high=value, high_inclusive=op is ComparisonOp.LESS_EQUAL)

    def _constant(self, column: Column, other: Expression, leaf: Comparison) -> Any:
        text = format_expression(other)
        try:
            value = constant_as(other, column.type, self._context.functions)
        except ValueError:
            raise problem(
                f"{text} can not be converted to the type of the key column: {column.name} {column.type} KEY",
                other.position,
            ) from None
        if value is None:
            shown = format_expression(replace(leaf, right=NullLiteral())) if isinstance(other, NullLiteral) else text
            raise problem(f"Primary key columns can not be NULL: {shown}", leaf.position)
        return value

    def _window(self, column: str, op: ComparisonOp, other: Expression, known: Bounds) -> Bounds:
        try:
            value = constant_as(other, BIGINT, self._context.functions)
        except ValueError:
            value = None
        if value is None:
            raise problem(
                "Window bounds must be an INT, BIGINT or STRING containing a datetime. Got "
                f"{format_expression(other)}.",
                other.position,
            )
        taken = f"{column} cannot be combined with other {column} bounds in one condition."
        if op is ComparisonOp.EQUAL:
            if known != Bounds():
                raise problem(taken, other.position)
            return Bounds(value, True, value, True)
        if op in (ComparisonOp.GREATER, ComparisonOp.GREATER_EQUAL):
            if known.low is not None:
                raise problem(taken, other.position)
            return replace(known, low=value, low_inclusive=op is ComparisonOp.GREATER_EQUAL)
        if op in (ComparisonOp.LESS, ComparisonOp.LESS_EQUAL):
            if known.high is not None:
                raise problem(taken, other.position)
            return replace(known, high=value, high_inclusive=op is ComparisonOp.LESS_EQUAL)
        raise problem(f"Unsupported {column} bound: {op.value}. Use =, <, <=, > or >=.", other.position)


def _sides(leaf: Comparison) -> tuple[str | None, ComparisonOp, Expression]:
    """(column, operator as seen from it, the other side); column None when neither side is one."""
    if isinstance(leaf.left, ColumnRef):
        return leaf.left.name, leaf.op, leaf.right
    if isinstance(leaf.right, ColumnRef):
        return leaf.right.name, _FLIPPED.get(leaf.op, leaf.op), leaf.left
    return None, leaf.op, leaf
