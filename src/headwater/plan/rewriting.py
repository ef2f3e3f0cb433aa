"""Walking and rewriting expressions: the few tree operations that analysis is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace

from headwater.sql.ast import ColumnRef, Expression, FunctionCall, Lambda, When

Rewrite = Callable[[Expression], Expression]


_FIELDS: dict[type, tuple[str, ...]] = {}


def _child_fields(node: Expression) -> tuple[str, ...]:
    known = _FIELDS.get(type(node))
    if known is None:
        known = _FIELDS[type(node)] = tuple(f.name for f in fields(node) if f.name != "position")
    return known


def _map_value(value: object, rewrite: Rewrite) -> object:
    if isinstance(value, Expression):
        return rewrite(value)
    if isinstance(value, When):
        return replace(value, condition=rewrite(value.condition), result=rewrite(value.result))
    if isinstance(value, tuple):
        items = tuple(_map_value(item, rewrite) for item in value)
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def map_children(node: Expression, rewrite: Rewrite) -> Expression:
    """The node with `rewrite` applied to each direct child expression; the same object when nothing changed."""
    changes: dict[str, object] = {}
    for name in _child_fields(node):
        old = getattr(node, name)
        new = _map_value(old, rewrite)
        if new is not old:
            changes[name] = new
    return replace(node, **changes) if changes else node  # type: ignore[arg-type]


def children(node: Expression) -> tuple[Expression, ...]:
    """Direct child expressions, in order."""
    found: list[Expression] = []
    for name in _child_fields(node):
        _collect(getattr(node, name), found)
    return tuple(found)


def _collect(value: object, found: list[Expression]) -> None:
    if isinstance(value, Expression):
        found.append(value)
    elif isinstance(value, When):
        found += (value.condition, value.result)
    elif isinstance(value, tuple):
        for item in value:
            _collect(item, found)


def walk(node: Expression) -> Iterator[Expression]:
    """The node and everything under it, parents first."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(children(current)))


Enter = Callable[[Expression, frozenset[str]], Expression | None]
"""Given a node and the lambda parameters in force: what replaces it, or None to look at its children."""


@dataclass
class _Frame:
    node: Expression
    bound: frozenset[str]
    pending: list[Expression]
    done: list[Expression]


def transform(root: Expression, enter: Enter) -> Expression:
    """The tree with nodes replaced, outermost first; replacements are not searched again.

    Without recursion: a chain of a thousand ANDs is a thousand levels deep.
    """
    outer = _Frame(root, frozenset(), [root], [])
    frames = [outer]
    while True:
        frame = frames[-1]
        if frame.pending:
            child = frame.pending.pop()
            replaced = enter(child, frame.bound)
            below = None if replaced is not None else list(reversed(children(child)))
            if below:
                bound = frame.bound | set(child.parameters) if isinstance(child, Lambda) else frame.bound
                frames.append(_Frame(child, bound, below, []))
            else:
                frame.done.append(child if replaced is None else replaced)
            continue
        frames.pop()
        if not frames:
            return frame.done[0]
        ready = iter(frame.done)
        frames[-1].done.append(map_children(frame.node, lambda _, ready=ready: next(ready)))  # type: ignore[misc]


def column_refs(node: Expression) -> Iterator[ColumnRef]:
    """Every column reference under the node, in order; parameters of lambdas are not columns."""
    found: list[ColumnRef] = []

    def note(ref: ColumnRef) -> Expression:
        found.append(ref)
        return ref

    rewrite_columns(node, note)
    return iter(found)


def rewrite_columns(node: Expression, rewrite: Callable[[ColumnRef], Expression]) -> Expression:
    """Replace every column reference; parameters of lambdas are left alone."""

    def enter(node: Expression, bound: frozenset[str]) -> Expression | None:
        if not isinstance(node, ColumnRef):
            return None
        return node if node.source is None and node.name in bound else rewrite(node)

    return transform(node, enter)


def substitute(node: Expression, replacements: Mapping[Expression, Expression]) -> Expression:
    """Replace every subtree that is a key of `replacements`, outermost first; replacements are not searched again."""
    if not replacements:
        return node
    kinds = {type(key) for key in replacements}
    return transform(node, lambda n, _: replacements.get(n) if type(n) in kinds else None)


def function_calls(node: Expression) -> Iterator[FunctionCall]:
    """Every function call under the node, outermost first."""
    return (n for n in walk(node) if isinstance(n, FunctionCall))
