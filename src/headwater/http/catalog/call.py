"""`CatalogCall`: one request as a handler sees it, with its parameters and its body read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.http.door import Call

T = TypeVar("T")
_MOST_ITEMS = 1_000
"""In one request."""
_LONGEST_NUMBER = 18
"""Digits of a number in a query string: what fits 64 bits."""


@dataclass
class CatalogCall(Call):
    """Everything raises `CatalogError` that says what is wrong with a parameter or the body."""

    @property
    def type_name(self) -> str:
        """The entity's type of the path."""
        return self.parameters["typeName"]

    @property
    def qualified_name(self) -> str:
        """The entity's name of the path."""
        return self.parameters["qualifiedName"]

    @property
    def name(self) -> str:
        """Of a definition, tag, rule or product: the one of the path."""
        return self.parameters["name"]

    def read(self, shape: type[T]) -> T:
        """The body."""
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
            raise CatalogError(CatalogCode.BAD_REQUEST, f"Malformed request: {error}") from None

    def items(self, shape: type[T]) -> list[T]:
        """The list that bulk requests hold."""
        items = self.read(list[shape])  # type: ignore[valid-type]
        if len(items) > _MOST_ITEMS:
            raise CatalogError(CatalogCode.TOO_LARGE, f"One request takes {_MOST_ITEMS} items at the most.")
        return items

    def values(self, *names: str) -> tuple[str, ...]:
        """Every value of a parameter that may be repeated, under any of its names; empty ones do not count."""
        return tuple(value for name in names for value in self.texts(name) if value)

    def number(self, name: str, default: int) -> int:
        """A parameter that is a whole number."""
        text = self.text(name)
        if not text:
            return default
        digits = text.removeprefix("-")
        if not digits.isascii() or not digits.isdigit() or len(digits) > _LONGEST_NUMBER:
            raise CatalogError(CatalogCode.INVALID_PARAMETERS, f"{name} is a whole number, not `{text[:100]}`.")
        return int(text)

    def flag(self, name: str, default: bool) -> bool:
        """A parameter that is true or false."""
        text = self.text(name)
        if not text:
            return default
        if text.lower() not in ("true", "false"):
            raise CatalogError(CatalogCode.INVALID_PARAMETERS, f"{name} is true or false, not `{text[:100]}`.")
        return text.lower() == "true"

    def one_of(self, name: str, allowed: Sequence[str]) -> str:
        """A parameter that is one of a few words, the first by default."""
        text = self.text(name) or allowed[0]
        if text not in allowed:
            raise CatalogError(
                CatalogCode.INVALID_PARAMETERS, f"{name} is one of {', '.join(allowed)}, not `{text[:100]}`."
            )
        return text
