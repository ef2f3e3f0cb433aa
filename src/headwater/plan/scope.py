"""Which names an expression may use, and which column of the plan each of them is.

Analysis works on two spellings of an expression. *Qualified*: every column reference names its source's alias, so that
equal columns compare equal however they were written. *Lowered*: every reference is the bare name of a column that the
plan's steps offer (`COLUMN` with one source, `ALIAS_COLUMN` under joins).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from headwater.core.errors import AnalysisError, Position
from headwater.core.names import quote_if_needed
from headwater.core.schema import PSEUDO_COLUMNS, WINDOW_COLUMNS, Role
from headwater.core.types import SqlType
from headwater.plan.catalog import DataSource
from headwater.plan.custom_types import resolve_casts
from headwater.plan.problems import nearest, problem
from headwater.plan.rewriting import rewrite_columns
from headwater.sql.ast import ColumnRef, Expression

SYSTEM_COLUMNS = frozenset(PSEUDO_COLUMNS) | frozenset(WINDOW_COLUMNS)
"""Names no user column may have."""


@dataclass(frozen=True)
class ScopeColumn:
    """A column an expression may name. `role` None marks pseudo and window columns; `internal` is its name in the
    plan.
    """

    qualifier: str
    name: str
    internal: str
    type: SqlType
    role: Role | None

    @property
    def ref(self) -> ColumnRef:
        """The qualified reference."""
        return ColumnRef(self.name, self.qualifier)


@dataclass(frozen=True)
class ScopeSource:
    """A source in FROM under its alias, with its columns: keys, then values and headers as declared, then system
    columns.
    """

    alias: str
    source: DataSource
    columns: tuple[ScopeColumn, ...]

    @cached_property
    def by_name(self) -> dict[str, ScopeColumn]:
        return {c.name: c for c in self.columns}

    @property
    def keys(self) -> tuple[ScopeColumn, ...]:
        return tuple(c for c in self.columns if c.role is Role.KEY)

    @property
    def windows(self) -> tuple[ScopeColumn, ...]:
        return tuple(c for c in self.columns if c.name in WINDOW_COLUMNS)

    @property
    def pseudo(self) -> tuple[ScopeColumn, ...]:
        return tuple(c for c in self.columns if c.name in PSEUDO_COLUMNS)

    @property
    def values(self) -> tuple[ScopeColumn, ...]:
        """Value and header columns."""
        return tuple(c for c in self.columns if c.role in (Role.VALUE, Role.HEADER))


class _Names:
    """Hands out names, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wanted: str) -> str:
        name, n = wanted, 1
        while name in self._taken:
            name, n = f"{wanted}_{n}", n + 1
        self._taken.add(name)
        return name


def build_scope(sources: Sequence[tuple[str, DataSource]], types: Mapping[str, SqlType]) -> Scope:
    """The scope of a query over (alias, source) pairs, in FROM order; `types` are the custom types."""
    joined = len(sources) > 1
    names = _Names()
    found = []
    for alias, source in sources:
        columns = []
        schema = source.schema
        declared = [
            (c.name, c.type, c.role) for c in (*schema.key, *(c for c in schema.columns if c.role is not Role.KEY))
        ]
        system = dict(PSEUDO_COLUMNS) | (WINDOW_COLUMNS if source.window else {})
        for name, sql_type, role in (*declared, *((n, t, None) for n, t in system.items())):
            internal = names.take(f"{alias}_{name}") if joined else name
            columns.append(ScopeColumn(alias, name, internal, sql_type, role))
        found.append(ScopeSource(alias, source, tuple(columns)))
    return Scope(tuple(found), names, types)


