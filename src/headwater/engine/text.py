"""Writing Python source: lines with indentation, and compiling them so that tracebacks show the generated text."""

from __future__ import annotations

import linecache
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType

from headwater.core.generated import compiled


class SourceText:
    """Generated source under construction."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0

    def line(self, text: str) -> None:
        """Add one line at the current depth."""
        self._lines.append("    " * self._depth + text)

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """Lines added inside are indented below `header`; an empty body becomes `pass`."""
        self.line(header)
        self._depth += 1
        before = len(self._lines)
        yield
        if len(self._lines) == before:
            self.line("pass")
        self._depth -= 1

    def __str__(self) -> str:
        return "\n".join(self._lines) + "\n"


def compile_functions(text: str, names: Mapping[str, object], filename: str) -> dict[str, FunctionType]:
    """The functions that `text` defines, by name, with globals `names`; tracebacks show its lines under `filename`.

    Text that comes from users (names of sources and topics, messages) stands in generated code only as `repr` of a
    string, or not at all: objects are referred to by the names that `NameSpace` gives them.
    """
    entry = (len(text), None, text.splitlines(keepends=True), filename)
    linecache.cache[filename] = entry
    scope = dict(names)
    exec(compiled(text, filename), scope)  # noqa: S102 - see above
    made = {name: found for name, found in scope.items() if isinstance(found, FunctionType) and name not in names}
    for function in made.values():
        weakref.finalize(function, _forget, filename, entry)
    return made


def _forget(filename: str, entry: object) -> None:
    """Drop a text from the cache of tracebacks, unless the name has come to mean another."""
    if linecache.cache.get(filename) is entry:
        del linecache.cache[filename]
