"""Connect's schemas: what the key, the value or a header of a record is, and which Python value stands for each type.

    INT8, INT16, INT32, INT64   int
    FLOAT32, FLOAT64            float
    BOOLEAN                     bool
    STRING                      str
    BYTES                       bytes
    ARRAY                       list
    MAP                         dict
    STRUCT                      dict, keys in the order of the fields; a key that is missing is a null

The logical types of Connect have Python's own values, as they have Java's in the original:

    org.apache.kafka.connect.data.Decimal     BYTES   decimal.Decimal with as many fraction digits as its `scale`
    org.apache.kafka.connect.data.Date        INT32   datetime.date
    org.apache.kafka.connect.data.Time        INT32   datetime.time, whole milliseconds, without a zone
    org.apache.kafka.connect.data.Timestamp   INT64   datetime.datetime in UTC (aware), whole milliseconds

Every other name (`io.debezium.time.MicroTimestamp`, ...) means what it means to those who read it: its value is that of
the type. A value may be None where the schema is optional. A record without a schema holds the same kinds of values,
as JSON would: dict, list, str, int, float, bool, None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from struct import Struct
from typing import Any

from headwater.core.errors import DataError


class Type(StrEnum):
    """The types of Connect, as `Schema.Type` names them."""

    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FLOAT32 = "FLOAT32"
    FLOAT64 = "FLOAT64"
    BOOLEAN = "BOOLEAN"
    STRING = "STRING"
    BYTES = "BYTES"
    ARRAY = "ARRAY"
    MAP = "MAP"
    STRUCT = "STRUCT"


DECIMAL = "org.apache.kafka.connect.data.Decimal"
DATE = "org.apache.kafka.connect.data.Date"
TIME = "org.apache.kafka.connect.data.Time"
TIMESTAMP = "org.apache.kafka.connect.data.Timestamp"

SCALE = "scale"
"""Parameter of a Decimal: its fraction digits, in decimal text."""
PRECISION = "connect.decimal.precision"
"""Optional parameter of a Decimal: all its digits."""

INTEGERS: Mapping[Type, int] = {Type.INT8: 8, Type.INT16: 16, Type.INT32: 32, Type.INT64: 64}
"""Bits by type."""


class SchemaMismatchError(DataError):
    """A value does not fit its schema."""


@dataclass(frozen=True)
class Field:
    """A field of a STRUCT; its index is its place in `ConnectSchema.fields`."""

    name: str
    schema: ConnectSchema


@dataclass(frozen=True, eq=True)
class ConnectSchema:
    """The schema of one value. Equal schemas are equal by content; the hash is kept, so they are good keys of caches.

    `default` None is no default. `key_schema` belongs to a MAP, `value_schema` to a MAP or an ARRAY, `fields` to a
    STRUCT.
    """

    type: Type
    optional: bool = False
    name: str | None = None
    version: int | None = None
    doc: str | None = None
    default: Any = None
    parameters: Mapping[str, str] | None = None
    fields: tuple[Field, ...] = ()
    key_schema: ConnectSchema | None = None
    value_schema: ConnectSchema | None = None

    @cached_property
    def _hash(self) -> int:
        parameters = None if self.parameters is None else tuple(sorted(self.parameters.items()))
        parts = (self.fields, self.key_schema, self.value_schema)
        return hash((self.type, self.optional, self.name, self.version, self.doc, parameters, parts))

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def by_name(self) -> Mapping[str, ConnectSchema]:
        """Schemas of a STRUCT's fields, in order."""
        return {field.name: field.schema for field in self.fields}

    def field(self, name: str) -> ConnectSchema | None:
        """The schema of a field, or None where there is none of this name."""
        return self.by_name.get(name)

    @property
    def scale(self) -> int:
        """Fraction digits of a Decimal. Raises `SchemaMismatchError` where its parameter is missing or no number."""
        text = (self.parameters or {}).get(SCALE)
        try:
            return int(text or "")
        except ValueError:
            raise SchemaMismatchError(f"Invalid Decimal schema: {SCALE} parameter is {text!r}") from None

    @property
    def precision(self) -> int | None:
        """All digits of a Decimal, where its schema says."""
        text = (self.parameters or {}).get(PRECISION)
        return int(text) if text and text.isdigit() else None

    def as_optional(self) -> ConnectSchema:
        """The same schema, null allowed."""
        return self if self.optional else replace(self, optional=True)


INT8 = ConnectSchema(Type.INT8)
INT16 = ConnectSchema(Type.INT16)
INT32 = ConnectSchema(Type.INT32)
INT64 = ConnectSchema(Type.INT64)
FLOAT32 = ConnectSchema(Type.FLOAT32)
FLOAT64 = ConnectSchema(Type.FLOAT64)
BOOLEAN = ConnectSchema(Type.BOOLEAN)
STRING = ConnectSchema(Type.STRING)
BYTES = ConnectSchema(Type.BYTES)
OPTIONAL_INT8 = INT8.as_optional()
OPTIONAL_INT16 = INT16.as_optional()
OPTIONAL_INT32 = INT32.as_optional()
OPTIONAL_INT64 = INT64.as_optional()
OPTIONAL_FLOAT32 = FLOAT32.as_optional()
OPTIONAL_FLOAT64 = FLOAT64.as_optional()
OPTIONAL_BOOLEAN = BOOLEAN.as_optional()
OPTIONAL_STRING = STRING.as_optional()
OPTIONAL_BYTES = BYTES.as_optional()


