"""Routes as data: what a door answers. Requests are dispatched by them, and the OpenAPI document is made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

Json = dict[str, Any]
Handler = Callable[[Any], Any]
"""Takes the door's `Call`; gives a `Response`, what JSON is made of, or None for no content; it may be a coroutine."""

JSON = "application/json"
OPENAPI = "/openapi.json"
TEXT: Json = {"type": "string"}
FLAG: Json = {"type": "boolean"}


@dataclass(frozen=True)
class Parameter:
    """One of the query; `shape` is its JSON schema."""

    name: str
    shape: Json = field(default_factory=TEXT.copy)
    about: str = ""


@dataclass(frozen=True)
class Route:
    """`{name}` in the path is a parameter: a segment, or with `{name:path}` one or more (once in a path).

    `right` is what the caller needs besides a login, in the terms of the door, None if nothing. `body` is the type of
    what is sent; `takes` and `answers` are media types, None for those of the door. `refusals` are statuses with what
    they mean, besides those that every route has.
    """

    method: str
    path: str
    handler: Handler
    about: str
    right: Any = None
    query: tuple[Parameter, ...] = ()
    body: Any = None
    status: int = 200
    takes: tuple[str, ...] | None = None
    answers: tuple[str, ...] | None = None
    refusals: Mapping[str, str] = field(default_factory=dict)
    open: bool = False
    """Whether it is for everybody and at any time: for load balancers."""
    streamed: bool = False
    """Whether the handler reads the body itself, as it comes."""


Methods = dict[str, Route]


class Paths:
    """Finds the routes of a path by its segments, which are decoded after the path was cut: names may hold slashes."""

    def __init__(self, routes: Iterable[Route]) -> None:
        shapes: dict[tuple[str, ...], Methods] = {}
        for route in routes:
            shapes.setdefault(segments(route.path), {})[route.method] = route
        self._fixed = {shape: methods for shape, methods in shapes.items() if not any(s[0] == "{" for s in shape)}
        self._open: dict[int, list[tuple[tuple[str, ...], Methods]]] = {}
        self._wide: list[tuple[tuple[str, ...], tuple[str, ...], Methods]] = []
        # Of two that match, the one that says more is meant.
        for shape in sorted(
            (s for s in shapes if s not in self._fixed), key=lambda s: sum(p[0] == "{" for p in s) - len(s)
        ):
            wide = next((index for index, part in enumerate(shape) if part.endswith(":path}")), None)
            if wide is None:
                self._open.setdefault(len(shape), []).append((shape, shapes[shape]))
            else:
                self._wide.append((shape[: wide + 1], shape[wide + 1 :], shapes[shape]))

    def find(self, parts: tuple[str, ...]) -> tuple[Methods, dict[str, str]] | None:
        """Routes by method, and the parameters; None for a path that there is not."""
        fixed = self._fixed.get(parts)
        if fixed is not None:
            return fixed, {}
        for shape, methods in self._open.get(len(parts), ()):
            named = _named(shape, parts)
            if named is not None:
                return methods, named
        for before, after, methods in self._wide:
            count = len(parts) - len(after)
            if count >= len(before):
                joined = (*parts[: len(before) - 1], "/".join(parts[len(before) - 1 : count]), *parts[count:])
                named = _named((*before, *after), joined)
                if named is not None:
                    return methods, named
        return None


def segments(path: str) -> tuple[str, ...]:
    """The segments of a path; empty ones do not count.

    >>> segments("/connectors/{connector}/status/")
    ('connectors', '{connector}', 'status')
    """
    return tuple(part for part in path.split("/") if part)


def _named(shape: tuple[str, ...], parts: tuple[str, ...]) -> dict[str, str] | None:
    named = {}
    for wanted, part in zip(shape, parts, strict=True):
        if wanted[0] == "{":
            named[wanted[1:-1].removesuffix(":path")] = unquote(part)
        elif wanted != part:
            return None
    return named
