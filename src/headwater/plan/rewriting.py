"""Walking and rewriting expressions: the few tree operations that analysis is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace

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

    def note(child: Expression) -> Expression:
        found.append(child)
        return child

    map_children(node, note)
    return tuple(found)


def walk(node: Expression) -> Iterator[Expression]:
    """The node and everything under it, parents first."""
    yield node
    for child in children(node):
        yield from walk(child)


def column_refs(node: Expression, bound: frozenset[str] = frozenset()) -> Iterator[ColumnRef]:
    """Every column reference under the node, in order; parameters of lambdas are not columns."""
    if isinstance(node, ColumnRef):
        if node.source is not None or node.name not in bound:
            yield node
        return
    if isinstance(node, Lambda):
        bound |= set(node.parameters)
    for child in children(node):
        yield from column_refs(child, bound)


def rewrite_columns(node: Expression, rewrite: Callable[[ColumnRef], Expression]) -> Expression:
    """Replace every column reference; parameters of lambdas are left alone."""

    def visit(node: Expression, bound: frozenset[str]) -> Expression:
        if isinstance(node, ColumnRef):
            return node if node.source is None and node.name in bound else rewrite(node)
        if isinstance(node, Lambda):
            bound |= set(node.parameters)
        return map_children(node, lambda child: visit(child, bound))

    return visit(node, frozenset())


def substitute(node: Expression, replacements: Mapping[Expression, Expression]) -> Expression:
    """Replace every subtree that is a key of `replacements`, outermost first; replacements are not searched again."""
    found = replacements.get(node)
    if found is not None:
        return found
    return map_children(node, lambda child: substitute(child, replacements))


def function_calls(node: Expression) -> Iterator[FunctionCall]:
    """Every function call under the node, outermost first."""
    return (n for n in walk(node) if isinstance(n, FunctionCall))
