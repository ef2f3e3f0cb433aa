"""Expressions: precedence climbing over operators, and the primaries they bind."""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Callable

from headwater.core.types import DATE, TIME, TIMESTAMP, SqlType
from headwater.sql import ast
from headwater.sql.rules.cursor import NAME_KINDS
from headwater.sql.rules.types import TypeRules
from headwater.sql.tokens import (
    DECIMAL_VALUE,
    FLOATING_POINT_VALUE,
    INTEGER_VALUE,
    QUOTED_IDENTIFIER,
    STRING_VALUE,
    unquote,
)

_OR, _AND, _NOT, _PREDICATE, _SUM, _PRODUCT, _UNARY, _ZONE = range(1, 9)

VALUE = _SUM
"""The floor for `expression` where a boolean operator cannot stand, as in GROUP BY."""

_LEVELS = {
    "OR": _OR,
    "AND": _AND,
    **dict.fromkeys(("=", "<>", "!=", "<", "<=", ">", ">=", "IS", "IN", "BETWEEN", "LIKE", "NOT"), _PREDICATE),
    "+": _SUM,
    "-": _SUM,
    "||": _SUM,
    "*": _PRODUCT,
    "/": _PRODUCT,
    "%": _PRODUCT,
    "AT": _ZONE,
}
_COMPARISONS = {op.value: op for op in ast.ComparisonOp} | {"!=": ast.ComparisonOp.NOT_EQUAL}
_ARITHMETIC = {op.value: op for op in ast.ArithmeticOp}

_UNITS = {unit.name: unit for unit in ast.TimeUnit} | {unit.name[:-1]: unit for unit in ast.TimeUnit}
"""DAY and DAYS, and so on."""

_UNIT_FUNCTIONS = frozenset({"DATEADD", "DATESUB", "TIMEADD", "TIMESUB", "TIMESTAMPADD", "TIMESTAMPSUB"})
"""Functions whose first argument is a unit, even where its word (DAY, HOUR, …) could be a column."""

_RESERVED_UNITS = frozenset(_UNITS) - NAME_KINDS
_NUMBERS = frozenset({INTEGER_VALUE, DECIMAL_VALUE, FLOATING_POINT_VALUE})
_DECIMAL_TEXT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)\Z")
_TYPED_LITERALS: dict[str, SqlType] = {"DATE": DATE, "TIME": TIME, "TIMESTAMP": TIMESTAMP}


