"""Builds the source of a generated function: lines, indentation, fresh variable names and the objects it refers to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any


class Source:
    """Text of Python code under construction. Column names and data never enter it; they go in as named objects."""

    def __init__(self, origin: str, outer: Source | None = None) -> None:
        self._origin = origin
        self._lines: list[str] = []
        self._depth = 0
        self._numbers = count(1) if outer is None else outer._numbers
        self.names: dict[str, Any] = {} if outer is None else outer.names

    def beside(self) -> Source:
        """Source of another function that shares this one's objects; either may call the other."""
        return Source(self._origin, self)

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
        exec(compile(text, f"<{self._origin}>", "exec"), self.names)  # noqa: S102 - generated from types, never from data
        made: Callable[..., Any] = self.names[function]
        return made
