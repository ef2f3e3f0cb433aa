"""Statements that make, fill, change or remove sources and types."""

from __future__ import annotations

from headwater.sql import ast
from headwater.sql.rules.cursor import NAME_KINDS
from headwater.sql.rules.queries import QueryRules
from headwater.sql.tokens import STRING_VALUE
from headwater.sql.words import KEYWORDS


class DefinitionRules(QueryRules):
    """Rules for CREATE, INSERT, DROP and ALTER of sources and types."""

    # --- parts

    def source_kind(self) -> ast.SourceKind:
        """STREAM or TABLE."""
        if self.accept("STREAM"):
            return ast.SourceKind.STREAM
        self.expect("TABLE")
        return ast.SourceKind.TABLE

    def columns(self, kind: ast.SourceKind | None = None) -> tuple[ast.ColumnDef, ...]:
        """One or more columns between commas; with a `kind`, the key columns must be spelt as that kind wants it."""
        columns = [self.column(kind)]
        while self.accept(","):
            columns.append(self.column(kind))
        return tuple(columns)

    def column(self, kind: ast.SourceKind | None = None) -> ast.ColumnDef:
        """Streams have KEY columns, tables PRIMARY KEY columns.

        column = name type ( "PRIMARY"? "KEY" | "HEADERS" | "HEADER" "(" STRING_VALUE ")" )? ;
        """
        start = self.i
        name = self.name()
        if self.kind in ("KEY", "PRIMARY", "HEADER", "HEADERS"):
            self.fail("type")
        sql_type = self.sql_type()
        role, header_key = ast.ColumnKind.VALUE, None
        if self.accept_all("PRIMARY", "KEY"):
            role = ast.ColumnKind.PRIMARY_KEY
        elif self.accept("KEY"):
            role = ast.ColumnKind.KEY
        elif self.accept("HEADERS"):
            role = ast.ColumnKind.HEADERS
        elif self.accept_all("HEADER", "("):
            role, header_key = ast.ColumnKind.HEADERS, self.string()
            self.expect(")")
        if kind is ast.SourceKind.TABLE and role is ast.ColumnKind.KEY:
            self.refuse_meaning(f"Column `{name}` is a 'KEY' column: please use 'PRIMARY KEY' for tables.", start)
        if kind is ast.SourceKind.STREAM and role is ast.ColumnKind.PRIMARY_KEY:
            self.refuse_meaning(f"Column `{name}` is a 'PRIMARY KEY' column: please use 'KEY' for streams.", start)
        return ast.ColumnDef(name, sql_type, role, header_key, position=self.span(start))

    def properties(self) -> tuple[ast.Property, ...]:
        """WITH and what it holds, or nothing.

        properties = "WITH" "(" property ( "," property )* ")" ;
        """
        if not self.accept("WITH"):
            return ()
        self.expect("(")
        properties = [self.property()]
        while self.accept(","):
            properties.append(self.property())
        self.expect(")")
        return tuple(properties)

    def property(self) -> ast.Property:
        """The name may be any word; connectors have names that need quotes.

        property = ( name | STRING_VALUE ) "=" literal ;
        """
        start = self.i
        if self.kind in KEYWORDS and self.peek() == "=":
            name = self.texts[self.advance()].upper()
        elif self.at(STRING_VALUE):
            name = self.string()
        else:
            name = self.name()
        self.expect("=")
        return ast.Property(name, self.literal(), position=self.span(start))

    def if_not_exists(self) -> bool:
        """Whether IF NOT EXISTS is written; IF alone may be a name."""
        return self.at("IF") and self.peek() == "NOT" and self.accept_all("IF", "NOT", "EXISTS")

    def if_exists(self) -> bool:
        """Whether IF EXISTS is written; IF alone may be a name."""
        return self.at("IF") and self.peek() == "EXISTS" and self.accept_all("IF", "EXISTS")

    def names(self) -> tuple[str, ...] | None:
        """A list of names in parentheses, or nothing.

        names = "(" name ( "," name )* ")" ;
        """
        if not self.accept("("):
            return None
        names = [self.name()]
        while self.accept(","):
            names.append(self.name())
        self.expect(")")
        return tuple(names)

    # --- statements

    def create(self) -> ast.Statement:
        """
        create = create_source | create_as_select | create_type | create_connector ;
        """
        start = self.expect("CREATE")
        if self.at("TYPE"):
            return self.create_type(start)
        if self.kind in ("SOURCE", "SINK") and self.peek() == "CONNECTOR":
            return self.create_connector(start)
        return self.create_source(start)

    def create_source(self, start: int) -> ast.Statement:
        """
        create_source = "CREATE" ( "OR" "REPLACE" )? "SOURCE"? ( "STREAM" | "TABLE" ) ( "IF" "NOT" "EXISTS" )?
                        source_name ( "(" column ( "," column )* ")" )? properties? ;
        create_as_select = "CREATE" ( "OR" "REPLACE" )? ( "STREAM" | "TABLE" ) ( "IF" "NOT" "EXISTS" )? source_name
                           properties? "AS" query ;
        """
        or_replace = self.accept_all("OR", "REPLACE")
        read_only = self.accept("SOURCE")
        kind = self.source_kind()
        if_not_exists = self.if_not_exists()
        name = self.source_name()
        columns: tuple[ast.ColumnDef, ...] | None = None
        if self.accept("("):
            columns = self.columns(kind)
            self.expect(")")
        properties = self.properties()
        if columns is None and not read_only and self.accept("AS"):
            query = self.query()
            return ast.CreateAsSelect(
                kind, name, query, properties, or_replace, if_not_exists, position=self.span(start)
            )
        return ast.CreateSource(
            kind, name, columns or (), properties, or_replace, if_not_exists, read_only, position=self.span(start)
        )

    def create_type(self, start: int) -> ast.Statement:
        """
        create_type = "CREATE" "TYPE" ( "IF" "NOT" "EXISTS" )? name "AS" type ;
        """
        self.expect("TYPE")
        if_not_exists = self.if_not_exists()
        name = self.name()
        self.expect("AS")
        sql_type = self.sql_type()
        return ast.CreateType(name, sql_type, if_not_exists, position=self.span(start))

    def create_connector(self, start: int) -> ast.Statement:
        """
        create_connector = "CREATE" ( "SOURCE" | "SINK" ) "CONNECTOR" ( "IF" "NOT" "EXISTS" )? name properties ;
        """
        is_source = self.accept("SOURCE")
        if not is_source:
            self.expect("SINK")
        self.expect("CONNECTOR")
        if_not_exists = self.if_not_exists()
        name = self.name()
        if not self.at("WITH"):
            self.fail()
        properties = self.properties()
        return ast.CreateConnector(is_source, name, properties, if_not_exists, position=self.span(start))

    def insert(self) -> ast.Statement:
        """
        insert = "INSERT" "INTO" source_name
                 ( properties? query | names? "VALUES" "(" expression ( "," expression )* ")" ) ;
        """
        start = self.expect("INSERT")
        self.expect("INTO")
        target = self.source_name()
        columns = self.names()
        if columns is None and not self.at("VALUES"):
            properties = self.properties()
            query = self.query()
            return ast.InsertInto(target, query, properties, position=self.span(start))
        self.expect("VALUES")
        values = self.row()
        if self.at(",") and self.peek() == "(":
            self.refuse("INSERT INTO ... VALUES takes exactly one row: write one statement per row.", self.i)
        return ast.InsertValues(target, columns, values, position=self.span(start))

    def row(self) -> tuple[ast.Expression, ...]:
        """Expressions in parentheses."""
        self.expect("(")
        values = self.expressions()
        self.expect(")")
        return values

    def drop(self) -> ast.Statement:
        """
        drop = "DROP" ( ( "STREAM" | "TABLE" ) ( "IF" "EXISTS" )? source_name ( "DELETE" "TOPIC" )?
                      | "TYPE" ( "IF" "EXISTS" )? name
                      | "CONNECTOR" ( "IF" "EXISTS" )? name ) ;
        """
        start = self.expect("DROP")
        if self.accept("TYPE"):
            if_exists = self.if_exists()
            return ast.DropType(self.name(), if_exists, position=self.span(start))
        if self.accept("CONNECTOR"):
            if_exists = self.if_exists()
            return ast.DropConnector(self.name(), if_exists, position=self.span(start))
        kind = self.source_kind()
        if_exists = self.if_exists()
        name = self.source_name()
        delete_topic = self.accept_all("DELETE", "TOPIC")
        return ast.DropSource(kind, name, if_exists, delete_topic, position=self.span(start))

    def alter(self) -> ast.Statement:
        """
        alter = "ALTER" ( ( "STREAM" | "TABLE" ) source_name added_column ( "," added_column )*
                        | "SYSTEM" STRING_VALUE "=" STRING_VALUE ) ;
        added_column = "ADD" "COLUMN"? name type ;
        """
        start = self.expect("ALTER")
        if self.accept("SYSTEM"):
            name = self.string()
            self.expect("=")
            value = self.string()
            return ast.AlterSystem(name, value, position=self.span(start))
        kind = self.source_kind()
        source = self.source_name()
        columns = [self.added_column()]
        while self.accept(","):
            columns.append(self.added_column())
        return ast.AlterSource(kind, source, tuple(columns), position=self.span(start))

    def added_column(self) -> ast.ColumnDef:
        """One ADD; `ADD column INT` adds a column named COLUMN."""
        self.expect("ADD")
        if self.at("COLUMN") and self.peek(2) in NAME_KINDS:
            self.advance()
        start = self.i
        name = self.name()
        sql_type = self.sql_type()
        return ast.ColumnDef(name, sql_type, position=self.span(start))
