"""Types of expressions, with the clause named in what goes wrong."""

from __future__ import annotations

from headwater.core.errors import AnalysisError
from headwater.core.types import BOOLEAN, SqlType
from headwater.plan.expressions import type_of
from headwater.plan.functions import FunctionRegistry
from headwater.plan.problems import problem
from headwater.plan.relation import Resolve
from headwater.sql.ast import Expression
from headwater.sql.expression_text import format_expression


class Typer:
    """Types lowered expressions over whatever columns `resolve` knows."""

    def __init__(self, resolve: Resolve, functions: FunctionRegistry) -> None:
        self._resolve = resolve
        self._functions = functions

    def type_of(self, expression: Expression) -> SqlType | None:
        """None for an untyped NULL. Raises AnalysisError."""
        return type_of(expression, self._resolve, self._functions)

    def value(self, expression: Expression) -> SqlType:
        """The type of a select item: an untyped NULL is an error."""
        found = self.type_of(expression)
        if found is None:
            raise problem(
                "Can't infer a type of null. Please explicitly cast it to a required type, e.g. CAST(null AS VARCHAR).",
                expression.position,
            )
        return found

    def condition(self, expression: Expression, clause: str) -> None:
        """Raise AnalysisError unless the expression of WHERE or HAVING is a BOOLEAN."""
        try:
            found = self.type_of(expression)
        except AnalysisError as error:
            raise AnalysisError(f"Error in {clause} expression: {error.message}", error.position) from error
        if found != BOOLEAN:
            raise problem(
                f"Type error in {clause} expression: Should evaluate to boolean but is "
                f"{format_expression(expression)} ({found}) instead.",
                expression.position,
            )
