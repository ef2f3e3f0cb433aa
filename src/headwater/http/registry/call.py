"""`RegistryCall`: one request as a handler sees it, with its parameters read and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from headwater.http.door import Call
from headwater.http.registry.access import Action, allows, require
from headwater.registry import subjects
from headwater.registry.errors import Code, RegistryError, version_not_found
from headwater.registry.registry import Registry
from headwater.registry.schemas import Schemas
from headwater.registry.state import RegistryState

T = TypeVar("T")

FORWARDED = "x-forward"
"""Marks a request that was sent on once, which is not sent on again (Confluent's header)."""
TAKES_MORE = "confluent-accept-unknown-properties"
"""By which a client says that answers may have members that it does not know (Confluent's header, since 8)."""
LARGEST = (1 << 31) - 1
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(?P<name>[^`]*)`")
_INTEGER = re.compile(r"[+-]?\d{1,10}")


@dataclass
class RegistryCall(Call):
    """`context` is the one that the path begins with, if it begins with one; `media_type` what the client takes."""

    registry: Registry
    context: str
    media_type: str
    takes_more: bool
    """Whether answers may have members that came with Confluent's registry 8."""

    @property
    def state(self) -> RegistryState:
        return self.registry.state

    @property
    def schemas(self) -> Schemas:
        return self.registry.schemas

    # --- names ------------------------------------------------------------------------------------------------------

    @property
    def subject(self) -> str:
        """The subject of the path, to be read."""
        return self._in_context(self.parameters["subject"])

    @property
    def subject_to_write(self) -> str:
        """The subject of the path, which a version may get. Raises `RegistryError`."""
        return subjects.checked(self._in_context(self.parameters["subject"]))

    @property
    def scope(self) -> str | None:
        """The subject or context that configuration or a mode is about; None is the whole registry.

        The default context (`:.:`) is the registry.
        """
        named = self.parameters.get("subject")
        if named is None:
            return subjects.prefix_of(self.context) or None
        name = self._in_context(named)
        return subjects.checked_scope(name) if name else None

    def _in_context(self, name: str) -> str:
        return subjects.normalised(subjects.in_context(self.context, name))

    @property
    def alias_of_subject(self) -> str:
        """The subject of the path, or the one that it is configured to be another name of."""
        config = self.state.own_config(self.subject)
        if config is not None and config.alias:
            return subjects.in_context(subjects.qualified(self.subject).context, config.alias)
        return self.subject

    def version(self, text: str | None = None) -> int:
        """The version of the path; -1 is the latest. Raises `RegistryError` (42202)."""
        named = self.parameters["version"] if text is None else text
        number = _integer(named)
        if named.strip().lower() == "latest":
            return -1
        if number is None or not (number == -1 or 1 <= number <= LARGEST):
            raise RegistryError(
                Code.INVALID_VERSION,
                f"The specified version '{named}' is not a valid version id. Allowed values are between [1, 2^31-1] "
                'and the string "latest"',
            )
        return number

    def number(self, name: str) -> int:
        """A whole number of the path. Raises `RegistryError` (404) for anything else."""
        found = _integer(self.parameters[name])
        if found is None or abs(found) > LARGEST:
            raise RegistryError(Code.NOT_FOUND, "HTTP 404 Not Found")
        return found

    # --- query ------------------------------------------------------------------------------------------------------

    def flag(self, name: str) -> bool:
        return self.text(name).strip().lower() == "true"

    def normalizes(self, subject: str) -> bool:
        """Whether schemas are taken for the same that differ in ways that do not matter: asked for, or configured."""
        return self.flag("normalize") or bool(self.state.config(subject).normalize)

    def integer(self, name: str, default: int) -> int:
        """Raises `RegistryError` (404, as Jersey answers) for what is no whole number."""
        given = self.text(name)
        found = _integer(given) if given else default
        if found is None or abs(found) > LARGEST:
            raise RegistryError(Code.NOT_FOUND, "HTTP 404 Not Found")
        return found

    def page(self, items: list[T]) -> list[T]:
        """The part that `offset` and `limit` ask for."""
        start, limit = max(self.integer("offset", 0), 0), self.integer("limit", -1)
        return items[start : start + limit] if limit > 0 else items[start:]

    # --- body -------------------------------------------------------------------------------------------------------

    def read(self, kind: type[T]) -> T:
        """The body. Raises `RegistryError`: 422 for none or one with unknown members, 400 for a malformed one."""
        if not self.body.strip() or self.body.strip() == b"null":
            raise RegistryError(Code.UNPROCESSABLE, "The request has no body, and it needs one")
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.ValidationError as error:
            unknown = _UNKNOWN_FIELD.search(str(error))
            if unknown is not None:
                raise RegistryError(Code.UNPROCESSABLE, f"Unrecognized field: {unknown['name']}") from None
            raise RegistryError(Code.BAD_REQUEST, f"The body cannot be used: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RegistryError(Code.BAD_REQUEST, f"The body is not JSON: {error}") from None
        except RecursionError:
            raise RegistryError(Code.BAD_REQUEST, "The body is nested too deeply") from None

    # --- permission -------------------------------------------------------------------------------------------------

    def allows(self, action: Action, subject: str | None) -> bool:
        return allows(self.caller, action, subject)

    def require(self, action: Action, subject: str | None) -> None:
        """Raise `RegistryError` (40301) unless the caller may."""
        require(self.caller, action, subject)


def missing(state: RegistryState, subject: str, version: int, deleted: bool = False) -> RegistryError:
    """Why there is no such version: no subject, or no version of it."""
    if state.has(subject, deleted):
        return version_not_found(version)
    return RegistryError(Code.SUBJECT_NOT_FOUND, f"Subject '{subject}' not found.")


def _integer(text: str) -> int | None:
    return int(text) if _INTEGER.fullmatch(text.strip()) and text.isascii() else None
