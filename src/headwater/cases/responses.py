"""Judging responses of the REST API: entities of statements, and the rows of queries."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import text_format

from headwater.cases.matching import match, shown
from headwater.core.types import SqlType
from headwater.formats import proto_file


@dataclass(frozen=True)
class RowsResponse:
    """The decoded body of a query's response and the types of its columns."""

    rows: list[Any]
    types: tuple[SqlType, ...]


Response = Any | RowsResponse
"""An entity as JSON, or the rows of a query."""


def first_difference(
    responses: Sequence[Response], expected: Sequence[Mapping[str, Any]], statements: Sequence[str]
) -> str:
    """Where the responses first differ from the expected ones; "" if they do not. There may be more than expected."""
    for index, wanted in enumerate(expected):
        ((kind, content),) = wanted.items()
        if index >= len(responses):
            return f"response {index}: expected {kind}, found no more"
        found = responses[index]
        statement = statements[index] if index < len(statements) else ""
        if kind == "admin":
            problem = _members_differ(found, content, statement, "")
        elif isinstance(found, RowsResponse):
            rows = printed_messages(found) if kind == "queryProto" else found
            problem = _rows_differ(rows, content, statement)
        else:
            problem = f"expected rows, found {shown(found)}"
        if problem:
            return f"response {index}: {problem}"
    return ""


def _rows_differ(found: RowsResponse, expected: Sequence[Any], statement: str) -> str:
    if len(found.rows) != len(expected):
        return f"expected {len(expected)} lines, found {len(found.rows)}: {shown(found.rows)}"
    left = [row for row in found.rows if "row" in row]
    for index, (actual, wanted) in enumerate(zip(found.rows, expected, strict=True)):
        if "row" in wanted:
            same = next((row for row in left if _is_same_row(row, wanted, found.types)), None)
            if same is None:
                return f"line {index}: no row {shown(wanted['row'])}, left are {shown([row['row'] for row in left])}"
            left.remove(same)
        else:
            problem = _members_differ(actual, wanted, statement, f"line {index}")
            if problem:
                return problem
    return ""


def printed_messages(found: RowsResponse) -> RowsResponse:
    """Rows that are Protobuf messages, in the text format."""
    descriptor = proto_file.load(found.rows[0]["header"]["protoSchema"]).message(None)
    rows = []
    for row in found.rows:
        if "row" in row:
            message = proto_file.message_class(descriptor)()
            message.ParseFromString(base64.b64decode(row["row"]["protobufBytes"]))
            row = {"row": text_format.MessageToString(message)}
        rows.append(row)
    return RowsResponse(rows, ())


def _is_same_row(actual: Mapping[str, Any], expected: Mapping[str, Any], types: Sequence[SqlType]) -> bool:
    """A tombstone has its key columns only, so its values are judged without types."""
    found, wanted = actual["row"], expected["row"]
    if isinstance(wanted, str):  # a message; the entries of its maps have no order
        return sorted(str(found).splitlines()) == sorted(wanted.splitlines())
    if bool(found.get("tombstone")) != bool(wanted.get("tombstone")):
        return False
    values, expectation = found["columns"], wanted["columns"]
    if len(values) != len(expectation) or not _have_same_names(values, expectation):
        return False
    column_types: Sequence[SqlType | None] = types if len(types) == len(values) else [None] * len(values)
    return not any(match(v, e, t) for v, e, t in zip(values, expectation, column_types, strict=True))


def _have_same_names(actual: Any, expected: Any) -> bool:
    """Members of objects in responses have exactly the expected names, whatever `match` would accept."""
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        return actual.keys() == expected.keys() and all(_have_same_names(actual[k], expected[k]) for k in expected)
    if isinstance(actual, list) and isinstance(expected, list):
        return all(_have_same_names(a, e) for a, e in zip(actual, expected, strict=False))
    return True


def _members_differ(actual: Any, expected: Any, statement: str, at: str) -> str:
    """Every expected member must be there with an equal value; others may be there too."""
    if isinstance(expected, Mapping):
        if not isinstance(actual, Mapping):
            return f"{at}: expected an object, found {shown(actual)}"
        for name, value in expected.items():
            member, _, operator = str(name).partition("|")
            if member not in actual:
                return f"{at}.{member}: is missing"
            if operator == "starts_with":
                if not str(actual[member]).startswith(str(value)):
                    return f"{at}.{member}: expected {value!r} and more, found {actual[member]!r}"
                continue
            problem = _members_differ(actual[member], value, statement, f"{at}.{member}")
            if problem:
                return problem
        return ""
    wanted = expected.replace("{STATEMENT}", statement) if isinstance(expected, str) else expected
    return "" if actual == wanted else f"{at}: expected {shown(wanted)}, found {shown(actual)}"
