"""Builds the source of a generated function: lines, indentation, fresh variable names and the objects it refers to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from headwater.core.generated import compiled


class Source:
    """Text of Python code under construction. Column names and data never enter it; they go in as named objects."""

    def __init__(self, origin: str, names: dict[str, Any] | None = None, numbers: Iterator[int] | None = None) -> None:
        self._origin = origin
        self._lines: list[str] = []
        self._depth = 0
        self._numbers: Iterator[int] = count(1) if numbers is None else numbers
        self.names: dict[str, Any] = {} if names is None else names

    def beside(self) -> Source:
        """Source of another function that shares this one's objects; either may call the other."""
        return Source(self._origin, self.names, self._numbers)

    def function(self, body: str, parameters: str = "v") -> str:
        """The name of a new function that returns an expression over its parameters."""
        name = self.fresh("f")
        inner = self.beside()
        inner.line(f"def {name}({parameters}):")
        inner.line(f"    return {body}")
        inner.compile(name)
        return name

    def null_safe(self, body: str) -> str:
        """The name of a new function of `v` that is None for None and else returns the expression."""
        return self.function(f"None if v is None else {body}")

    def line(self, text: str) -> None:
        self._lines.append("    " * self._depth + text)

    @contextmanager
    def block(self, opening: str) -> Iterator[None]:
        """Lines inside are one level deeper than `opening`, which ends in a colon."""
        self.line(opening)
        self._depth += 1
        before = len(self._lines)
        yield
        if len(self._lines) == before:
            self.line("pass")
        self._depth -= 1

    def fresh(self, prefix: str = "v") -> str:
        """A variable name that occurs nowhere else."""
        return f"{prefix}_{next(self._numbers)}"

    def named(self, prefix: str, item: Any) -> str:
        """A name that stands for an object in the code."""
        name = self.fresh(prefix)
        self.names[name] = item
        return name

    def compile(self, function: str) -> Callable[..., Any]:
        """The function of this name out of the finished text."""
        text = "\n".join(self._lines)
        exec(compiled(text, f"<{self._origin}>"), self.names)  # noqa: S102 - generated from types, never from data
        made: Callable[..., Any] = self.names[function]
        return made
