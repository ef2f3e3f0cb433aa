"""Typed expressions to Python source: operators inline, null checks inline, temporaries by `:=`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headwater.core.javatext import LONG_MAX, wrap_int, wrap_long
from headwater.core.types import INTEGER
from headwater.plan.expressions.model import NameSpace
from headwater.plan.expressions.nodes import (
    ColumnNode,
    Conditional,
    Constant,
    LambdaNode,
    Logic,
    Node,
    OnNull,
    Operation,
    ParameterNode,
    columns_of,
    fail_on_null,
)

_SLOT = re.compile(r"\{\{|\}\}|\{(\w+)\}")
_ATOM = re.compile(r"\w+(?:\.\w+|\[\w+\])*\Z")
_GUARDED = (OnNull.NULL, OnNull.FALSE)
_SMALL = 2**30 - 1
"""Python compares integers of one 30-bit digit much faster than larger ones; beyond it the exact function decides."""
_SHORT_TEXT = 200
"""Longer constants go to the name space, so that generated source stays readable."""


@dataclass(frozen=True)
class _Source:
    """Source text; `cheap` when it may be repeated."""

    text: str
    cheap: bool = False


class _Slots(dict[str, str]):
    """The placeholders of a template, made on demand."""

    def __init__(self, writer: SourceWriter, node: Operation) -> None:
        super().__init__()
        self._writer, self._node = writer, node

    def __missing__(self, key: str) -> str:
        names = self._writer.names
        if key == "f":
            text = names.add(self._node.call, getattr(self._node.call, "__name__", "f"))
        elif key in self._node.helpers:
            text = names.add(self._node.helpers[key], key)
        else:
            text = names.temp()
        self[key] = text
        return text


class SourceWriter:
    """Writes one expression for one name space."""

    def __init__(self, names: NameSpace) -> None:
        self.names = names
        self._local: dict[object, str] = {}

    def write(self, node: Node) -> str:
        """The source of a node."""
        return self._write(node).text

    def _write(self, node: Node) -> _Source:
        return _WRITERS[type(node)](self, node)

    def _constant(self, node: Constant) -> _Source:
        value = node.value
        if value is None or isinstance(value, bool):
            return _Source(repr(value), cheap=True)
        if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
            text = repr(value)
            return _Source(f"({text})" if text.startswith("-") else text, cheap=True)
        if isinstance(value, (str, bytes)) and len(value) < _SHORT_TEXT:
            return _Source(repr(value), cheap=True)
        return _Source(self.names.add(value, "k"), cheap=True)

    def _column(self, node: ColumnNode) -> _Source:
        code = self._local.get(node.reference, node.code)
        return _Source(code if _ATOM.match(code) else f"({code})", cheap=True)

    def _parameter(self, node: ParameterNode) -> _Source:
        return _Source(self._local[node.name], cheap=True)

    def _truth(self, node: Node) -> str:
        return self._required(self._write(node)) if node.nullable else self.write(node)

    def _required(self, source: _Source) -> str:
        """Source that raises when the value is None."""
        fail = self.names.add(fail_on_null, "fail")
        if source.cheap:
            return f"({source.text} if {source.text} is not None else {fail}())"
        name = self.names.temp()
        return f"({name} if ({name} := {source.text}) is not None else {fail}())"

    def _logic(self, node: Logic) -> _Source:
        word = " and " if node.is_and else " or "
        return _Source(f"({word.join(map(self._truth, node.operands))})")

    def _conditional(self, node: Conditional) -> _Source:
        parts = [f"{self.write(result)} if {self._truth(condition)} else " for condition, result in node.branches]
        return _Source(f"({''.join(parts)}{self.write(node.default)})")

    def _lambda(self, node: LambdaNode) -> _Source:
        """Columns become default arguments, so that the enclosing function needs no closure cells for its locals."""
        outer = dict(self._local)
        captured = []
        for column in columns_of(node.body):
            if column.reference not in self._local:
                name = self.names.temp("c")
                captured.append(f"{name}={column.code}")
                self._local[column.reference] = name
        names = [self.names.temp("p") for _ in node.parameters]
        self._local.update(zip(node.parameters, names, strict=True))
        body = self.write(node.body)
        self._local = outer
        return _Source(f"(lambda {', '.join(names + captured)}: {body})")

    def _operation(self, node: Operation) -> _Source:
        if node.ring is not None:
            return _Source(self._wrapped(node))
        slots = _Slots(self, node)
        sources = [self._write(operand) for operand in node.operands]
        rules = [self._rule(node, i, operand) for i, operand in enumerate(node.operands)]
        guarded = any(rule in _GUARDED for rule in rules)
        template = node.template
        if template is None or not (guarded or _can_repeat(template, sources)):
            template = "{f}(" + ", ".join(f"{{{i}}}" for i in range(len(sources))) + ")"
        for i, rule in enumerate(rules):
            if rule is OnNull.FAIL and not (node.natural and template == node.template):
                sources[i] = _Source(self._required(sources[i]))
        to_false = OnNull.FALSE in rules
        guard = self._guard(sources, rules, absent=not to_false) if guarded else None
        for i, source in enumerate(sources):
            self._fill(slots, i, source, template)
        body = _SLOT.sub(lambda found: slots[found[1]] if found[1] else found[0][0], template)
        if guard is None:
            return _Source(body if _is_call(body) else f"({body})")
        return _Source(f"({guard} and {body})" if to_false else f"(None if {guard} else {body})")

    def _rule(self, node: Operation, index: int, operand: Node) -> OnNull:
        return node.nulls[index] if index < len(node.nulls) and operand.nullable else OnNull.ACCEPT

    def _guard(self, sources: list[_Source], rules: list[OnNull], *, absent: bool) -> str:
        """Source that tells whether the operands whose NULL settles the result are there, or (`absent`) one is missing.

        Puts names in `sources`. Operands that compute something are evaluated even beside a NULL: they might fail.
        """
        test, other, both, each = ("is", "is not", " | ", " or ") if absent else ("is not", "is", " & ", " and ")
        computed: list[str] = []
        plain: dict[str, None] = {}
        for i, (source, rule) in enumerate(zip(sources, rules, strict=True)):
            checked = rule in _GUARDED
            if source.cheap:
                name = self.names.add(None, "null") if source.text == "None" else source.text
                if checked:
                    plain[f"{name} {test} None"] = None
            else:
                name = self.names.temp()
                # What is not checked is compared with itself: that says nothing, but evaluates it.
                computed.append(f"({name} := {source.text}) {f'{test} None' if checked else f'{other} {name}'}")
            sources[i] = _Source(name, cheap=True)
        if len(computed) > 1:
            computed = [both.join(f"({part})" for part in computed)]  # unlike `and`, `&` evaluates both sides
        return each.join([*computed, *plain])

    def _fill(self, slots: _Slots, index: int, source: _Source, template: str) -> None:
        first, later, sometimes = f"w{index}", str(index), f"c{index}"
        if source.cheap or f"{{{first}}}" not in template:
            slots[first] = slots[later] = slots[sometimes] = source.text
            return
        name = self.names.temp()
        slots[first], slots[later] = f"({name} := {source.text})", name

    def _wrapped(self, node: Operation) -> str:
        limit, wrap = (_SMALL, wrap_int) if node.type == INTEGER else (LONG_MAX, wrap_long)
        name = self.names.temp()
        raw = self._raw(node)
        return f"({name} if -{limit} <= ({name} := {raw}) <= {limit} else {self.names.add(wrap, 'wrap')}({name}))"

    def _raw(self, node: Node) -> str:
        """Integer arithmetic without wrapping: what is wrapped once at the end has the same low bits."""
        if not isinstance(node, Operation) or node.ring is None:
            return self.write(node)
        parts = [self._raw(operand) if operand.type == node.type else self.write(operand) for operand in node.operands]
        return f"(-{parts[0]})" if len(parts) == 1 else f"({parts[0]} {node.ring} {parts[1]})"


def _can_repeat(template: str, sources: list[_Source]) -> bool:
    """Whether every operand that the template mentions twice is a name or gets one where it is used first."""
    for i, source in enumerate(sources):
        repeats = template.count(f"{{{i}}}") > 1 and f"{{w{i}}}" not in template
        if not source.cheap and (repeats or f"{{c{i}}}" in template):
            return False
    return True


def _is_call(text: str) -> bool:
    return re.match(r"[\w.]+\([^()]*\)\Z", text) is not None


_WRITERS: dict[type[Node], Callable[[SourceWriter, Any], _Source]] = {
    Constant: SourceWriter._constant,  # noqa: SLF001
    ColumnNode: SourceWriter._column,  # noqa: SLF001
    ParameterNode: SourceWriter._parameter,  # noqa: SLF001
    Logic: SourceWriter._logic,  # noqa: SLF001
    Conditional: SourceWriter._conditional,  # noqa: SLF001
    LambdaNode: SourceWriter._lambda,  # noqa: SLF001
    Operation: SourceWriter._operation,  # noqa: SLF001
}
