"""Columns as BigQuery has them, from Connect's schemas or from JSON values: pure.

Kinds and modes are those of BigQuery's REST API (`TableFieldSchema`). A map is a repeated record of key and value, as
in the original; names are compared without regard to case, as BigQuery does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any, Self

from headwater.connect import schema as s
from headwater.connect.schema import ConnectSchema, Type

NULLABLE, REQUIRED, REPEATED = "NULLABLE", "REQUIRED", "REPEATED"
_KINDS: Mapping[Type, str] = {
    Type.INT8: "INTEGER", Type.INT16: "INTEGER", Type.INT32: "INTEGER", Type.INT64: "INTEGER", Type.FLOAT32: "FLOAT",
    Type.FLOAT64: "FLOAT", Type.BOOLEAN: "BOOLEAN", Type.STRING: "STRING", Type.BYTES: "BYTES",
}  # fmt: skip
_NAMED: Mapping[str, str] = {
    s.DATE: "DATE", s.TIME: "TIME", s.TIMESTAMP: "TIMESTAMP", "io.debezium.time.Date": "DATE",
    "io.debezium.time.Timestamp": "TIMESTAMP", "io.debezium.time.MicroTimestamp": "TIMESTAMP",
    "io.debezium.time.ZonedTimestamp": "TIMESTAMP",
}  # fmt: skip
"""Schemas whose name says more than their type."""
_GUESSES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "BOOLEAN"), (int, "INTEGER"), (float, "FLOAT"), (Decimal, "NUMERIC"), (str, "STRING"), (bytes, "BYTES"),
    (datetime, "TIMESTAMP"), (date, "DATE"), (time, "TIME"),
)  # fmt: skip
_NO_NAME = re.compile(r"[^a-zA-Z0-9_]")


@dataclass(frozen=True)
class BigQueryField:
    """One column, or one field of a record."""

    name: str
    kind: str
    mode: str = NULLABLE
    fields: tuple[BigQueryField, ...] = ()

    @classmethod
    def of(cls, api: Mapping[str, Any]) -> Self:
        """From the REST API's object."""
        kind = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}.get(
            api["type"], api["type"]
        )
        return cls(api["name"], kind, api.get("mode") or NULLABLE, tuple(cls.of(one) for one in api.get("fields", ())))

    def api(self) -> dict[str, Any]:
        """The REST API's object."""
        found: dict[str, Any] = {"name": self.name, "type": self.kind, "mode": self.mode}
        return {**found, "fields": [one.api() for one in self.fields]} if self.fields else found


Fields = tuple[BigQueryField, ...]


@dataclass(frozen=True)
class Naming:
    """How names and decimals become BigQuery's."""

    sanitizes_fields: bool = False
    decimals: str = "FLOAT"
    all_nullable: bool = False

    def name(self, name: str) -> str:
        """The name of a column."""
        return sanitized(name) if self.sanitizes_fields else name


def sanitized(name: str) -> str:
    """A name with nothing in it but letters, digits and underscores, and no digit at its beginning."""
    found = _NO_NAME.sub("_", name)
    return f"_{found}" if found[:1].isdigit() else found


@lru_cache(maxsize=1_000)
def fields_of_schema(schema: ConnectSchema, naming: Naming) -> Fields:
    """The columns of a STRUCT. Raises `ValueError` for what BigQuery cannot hold."""
    return _distinct(_of_schema(naming.name(one.name), one.schema, naming) for one in schema.fields)


def field_of_schema(name: str, schema: ConnectSchema, naming: Naming) -> BigQueryField:
    """One column of any schema. Raises `ValueError` for what BigQuery cannot hold."""
    return _of_schema(name, schema, naming)


