"""The careful way to evaluate: exact about which part of an expression failed, and slow.

Runs only for rows on which the generated source raised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.plan.expressions.model import Report
from headwater.plan.expressions.nodes import (
    ColumnNode,
    Conditional,
    Constant,
    LambdaNode,
    Logic,
    Node,
    NullOperandError,
    OnNull,
    Operation,
    ParameterNode,
    columns_of,
)


class CarefulEvaluation:
    """One evaluation of one row: the values of columns and lambda parameters, and where failures are reported."""

    def __init__(self, values: dict[object, object], report: Report, *, nested_null: bool) -> None:
        self._values = values
        self._report = report
        self._nested_null = nested_null

    def value(self, node: Node) -> Any:
        """The node's value. Raises whatever makes it fail as a whole."""
        return _EVALUATORS[type(node)](self, node)

    def _constant(self, node: Constant) -> Any:
        return node.value

    def _column(self, node: ColumnNode) -> Any:
        return self._values[node.reference]

    def _parameter(self, node: ParameterNode) -> Any:
        return self._values[node.name]

    def _truth(self, node: Node) -> Any:
        value = self.value(node)
        if value is None:
            raise NullOperandError("a BOOLEAN operand")
        return value

    def _logic(self, node: Logic) -> Any:
        truths = map(self._truth, node.operands)
        return all(truths) if node.is_and else any(truths)

    def _conditional(self, node: Conditional) -> Any:
        for condition, result in node.branches:
            if self._truth(condition):
                return self.value(result)
        return self.value(node.default)

    def _lambda(self, node: LambdaNode) -> Any:
        def call(*arguments: object) -> Any:
            inner = dict(self._values)
            inner.update(zip(node.parameters, arguments, strict=True))
            return CarefulEvaluation(inner, self._report, nested_null=self._nested_null).value(node.body)

        return call

    def _operation(self, node: Operation) -> Any:
        if node.boundary is None or not self._nested_null:
            return self._compute(node)
        try:
            return self._compute(node)
        except Exception as error:  # noqa: BLE001 - any failure of a function or cast is data, not a defect
            self._report(f"Error processing {node.boundary}: {error}", error)
            return None

    def _compute(self, node: Operation) -> Any:
        values = [self._isolated(o) if node.isolate else self.value(o) for o in node.operands]
        for rule, value in zip(node.nulls, values, strict=False):
            if value is None and rule is not OnNull.ACCEPT:
                if rule is OnNull.FAIL:
                    raise NullOperandError
                return None if rule is OnNull.NULL else False
        if node.tolerant is not None and self._nested_null:
            return node.tolerant(self._element_failed)(*values)
        return node.call(*values)

    def _element_failed(self, error: BaseException) -> None:
        self._report(f"Error processing element: {error}", error)

    def _isolated(self, node: Node) -> Any:
        if not self._nested_null:
            return self.value(node)
        try:
            return self.value(node)
        except Exception as error:  # noqa: BLE001 - see _operation
            self._report(f"Error processing element: {error}", error)
            return None


_EVALUATORS: dict[type[Node], Callable[[CarefulEvaluation, Any], Any]] = {
    Constant: CarefulEvaluation._constant,  # noqa: SLF001
    ColumnNode: CarefulEvaluation._column,  # noqa: SLF001
    ParameterNode: CarefulEvaluation._parameter,  # noqa: SLF001
    Logic: CarefulEvaluation._logic,  # noqa: SLF001
    Conditional: CarefulEvaluation._conditional,  # noqa: SLF001
    LambdaNode: CarefulEvaluation._lambda,  # noqa: SLF001
    Operation: CarefulEvaluation._operation,  # noqa: SLF001
}


def careful_evaluator(node: Node, text: str, *, nested_null: bool) -> Callable[[tuple[object, ...], Report], object]:
    """A function of the column values (in the order of `columns_of`) that reports failures and never raises."""
    references = [column.reference for column in columns_of(node)]

    def evaluate(values: tuple[object, ...], report: Report) -> object:
        known: dict[object, object] = dict(zip(references, values, strict=True))
        try:
            return CarefulEvaluation(known, report, nested_null=nested_null).value(node)
        except Exception as error:  # noqa: BLE001 - any failure of an expression is data, not a defect
            report(f"Error computing expression {text}: {error}", error)
            return None

    return evaluate


def exact_evaluator(node: Node, *, nested_null: bool) -> Callable[..., object]:
    """A function of the column values that raises if any part fails; for expressions too deep for generated source."""
    references = [column.reference for column in columns_of(node)]

    def refuse(message: str, cause: BaseException) -> None:
        raise cause

    def evaluate(*values: object) -> object:
        known: dict[object, object] = dict(zip(references, values, strict=True))
        return CarefulEvaluation(known, refuse, nested_null=nested_null).value(node)

    return evaluate
