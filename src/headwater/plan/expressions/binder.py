"""From syntax trees to typed expressions: names, types, overloads and conversions are settled here, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from headwater.core.errors import AnalysisError, SqlError
from headwater.core.types import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGER,
    STRING,
    Array,
    Field,
    Map,
    SqlType,
    Struct,
)
from headwater.plan.expressions.arithmetic import build_arithmetic, build_negation
from headwater.plan.expressions.calls import build_call
from headwater.plan.expressions.coercion import array_of, coerce, common_type, map_of, struct_of
from headwater.plan.expressions.model import ExpressionOptions, Resolve
from headwater.plan.expressions.nodes import (
    ColumnNode,
    Conditional,
    Constant,
    LambdaNode,
    Logic,
    Node,
    ParameterNode,
)
from headwater.plan.expressions.operators import (
    build_between,
    build_cast,
    build_comparison,
    build_field,
    build_in,
    build_is_null,
    build_like,
    build_not,
    build_subscript,
    decimal_type_of,
    fold,
    parse_magic_timestamp,
)
from headwater.plan.functions.registry import FunctionRegistry
from headwater.sql import ast
from headwater.sql.expression_text import format_expression

_MAGIC_COLUMNS = frozenset({"ROWTIME", "WINDOWSTART", "WINDOWEND"})
_ISSUE = "https://github.com/confluentinc/ksql/issues/4239"


class Binder:
    """Binds expressions of one scope. With `types_only` aggregate and table functions have a type, but cannot run."""

    def __init__(
        self,
        resolve: Resolve,
        functions: FunctionRegistry,
        options: ExpressionOptions,
        *,
        types_only: bool = False,
    ) -> None:
        self.functions = functions
        self.options = options
        self.types_only = types_only
        self._resolve = resolve
        self._parameters: dict[str, SqlType] = {}

    def bind(self, expression: ast.Expression) -> Node:
        """The typed node. Raises `AnalysisError`, with the position of the innermost part that is wrong."""
        try:
            return _BINDERS[type(expression)](self, expression)
        except SqlError as error:
            if error.position is None:
                error.position = expression.position
            raise

    def bind_lambda(self, expression: ast.Lambda, types: tuple[SqlType, ...]) -> LambdaNode:
        """A lambda whose parameters have the given types; its node's type is that of the body."""
        for name in expression.parameters:
            if self._is_column(name):
                raise AnalysisError(
                    f"Lambda function argument can't reuse the name of a source column: {name}. Rename the argument.",
                    expression.position,
                )
        outer = self._parameters
        self._parameters = {**outer, **dict(zip(expression.parameters, types, strict=True))}
        try:
            body = self.bind(expression.body)
        finally:
            self._parameters = outer
        return LambdaNode(body.type, False, expression.parameters, body)

    def _is_column(self, name: str) -> bool:
        if name in self._parameters:
            return False
        try:
            self._resolve(ast.ColumnRef(name))
        except SqlError:
            return False
        return True

    def _column(self, node: ast.ColumnRef) -> Node:
        if node.source is None and node.name in self._parameters:
            return ParameterNode(self._parameters[node.name], True, node.name)
        binding = self._resolve(node)
        return ColumnNode(binding.type, True, node, binding.code)

    def _field(self, node: ast.FieldRef) -> Node:
        return build_field(self.bind(node.base), node.name, format_expression(node.base))

    def _subscript(self, node: ast.Subscript) -> Node:
        return build_subscript(self.bind(node.base), self.bind(node.index), format_expression(node))

    def _arithmetic(self, node: ast.Arithmetic) -> Node:
        left, right = self.bind(node.left), self.bind(node.right)
        concat = self.options.null_concat_is_text
        return fold(build_arithmetic(node.op, left, right, format_expression(node), null_concat_is_text=concat))

    def _negate(self, node: ast.Negate) -> Node:
        return fold(build_negation(self.bind(node.operand), format_expression(node)))

    def _comparison(self, node: ast.Comparison) -> Node:
        left, right = self.bind(node.left), self.bind(node.right)
        if _is_magic(node.left):
            right = parse_magic_timestamp(right)
        if _is_magic(node.right):
            left = parse_magic_timestamp(left)
        return build_comparison(node.op, left, right, format_expression(node.left), format_expression(node.right))

    def _between(self, node: ast.Between) -> Node:
        operand, low, high = self.bind(node.operand), self.bind(node.low), self.bind(node.high)
        if _is_magic(node.operand):
            low, high = parse_magic_timestamp(low), parse_magic_timestamp(high)
        texts = (format_expression(node.operand), format_expression(node.low), format_expression(node.high))
        found = build_between(operand, low, high, texts)
        return build_not(found) if node.negated else found

    def _condition(self, expression: ast.Expression, what: str) -> Node:
        node = self.bind(expression)
        if node.type not in (BOOLEAN, None):
            raise AnalysisError(f"{what} must be BOOLEAN, but {format_expression(expression)} is {node.type}")
        return node

    def _and(self, node: ast.And) -> Node:
        return Logic(BOOLEAN, False, True, self._chain(node, ast.And))

    def _or(self, node: ast.Or) -> Node:
        return Logic(BOOLEAN, False, False, self._chain(node, ast.Or))

    def _chain(self, node: ast.Expression, kind: type[ast.And | ast.Or]) -> tuple[Node, ...]:
        """The operands of a chain of one operator; a loop, since generated conditions can be thousands long."""
        operands = []
        while isinstance(node, kind):
            operands.append(node.right)
            node = node.left
        operands.append(node)
        return tuple(self._condition(operand, f"{kind.__name__.upper()} operand") for operand in reversed(operands))

    def _not(self, node: ast.Not) -> Node:
        return build_not(self._condition(node.operand, "NOT operand"))

    def _is_null(self, node: ast.IsNull) -> Node:
        return build_is_null(self.bind(node.operand), negated=node.negated)

    def _like(self, node: ast.Like) -> Node:
        found = build_like(self.bind(node.operand), self.bind(node.pattern), node.escape)
        return build_not(found) if node.negated else found

    def _in(self, node: ast.InList) -> Node:
        everything = [node.operand, *node.items]
        try:
            common = common_type(everything, self.bind)
            if common is None:
                raise AnalysisError("Comparison with NULL not supported: NULL IN (NULL)")
            operand = coerce(node.operand, common, self.bind)
            items = [coerce(item, common, self.bind) for item in node.items]
        except SqlError as error:
            raise AnalysisError(f"Invalid Predicate: {error.message}", error.position) from error
        found = build_in(operand, items)
        return build_not(found) if node.negated else found

    def _case(self, node: ast.Case) -> Node:
        branches = []
        for branch in node.branches:
            condition = branch.condition
            if node.operand is not None:
                equal = ast.ComparisonOp.EQUAL
                condition = ast.Comparison(equal, node.operand, condition, position=condition.position)
            test = self.bind(condition)
            if test.type not in (BOOLEAN, None):
                raise AnalysisError(
                    f"Invalid Case expression. WHEN operand type should be boolean.\nType for"
                    f" '{format_expression(condition)}' is {test.type}"
                )
            branches.append((test, self.bind(branch.result)))
        default = self.bind(node.default) if node.default is not None else Constant(None, True, None)
        kind = self._case_type(node, [result for _, result in branches], default)
        nullable = default.nullable or any(result.nullable for _, result in branches)
        return Conditional(kind, nullable, tuple(branches), default)

    def _case_type(self, node: ast.Case, results: list[Node], default: Node) -> SqlType:
        known: SqlType | None = None
        for branch, result in zip(node.branches, results, strict=True):
            if result.type is None:
                continue
            if known is not None and result.type != known:
                raise AnalysisError(
                    "Invalid Case expression. Type for all 'THEN' clauses should be the same.\n"
                    f"THEN expression '{_when_text(branch)}' has type: {result.type}.\n"
                    f"Previous THEN expression(s) type: {known}."
                )
            known = result.type
        if known is None and default.type is None:
            raise AnalysisError("Invalid Case expression. All case branches have NULL type")
        if known is not None and default.type is not None and default.type != known:
            raise AnalysisError(
                "Invalid Case expression. Type for the default clause should be the same as for 'THEN' clauses.\n"
                f"THEN type: {known}.\nDEFAULT type: {default.type}."
            )
        return known or default.type or STRING

    def _cast(self, node: ast.Cast) -> Node:
        preserve = self.options.preserve_null_strings
        return build_cast(self.bind(node.operand), node.target, preserve_null_strings=preserve)

    def _array(self, node: ast.ArrayConstructor) -> Node:
        if not node.items:
            raise AnalysisError(
                f"Array constructor cannot be empty. Please supply at least one element (see {_ISSUE})."
            )
        element = common_type(node.items, self.bind)
        if element is None:
            raise AnalysisError(
                f"Cannot construct an array with all NULL elements (see {_ISSUE}). As a workaround, you may cast a NULL"
                " value to the desired type."
            )
        return array_of([coerce(item, element, self.bind) for item in node.items], Array(element))

    def _map(self, node: ast.MapConstructor) -> Node:
        if not node.entries:
            raise AnalysisError(
                f"Map constructor cannot be empty. Please supply at least one key value pair (see {_ISSUE})."
            )
        keys = [key for key, _ in node.entries]
        values = [value for _, value in node.entries]
        types = common_type(keys, self.bind), common_type(values, self.bind)
        for found, what in zip(types, ("keys", "values"), strict=True):
            if found is None:
                raise AnalysisError(
                    f"Cannot construct a map with all NULL {what} (see {_ISSUE}). As a workaround, you may cast a"
                    f" NULL {what[:-1]} to the desired type."
                )
        kind = Map(types[0] or STRING, types[1] or STRING)
        key_nodes = [coerce(key, kind.key, self.bind) for key in keys]
        return map_of(key_nodes, [coerce(value, kind.value, self.bind) for value in values], kind)

    def _struct(self, node: ast.StructConstructor) -> Node:
        names = [name for name, _ in node.fields]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise AnalysisError(f"Duplicate field names found in STRUCT: {', '.join(repeated)}")
        parts = [self.bind(value) for _, value in node.fields]
        fields = []
        for name, part in zip(names, parts, strict=True):
            if part.type is None:
                raise AnalysisError(f"Can't infer the type of field {name} from NULL. Please cast it to a type.")
            fields.append(Field(name, part.type))
        return struct_of(parts, Struct(tuple(fields)))

    def _call(self, node: ast.FunctionCall) -> Node:
        return build_call(self, node)

    def _misplaced_lambda(self, node: ast.Lambda) -> Node:
        raise AnalysisError(f"A lambda is only allowed as an argument of a function: {format_expression(node)}")

    def _interval(self, node: ast.IntervalUnit) -> Node:
        raise AnalysisError(f"{node.unit} is only allowed as the first argument of functions such as DATEADD")

    def _at_time_zone(self, node: ast.AtTimeZone) -> Node:
        raise AnalysisError("AT TIME ZONE is not supported. Use CONVERT_TZ instead.")


