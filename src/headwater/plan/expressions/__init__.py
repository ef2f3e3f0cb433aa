"""Expressions: types, generated source and careful evaluation of the syntax trees in `sql.ast`."""

from headwater.plan.expressions.compiler import compile_expression, compile_table_call, evaluate_constant, type_of
from headwater.plan.expressions.model import Binding, Code, ExpressionOptions, NameSpace, Report, Resolve

__all__ = [
    "Binding",
    "Code",
    "ExpressionOptions",
    "NameSpace",
    "Report",
    "Resolve",
    "compile_expression",
    "compile_table_call",
    "evaluate_constant",
    "type_of",
]
