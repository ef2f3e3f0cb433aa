"""`ConnectCall`: one request as a handler sees it, and configurations as JSON has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from headwater.connect.errors import UsageError
from headwater.connect.worker import Worker
from headwater.http.door import Call

T = TypeVar("T")


@dataclass
class ConnectCall(Call):
    """`worker` is who is asked."""

    worker: Worker

    @property
    def name(self) -> str:
        """The connector of the path."""
        return self.parameters["connector"]

    @property
    def task(self) -> int:
        """The task of the path. Raises `UsageError` (404) for what is no number."""
        text = self.parameters["task"]
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise UsageError("HTTP 404 Not Found", 404)
        return int(text)

    def flag(self, name: str, default: bool = False) -> bool:
        """Java's idea of a Boolean in a query: `true`, or anything else."""
        return self.text(name, str(default)).strip().lower() == "true"

    def read(self, kind: type[T]) -> T:
        """The body. Raises `UsageError` (400) that says what is wrong with it."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UsageError(f"The body cannot be used: {error}", 400) from None
        except RecursionError:
            raise UsageError("The body is nested too deeply", 400) from None


def texts(config: dict[str, Any]) -> dict[str, str | None]:
    """A configuration as JSON has it: numbers and booleans become the text that stands for them, as in the original.

    Raises `UsageError` (400) for a list or an object.
    """
    out: dict[str, str | None] = {}
    for key, value in config.items():
        if isinstance(value, dict | list):
            raise UsageError(
                f"The value of '{key}' must be text, not {'an object' if isinstance(value, dict) else 'a list'}"
            )
        if isinstance(value, bool):
            out[key] = str(value).lower()
        else:
            out[key] = None if value is None else str(value)
    return out


def set_texts(config: dict[str, Any]) -> dict[str, str]:
    """The same, without keys that are null."""
    return {key: value for key, value in texts(config).items() if value is not None}