def _when_text(branch: ast.When) -> str:
    return f"WHEN {format_expression(branch.condition)} THEN {format_expression(branch.result)}"


def _is_magic(expression: ast.Expression) -> bool:
    return isinstance(expression, ast.ColumnRef) and expression.name in _MAGIC_COLUMNS


def _constant(sql_type: SqlType) -> Callable[[Binder, Any], Node]:
    return lambda binder, node: Constant(sql_type, False, node.value)


def _decimal(binder: Binder, node: ast.DecimalLiteral) -> Node:
    return Constant(decimal_type_of(node.value), False, node.value)


_BINDERS: Mapping[type[ast.Expression], Callable[[Binder, Any], Node]] = {
    ast.NullLiteral: lambda binder, node: Constant(None, True, None),
    ast.BooleanLiteral: _constant(BOOLEAN),
    ast.IntegerLiteral: _constant(INTEGER),
    ast.BigintLiteral: _constant(BIGINT),
    ast.DecimalLiteral: _decimal,
    ast.DoubleLiteral: _constant(DOUBLE),
    ast.StringLiteral: _constant(STRING),
    ast.ColumnRef: Binder._column,  # noqa: SLF001
    ast.FieldRef: Binder._field,  # noqa: SLF001
    ast.Subscript: Binder._subscript,  # noqa: SLF001
    ast.FunctionCall: Binder._call,  # noqa: SLF001
    ast.IntervalUnit: Binder._interval,  # noqa: SLF001
    ast.Lambda: Binder._misplaced_lambda,  # noqa: SLF001
    ast.Arithmetic: Binder._arithmetic,  # noqa: SLF001
    ast.Negate: Binder._negate,  # noqa: SLF001
    ast.Comparison: Binder._comparison,  # noqa: SLF001
    ast.And: Binder._and,  # noqa: SLF001
    ast.Or: Binder._or,  # noqa: SLF001
    ast.Not: Binder._not,  # noqa: SLF001
    ast.IsNull: Binder._is_null,  # noqa: SLF001
    ast.Between: Binder._between,  # noqa: SLF001
    ast.InList: Binder._in,  # noqa: SLF001
    ast.Like: Binder._like,  # noqa: SLF001
    ast.Case: Binder._case,  # noqa: SLF001
    ast.Cast: Binder._cast,  # noqa: SLF001
    ast.ArrayConstructor: Binder._array,  # noqa: SLF001
    ast.MapConstructor: Binder._map,  # noqa: SLF001
    ast.StructConstructor: Binder._struct,  # noqa: SLF001
    ast.AtTimeZone: Binder._at_time_zone,  # noqa: SLF001
}
