"""`@udf`, `@udaf` and `@udtf`: how built-in and users' functions are declared.

    @udf("GREET", category="STRING", description="Greets by name")
    def greet(name: str) -> str:
        return f"Hello {name}"

    @udaf("PRODUCT")
    class Product:
        def initial(self) -> float:
            return 1.0
        def add(self, state: float, value: Double) -> float:
            return state * value
        def result(self, state: float) -> Double:
            return state

Several declarations of one name are overloads of one function. Signatures are read from the annotations (see `types`),
on first use. A `@udf` class is instantiated once per place of use in a query and its `__call__` is the function: it may
keep state. `inline` is Python source for the same result over `{0}`, `{1}`..., used instead of a call; `{w0}` stands
for argument 0 at the place that runs first when the argument is mentioned more than once, `{f}` for the function
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, TypeVar

from headwater.core.types import SqlType
from headwater.plan.functions.signature import (
    Parameter,
    Signature,
    choices,
    hints_of,
    read_parameters,
    read_signatures,
    read_type,
)

ATTRIBUTE = "__headwater_functions__"
"""Where decorated objects carry their declarations."""

Anything = TypeVar("Anything", bound=Callable[..., Any])
Inline = str | Callable[[int], str | None]
"""Source for a call; of a variadic function, a function from the number of arguments to the source (None: call it)."""
TypeRule = Callable[[Sequence[SqlType | None]], SqlType]
"""Computes a result type from the argument types, for what annotations cannot say (DECIMAL, STRUCT)."""


class Kind(Enum):
    """The three namespaces; a name belongs to exactly one."""

    SCALAR = "SCALAR"
    AGGREGATE = "AGGREGATE"
    TABLE = "TABLE"


@dataclass(frozen=True)
class Overload:
    """One signature of a scalar or table function and what runs for it."""

    signature: Signature
    function: Callable[..., Any]
    inline: Inline | None = None
    returns: TypeRule | None = None


@dataclass(frozen=True)
class AggregateOverload:
    """One signature of an aggregate: `rows` leading parameters take values per row, the others literals.

    `choice` maps the constrained type variables of the class to what they are here.
    """

    signature: Signature
    factory: Callable[..., Any]
    rows: tuple[Parameter, ...]
    choice: dict[Any, Any]
    returns: TypeRule | None = None


@dataclass(frozen=True, eq=False)
class Declaration:
    """What a decorator recorded; signatures are worked out when they are first asked for."""

    kind: Kind
    name: str
    target: Callable[..., Any]
    category: str
    description: str
    inline: Inline | None = None
    returns: TypeRule | None = None
    masking: bool = False
    """Whether the result tells nothing any more that its arguments' tags are about: tags do not go through it."""

    @cached_property
    def overloads(self) -> list[Overload]:
        """For scalar and table functions."""
        target: Any = self.target
        is_class = isinstance(target, type)
        function = target.__call__ if is_class else target
        return [
            Overload(signature, self.target, self.inline, self.returns)
            for signature in read_signatures(function, skip=1 if is_class else 0)
        ]

    @cached_property
    def aggregates(self) -> list[AggregateOverload]:
        """For aggregates: row parameters from `add`, literal ones from `__init__`, the result from `result`."""
        target: Any = self.target
        add_hints, result_hints = hints_of(target.add), hints_of(target.result)
        setup = None if target.__init__ is object.__init__ else target.__init__
        setup_hints = hints_of(setup) if setup else {}
        found = []
        for choice in choices({**add_hints, **{f"__init__ {k}": v for k, v in setup_hints.items()}}):
            rows, _ = read_parameters(target.add, add_hints, choice, skip=2)
            literals, injected = read_parameters(setup, setup_hints, choice, skip=1) if setup else ((), ())
            result = read_type(result_hints["return"], choice)
            signature = Signature(rows + literals, result, True, injected)
            found.append(AggregateOverload(signature, target, rows, choice, self.returns))
        return found


def _declare(
    kind: Kind,
    name: str,
    category: str,
    description: str,
    inline: Inline | None,
    returns: TypeRule | None,
    *,
    masking: bool = False,
) -> Callable[[Anything], Anything]:
    def record(target: Anything) -> Anything:
        declaration = Declaration(kind, name.upper(), target, category, description, inline, returns, masking)
        setattr(target, ATTRIBUTE, (*vars(target).get(ATTRIBUTE, ()), declaration))
        return target

    return record


def udf(
    name: str,
    *,
    category: str = "OTHER",
    description: str = "",
    inline: Inline | None = None,
    returns: TypeRule | None = None,
    masking: bool = False,
) -> Callable[[Anything], Anything]:
    """Declares a scalar function: plain values in, a plain value out; raise to fail.

    `masking` says that the result gives away nothing that is sensitive about its arguments: tags on their columns,
    such as PII, do not go on to the column that it makes.
    """
    return _declare(Kind.SCALAR, name, category, description, inline, returns, masking=masking)


def udaf(
    name: str, *, category: str = "AGGREGATE", description: str = "", returns: TypeRule | None = None
) -> Callable[[Anything], Anything]:
    """Declares an aggregate class: `initial`, `add`, `result`, and where possible `undo` and `merge`.

    `add(state, *values)` returns the new state (it may change and return the same list or dict). A row whose argument
    is NULL is skipped unless the parameter is annotated `| None`. `undo(state, *values)` takes an earlier row back;
    without it the aggregate cannot be used over tables. `merge(left, right)` joins the states of two sessions, the
    older first; without it the aggregate cannot be used in session windows. `__init__` parameters are literal
    arguments.
    """
    return _declare(Kind.AGGREGATE, name, category, description, None, returns)


def udtf(
    name: str, *, category: str = "TABLE", description: str = "", returns: TypeRule | None = None
) -> Callable[[Anything], Anything]:
    """Declares a table function: returns a list, one item per row; its annotation is `list[type of the rows]`."""
    return _declare(Kind.TABLE, name, category, description, None, returns)
