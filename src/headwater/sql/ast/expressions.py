"""Nodes of expressions, and custom types as written."""

from __future__ import annotations

import decimal
from dataclasses import dataclass, field
from enum import Enum

from headwater.core.errors import Position
from headwater.core.types import SqlType
from headwater.sql.node import node


@node
class NamedType(SqlType):
    """A custom type by name, resolved when the statement is analysed. May stand anywhere inside a written type."""

    name: str
    position: Position | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Expression:
    """Base of expressions."""

    position: Position | None = field(default=None, compare=False, kw_only=True)


@node
class NullLiteral(Expression):
    pass


@node
class BooleanLiteral(Expression):
    value: bool


@node
class IntegerLiteral(Expression):
    """INTEGER; the sign of `-2147483648` is folded in by the parser."""

    value: int


@node
class BigintLiteral(Expression):
    value: int


@node
class DecimalLiteral(Expression):
    value: decimal.Decimal


@node
class DoubleLiteral(Expression):
    value: float


@node
class StringLiteral(Expression):
    value: str


@node
class ColumnRef(Expression):
    """`name` or `source.name`."""

    name: str
    source: str | None = None


@node
class FieldRef(Expression):
    """`struct -> name`; `name` None is `->*` (select list only)."""

    base: Expression
    name: str


@node
class Subscript(Expression):
    base: Expression
    index: Expression


@node
class FunctionCall(Expression):
    """`name` is upper-cased. COUNT(*) is a call with `star` set and no arguments."""

    name: str
    arguments: tuple[Expression, ...]
    star: bool = False


@node
class IntervalUnit(Expression):
    """DAYS, HOURS, MINUTES, SECONDS or MILLISECONDS as the first argument of DATEADD and its kin."""

    unit: str


@node
class Lambda(Expression):
    parameters: tuple[str, ...]
    body: Expression


class ArithmeticOp(Enum):
    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"
    MODULO = "%"


@node
class Arithmetic(Expression):
    op: ArithmeticOp
    left: Expression
    right: Expression


@node
class Negate(Expression):
    """Unary minus on something that is not a literal; unary plus leaves no trace."""

    operand: Expression


class ComparisonOp(Enum):
    EQUAL = "="
    NOT_EQUAL = "<>"
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="
    DISTINCT = "IS DISTINCT FROM"
    NOT_DISTINCT = "IS NOT DISTINCT FROM"


@node
class Comparison(Expression):
    op: ComparisonOp
    left: Expression
    right: Expression


@node
class And(Expression):
    left: Expression
    right: Expression


@node
class Or(Expression):
    left: Expression
    right: Expression


@node
class Not(Expression):
    operand: Expression


@node
class IsNull(Expression):
    operand: Expression
    negated: bool = False


@node
class Between(Expression):
    operand: Expression
    low: Expression
    high: Expression
    negated: bool = False


@node
class InList(Expression):
    operand: Expression
    items: tuple[Expression, ...]
    negated: bool = False


@node
class Like(Expression):
    operand: Expression
    pattern: Expression
    escape: str | None = None
    negated: bool = False


@node
class When:
    """One branch of a CASE."""

    condition: Expression
    result: Expression


@node
class Case(Expression):
    """CASE WHEN c THEN r … END; with `operand` the simple form, whose conditions are values to compare with it."""

    branches: tuple[When, ...]
    default: Expression | None = None
    operand: Expression | None = None


@node
class Cast(Expression):
    operand: Expression
    target: SqlType


@node
class ArrayConstructor(Expression):
    items: tuple[Expression, ...]


@node
class MapConstructor(Expression):
    entries: tuple[tuple[Expression, Expression], ...]


@node
class StructConstructor(Expression):
    fields: tuple[tuple[str, Expression], ...]


@node
class AtTimeZone(Expression):
    """Parses, is refused by analysis."""

    operand: Expression
    zone: Expression
