"""Windowed aggregation of streams: tumbling and hopping windows, session windows, EMIT FINAL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headwater.engine.operators import aggregate
from headwater.engine.operators.keys import group_key, thaw
from headwater.engine.operators.tables import key_types
from headwater.engine.rows import Change, Row
from headwater.engine.stores import SessionStore, WindowStore, key_annotation, tuple_of
from headwater.plan.expressions import Binding

Session = list[Any]
"""`[start, end, state of each call…, time]`; start and end are times of records, in ms."""
Merge = Callable[[Any, Any], Any]

if TYPE_CHECKING:
    from headwater.engine.compiler import StageCompiler
    from headwater.engine.operators.aggregate import Call
    from headwater.plan.steps import Aggregate


def _observe(stage: StageCompiler, store: str, ts: str) -> str:
    """Advance the operator's stream time; returns its code."""
    time = stage.local(f"{store}.time", "time")
    with stage.body.block(f"if {ts} > {time}.now:"):
        stage.body.line(f"{time}.now = {ts}")
    return f"{time}.now"


def time_windows(stage: StageCompiler, step: Aggregate, row: Row, calls: list[Call]) -> None:
    """Every window that covers the record's time and is not closed yet (semantics section 12)."""
    window = step.window
    assert window is not None
    body = stage.body
    key_type, entry_type = key_annotation(key_types(row)), aggregate.entry_annotation(calls)
    retention = max(window.retention_ms, window.size_ms)
    store = stage.store(step, "windows", lambda: WindowStore(key_type, entry_type, retention))
    now = _observe(stage, store, row.ts)
    key, start, bucket = (stage.names.temp(hint) for hint in ("group", "start", "bucket"))
    body.line(f"{key} = {group_key(stage, row)}")
    size, advance = window.size_ms, window.advance_ms
    first = f"max(0, {row.ts} - {size - advance}) // {advance} * {advance}"
    if size == advance:
        body.line(f"{start} = {row.ts} // {size} * {size}")
        loop = f"if {start} + {size} > {now} - {window.grace_ms}:"
    else:
        loop = f"for {start} in range({first}, {row.ts} + 1, {advance}):"
    with body.block(loop):
        if size != advance:
            with body.block(f"if {start} + {size} <= {now} - {window.grace_ms}:"):
                body.line("continue")
        body.line(f"{bucket} = {stage.local(f'{store}.windows.get', 'window')}({start})")
        with body.block(f"if {bucket} is None:"):
            body.line(f"{bucket} = {store}.open({start})")
        _update_window(stage, step, row, calls, store, bucket, key, start)
    if step.final:
        _emit_closed(stage, step, row, calls, store)


def _update_window(
    stage: StageCompiler, step: Aggregate, row: Row, calls: list[Call], store: str, bucket: str, key: str, start: str
) -> None:
    window = step.window
    assert window is not None
    body = stage.body
    entry, is_new = stage.names.temp("entry"), stage.names.temp("is_new")
    wants_old = stage.wants_old(step) and not step.final
    body.line(f"{entry} = {bucket}.get({key})")
    if wants_old:
        body.line(f"{is_new} = {entry} is None")
    with body.block(f"if {entry} is None:"):
        body.line(f"{entry} = {bucket}[{key}] = {aggregate.new_entry(stage, calls)}")
    windowed = replace(row, window=(start, f"{start} + {window.size_ms}"))
    result = aggregate.result_row(stage, step, windowed, calls, entry)
    old = aggregate.freeze(stage, result, is_new) if wants_old else None
    aggregate.add(stage, calls, entry, row.ts)
    body.line(f"{stage.local(f'{store}.touch', 'touch')}(({start}, {key}), {entry})")
    if not step.final:
        stage.deliver(step, Change(result, None, old, is_new if old is not None else None))


def _emit_closed(stage: StageCompiler, step: Aggregate, row: Row, calls: list[Call], store: str) -> None:
    """EMIT FINAL: put out the windows that stream time has just closed, oldest first."""
    window = step.window
    assert window is not None
    body = stage.body
    group, entry, start = (stage.names.temp(hint) for hint in ("closed", "entry", "start"))
    closed = stage.names.add(closed_windows, "closed_windows")
    header = f"for {start}, {group}, {entry} in {closed}({store}, {window.size_ms}, {window.grace_ms}):"
    with body.block(header):
        _deliver_final(stage, step, row, calls, group, entry, (start, f"{start} + {window.size_ms}"), 0)


def _deliver_final(
    stage: StageCompiler, step: Aggregate, row: Row, calls: list[Call], group: str, entry: str,
    bounds: tuple[str, str], first: int,
) -> None:  # fmt: skip
    codes = [group] if len(row.keys) == 1 else [f"{group}[{i}]" for i in range(len(row.keys))]
    types = [row.columns[name].type for name in row.keys]
    columns = {n: Binding(t, thaw(stage, t, code)) for n, t, code in zip(row.keys, types, codes, strict=True)}
    keyed = replace(row, columns=columns, raw_key=None, window=bounds)
    result = aggregate.result_row(stage, step, keyed, calls, entry, first)
    stage.deliver(step, Change(result, None, result if stage.wants_old(step) else None, "True"))


def closed_windows(store: WindowStore, size: int, grace: int) -> list[tuple[int, object, list[object]]]:
    """(start, key, entry) of the windows closed since the last call and still in the store, by start."""
    horizon = store.time.now - grace
    if horizon - store.time.closed < 1:
        return []
    starts = sorted(s for s in store.windows if store.time.closed < s + size <= horizon and not store.expired(s))
    store.time.closed = horizon
    return [(start, key, entry) for start in starts for key, entry in store.windows[start].items()]


