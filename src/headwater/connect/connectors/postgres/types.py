"""How each column type becomes a Connect schema and a value, as Debezium 3 maps them.

`TypeMap.column(column)` gives a `Mapped`: the schema, and the function that reads the text form PostgreSQL sends. None
stands for a type that Debezium leaves out.
"""

from __future__ import annotations

import base64
import json
import logging
import struct as structs
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any

from headwater.connect.connectors.postgres import temporal
from headwater.connect.connectors.postgres.columns import Column, Kind, PgType
from headwater.connect.connectors.postgres.literals import read_array, read_hstore
from headwater.connect.connectors.postgres.mapped import Mapped, Reader, named
from headwater.connect.connectors.postgres.options import Options
from headwater.connect.schema import (
    BOOLEAN,
    BYTES,
    FLOAT32,
    FLOAT64,
    INT16,
    INT32,
    INT64,
    OPTIONAL_BYTES,
    OPTIONAL_INT32,
    OPTIONAL_STRING,
    STRING,
    array,
    decimal,
    map_of,
    struct,
)

_LOGGER = logging.getLogger(__name__)

_WIDE = Context(prec=150_000)
"""More digits than any `numeric` has."""

JSON = named(STRING, "io.debezium.data.Json")
VARIABLE_DECIMAL = struct(
    {"scale": INT32, "value": BYTES}, "io.debezium.data.VariableScaleDecimal", version=1, doc="Variable scaled decimal"
)
POINT = struct(
    {"x": FLOAT64, "y": FLOAT64, "wkb": OPTIONAL_BYTES, "srid": OPTIONAL_INT32},
    "io.debezium.data.geometry.Point",
    version=1,
    doc="Geometry (POINT)",
)


def text(raw: bytes) -> str:
    """Any text form as it is."""
    return raw.decode()


def boolean(raw: bytes) -> bool:
    """`t` or `f`."""
    return raw == b"t"


def hex_bytes(raw: bytes) -> bytes:
    r"""The bytes of `\x0a1b`."""
    return bytes.fromhex(raw[2:].decode())


