"""What a record does to a collection: pure. Ids, write models, and values as BSON takes them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any

from headwater.connect.record import SinkRecord

ID_STRATEGIES = ("BsonOidStrategy", "FullKeyStrategy", "KafkaMetaDataStrategy", "ProvidedInKeyStrategy",
                 "ProvidedInValueStrategy", "UuidStrategy")  # fmt: skip
WRITE_MODELS = ("ReplaceOneDefaultStrategy", "InsertOneDefaultStrategy", "UpdateOneDefaultStrategy",
                "UpdateOneTimestampsStrategy", "DeleteOneDefaultStrategy")  # fmt: skip
GENERATED = frozenset({"BsonOidStrategy", "UuidStrategy"})
"""Strategies that make another id when the same record comes again."""


Convert = Callable[[Any], Any]


class Kind(Enum):
    """What to do with the document of an id."""

    REPLACE = "replace"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True)
class DocumentWrite:
    """One write. `document` has no `_id`; None for a deletion. `set_on_insert` goes with an update."""

    kind: Kind
    id: Any
    document: Mapping[str, Any] | None = None
    set_on_insert: Mapping[str, Any] | None = None


def short(strategy: str) -> str:
    """The last part of a class name: what the strategies are told apart by."""
    return strategy.rpartition(".")[2]


def write_of(record: SinkRecord, id_strategy: str, model: str, now: datetime, convert: Convert) -> DocumentWrite:
    """The write of a record, whose values `convert` makes the store's. Raises `ValueError` saying what it lacks."""
    key_or_id = document_id(record, id_strategy, convert)
    if record.value is None or model == "DeleteOneDefaultStrategy":
        return DocumentWrite(Kind.DELETE, key_or_id)
    if not isinstance(record.value, Mapping):
        raise ValueError(f"the value is no document but {type(record.value).__name__}")
    fields = {str(name): convert(value) for name, value in record.value.items() if name != "_id"}
    match model:
        case "InsertOneDefaultStrategy":
            return DocumentWrite(Kind.INSERT, key_or_id, fields)
        case "UpdateOneDefaultStrategy":
            return DocumentWrite(Kind.UPDATE, key_or_id, fields)
        case "UpdateOneTimestampsStrategy":
            return DocumentWrite(
                Kind.UPDATE, key_or_id, {**fields, "_modifiedTS": convert(now)}, {"_insertedTS": convert(now)}
            )
    return DocumentWrite(Kind.REPLACE, key_or_id, fields)


def document_id(record: SinkRecord, strategy: str, convert: Convert) -> Any:
    """The `_id` of a record's document; None lets the store give a new one. Raises `ValueError` if there should be one
    and is not."""
    match strategy:
        case "FullKeyStrategy":
            if record.key is None:
                raise ValueError("the key is null, and document.id.strategy takes it as _id")
            return convert(record.key)
        case "KafkaMetaDataStrategy":
            return f"{record.original_topic}#{record.partition}#{record.offset}"
        case "ProvidedInKeyStrategy" | "ProvidedInValueStrategy":
            where = record.key if strategy == "ProvidedInKeyStrategy" else record.value
            if not isinstance(where, Mapping) or "_id" not in where:
                raise ValueError(f"{strategy}: there is no field _id")
            return convert(where["_id"])
        case "UuidStrategy":
            return str(uuid.uuid4())
    return None


def bson_value(value: Any) -> Any:
    """A value as BSON takes it: decimals of 34 digits, times as instants, integers of 64 bits."""
    match value:
        case Mapping():
            return {str(name): bson_value(one) for name, one in value.items()}
        case Decimal():
            from bson import Decimal128

            return Decimal128(value)
        case datetime():
            return value
        case date():
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
        case time():
            return datetime.combine(date(1970, 1, 1), value, UTC)
        case str() | bytes():
            return value
        case Sequence():
            return [bson_value(one) for one in value]
    return value