def _of_schema(name: str, schema: ConnectSchema, naming: Naming) -> BigQueryField:
    mode = NULLABLE if schema.optional or naming.all_nullable else REQUIRED
    if schema.name == s.DECIMAL:
        return BigQueryField(name, naming.decimals, mode)
    if schema.name is not None and schema.name in _NAMED:
        return BigQueryField(name, _NAMED[schema.name], mode)
    match schema.type:
        case Type.STRUCT:
            return BigQueryField(name, "RECORD", mode, fields_of_schema(schema, naming))
        case Type.ARRAY:
            return _repeated(_of_schema(name, schema.value_schema or s.STRING, naming))
        case Type.MAP:
            key = _of_schema("key", schema.key_schema or s.STRING, naming)
            value = _of_schema("value", schema.value_schema or s.STRING, naming)
            return BigQueryField(name, "RECORD", REPEATED, (key, value))
    return BigQueryField(name, _KINDS[schema.type], mode)


def _repeated(item: BigQueryField) -> BigQueryField:
    if item.mode == REPEATED:
        raise ValueError(f"field {item.name}: BigQuery has no arrays of arrays")
    return replace(item, mode=REPEATED)


def fields_of_values(values: Mapping[str, Any], naming: Naming) -> Fields:
    """The columns that a JSON object needs; a null or an empty array says nothing of its column. Raises `ValueError`
    for what BigQuery cannot hold."""
    found = (field_of_value(naming.name(str(name)), value, naming) for name, value in values.items())
    return _distinct(one for one in found if one is not None)


def field_of_value(name: str, value: Any, naming: Naming) -> BigQueryField | None:
    """One column for a value; None where the value does not tell. Raises `ValueError` for what BigQuery cannot hold."""
    if isinstance(value, Mapping):
        fields = fields_of_values(value, naming)
        return BigQueryField(name, "RECORD", fields=fields) if fields else None
    if isinstance(value, list):
        items = [one for item in value if (one := field_of_value(name, item, naming)) is not None]
        return _repeated(_joined(items)) if items else None
    if isinstance(value, int) and not isinstance(value, bool) and not -(1 << 63) <= value < 1 << 63:
        raise ValueError(f"field {name}: {value} does not fit 64 bits")
    for kinds, kind in _GUESSES:
        if isinstance(value, kinds):
            return BigQueryField(name, naming.decimals if isinstance(value, Decimal) else kind)
    return None


def _joined(items: Sequence[BigQueryField]) -> BigQueryField:
    """One field that takes all of them: whole numbers go into a column of fractions, records have all fields."""
    found = items[0]
    for one in items[1:]:
        kind = "FLOAT" if {found.kind, one.kind} == {"INTEGER", "FLOAT"} else found.kind
        found = replace(found, kind=kind, fields=joined(found.fields, one.fields))
    return found


def joined(some: Fields, more: Fields) -> Fields:
    """The fields of both, each once; where both have one, with what takes both."""
    found = {one.name.lower(): one for one in some}
    for one in more:
        held = found.get(one.name.lower())
        found[one.name.lower()] = one if held is None else _joined([held, one])
    return tuple(found.values())


def widened(held: Fields, wanted: Fields, *, relaxes: bool) -> Fields:
    """The columns of a table with those added that records need besides: nullable, since the rows that are there have
    none. With `relaxes`, columns that must not be null may be so where a record's may be or has none. Kinds stay."""
    needed = {one.name.lower(): one for one in wanted}
    found = [_relaxed(one, needed.get(one.name.lower()), relaxes=relaxes) for one in held]
    known = {one.name.lower() for one in held}
    return (*found, *(_added(one) for name, one in needed.items() if name not in known))


def _relaxed(held: BigQueryField, wanted: BigQueryField | None, *, relaxes: bool) -> BigQueryField:
    if relaxes and held.mode == REQUIRED and (wanted is None or wanted.mode == NULLABLE):
        held = replace(held, mode=NULLABLE)
    if wanted is None or not held.fields or not wanted.fields:
        return held
    return replace(held, fields=widened(held.fields, wanted.fields, relaxes=relaxes))


def _added(field: BigQueryField) -> BigQueryField:
    return field if field.mode == REPEATED else replace(field, mode=NULLABLE)


def _distinct(fields: Iterable[BigQueryField]) -> Fields:
    found: dict[str, BigQueryField] = {}
    for one in fields:
        if one.name.lower() in found:
            raise ValueError(f"fields {found[one.name.lower()].name} and {one.name} are one column in BigQuery")
        found[one.name.lower()] = one
    return tuple(found.values())
