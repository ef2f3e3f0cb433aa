"""Statements that show, describe and steer: queries, sessions, connectors, assertions and scripts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from headwater.sql import ast
from headwater.sql.rules.cursor import NAME_KINDS, Dialect
from headwater.sql.rules.definitions import DefinitionRules
from headwater.sql.tokens import END

_SHOW_EXTENDED = ("STREAMS", "TABLES", "TOPICS", "QUERIES")
_SHOW_PLAIN = ("FUNCTIONS", "PROPERTIES", "TYPES", "VARIABLES", "CONNECTORS")
_STATEMENT_ENDS = (";", END)


class AdministrationRules(DefinitionRules):
    """Rules for everything that is neither a query nor a definition, and for which statement begins where."""

    def statement(self) -> ast.Statement:
        """Any statement, told by its first word.

        statement = query | create | insert | drop | alter | print | show | describe | explain | terminate | pause
                  | resume | set | unset | define | undefine | assert | run_script | spool ;
        script = ( statement ";" )* ;
        """
        rule = _STATEMENTS.get(self.kind)
        if rule is None:
            if self.dialect is Dialect.SHELL and self.texts[self.i].upper() == "SPOOL":
                return self.spool()
            self.fail("statement")
        return rule(self)

    def complete_statement(self) -> ast.Statement:
        """A statement that knows its text."""
        start = self.i
        statement = self.statement()
        return dataclasses.replace(statement, text=self.tokens.text(start, self.i - 1))

    def select(self) -> ast.Statement:
        """A query on its own."""
        start = self.i
        query = self.query()
        return ast.QueryStatement(query, position=self.span(start))

    def print_topic(self) -> ast.Statement:
        """The topic's name is case-sensitive, quoted or not.

        print = "PRINT" name_or_string ( "FROM" "BEGINNING" )? ( ( "INTERVAL" | "SAMPLE" ) INTEGER_VALUE )?
                ( "LIMIT" INTEGER_VALUE )? ;
        """
        start = self.expect("PRINT")
        topic = self.name_or_string()
        from_beginning = self.accept_all("FROM", "BEGINNING")
        interval = self.integer() if self.accept("INTERVAL") or self.accept("SAMPLE") else None
        limit = self.integer() if self.accept("LIMIT") else None
        return ast.PrintTopic(topic, from_beginning, interval, limit, position=self.span(start))

    # --- looking

    def show(self) -> ast.Statement:
        """
        show = ( "SHOW" | "LIST" ) ( ( "STREAMS" | "TABLES" | "ALL"? "TOPICS" | "QUERIES" ) "EXTENDED"?
                                   | "FUNCTIONS" | "PROPERTIES" | "TYPES" | "VARIABLES"
                                   | ( "SOURCE" | "SINK" )? "CONNECTORS" | "CONNECTOR" "PLUGINS" ) ;
        """
        start = self.i
        if not self.accept("SHOW"):
            self.expect("LIST")
        for word in _SHOW_EXTENDED:
            if self.accept(word):
                extended = self.accept("EXTENDED")
                return ast.Show(ast.ShowWhat[word], extended, position=self.span(start))
        for word in _SHOW_PLAIN:
            if self.accept(word):
                return ast.Show(ast.ShowWhat[word], position=self.span(start))
        if self.accept_all("ALL", "TOPICS"):
            extended = self.accept("EXTENDED")
            return ast.Show(ast.ShowWhat.TOPICS, extended, all=True, position=self.span(start))
        if self.accept_all("SOURCE", "CONNECTORS"):
            what = ast.ShowWhat.SOURCE_CONNECTORS
        elif self.accept_all("SINK", "CONNECTORS"):
            what = ast.ShowWhat.SINK_CONNECTORS
        else:
            self.expect("CONNECTOR")
            self.expect("PLUGINS")
            what = ast.ShowWhat.CONNECTOR_PLUGINS
        return ast.Show(what, position=self.span(start))

    def describe(self) -> ast.Statement:
        """TABLES means all tables; a source of that name needs quotes.

        describe = "DESCRIBE" ( ( "STREAMS" | "TABLES" ) "EXTENDED"? | "FUNCTION" name | "CONNECTOR" name
                              | source_name "EXTENDED"? ) ;
        """
        start = self.expect("DESCRIBE")
        for kind, word in ((ast.SourceKind.STREAM, "STREAMS"), (ast.SourceKind.TABLE, "TABLES")):
            if self.accept(word):
                extended = self.accept("EXTENDED")
                return ast.DescribeSources(kind, extended, position=self.span(start))
        if self.at("FUNCTION") and self.peek() in NAME_KINDS:
            self.advance()
            return ast.DescribeFunction(self.name().upper(), position=self.span(start))
        if self.accept("CONNECTOR"):
            return ast.DescribeConnector(self.name(), position=self.span(start))
        name = self.source_name()
        extended = self.accept("EXTENDED")
        return ast.DescribeSource(name, extended, position=self.span(start))

    def explain(self) -> ast.Statement:
        """
        explain = "EXPLAIN" ( statement | name ) ;
        """
        start = self.expect("EXPLAIN")
        if self.kind in NAME_KINDS and self.peek() in _STATEMENT_ENDS:
            return ast.Explain(query_id=self.name(), position=self.span(start))
        self.nest()
        inner = self.complete_statement()
        self.depth -= 1
        return ast.Explain(inner, position=self.span(start))

    # --- steering queries and sessions

    def query_id(self) -> str | None:
        """The id of a query, or None for ALL."""
        return None if self.accept("ALL") else self.name()

    def terminate(self) -> ast.Statement:
        """
        terminate = "TERMINATE" ( name | "ALL" ) ;
        """
        start = self.expect("TERMINATE")
        return ast.TerminateQuery(self.query_id(), position=self.span(start))

    def pause(self) -> ast.Statement:
        """
        pause = "PAUSE" ( name | "ALL" ) ;
        """
        start = self.expect("PAUSE")
        return ast.PauseQuery(self.query_id(), position=self.span(start))

    def resume(self) -> ast.Statement:
        """
        resume = "RESUME" ( name | "ALL" ) ;
        """
        start = self.expect("RESUME")
        return ast.ResumeQuery(self.query_id(), position=self.span(start))

    def set_property(self) -> ast.Statement:
        """
        set = "SET" STRING_VALUE "=" STRING_VALUE ;
        """
        start = self.expect("SET")
        name = self.string()
        self.expect("=")
        return ast.SetProperty(name, self.string(), position=self.span(start))

    def unset_property(self) -> ast.Statement:
        """
        unset = "UNSET" STRING_VALUE ;
        """
        start = self.expect("UNSET")
        return ast.UnsetProperty(self.string(), position=self.span(start))

    def define(self) -> ast.Statement:
        """
        define = "DEFINE" name "=" STRING_VALUE ;
        """
        start = self.expect("DEFINE")
        name = self.name_with_case()
        self.expect("=")
        return ast.DefineVariable(name, self.string(), position=self.span(start))

    def undefine(self) -> ast.Statement:
        """
        undefine = "UNDEFINE" name ;
        """
        start = self.expect("UNDEFINE")
        return ast.UndefineVariable(self.name_with_case(), position=self.span(start))

    # --- assertions and scripts

    def assertion(self) -> ast.Statement:
        """VALUES, NULL VALUES, STREAM and TABLE exist only in test scripts.

        assert = "ASSERT" ( assert_topic | assert_schema | assert_values | assert_tombstone | assert_source ) ;
        """
        start = self.expect("ASSERT")
        exists = not self.accept_all("NOT", "EXISTS")
        if self.accept("TOPIC"):
            return self.assert_topic(start, exists)
        if self.accept("SCHEMA"):
            return self.assert_schema(start, exists)
        if self.dialect is not Dialect.TEST or not exists:
            self.fail("TOPIC or SCHEMA")
        if self.accept("VALUES"):
            return self.assert_values(start)
        if self.accept_all("NULL", "VALUES"):
            return self.assert_tombstone(start)
        return self.assert_source(start)

    def assert_topic(self, start: int, exists: bool) -> ast.Statement:
        """
        assert_topic = ( "NOT" "EXISTS" )? "TOPIC" name_or_string properties? ( "TIMEOUT" duration )? ;
        """
        name = self.name_or_string()
        properties = self.properties()
        timeout = self.duration() if self.accept("TIMEOUT") else None
        return ast.AssertTopic(name, properties, timeout, exists, position=self.span(start))

    def assert_schema(self, start: int, exists: bool) -> ast.Statement:
        """
        assert_schema = ( "NOT" "EXISTS" )? "SCHEMA" ( "SUBJECT" name_or_string )? ( "ID" INTEGER_VALUE )?
                        ( "TIMEOUT" duration )? ;
        """
        subject = self.name_or_string() if self.accept("SUBJECT") else None
        schema_id = self.integer() if self.accept("ID") else None
        timeout = self.duration() if self.accept("TIMEOUT") else None
        return ast.AssertSchema(subject, schema_id, timeout, exists, position=self.span(start))

    def assert_values(self, start: int) -> ast.Statement:
        """
        assert_values = "VALUES" source_name names? "VALUES" "(" expression ( "," expression )* ")" ;
        """
        source = self.source_name()
        columns = self.names()
        self.expect("VALUES")
        return ast.AssertValues(source, columns, self.row(), position=self.span(start))

    def assert_tombstone(self, start: int) -> ast.Statement:
        """
        assert_tombstone = "NULL" "VALUES" source_name names? "KEY" "(" expression ( "," expression )* ")" ;
        """
        source = self.source_name()
        columns = self.names()
        self.expect("KEY")
        return ast.AssertTombstone(source, columns, self.row(), position=self.span(start))

    def assert_source(self, start: int) -> ast.Statement:
        """
        assert_source = ( "STREAM" | "TABLE" ) source_name ( "(" column ( "," column )* ")" )? properties? ;
        """
        kind = self.source_kind()
        name = self.source_name()
        columns: tuple[ast.ColumnDef, ...] = ()
        if self.accept("("):
            columns = self.columns(kind)
            self.expect(")")
        return ast.AssertSource(kind, name, columns, self.properties(), position=self.span(start))

    def run_script(self) -> ast.Statement:
        """For the shell and test scripts.

        run_script = "RUN" "SCRIPT" STRING_VALUE ;
        """
        if self.dialect is Dialect.SERVER:
            self.fail("statement")
        start = self.expect("RUN")
        self.expect("SCRIPT")
        return ast.RunScript(self.string(), position=self.span(start))

    def spool(self) -> ast.Statement:
        """For the shell.

        spool = "SPOOL" ( STRING_VALUE | "OFF" ) ;
        """
        start = self.advance()
        if self.texts[self.i].upper() == "OFF":
            self.advance()
            return ast.Spool(None, position=self.span(start))
        return ast.Spool(self.string(), position=self.span(start))


_STATEMENTS: dict[str, Callable[[AdministrationRules], ast.Statement]] = {
    "SELECT": AdministrationRules.select,
    "CREATE": AdministrationRules.create,
    "INSERT": AdministrationRules.insert,
    "DROP": AdministrationRules.drop,
    "ALTER": AdministrationRules.alter,
    "PRINT": AdministrationRules.print_topic,
    "SHOW": AdministrationRules.show,
    "LIST": AdministrationRules.show,
    "DESCRIBE": AdministrationRules.describe,
    "EXPLAIN": AdministrationRules.explain,
    "TERMINATE": AdministrationRules.terminate,
    "PAUSE": AdministrationRules.pause,
    "RESUME": AdministrationRules.resume,
    "SET": AdministrationRules.set_property,
    "UNSET": AdministrationRules.unset_property,
    "DEFINE": AdministrationRules.define,
    "UNDEFINE": AdministrationRules.undefine,
    "ASSERT": AdministrationRules.assertion,
    "RUN": AdministrationRules.run_script,
}

FIRST_WORDS = (*_STATEMENTS, "SPOOL")
"""Words that a statement can begin with."""
