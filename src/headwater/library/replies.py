"""What a server's JSON answers mean: entities, descriptions, headers of queries, and refusals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar, Union

import msgspec

from headwater.core import types
from headwater.core.errors import HeadwaterError, Position
from headwater.core.schema import Column, Role
from headwater.core.types import SqlType
from headwater.engine.entities import Entity, SchemaInfo, SourceDescription
from headwater.engine.errors import ErrorCode, RequestError, StatementError
from headwater.library.coercion import Target
from headwater.library.errors import UnsupportedError
from headwater.sql.parser import parse_type

_PLACE = re.compile(r"\bline:? (\d+)(?::|, col: )(\d+)", re.IGNORECASE)
T = TypeVar("T")


class OtherEntity(Entity, tag="other", kw_only=True):
    """An entity of a kind or shape that Headwater does not have; `members` is its JSON."""

    members: dict[str, Any]


class Header(msgspec.Struct, rename="camel"):
    """What comes before the rows of a query."""

    column_names: list[str]
    column_types: list[str]
    query_id: str | None = None


class Problem(msgspec.Struct):
    """An error, whole or as the last line of a stream."""

    error_code: int
    message: str = ""
    statement_text: str = msgspec.field(default="", name="statementText")
    entities: list[msgspec.Raw] = msgspec.field(default_factory=list)


_KINDS: Any = Union[tuple(kind for kind in Entity.__subclasses__() if kind is not OtherEntity)]  # noqa: UP007 - made of a list
_entity = msgspec.json.Decoder(_KINDS)
_header = msgspec.json.Decoder(Header)
_problem = msgspec.json.Decoder(Problem)


def entities(body: bytes) -> list[Entity]:
    """Of a successful answer of /ksql."""
    return _entities(_read(msgspec.json.Decoder(list[msgspec.Raw]), body))


def _entities(parts: Sequence[msgspec.Raw]) -> list[Entity]:
    return [_one(part) for part in parts]


def _one(part: msgspec.Raw) -> Entity:
    try:
        entity: Entity = _entity.decode(part)
    except msgspec.ValidationError:
        members = msgspec.json.decode(part, type=dict[str, Any])
        return OtherEntity(statement_text=str(members.get("statementText", "")), members=members)
    return entity


def _read(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as error:
        shown = body[:200].decode("utf-8", "replace")
        raise UnsupportedError(f"The server's answer is not that of a ksqlDB server: {error}: {shown}") from None


def header(line: bytes) -> tuple[str, tuple[Column, ...]]:
    """Query id and columns, from the first line of a query's answer; raises the error that stands there instead."""
    found = problem(line)
    if found is not None:
        raise failure(found)
    head = _read(_header, line)
    pairs = zip(head.column_names, head.column_types, strict=True)
    return head.query_id or "", tuple(Column(name, parse_type(text)) for name, text in pairs)


def problem(line: bytes) -> Problem | None:
    """The error that a line is; None if it is something else."""
    if not line.startswith(b"{") or b'"error_code"' not in line:
        return None
    try:
        return _problem.decode(line)
    except msgspec.DecodeError:
        return None


def failure(found: Problem) -> HeadwaterError:
    """The error to raise for one that a server reported."""
    code = _code(found.error_code)
    place = _PLACE.search(found.message)
    position = Position(int(place[1]), max(int(place[2]) - 1, 0)) if place else None
    if found.statement_text or code is ErrorCode.BAD_STATEMENT:
        done = tuple(_entities(found.entities))
        return StatementError(found.message, code, found.statement_text, done, position)
    return RequestError(found.message, code)


def refusal(body: bytes, status: int) -> HeadwaterError:
    """The error to raise for an answer with this status."""
    found = problem(body.strip())
    if found is not None:
        return failure(found)
    text = body.decode("utf-8", "replace").strip() or "no reason given"
    return RequestError(f"The server refused: HTTP status {status}: {text}", _code(status * 100))


def _code(number: int) -> ErrorCode:
    try:
        return ErrorCode(number)
    except ValueError:
        return ErrorCode.BAD_REQUEST if number < ErrorCode.SERVER_ERROR else ErrorCode.SERVER_ERROR


def target(description: SourceDescription) -> Target:
    """What rows of the described stream or table consist of."""
    columns = [
        Column(field.name, sql_type(field.schema), Role.KEY if field.type == "KEY" else Role.VALUE)
        for field in description.fields
        if field.type in (msgspec.UNSET, "KEY")
    ]
    key = [column for column in columns if column.role is Role.KEY]
    values = [column for column in columns if column.role is Role.VALUE]
    is_table = description.type.upper() == "TABLE"
    return Target(description.name, is_table, (*key, *values), tuple(column.name for column in key))


def sql_type(info: SchemaInfo) -> SqlType:
    """The type that a schema of the REST API describes."""
    match info.type:
        case "ARRAY" if info.member_schema is not None:
            return types.Array(sql_type(info.member_schema))
        case "MAP" if info.member_schema is not None:
            return types.Map(types.STRING, sql_type(info.member_schema))
        case "STRUCT":
            return types.Struct(tuple(types.Field(field.name, sql_type(field.schema)) for field in info.fields or ()))
        case "DECIMAL":
            parameters = info.parameters or {}
            return types.Decimal(parameters.get("precision", 38), parameters.get("scale", 0))
    found = types.SCALARS.get(info.type)
    if found is None:
        raise UnsupportedError(f"The server has a column of type {info.type}, which is not known here.")
    return found