class Scope:
    """The columns of the sources in FROM, and the synthetic key of a join where it has one."""

    def __init__(self, sources: tuple[ScopeSource, ...], names: _Names, types: Mapping[str, SqlType]) -> None:
        self.sources = sources
        self._types = types
        self._names = names
        self._by_alias = {s.alias: s for s in sources}
        self._by_internal: dict[str, SqlType] = {c.internal: c.type for s in sources for c in s.columns}
        self._by_internal.setdefault("ROWTIME", PSEUDO_COLUMNS["ROWTIME"])
        self._synthetic: dict[str, tuple[str, SqlType]] = {}
        self._aggregates_windows = False

    def aggregate_windows(self) -> None:
        """The query has a WINDOW clause: its SELECT may name the bounds of the windows it builds."""
        self._aggregates_windows = True
        self._by_internal |= WINDOW_COLUMNS

    @property
    def is_join(self) -> bool:
        return len(self.sources) > 1

    def source(self, alias: str) -> ScopeSource | None:
        return self._by_alias.get(alias)

    def clashes(self, name: str) -> bool:
        """Whether several sources have a column of this name."""
        return sum(name in s.by_name for s in self.sources) > 1

    def names(self) -> set[str]:
        """The names of all columns of all sources."""
        return {c.name for s in self.sources for c in s.columns}

    def new_internal(self, wanted: str, sql_type: SqlType) -> str:
        """Reserve a plan-level column name no source column has."""
        while wanted in self._by_internal:
            wanted = self._names.take(wanted)
        self._by_internal[wanted] = sql_type
        return wanted

    def add_synthetic(self, name: str, internal: str, sql_type: SqlType) -> None:
        """Make a synthetic key resolvable by its bare name."""
        self._synthetic[name] = (internal, sql_type)
        self._by_internal[internal] = sql_type

    # --- qualification ----------------------------------------

    def qualify(self, expression: Expression, clause: str) -> Expression:
        """Name the source in every column reference, and the types behind custom ones. `clause` is for messages.

        Raises AnalysisError for unknown or ambiguous columns.
        """
        return rewrite_columns(resolve_casts(expression, self._types), lambda ref: self._qualified(ref, clause))

    def _qualified(self, ref: ColumnRef, clause: str) -> ColumnRef:
        if (
            self._aggregates_windows
            and ref.name in WINDOW_COLUMNS
            and (ref.source is None or ref.source in self._by_alias)
        ):
            bound = self._window_bound(ref, clause)
            if bound is not None:
                return bound
        if ref.source is not None:
            source = self._by_alias.get(ref.source)
            if source is None or ref.name not in source.by_name:
                raise self._unresolved(ref, clause)
            return ref
        if ref.name in self._synthetic:
            return ref
        owners = [s for s in self.sources if ref.name in s.by_name]
        if not owners:
            raise self._unresolved(ref, clause)
        if len(owners) > 1:
            candidates = ", ".join(column_text(ColumnRef(ref.name, s.alias)) for s in owners)
            raise problem(
                f"{clause} column '{column_text(ref)}' is ambiguous. Could be any of: {candidates}. "
                "Say which by writing its source in front.",
                ref.position,
            )
        return ColumnRef(ref.name, owners[0].alias, position=ref.position)

    def _window_bound(self, ref: ColumnRef, clause: str) -> ColumnRef | None:
        """A bound of the windows that the query's aggregation builds; None where it is a column of a windowed
        source.
        """
        if clause == "SELECT":
            return ColumnRef(ref.name, position=ref.position)
        if any(s.source.window for s in self.sources):
            return None
        if clause == "WHERE":
            raise problem(f"Error in WHERE expression: Unknown column {ref.name}.", ref.position)
        raise problem(
            f"Window bounds column {ref.name} can only be used in the SELECT clause of windowed aggregations",
            ref.position,
        )

    def _unresolved(self, ref: ColumnRef, clause: str) -> AnalysisError:
        text = f"{clause} column '{column_text(ref)}' cannot be resolved."
        if ref.source is not None and ref.source not in self._by_alias:
            text += f" {unknown_source_text(ref.source)}"
        best = self._nearest(ref)
        return problem(f"{text} Did you mean {best}?" if best else text, ref.position)

    def _nearest(self, ref: ColumnRef) -> str | None:
        same_name = [s.by_name[ref.name] for s in self.sources if ref.name in s.by_name]
        if same_name:
            aliases = [c.qualifier for c in same_name]
            best = nearest(ref.source or "", aliases) or aliases[0]
            return column_text(ColumnRef(ref.name, best))
        own = self._by_alias.get(ref.source) if ref.source else None
        pool = [own] if own else list(self.sources)
        found = {c.name: c for s in pool for c in s.columns if c.name not in SYSTEM_COLUMNS}
        match = nearest(ref.name, found)
        if match is None:
            return None
        return column_text(ColumnRef(match, found[match].qualifier if ref.source or self.is_join else None))

    # --- lowering ----------------------------------------

    def lower(self, expression: Expression) -> Expression:
        """Turn a qualified expression's references into names of plan columns."""
        return rewrite_columns(expression, self._lowered)

    def _lowered(self, ref: ColumnRef) -> ColumnRef:
        if ref.source is None:
            internal, _ = self._synthetic.get(ref.name, (ref.name, None))
            return ColumnRef(internal, position=ref.position)
        return ColumnRef(self._by_alias[ref.source].by_name[ref.name].internal, position=ref.position)

    def type_of_internal(self, ref: ColumnRef) -> SqlType:
        """The type of a lowered reference."""
        found = self._by_internal.get(ref.name)
        if found is None:
            raise problem(f"Unknown column {column_text(ref)}.", ref.position)
        return found


def column_text(ref: ColumnRef) -> str:
    """`A.B` as messages spell it, quoted only where needed."""
    name = quote_if_needed(ref.name)
    return name if ref.source is None else f"{quote_if_needed(ref.source)}.{name}"


def unknown_source_text(alias: str) -> str:
    return f"'{alias}' is not a valid stream/table name or alias."


def unknown_source(alias: str, scope: Scope, position: Position | None) -> AnalysisError:
    """For `alias.*`."""
    best = nearest(alias, (s.alias for s in scope.sources))
    return problem(unknown_source_text(alias) + (f" Did you mean {best}?" if best else ""), position)
