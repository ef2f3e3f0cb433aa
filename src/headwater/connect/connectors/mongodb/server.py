"""Where MongoDB is: what source and sink both are told about the server, and a client for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, unquote_plus

from headwater.connect.allowed import parameter_files
from headwater.connect.config import Config, ConfigDef, Importance, Key, Type
from headwater.connect.errors import ConnectError, MissingExtraError, RetriableError

if TYPE_CHECKING:
    from pymongo import AsyncMongoClient

EMBEDDED = "embedded"
"""In place of a host: the documents inside the node."""

_PARAMETER = re.compile(r"[?&;]([^=&;?]+)=([^&;]*)")


def _files(address: str, _services: Path) -> list[Path]:
    """What the parameters of an address name: `tlsCAFile=...`. A host becomes part of one as it is."""
    return parameter_files((unquote_plus(name), unquote_plus(value)) for name, value in _PARAMETER.findall(address))


SERVER = ConfigDef(
    Key("connection.uri", Type.PASSWORD, "URI of the deployment, in place of host, user and password.", default=None,
        path=_files),
    Key("connection.host", Type.STRING, "Host of the deployment, `host`, `host:port` or an Atlas host name; `embedded` "
        "is the document store inside the node.", default=EMBEDDED, importance=Importance.HIGH,
        path=_files),
    Key("connection.user", Type.STRING, "User to log in as.", default=None),
    Key("connection.password", Type.PASSWORD, "Password of that user.", default=None),
    Key("connection.timeout.ms", Type.INT, "Longest wait for a server, in ms.", default=10_000, minimum=1),
)  # fmt: skip
_ATLAS = ".mongodb.net"


def is_embedded(config: Config) -> bool:
    """Whether no server is meant."""
    return not config.text("connection.uri") and config.text("connection.host") == EMBEDDED


def uri(config: Config) -> str:
    """Of the deployment, credentials included. A host of Atlas stands for a cluster that DNS describes."""
    if given := config.text("connection.uri"):
        return given
    host = config.text("connection.host")
    scheme = "mongodb+srv" if host.endswith(_ATLAS) else "mongodb"
    user = config.text("connection.user")
    login = f"{quote_plus(user)}:{quote_plus(config.text('connection.password'))}@" if user else ""
    return f"{scheme}://{login}{host}/?retryWrites={'true' if scheme.endswith('srv') else 'false'}"


def connect(config: Config) -> AsyncMongoClient[Mapping[str, Any]]:
    """A client; it connects when it is first used. Raises `ConnectError` for an address that is none."""
    try:
        import pymongo
        from pymongo.errors import PyMongoError
    except ImportError:
        raise MissingExtraError("The MongoDB connector", "mongodb") from None
    try:
        return pymongo.AsyncMongoClient(
            uri(config), serverSelectionTimeoutMS=config.integer("connection.timeout.ms"), appname="headwater"
        )
    except (PyMongoError, ValueError) as error:
        raise ConnectError(f"connection.host: {error}") from None


@contextmanager
def server_errors() -> Iterator[None]:
    """Turn the client's errors into what the worker decides by."""
    from pymongo import errors

    try:
        yield
    except errors.OperationFailure as error:
        if error.code in (13, 18, 8000):
            raise ConnectError(
                f"connection.user or connection.password: the server refuses them (code {error.code})"
            ) from error
        if error.has_error_label("RetryableWriteError") or error.has_error_label("ResumableChangeStreamError"):
            raise RetriableError(f"The server could not do it now: {error}") from error
        raise ConnectError(f"The server refuses: {error}") from error
    except errors.ConnectionFailure as error:
        raise RetriableError(f"connection.host: the server does not answer: {error}") from error
    except errors.PyMongoError as error:
        raise ConnectError(f"MongoDB: {error}") from error