def bits(raw: bytes) -> bytes:
    """The bytes of `10100001`, the least significant first, as Java's BitSet has them."""
    return int(raw, 2).to_bytes(max(1, (len(raw) + 7) // 8), "little") if raw else b""


def variable_decimal(raw: bytes) -> dict[str, Any] | None:
    """A number with its own scale. What is not finite is null."""
    if raw[-1:] not in b"0123456789":
        return None
    scale = len(raw.partition(b".")[2])
    unscaled = int(raw.replace(b".", b""))
    return {"scale": scale, "value": unscaled.to_bytes((unscaled + (unscaled < 0)).bit_length() // 8 + 1, signed=True)}


def point(raw: bytes) -> dict[str, Any]:
    """`(1.5,-2)`, also as well-known binary."""
    x, y = (float(part) for part in raw.strip(b"()").split(b","))
    return {"x": x, "y": y, "wkb": structs.pack("<BIdd", 1, 1, x, y), "srid": None}


def hstore_json(raw: bytes) -> str:
    """An hstore as compact JSON."""
    return json.dumps(read_hstore(raw.decode()), ensure_ascii=False, separators=(",", ":"))


def hstore_map(raw: bytes) -> dict[str, str | None]:
    """An hstore as a map."""
    return read_hstore(raw.decode())


def scaled_decimal(scale: int) -> Reader:
    """A number with exactly so many fraction digits. What is not finite is null."""
    unit = Decimal(1).scaleb(-scale)
    point = -scale - 1

    def read(raw: bytes) -> Decimal | None:
        number = Decimal(raw.decode())
        # As the server writes a column of this scale; there is no need to take the number apart.
        if scale > 0 and raw[point : point + 1] == b".":
            return number
        if not number.is_finite():
            return None
        return number.quantize(unit, context=_WIDE)

    return read


_NUMBERS = {
    "int2": Mapped(INT16, int, 0),
    "int4": Mapped(INT32, int, 0),
    "int8": Mapped(INT64, int, 0),
    "oid": Mapped(INT64, int, 0),
    "xid": Mapped(INT64, int, 0),
    "float4": Mapped(FLOAT32, float, 0.0),
    "float8": Mapped(FLOAT64, float, 0.0),
    "bool": Mapped(BOOLEAN, boolean, False),
}
_TEXTS = {
    **dict.fromkeys(
        ("char", "bpchar", "varchar", "text", "citext", "name", "inet", "cidr", "macaddr", "macaddr8"),
        Mapped(STRING, text, ""),
    ),
    "uuid": Mapped(named(STRING, "io.debezium.data.Uuid"), text, ""),
    "json": Mapped(JSON, text, ""),
    "jsonb": Mapped(JSON, text, ""),
    "xml": Mapped(named(STRING, "io.debezium.data.Xml"), text, ""),
    "ltree": Mapped(named(STRING, "io.debezium.data.Ltree"), text, ""),
    "point": Mapped(POINT, point, {"x": 0.0, "y": 0.0, "wkb": None, "srid": None}),
}
_NOT_FINITE = {b"NaN": "NAN", b"Infinity": "POSITIVE_INFINITY", b"-Infinity": "NEGATIVE_INFINITY"}
"""What Debezium writes for numbers that are none, where decimals are texts."""
_RANGES = ("int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange")


class TypeMap:
    """The types of a database, mapped as the options say."""

    def __init__(self, types: Mapping[int, PgType], options: Options) -> None:
        self._types = types
        self._options = options
        self._told: set[str] = set()

    def knows(self, oid: int) -> bool:
        """Whether the catalog that was read has this type."""
        return oid in self._types

    def column(self, column: Column) -> Mapped | None:
        """What a column becomes; None for a type that is left out."""
        mapped = self._mapped(column.type_oid, column.modifier)
        if mapped is None:
            self._tell(column)
        return mapped

    def base(self, oid: int, modifier: int = -1) -> tuple[PgType | None, int]:
        """The type below domains, and its modifier."""
        found = self._types.get(oid)
        while found is not None and found.kind is Kind.DOMAIN:
            modifier = found.modifier if modifier == -1 else modifier
            found = self._types.get(found.base)
        return found, modifier

    def _tell(self, column: Column) -> None:
        found = self._types.get(column.type_oid)
        name = f"oid {column.type_oid}" if found is None else found.name
        if name not in self._told:
            self._told.add(name)
            _LOGGER.warning(
                "Column %s has the type %s, which has no mapping: it is left out. Set "
                "include.unknown.datatypes=true to get its text form as bytes",
                column.name,
                name,
            )

    def _mapped(self, oid: int, modifier: int) -> Mapped | None:
        found, modifier = self.base(oid, modifier)
        if found is None:
            return self._unknown()
        if found.kind is Kind.ENUM:
            schema = named(STRING, "io.debezium.data.Enum", allowed=",".join(found.labels))
            return Mapped(schema, text, "")
        if found.element and found.name.startswith("_"):
            return self._array(found, modifier)
        return self._scalar(found.name, modifier) or self._unknown()

    def _unknown(self) -> Mapped | None:
        return Mapped(BYTES, bytes, b"") if self._options.unknown_types else None

    def _scalar(self, name: str, modifier: int) -> Mapped | None:
        fixed = _NUMBERS.get(name) or _TEXTS.get(name)
        if fixed is not None:
            return fixed
        if name in _RANGES:
            return Mapped(STRING, text, "")
        if name in ("numeric", "money"):
            return self._number(name, modifier)
        if name in ("bit", "varbit"):
            return _bit_string(name, modifier)
        if name == "bytea":
            return binary(self._options)
        if name == "hstore":
            if self._options.hstore == "json":
                return Mapped(JSON, hstore_json, "{}")
            return Mapped(map_of(STRING, OPTIONAL_STRING), hstore_map, {})
        return temporal.mapped(name, modifier, self._options)

    def _number(self, name: str, modifier: int) -> Mapped:
        clean = _plain_money if name == "money" else bytes
        if self._options.decimals == "double":
            return Mapped(FLOAT64, lambda raw: float(clean(raw)), 0.0)
        if self._options.decimals == "string":
            return Mapped(STRING, lambda raw: _NOT_FINITE.get(raw) or clean(raw).decode(), "")
        if name == "money":
            scale = self._options.money_digits
            read = scaled_decimal(scale)
            return Mapped(decimal(scale), lambda raw: read(_plain_money(raw)), Decimal(0).scaleb(-scale))
        if modifier < 4:
            return Mapped(VARIABLE_DECIMAL, variable_decimal, {"scale": 0, "value": b"\0"})
        precision, scale = (modifier - 4) >> 16, (((modifier - 4) & 0x7FF) ^ 1024) - 1024
        return Mapped(decimal(scale, precision), scaled_decimal(scale), Decimal((0, (0,), -scale)))

    def _array(self, found: PgType, modifier: int) -> Mapped | None:
        element = self._mapped(found.element, modifier)
        if element is None:
            return None
        inner, delimiter = element.read, found.delimiter
        item_type, _ = self.base(found.element)
        is_enum = item_type is not None and item_type.kind is Kind.ENUM
        items = element.schema if is_enum else element.schema.as_optional()

        def read(raw: bytes) -> list[Any]:
            values = read_array(raw.decode(), delimiter)
            # Connect's arrays have one dimension: Debezium has nulls for the others, too.
            return [inner(value.encode()) if isinstance(value, str) else None for value in values]

        return Mapped(array(items), read, [])


def _bit_string(name: str, modifier: int) -> Mapped:
    if name == "bit" and modifier == 1:
        return Mapped(BOOLEAN, lambda raw: raw == b"1", False)
    length = str(modifier if modifier > 0 else 2**31 - 1)
    return Mapped(named(BYTES, "io.debezium.data.Bits", length=length), bits, b"")


def _plain_money(raw: bytes) -> bytes:
    """`-1234.56` of `-$1,234.56`."""
    negative = raw.startswith((b"-", b"("))
    digits = bytes(byte for byte in raw if byte in b"0123456789.")
    return b"-" + digits if negative else digits


def binary(options: Options) -> Mapped:
    """Bytes as `binary.handling.mode` wants them."""
    match options.binary:
        case "base64":
            return Mapped(STRING, lambda raw: base64.b64encode(hex_bytes(raw)).decode(), "")
        case "base64-url-safe":
            return Mapped(STRING, lambda raw: base64.urlsafe_b64encode(hex_bytes(raw)).decode(), "")
        case "hex":
            return Mapped(STRING, lambda raw: raw[2:].decode(), "")
        case _:
            return Mapped(BYTES, hex_bytes, b"")
