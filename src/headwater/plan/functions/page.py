"""Renders `docs/functions.md` from the registry: `python -m headwater.plan.functions.page > docs/functions.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from headwater.plan.functions.declarations import Kind
from headwater.plan.functions.registry import FunctionDescription, FunctionRegistry, Variant, builtin_functions

_HEAD = """\
# SQL functions

<!-- Rendered from src/headwater/plan/functions by `make docs`; do not edit. -->

`x...` stands for any number of arguments. A capital letter such as `T` is any type, the same one wherever it stands.
Unless a description says otherwise, a NULL argument makes the result NULL. A function that fails gives NULL, and the
reason goes to the processing log. INTEGER widens to BIGINT, DECIMAL and DOUBLE where no overload takes it as it is.

## Your own functions

Decorate Python functions and put the file into a folder of functions, or announce a module under the entry point group
`headwater.functions` of your package: [extensions.md](extensions.md) shows how. Types are read from the annotations;
several functions of one name are overloads.

```python
from headwater.plan.functions import udaf, udf, udtf
from headwater.plan.functions.types import Double, Int

@udf("INITIALS", category="STRING", description="The first letters of words")
def initials(name: str) -> str:                     # NULL in, NULL out
    return "".join(word[0] for word in name.split())

@udf("OR_ELSE")
def or_else(value: Int | None, other: Int) -> Int:  # gets None for a NULL value
    return other if value is None else value

@udtf("WORDS", description="One row per word")
def words(text: str) -> list[str]:
    return text.split()

@udaf("PRODUCT", description="The product of all values")
class Product:
    def initial(self) -> float:
        return 1.0

    def add(self, state: float, value: Double) -> float:
        return state * value

    def merge(self, left: float, right: float) -> float:  # for session windows
        return left * right

    def result(self, state: float) -> Double:
        return state
```

A state is plain data: numbers, text, lists, dicts, tuples. With `undo(state, *values)` an aggregate also works over
tables; parameters of `__init__` are literal arguments.

## Regular expressions

The `REGEXP_` functions take Java's patterns. A pattern that has too many ways to match, such as `(a+)+$`, is stopped
after 20 ms and 1 µs per character of the text: the call fails. LIKE is quick with any pattern.
"""


def render(functions: FunctionRegistry) -> str:
    """The page: every function by kind and category."""
    described = [found for name, _, _ in functions.all() if (found := functions.describe(name)) is not None]
    categories = sorted({(found.kind is not Kind.SCALAR, found.category) for found in described})
    parts = [_HEAD]
    for _, category in categories:
        parts.append(f"## {category.capitalize()}\n")
        parts.append("| Function | |\n|---|---|")
        parts.append("\n".join(_row(found) for found in described if found.category == category) + "\n")
    return "\n".join(parts)


def _row(found: FunctionDescription) -> str:
    signatures = "<br>".join(f"`{line.replace('`', '')}`" for line in _signatures(found))
    return f"| {signatures} | {found.description} |".replace("\\", "\\\\")


def _signatures(found: FunctionDescription) -> Iterator[str]:
    seen = set()
    for variant in found.variants:
        line = f"{found.name}({', '.join(_arguments(variant))}) → {variant.returns}"
        if line not in seen:
            seen.add(line)
            yield line


def _arguments(variant: Variant) -> Iterator[str]:
    for i, (name, sql_type) in enumerate(variant.arguments):
        yield f"{name} {sql_type}{'...' if i == variant.variadic else ''}"


if __name__ == "__main__":
    sys.stdout.write(render(builtin_functions()))