def struct(
    fields: Iterable[tuple[str, ConnectSchema]] | Mapping[str, ConnectSchema],
    name: str | None = None,
    *,
    optional: bool = False,
    version: int | None = None,
    doc: str | None = None,
) -> ConnectSchema:
    """A STRUCT of fields by name, in order."""
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    made = tuple(Field(field_name, schema) for field_name, schema in pairs)
    return ConnectSchema(Type.STRUCT, optional, name, version, doc, fields=made)


def array(items: ConnectSchema, *, optional: bool = False, name: str | None = None) -> ConnectSchema:
    """An ARRAY of one kind of items."""
    return ConnectSchema(Type.ARRAY, optional, name, value_schema=items)


def map_of(
    keys: ConnectSchema, values: ConnectSchema, *, optional: bool = False, name: str | None = None
) -> ConnectSchema:
    """A MAP."""
    return ConnectSchema(Type.MAP, optional, name, key_schema=keys, value_schema=values)


def decimal(scale: int, precision: int | None = None, *, optional: bool = False) -> ConnectSchema:
    """Connect's Decimal."""
    parameters = {SCALE: str(scale)} | ({} if precision is None else {PRECISION: str(precision)})
    return ConnectSchema(Type.BYTES, optional, DECIMAL, 1, parameters=parameters)


DATE_SCHEMA = ConnectSchema(Type.INT32, name=DATE, version=1)
TIME_SCHEMA = ConnectSchema(Type.INT32, name=TIME, version=1)
TIMESTAMP_SCHEMA = ConnectSchema(Type.INT64, name=TIMESTAMP, version=1)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MS = timedelta(milliseconds=1)


def date_of_days(days: int) -> date:
    """The date of days since 1970-01-01. Raises `SchemaMismatchError` outside of the years 1 to 9999."""
    try:
        return date.fromordinal(_EPOCH_DAY + days)
    except (ValueError, OverflowError):
        raise SchemaMismatchError(f"Date out of range: {days} days since 1970-01-01") from None


def days_of_date(value: date) -> int:
    """Days since 1970-01-01; of a datetime, of its day in UTC."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC)
    return value.toordinal() - _EPOCH_DAY


def time_of_ms(ms: int) -> time:
    """The time of milliseconds since midnight. Raises `SchemaMismatchError` outside of one day."""
    if not 0 <= ms < 86_400_000:
        raise SchemaMismatchError(f"Time out of range: {ms} ms since midnight")
    seconds, rest = divmod(ms, 1000)
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60, rest * 1000)


def ms_of_time(value: time) -> int:
    """Milliseconds since midnight, rounded down."""
    return (value.hour * 3600 + value.minute * 60 + value.second) * 1000 + value.microsecond // 1000


def timestamp_of_ms(ms: int) -> datetime:
    """The moment of milliseconds since the epoch. Raises `SchemaMismatchError` outside of the years 1 to 9999."""
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        raise SchemaMismatchError(f"Timestamp out of range: {ms} ms since 1970-01-01") from None


def ms_of_timestamp(value: datetime) -> int:
    """Milliseconds since the epoch, rounded down; a datetime without a zone is in UTC."""
    return ((value if value.tzinfo is not None else value.replace(tzinfo=UTC)) - _EPOCH) // _MS


def decimal_of_bytes(data: bytes, scale: int) -> Decimal:
    """The Decimal of its unscaled value, big-endian two's complement."""
    number = int.from_bytes(data, "big", signed=True)
    return Decimal((int(number < 0), tuple(map(int, str(abs(number)))), -scale))


def bytes_of_decimal(value: Decimal, scale: int) -> bytes:
    """The unscaled value in as few bytes as it takes. Raises `SchemaMismatchError` for another scale, as Connect."""
    whole, _, fraction = str(value).partition(".")
    if len(fraction) == scale > 0 and fraction.isdigit():  # the usual case, ten times as fast as taking it apart
        number = int(whole + fraction)
        return number.to_bytes((number + (number < 0)).bit_length() // 8 + 1, "big", signed=True)
    sign, digits, exponent = value.as_tuple()
    if exponent != -scale:
        raise SchemaMismatchError(
            f"Decimal value {value} has mismatching scale value for given Decimal schema: it has "
            f"{-exponent if isinstance(exponent, int) else exponent} fraction digits, the schema has {scale}"
        )
    number = int("".join(map(str, digits)))
    number = -number if sign else number
    return number.to_bytes((number + (number < 0)).bit_length() // 8 + 1, "big", signed=True)


_FLOAT32 = Struct("<f")


def float32(value: float) -> float:
    """The nearest 32-bit float; infinite where it is too large."""
    try:
        nearest: float = _FLOAT32.unpack(_FLOAT32.pack(value))[0]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
    return nearest
