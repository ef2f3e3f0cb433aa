"""What a column's type becomes: a Connect schema, and the function that reads values of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from headwater.connect.schema import ConnectSchema

Reader = Callable[[bytes], Any]
"""Gets the text form that PostgreSQL sends; gives the value that the schema wants."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A schema (required; the column may be optional), its reader, and what stands for a value that is not known where
    there has to be one."""

    schema: ConnectSchema
    read: Reader
    fallback: Any


def named(base: ConnectSchema, name: str, **parameters: str) -> ConnectSchema:
    """One of Debezium's types on top of Connect's."""
    return replace(base, name=name, version=1, parameters=parameters or None)
