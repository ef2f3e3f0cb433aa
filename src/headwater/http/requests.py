"""Request bodies (section 2 of the REST sheet). Unknown members are ignored; malformed ones are `RequestError`s."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct, field

from headwater.engine.errors import ErrorCode, RequestError
from headwater.engine.properties import PropertyError, check_request_property

Scalar = str | int | float | bool | None


class KsqlRequest(Struct, rename="camel"):
    """Of /ksql, /query and /ws/query."""

    ksql: str
    streams_properties: dict[str, Scalar] = field(default_factory=dict)
    session_variables: dict[str, Scalar] = field(default_factory=dict)
    request_properties: dict[str, Scalar] = field(default_factory=dict)
    command_sequence_number: int | None = None

    @property
    def variables(self) -> dict[str, str]:
        return _variables(self.session_variables)


class QueryStreamArgs(Struct, rename="camel"):
    """Of /query-stream."""

    sql: str
    properties: dict[str, Scalar] = field(default_factory=dict)
    session_variables: dict[str, Scalar] = field(default_factory=dict)
    request_properties: dict[str, Scalar] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        return _variables(self.session_variables)


class CloseQueryArgs(Struct, rename="camel"):
    """Of /close-query."""

    query_id: str


class InsertsStreamArgs(Struct, rename="camel"):
    """First line of /inserts-stream."""

    target: str
    properties: dict[str, Scalar] = field(default_factory=dict)


class TerminateRequest(Struct, rename="camel"):
    """Of /ksql/terminate."""

    delete_topic_list: list[str] = field(default_factory=list)


T = TypeVar("T", bound=Struct)


def decode(body: bytes, kind: type[T]) -> T:
    """The body as `kind`; raises `RequestError` (40000) that says what is wrong with it."""
    try:
        request = msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"Malformed request: {error}", ErrorCode.BAD_REQUEST) from None
    _check_request_properties(getattr(request, "request_properties", {}))
    return request


def _check_request_properties(properties: Mapping[str, Scalar]) -> None:
    for name, value in properties.items():
        try:
            if value is not None:
                check_request_property(name, value)
        except PropertyError as error:
            raise RequestError(str(error), ErrorCode.BAD_REQUEST) from None


def _variables(given: Mapping[str, Scalar]) -> dict[str, str]:
    return {name: str(value) for name, value in given.items() if value is not None}