def session(stage: StageCompiler, step: Aggregate, row: Row, calls: list[Call]) -> None:
    """Merge the record with every session of its key that lies within the gap (semantics section 12)."""
    window = step.window
    assert window is not None
    body = stage.body
    key_type = key_annotation(key_types(row))
    entry_type = tuple_of([int, int, *(call.function.state for call in calls), int])
    retention = max(window.retention_ms, window.size_ms + window.grace_ms)
    store = stage.store(step, "sessions", lambda: SessionStore(key_type, entry_type, retention))
    now = _observe(stage, store, row.ts)
    merges = [call.function.merge for call in calls if call.function.merge is not None]
    absorb = stage.names.add(SessionMerger(merges, window.size_ms).absorb, "absorb")
    key, merged, old = (stage.names.temp(hint) for hint in ("group", "session", "absorbed"))
    body.line(f"{key} = {group_key(stage, row)}")
    fresh = aggregate.new_entry(stage, calls)
    body.line(f"{merged}, {old} = {absorb}({store}, {key}, {row.ts}, [{row.ts}, {row.ts}, *{fresh}])")
    with body.block(f"if {merged}[1] >= {now} - {window.grace_ms + window.size_ms}:"):
        aggregate.add(stage, calls, merged, row.ts, first=2)
        body.line(f"{stage.names.add(replace_sessions, 'replace_sessions')}({store}, {key}, {merged}, {old})")
        if step.final:
            _emit_closed_sessions(stage, step, row, calls, store)
        else:
            _emit_session(stage, step, row, calls, merged, old)
        body.line(f"{store}.sweep()")


def _emit_session(
    stage: StageCompiler, step: Aggregate, row: Row, calls: list[Call], merged: str, absorbed: str
) -> None:
    """Tombstones for the absorbed sessions' old bounds, then the merged session."""
    body = stage.body
    gone, same = stage.names.temp("gone"), stage.names.temp("same")

    def result(session: str) -> Row:
        bounds = (f"{session}[0]", f"{session}[1]")
        return aggregate.result_row(stage, step, replace(row, window=bounds), calls, session, 2)

    loop = body.block(f"for {gone} in {absorbed}:")
    with loop, body.block(f"if {gone}[0] != {merged}[0] or {gone}[1] != {merged}[1]:"):
        tombstone = replace(result(gone), ts=f"{gone}[1]")
        previous = result(gone) if stage.wants_old(step) else None
        stage.deliver(step, Change(tombstone, "True", previous))
    if stage.wants_old(step):
        body.line(f"{same} = next((s for s in {absorbed} if s[0] == {merged}[0] and s[1] == {merged}[1]), None)")
        stage.deliver(step, Change(result(merged), None, result(same), f"{same} is None"))
    else:
        stage.deliver(step, Change(result(merged)))


def _emit_closed_sessions(stage: StageCompiler, step: Aggregate, row: Row, calls: list[Call], store: str) -> None:
    window = step.window
    assert window is not None
    key, entry = stage.names.temp("closed"), stage.names.temp("entry")
    closed = stage.names.add(closed_sessions, "closed_sessions")
    with stage.body.block(f"for {key}, {entry} in {closed}({store}, {window.size_ms + window.grace_ms}):"):
        _deliver_final(stage, step, row, calls, key, entry, (f"{entry}[0]", f"{entry}[1]"), 2)


class SessionMerger:
    """Finds and merges the sessions that a record's own one-record session touches."""

    def __init__(self, merges: Sequence[Merge], gap_ms: int) -> None:
        self._merges = merges
        self._gap = gap_ms

    def absorb(self, store: SessionStore, key: object, ts: int, fresh: Session) -> tuple[Session, list[Session]]:
        """The session with everything in reach merged in (not stored yet), and the sessions it absorbs."""
        sessions = store.get(key)
        if not sessions:
            return fresh, []
        high, low = ts + self._gap, ts - self._gap
        end = len(sessions)  # sessions do not overlap, so their ends are in order too; most records concern the last
        while end and sessions[end - 1][0] > high:
            end -= 1
        start = end
        while start and sessions[start - 1][1] >= low:
            start -= 1
        reach = sessions[start:end]
        merged = fresh
        for each in reach:
            states = [merge(a, b) for merge, a, b in zip(self._merges, merged[2:-1], each[2:-1], strict=True)]
            merged = [min(merged[0], each[0]), max(merged[1], each[1]), *states, max(merged[-1], each[-1])]
        return merged, reach


def replace_sessions(store: SessionStore, key: object, merged: Session, absorbed: list[Session]) -> None:
    """Put the merged session in place of those it absorbed, in order of start."""
    sessions = store.get(key) or []
    at = len(sessions)
    while at and sessions[at - 1][0] > merged[0] and not (absorbed and sessions[at - 1] is absorbed[-1]):
        at -= 1
    sessions[at - len(absorbed) : at] = [merged]
    store.put(key, sessions)


def closed_sessions(store: SessionStore, reach: int) -> list[tuple[object, Session]]:
    """(key, session) of sessions that ended more than `reach` ms before stream time, by end; they leave the store."""
    horizon = store.time.now - reach
    if horizon <= store.time.closed:
        return []
    store.time.closed = horizon
    return store.take_ended(horizon)
