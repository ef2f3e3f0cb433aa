"""Types as written: scalars with ignored parameters, DECIMAL, containers, custom types by name."""

from __future__ import annotations

from headwater.core.types import SCALARS, Array, Decimal, Field, Map, SqlType, Struct
from headwater.sql.ast import NamedType
from headwater.sql.rules.cursor import NAME_KINDS, Cursor
from headwater.sql.tokens import INTEGER_VALUE


class TypeRules(Cursor):
    """Rules for types."""

    def sql_type(self) -> SqlType:
        """A type. `>` closes one level each, so `>>` needs no space; what is neither known nor built is a custom type.

        type = ( array_type | map_type | struct_type | decimal_type | scalar_type ) "ARRAY"* ;
        """
        if self.kind not in NAME_KINDS:
            self.fail("type")
        depth = self.depth
        self.nest()
        following = self.peek()
        if self.kind == "ARRAY" and following == "<":
            result = self.array_type()
        elif self.kind == "MAP" and following == "<":
            result = self.map_type()
        elif self.kind == "STRUCT" and following in ("<", "<>"):
            result = self.struct_type()
        else:
            result = self.scalar_type()
        while self.accept("ARRAY"):
            self.nest()
            result = Array(result)
        self.depth = depth
        return result

    def array_type(self) -> SqlType:
        """
        array_type = "ARRAY" "<" type ">" ;
        """
        self.expect("ARRAY")
        self.expect("<")
        element = self.sql_type()
        self.expect(">")
        return Array(element)

    def map_type(self) -> SqlType:
        """
        map_type = "MAP" "<" type "," type ">" ;
        """
        self.expect("MAP")
        self.expect("<")
        key = self.sql_type()
        self.expect(",")
        value = self.sql_type()
        self.expect(">")
        return Map(key, value)

    def struct_type(self) -> SqlType:
        """
        struct_type = "STRUCT" "<" ( name type ( "," name type )* )? ">" ;
        """
        self.expect("STRUCT")
        if self.accept("<>"):
            return Struct(())
        self.expect("<")
        if self.accept(">"):
            return Struct(())
        fields: list[Field] = []
        while True:
            name = self.name()
            fields.append(Field(name, self.sql_type()))
            if not self.accept(","):
                break
        self.expect(">")
        return Struct(tuple(fields))

    def scalar_type(self) -> SqlType:
        """A scalar's parameters, as in VARCHAR(10), are read and ignored; only those of DECIMAL mean something.

        scalar_type = name ( "(" type_parameter ( "," type_parameter )* ")" )? ;
        type_parameter = INTEGER_VALUE | "STRING" ;
        decimal_type = "DECIMAL" "(" INTEGER_VALUE "," INTEGER_VALUE ")" ;
        """
        start = self.i
        name = self.name()
        if name == "DECIMAL":
            return self.decimal_type(start)
        if self.accept("("):
            self.type_parameter()
            while self.accept(","):
                self.type_parameter()
            self.expect(")")
        return SCALARS.get(name) or NamedType(name, self.position(start))

    def decimal_type(self, start: int) -> SqlType:
        """DECIMAL and what follows, the word itself being token `start`, already taken."""
        if not self.at("("):
            self.refuse("DECIMAL needs a precision and a scale, as in DECIMAL(10, 2).", start)
        self.expect("(")
        precision = self.integer()
        self.expect(",")
        scale = self.integer()
        self.expect(")")
        if precision < 1:
            self.refuse(f"DECIMAL precision must be >= 1: DECIMAL({precision},{scale})", start)
        if precision < scale:
            self.refuse(f"DECIMAL precision must be >= scale: DECIMAL({precision},{scale})", start)
        return Decimal(precision, scale)

    def type_parameter(self) -> None:
        """One ignored parameter."""
        if not (self.accept("STRING") or self.accept(INTEGER_VALUE)):
            self.fail()