class ExpressionRules(TypeRules):
    """Rules for expressions, by one loop over the levels of precedence."""

    def expression(self, floor: int = 0) -> ast.Expression:
        """Operators from the loosest to the tightest; all but the predicates group to the left.

        expression = and_expression ( "OR" and_expression )* ;
        and_expression = not_expression ( "AND" not_expression )* ;
        not_expression = "NOT" not_expression | predicate ;
        predicate = value ( comparison | is_test | between | in_list | like )? ;
        value = product ( ( "+" | "-" | "||" ) product )* ;
        product = unary ( ( "*" | "/" | "%" ) unary )* ;
        unary = ( "-" | "+" ) unary | zoned ;
        zoned = primary ( "AT" "TIME" "ZONE" primary )* ;
        """
        self.nest()
        start = self.i
        left = self._operand(floor)
        ceiling = _ZONE
        while floor <= (level := _LEVELS.get(self.kind, -1)) <= ceiling:
            if level == _PREDICATE:
                if self.kind == "NOT" and self.peek() not in ("IN", "BETWEEN", "LIKE"):
                    break
                left = self._predicate(left, start)
                ceiling = _PREDICATE - 1
            else:
                left = self._binary(left, start, level)
        self.depth -= 1
        return left

    def _operand(self, floor: int) -> ast.Expression:
        kind = self.kind
        start = self.i
        if kind == "NOT" and floor <= _NOT:
            self.advance()
            operand = self.expression(_NOT)
            return ast.Not(operand, position=self.span(start))
        if kind == "-":
            self.advance()
            if self.kind in _NUMBERS:
                return self._postfix(self.number(start, "-"), start)
            operand = self.expression(_UNARY)
            return ast.Negate(operand, position=self.span(start))
        if kind == "+":
            self.advance()
            return self.expression(_UNARY)
        return self.primary()

    def _binary(self, left: ast.Expression, start: int, level: int) -> ast.Expression:
        kind = self.kind
        self.advance()
        if kind == "AT":
            self.expect("TIME")
            self.expect("ZONE")
            return ast.AtTimeZone(left, self.primary(), position=self.span(start))
        right = self.expression(level + 1)
        if kind == "AND":
            return ast.And(left, right, position=self.span(start))
        if kind == "OR":
            return ast.Or(left, right, position=self.span(start))
        if kind == "||":
            return ast.FunctionCall("CONCAT", (left, right), position=self.span(start))
        return ast.Arithmetic(_ARITHMETIC[kind], left, right, position=self.span(start))

    def _predicate(self, left: ast.Expression, start: int) -> ast.Expression:
        """A test of one value; tests do not chain.

        comparison = ( "=" | "<>" | "!=" | "<" | "<=" | ">" | ">=" ) value ;
        is_test = "IS" "NOT"? ( "NULL" | "DISTINCT" "FROM" value ) ;
        between = "NOT"? "BETWEEN" value "AND" value ;
        in_list = "NOT"? "IN" "(" expression ( "," expression )* ")" ;
        like = "NOT"? "LIKE" value ( "ESCAPE" STRING_VALUE )? ;
        """
        if (op := _COMPARISONS.get(self.kind)) is not None:
            self.advance()
            right = self.expression(VALUE)
            return ast.Comparison(op, left, right, position=self.span(start))
        if self.accept("IS"):
            negated = self.accept("NOT")
            if self.accept_all("DISTINCT", "FROM"):
                op = ast.ComparisonOp.NOT_DISTINCT if negated else ast.ComparisonOp.DISTINCT
                right = self.expression(VALUE)
                return ast.Comparison(op, left, right, position=self.span(start))
            self.expect("NULL")
            return ast.IsNull(left, negated, position=self.span(start))
        negated = self.accept("NOT")
        if self.accept("BETWEEN"):
            low = self.expression(VALUE)
            self.expect("AND")
            high = self.expression(VALUE)
            return ast.Between(left, low, high, negated, position=self.span(start))
        if self.accept("IN"):
            self.expect("(")
            items = self.expressions()
            self.expect(")")
            return ast.InList(left, items, negated, position=self.span(start))
        self.expect("LIKE")
        pattern = self.expression(VALUE)
        escape = None
        if self.at("ESCAPE") and self.peek() == STRING_VALUE:
            self.advance()
            escape = self.string()
        return ast.Like(left, pattern, escape, negated, position=self.span(start))

    def expressions(self, floor: int = 0) -> tuple[ast.Expression, ...]:
        """One or more expressions between commas."""
        items = [self.expression(floor)]
        while self.accept(","):
            items.append(self.expression(floor))
        return tuple(items)

    # --- primaries

    def primary(self) -> ast.Expression:
        """What operators bind, with its subscripts and struct fields.

        primary = ( literal | typed_literal | case | cast | array | map | struct | function_call | column_reference
                  | "(" expression ")" ) ( "[" value "]" | "->" name )* ;
        column_reference = ( name "." )? name ;
        """
        start = self.i
        kind = self.kind
        if kind in NAME_KINDS:
            base = self._after_name(start)
        elif (rule := _PRIMARIES.get(kind)) is not None:
            base = rule(self)
        else:
            self.fail("expression")
        return self._postfix(base, start)

    def _postfix(self, base: ast.Expression, start: int) -> ast.Expression:
        depth = self.depth
        while True:
            if self.kind == "[":
                self.nest()
                self.advance()
                index = self.expression(VALUE)
                self.expect("]")
                base = ast.Subscript(base, index, position=self.span(start))
            elif self.kind == "->" and self.peek() != "*":
                self.nest()
                self.advance()
                base = ast.FieldRef(base, self.name(), position=self.span(start))
            else:
                self.depth = depth
                return base

    def _after_name(self, start: int) -> ast.Expression:
        following = self.kinds[start + 1]
        if following == "(":
            if self.kind == "MAP":
                return self.map_constructor()
            if self.kind == "STRUCT":
                return self.struct_constructor()
            return self.function_call()
        if following == "[" and self.kind == "ARRAY":
            return self.array_constructor()
        if following == STRING_VALUE and self.kind != QUOTED_IDENTIFIER:
            return self.typed_literal()
        name = self.folded(self.advance())
        if following == "." and self.peek() != "*":
            self.advance()
            return ast.ColumnRef(self.name(), name, position=self.span(start))
        return ast.ColumnRef(name, position=self.position(start))

    def parenthesised(self) -> ast.Expression:
        """Parentheses leave no trace in the tree."""
        self.expect("(")
        inner = self.expression()
        self.expect(")")
        return inner

    def function_call(self) -> ast.Expression:
        """Function names are case-insensitive.

        function_call = name "(" ( "*" | ( argument ( "," argument )* )? ) ")" ;
        """
        start = self.i
        name = self.name().upper()
        self.expect("(")
        if self.accept("*"):
            self.expect(")")
            return ast.FunctionCall(name, (), star=True, position=self.span(start))
        arguments: list[ast.Expression] = []
        if not self.accept(")"):
            arguments.append(self.argument(unit_possible=name in _UNIT_FUNCTIONS))
            while self.accept(","):
                arguments.append(self.argument())
            self.expect(")")
        return ast.FunctionCall(name, tuple(arguments), position=self.span(start))

    def argument(self, *, unit_possible: bool = False) -> ast.Expression:
        """Units are arguments of DATEADD and its kin.

        argument = lambda | unit | expression ;
        lambda = ( name | "(" name ( "," name )* ")" ) "=>" expression ;
        """
        kind = self.kind
        start = self.i
        if kind in NAME_KINDS and self.kinds[start + 1] == "=>":
            return self.lambda_function()
        if kind == "(" and self._lambda_follows():
            return self.lambda_function()
        if kind in _RESERVED_UNITS or (unit_possible and kind in _UNITS and self.kinds[start + 1] == ","):
            self.advance()
            return ast.IntervalUnit(_UNITS[kind].name, position=self.position(start))
        return self.expression()

    def _lambda_follows(self) -> bool:
        """Whether `( name, …, name ) =>` begins here."""
        kinds, at = self.kinds, self.i + 1
        while kinds[at] in NAME_KINDS:
            if kinds[at + 1] == ")":
                return kinds[at + 2] == "=>"
            if kinds[at + 1] != ",":
                return False
            at += 2
        return False

    def lambda_function(self) -> ast.Expression:
        """A lambda, known to begin here."""
        start = self.i
        if self.accept("("):
            parameters = [self.name()]
            while self.accept(","):
                parameters.append(self.name())
            self.expect(")")
        else:
            parameters = [self.name()]
        self.expect("=>")
        body = self.expression()
        return ast.Lambda(tuple(parameters), body, position=self.span(start))

    def array_constructor(self) -> ast.Expression:
        """
        array = "ARRAY" "[" ( expression ( "," expression )* )? "]" ;
        """
        start = self.expect("ARRAY")
        self.expect("[")
        items: tuple[ast.Expression, ...] = ()
        if not self.accept("]"):
            items = self.expressions()
            self.expect("]")
        return ast.ArrayConstructor(items, position=self.span(start))

    def map_constructor(self) -> ast.Expression:
        """
        map = "MAP" "(" ( expression ":=" expression ( "," expression ":=" expression )* )? ")" ;
        """
        start = self.expect("MAP")
        self.expect("(")
        entries: list[tuple[ast.Expression, ast.Expression]] = []
        if not self.accept(")"):
            while True:
                key = self.expression()
                self.expect(":=")
                entries.append((key, self.expression()))
                if not self.accept(","):
                    break
            self.expect(")")
        return ast.MapConstructor(tuple(entries), position=self.span(start))

    def struct_constructor(self) -> ast.Expression:
        """
        struct = "STRUCT" "(" ( name ":=" expression ( "," name ":=" expression )* )? ")" ;
        """
        start = self.expect("STRUCT")
        self.expect("(")
        fields: list[tuple[str, ast.Expression]] = []
        if not self.accept(")"):
            while True:
                name = self.name()
                self.expect(":=")
                fields.append((name, self.expression()))
                if not self.accept(","):
                    break
            self.expect(")")
        return ast.StructConstructor(tuple(fields), position=self.span(start))

    def case(self) -> ast.Expression:
        """
        case = "CASE" value? ( "WHEN" expression "THEN" expression )+ ( "ELSE" expression )? "END" ;
        """
        start = self.expect("CASE")
        operand = None if self.at("WHEN") else self.expression(VALUE)
        branches: list[ast.When] = []
        while self.accept("WHEN"):
            condition = self.expression()
            self.expect("THEN")
            branches.append(ast.When(condition, self.expression()))
        if not branches:
            self.fail()
        default = self.expression() if self.accept("ELSE") else None
        self.expect("END")
        return ast.Case(tuple(branches), default, operand, position=self.span(start))

    def cast(self) -> ast.Expression:
        """
        cast = "CAST" "(" expression "AS" type ")" ;
        """
        start = self.expect("CAST")
        self.expect("(")
        operand = self.expression()
        self.expect("AS")
        target = self.sql_type()
        self.expect(")")
        return ast.Cast(operand, target, position=self.span(start))

    # --- literals

    def literal(self) -> ast.Literal:
        """A minus sign before a number belongs to the number.

        literal = "NULL" | "TRUE" | "FALSE" | STRING_VALUE | ( "-" | "+" )? number ;
        number = INTEGER_VALUE | DECIMAL_VALUE | FLOATING_POINT_VALUE ;
        """
        start = self.i
        if self.kind in ("-", "+") and self.peek() in _NUMBERS:
            return self.number(start, self.texts[self.advance()].replace("+", ""))
        if self.kind in _NUMBERS:
            return self.number(start, "")
        rule = _LITERALS.get(self.kind)
        if rule is None:
            self.fail("literal")
        return rule(self)

    def string_literal(self) -> ast.Literal:
        """A string."""
        index = self.advance()
        return ast.StringLiteral(unquote(self.texts[index]), position=self.position(index))

    def null(self) -> ast.Literal:
        """NULL."""
        return ast.NullLiteral(position=self.position(self.advance()))

    def true(self) -> ast.Literal:
        """TRUE."""
        return ast.BooleanLiteral(True, position=self.position(self.advance()))

    def false(self) -> ast.Literal:
        """FALSE."""
        return ast.BooleanLiteral(False, position=self.position(self.advance()))

    def unsigned(self) -> ast.Literal:
        """A number without a sign."""
        return self.number(self.i, "")

    def number(self, start: int, sign: str) -> ast.Literal:
        """The number at the cursor, its sign given; INT if it fits, else BIGINT; with a point DECIMAL, else DOUBLE."""
        kind = self.kind
        text = sign + self.texts[self.advance()]
        position = self.span(start)
        if kind == DECIMAL_VALUE:
            return ast.DecimalLiteral(decimal.Decimal(text), position=position)
        if kind == FLOATING_POINT_VALUE:
            number = float(text)
            if math.isinf(number):
                self.refuse(f"Number overflows DOUBLE: {text}", start)
            return ast.DoubleLiteral(number, position=position)
        value = int(text) if len(text) < 100 else 1 << 63
        if -(1 << 31) <= value < 1 << 31:
            return ast.IntegerLiteral(value, position=position)
        if not -(1 << 63) <= value < 1 << 63:
            self.refuse(f"Invalid numeric literal: {text} is beyond the range of BIGINT.", start)
        return ast.BigintLiteral(value, position=position)

    def typed_literal(self) -> ast.Expression:
        """DECIMAL '1.50' keeps its digits; the other forms stand for a CAST of the string.

        typed_literal = ( "DECIMAL" | "DATE" | "TIME" | "TIMESTAMP" ) STRING_VALUE ;
        """
        start = self.i
        name = self.name()
        if name == "DECIMAL":
            text = self.string()
            if not _DECIMAL_TEXT.match(text):
                self.refuse(f"Invalid DECIMAL literal: '{text}'", start)
            return ast.DecimalLiteral(decimal.Decimal(text), position=self.span(start))
        target = _TYPED_LITERALS.get(name)
        if target is None:
            self.fail()
        operand = self.string_literal()
        return ast.Cast(operand, target, position=self.span(start))


_LITERALS: dict[str, Callable[[ExpressionRules], ast.Literal]] = {
    STRING_VALUE: ExpressionRules.string_literal,
    "NULL": ExpressionRules.null,
    "TRUE": ExpressionRules.true,
    "FALSE": ExpressionRules.false,
    **dict.fromkeys(_NUMBERS, ExpressionRules.unsigned),
}
_PRIMARIES: dict[str, Callable[[ExpressionRules], ast.Expression]] = {
    **_LITERALS,
    "(": ExpressionRules.parenthesised,
    "CASE": ExpressionRules.case,
    "CAST": ExpressionRules.cast,
}
