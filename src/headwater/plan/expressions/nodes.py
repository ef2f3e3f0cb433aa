"""Typed expressions: the syntax tree after names, types, overloads and conversions have been settled.

Both ways of evaluating, generated source and the careful walk, are derived from these few nodes, so that they cannot
disagree about what an operator does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from headwater.core.types import SqlType
from headwater.sql.ast import ColumnRef


class OnNull(Enum):
    """What a None operand does to an operation."""

    ACCEPT = auto()
    NULL = auto()
    FALSE = auto()
    FAIL = auto()


@dataclass(frozen=True, eq=False)
class Node:
    """Base. `type` None is an untyped NULL; `nullable` False promises that the value is never None."""

    type: SqlType | None
    nullable: bool


@dataclass(frozen=True, eq=False)
class Constant(Node):
    value: object


@dataclass(frozen=True, eq=False)
class ColumnNode(Node):
    reference: ColumnRef
    code: str


@dataclass(frozen=True, eq=False)
class ParameterNode(Node):
    """A parameter of an enclosing lambda."""

    name: str


@dataclass(frozen=True, eq=False)
class Operation(Node):
    """Anything that computes one value from operands evaluated left to right.

    `call` is the exact function on values. `template` is source for the same: `{0}` and so on are the operands, `{w0}`
    the use of operand 0 that runs first, `{c0}` one that runs only sometimes, for which only columns and constants will
    do; `{f}` is the call, `{t}` a temporary, other names are `helpers`. Without a template the source is a call.
    `natural` says that the template raises by itself when a `FAIL` operand is None. `ring` marks
    wrapping integer arithmetic, whose intermediate results need no wrapping. `boundary` names the operation in reports:
    its failure makes only its own value NULL. With `isolate` that holds for each operand instead. `tolerant`, given
    what to do with an element that fails, makes the function to use instead of `call` in careful evaluation. `pure`
    operations on constants are computed at once.
    """

    operands: tuple[Node, ...]
    call: Callable[..., Any]
    template: str | None = None
    nulls: tuple[OnNull, ...] = ()
    natural: bool = False
    ring: str | None = None
    boundary: str | None = None
    isolate: bool = False
    tolerant: Callable[[Callable[[BaseException], Any]], Callable[..., Any]] | None = None
    helpers: dict[str, object] = field(default_factory=dict)
    pure: bool = True


@dataclass(frozen=True, eq=False)
class Logic(Node):
    """AND (`is_and`) or OR, with short circuit; a None operand that is needed fails."""

    is_and: bool
    operands: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Conditional(Node):
    """CASE: the first branch whose condition is true, lazily; a None condition fails."""

    branches: tuple[tuple[Node, Node], ...]
    default: Node


@dataclass(frozen=True, eq=False)
class LambdaNode(Node):
    """A lambda argument; `type` is the type of the body."""

    parameters: tuple[str, ...]
    body: Node


class NullOperandError(ValueError):
    """An operand that must not be NULL is NULL."""

    def __init__(self, what: str = "operand") -> None:
        super().__init__(f"{what} is NULL")


def fail_on_null() -> Any:
    """Raises; generated code calls it where a value that must not be NULL is NULL."""
    raise NullOperandError


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below."""
    if isinstance(node, (Operation, Logic)):
        return node.operands
    if isinstance(node, Conditional):
        return (*(part for branch in node.branches for part in branch), node.default)
    if isinstance(node, LambdaNode):
        return (node.body,)
    return ()


def columns_of(node: Node) -> list[ColumnNode]:
    """Distinct columns below, in order of first use."""
    found: dict[ColumnRef, ColumnNode] = {}

    def visit(item: Node) -> None:
        if isinstance(item, ColumnNode):
            found.setdefault(item.reference, item)
        for child in children(item):
            visit(child)

    visit(node)
    return list(found.values())
