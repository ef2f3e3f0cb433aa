"""SELECT: items, sources and joins, windows, grouping, EMIT and LIMIT."""

from __future__ import annotations

from headwater.sql import ast
from headwater.sql.rules.cursor import NAME_KINDS
from headwater.sql.rules.expressions import VALUE, ExpressionRules

_TIME_UNITS = {unit.name: unit for unit in ast.TimeUnit} | {unit.name[:-1]: unit for unit in ast.TimeUnit}
_CONTINUES_EXPRESSION = frozenset({",", "+", "-", "*", "/", "%", "||", "[", "->", "AT"})
_JOIN_STARTS = ("JOIN", "INNER", "LEFT", "RIGHT", "FULL")


class QueryRules(ExpressionRules):
    """Rules for queries."""

    def query(self) -> ast.Query:
        """The clauses of SELECT, in this order only. At top level EMIT makes it a push query.

        query = "SELECT" select_item ( "," select_item )* "FROM" source join*
                ( "WINDOW" window )? ( "WHERE" expression )? ( "GROUP" "BY" keys )? ( "PARTITION" "BY" keys )?
                ( "HAVING" expression )? ( "EMIT" ( "CHANGES" | "FINAL" ) )? ( "LIMIT" INTEGER_VALUE )? ;
        """
        start = self.expect("SELECT")
        items = [self.select_item()]
        while self.accept(","):
            items.append(self.select_item())
        self.expect("FROM")
        source = self.source()
        joins: list[ast.Join] = []
        while (join := self.join()) is not None:
            joins.append(join)
        window = self.window() if self.accept("WINDOW") else None
        where = self.expression() if self.accept("WHERE") else None
        group_by = self.keys() if self.accept_all("GROUP", "BY") else None
        partition_by = self.keys() if self.accept_all("PARTITION", "BY") else None
        having = self.expression() if self.accept("HAVING") else None
        emit = self.emit() if self.accept("EMIT") else None
        limit = self.integer() if self.accept("LIMIT") else None
        return ast.Query(
            tuple(items),
            source,
            tuple(joins),
            window,
            where,
            group_by,
            partition_by,
            having,
            emit,
            limit,
            position=self.span(start),
        )

    def select_item(self) -> ast.SelectItem:
        """
        select_item = "*" | name "." "*" | expression "->" "*" | expression ( "AS"? name )? ;
        """
        start = self.i
        if self.accept("*"):
            return ast.Star(position=self.position(start))
        if self.kind in NAME_KINDS and self.peek() == "." and self.peek(2) == "*":
            qualifier = self.name()
            self.advance()
            self.advance()
            return ast.Star(qualifier, position=self.span(start))
        expression = self.expression()
        if self.kind == "->" and self.peek() == "*":
            self.advance()
            self.advance()
            return ast.StructStar(expression, position=self.span(start))
        alias = self.alias()
        return ast.SingleColumn(expression, alias, position=self.span(start))

    def alias(self) -> str | None:
        """A name that is given, if one is; EMIT CHANGES, EMIT FINAL and PARTITION BY begin clauses instead."""
        if self.accept("AS"):
            return self.name()
        if not self.starts_name():
            return None
        if self.kind == "EMIT" and self.peek() in ("CHANGES", "FINAL"):
            return None
        if self.kind == "PARTITION" and self.peek() == "BY":
            return None
        return self.name()

    def source(self) -> ast.Source:
        """
        source = source_name ( "AS"? name )? ;
        """
        start = self.i
        name = self.source_name()
        alias = self.alias()
        return ast.Source(name, alias, position=self.span(start))

    def join(self) -> ast.Join | None:
        """
        join = ( "INNER" | ( "LEFT" | "RIGHT" | "FULL" ) "OUTER"? )? "JOIN" source within? "ON" expression ;
        """
        start = self.i
        for kind in _JOIN_STARTS:
            if self.at(kind):
                break
        else:
            return None
        if kind == "JOIN" or self.accept("INNER"):
            joined = ast.JoinKind.INNER
        else:
            joined = ast.JoinKind[kind]
            self.advance()
            self.accept("OUTER")
        self.expect("JOIN")
        source = self.source()
        within = self.within() if self.accept("WITHIN") else None
        self.expect("ON")
        on = self.expression()
        return ast.Join(joined, source, on, within, position=self.span(start))

    def within(self) -> ast.Within:
        """One duration bounds both sides; two bound before and after.

        within = "WITHIN" ( duration | "(" duration "," duration ")" ) ( "GRACE" "PERIOD" duration )? ;
        """
        if self.accept("("):
            before = self.duration()
            self.expect(",")
            after = self.duration()
            self.expect(")")
        else:
            before = after = self.duration()
        grace = self.duration() if self.accept_all("GRACE", "PERIOD") else None
        return ast.Within(before, after, grace)

    def duration(self) -> ast.Duration:
        """
        duration = INTEGER_VALUE unit ;
        unit = "DAY" | "DAYS" | "HOUR" | "HOURS" | "MINUTE" | "MINUTES" | "SECOND" | "SECONDS"
             | "MILLISECOND" | "MILLISECONDS" ;
        """
        amount = self.integer()
        unit = _TIME_UNITS.get(self.kind)
        if unit is None:
            self.fail("time unit")
        self.advance()
        return ast.Duration(amount, unit)

    def window(self) -> ast.Window:
        """A window may have a name, which nothing can refer to.

        window = name? ( "TUMBLING" "(" "SIZE" duration window_limits ")"
                       | "HOPPING" "(" "SIZE" duration "," "ADVANCE" "BY" duration window_limits ")"
                       | "SESSION" "(" duration window_limits ")" ) ;
        window_limits = ( "," "RETENTION" duration )? ( "," "GRACE" "PERIOD" duration )? ;
        """
        if self.kind in NAME_KINDS and self.peek() in ("TUMBLING", "HOPPING", "SESSION"):
            self.name()
        advance = None
        if self.accept_all("TUMBLING", "(", "SIZE"):
            kind = ast.WindowKind.TUMBLING
            size = self.duration()
        elif self.accept_all("HOPPING", "(", "SIZE"):
            kind = ast.WindowKind.HOPPING
            size = self.duration()
            self.expect(",")
            self.expect("ADVANCE")
            self.expect("BY")
            advance = self.duration()
        elif self.accept_all("SESSION", "("):
            kind = ast.WindowKind.SESSION
            size = self.duration()
        else:
            self.fail()
        retention = grace = None
        if self.at(",") and self.peek() == "RETENTION":
            self.advance()
            self.expect("RETENTION")
            retention = self.duration()
        if self.accept(","):
            if retention is None and self.at("RETENTION"):
                self.fail()
            self.expect("GRACE")
            self.expect("PERIOD")
            grace = self.duration()
        self.expect(")")
        return ast.Window(kind, size, advance, retention, grace)

    def keys(self) -> tuple[ast.Expression, ...]:
        """What to group or partition by; parentheses around the whole list mean nothing.

        keys = value ( "," value )* | "(" ( expression ( "," expression )* )? ")" ;
        """
        if self.at("(") and self.kinds[self._after_parenthesis()] not in _CONTINUES_EXPRESSION:
            self.advance()
            if self.accept(")"):
                return ()
            items = self.expressions()
            self.expect(")")
            return items
        return self.expressions(VALUE)

    def _after_parenthesis(self) -> int:
        """Index of the token after the parenthesis that closes the one here, or of the last token."""
        depth, at = 0, self.i
        last = len(self.kinds) - 1
        while at < last:
            kind = self.kinds[at]
            at += 1
            if kind == "(":
                depth += 1
            elif kind == ")":
                depth -= 1
                if depth == 0:
                    break
        return at

    def emit(self) -> ast.Emit:
        """What follows EMIT."""
        if self.accept("CHANGES"):
            return ast.Emit.CHANGES
        self.expect("FINAL")
        return ast.Emit.FINAL
