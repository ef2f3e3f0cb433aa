"""What the registry refuses, with the codes and texts of Confluent's Schema Registry REST API."""

from __future__ import annotations

from enum import IntEnum

from headwater.core.errors import HeadwaterError


class Code(IntEnum):
    """`error_code` of an answer; its first three digits are the HTTP status."""

    BAD_REQUEST = 400
    UNAUTHORIZED = 401
    NOT_FOUND = 404
    METHOD_NOT_ALLOWED = 405
    NOT_ACCEPTABLE = 406
    INCOMPATIBLE_SCHEMA = 409
    TOO_LARGE = 413
    UNSUPPORTED_MEDIA_TYPE = 415
    UNPROCESSABLE = 422
    FORBIDDEN = 40301
    SUBJECT_NOT_FOUND = 40401
    VERSION_NOT_FOUND = 40402
    SCHEMA_NOT_FOUND = 40403
    SUBJECT_SOFT_DELETED = 40404
    SUBJECT_NOT_SOFT_DELETED = 40405
    VERSION_SOFT_DELETED = 40406
    VERSION_NOT_SOFT_DELETED = 40407
    NO_SUBJECT_COMPATIBILITY = 40408
    NO_SUBJECT_MODE = 40409
    INVALID_SCHEMA = 42201
    INVALID_VERSION = 42202
    INVALID_COMPATIBILITY = 42203
    INVALID_MODE = 42204
    NOT_PERMITTED = 42205
    REFERENCE_EXISTS = 42206
    INVALID_SUBJECT = 42208
    SCHEMA_TOO_LARGE = 42209
    INVALID_RULE_SET = 42210
    CONTEXT_NOT_EMPTY = 42211
    INTERNAL = 500
    STORE = 50001
    TIMEOUT = 50002
    FORWARDING_FAILED = 50003
    UNKNOWN_LEADER = 50004

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value if self.value < 1000 else self.value // 100


class RegistryError(HeadwaterError):
    """A request that the registry does not carry out."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


def subject_not_found(subject: str) -> RegistryError:
    return RegistryError(Code.SUBJECT_NOT_FOUND, f"Subject '{subject}' not found.")


def version_not_found(version: int) -> RegistryError:
    return RegistryError(Code.VERSION_NOT_FOUND, f"Version {version} not found.")


def schema_not_found(which: int | str | None = None) -> RegistryError:
    return RegistryError(Code.SCHEMA_NOT_FOUND, "Schema not found" if which is None else f"Schema {which} not found")


def not_permitted(message: str) -> RegistryError:
    return RegistryError(Code.NOT_PERMITTED, message)


def invalid_schema(message: str) -> RegistryError:
    return RegistryError(Code.INVALID_SCHEMA, message)


def reference_exists(subject: str, version: int) -> RegistryError:
    key = f"{{magic=1,keytype=SCHEMA,subject={subject},version={version}}}"
    return RegistryError(Code.REFERENCE_EXISTS, f"One or more references exist to the schema {key}.")


def read_only(subject: str | None) -> RegistryError:
    return not_permitted(f"Subject {subject or 'null'} is in read-only mode")
