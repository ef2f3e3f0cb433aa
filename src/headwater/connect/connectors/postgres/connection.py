"""Connections to PostgreSQL, and what its refusals mean for a connector: wait and try again, or tell the user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from headwater.connect.config import Config
from headwater.connect.errors import ConnectError, MissingExtraError, RetriableError

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.AsyncConnection[tuple[Any, ...]]

SESSION = {
    "DateStyle": "ISO",
    "TimeZone": "UTC",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "extra_float_digits": "3",
}
"""What makes text forms the same wherever the server stands: the readers in `types.py` rely on it."""

CONNECT_SECONDS = 10

_REMEDIES = {
    "28P01": "database.user or database.password is wrong",
    "28000": "the server does not let this user in from here: see its pg_hba.conf (a line for database "
    "'replication' is not needed, one for the database is)",
    "3D000": "database.dbname names a database that does not exist",
    "42501": "the user lacks a privilege",
    "55006": "another connection uses the replication slot: stop the other connector, or give this one a slot.name of "
    "its own",
    "42704": "something that the configuration names does not exist",
    "53300": "the server has no connection left: raise max_connections or max_wal_senders",
}
_RETRIED = ("08", "57", "53", "40", "55006")
"""Classes of SQLSTATE that may pass: connection lost, shut down, out of resources, rolled back, in use."""


def load_psycopg() -> Any:
    """The client library. Raises `MissingExtraError`."""
    try:
        import psycopg
    except ImportError as error:
        raise MissingExtraError("The PostgreSQL connector", "postgres") from error
    return psycopg


def connection_parameters(config: Config) -> dict[str, Any]:
    """How psycopg connects, as the configuration says."""
    parameters: dict[str, Any] = {
        "host": config.text("database.hostname"),
        "port": config.integer("database.port"),
        "user": config.text("database.user"),
        "password": config.text("database.password") or None,
        "dbname": config.text("database.dbname"),
        "sslmode": config.text("database.sslmode"),
        "sslrootcert": config.text("database.sslrootcert") or None,
        "sslcert": config.text("database.sslcert") or None,
        "sslkey": config.text("database.sslkey") or None,
        "connect_timeout": CONNECT_SECONDS,
        "client_encoding": "UTF8",
        "application_name": f"Headwater {config.text('name', 'connector')}"[:63],
        "options": " ".join(f"-c {name}={value}" for name, value in SESSION.items()),
    }
    return {name: value for name, value in parameters.items() if value is not None}


async def connect(parameters: Mapping[str, Any], *, replication: bool = False) -> Connection:
    """An open connection that commits each statement. Raises `RetriableError` or `ConnectError`."""
    psycopg = load_psycopg()
    special = {"replication": "database"} if replication else {}
    with told(f"connecting to {parameters['host']}:{parameters['port']}"):
        return await psycopg.AsyncConnection.connect(autocommit=True, **parameters, **special)  # type: ignore[no-any-return]


@contextmanager
def told(what: str, **remedies: str) -> Iterator[None]:
    """Turn the client's errors into ours. `remedies` are for single SQLSTATEs (`s42501="GRANT ..."`)."""
    psycopg = load_psycopg()
    try:
        yield
    except psycopg.Error as error:
        raise refusal(what, error, {code[1:]: text for code, text in remedies.items()}) from error
    except OSError as error:
        raise RetriableError(f"PostgreSQL: {what} failed: {error}") from error


def refusal(what: str, error: Exception, remedies: Mapping[str, str] | None = None) -> ConnectError:
    """What an error of the client says to the user, and whether waiting may help."""
    said = str(error).strip()
    code = getattr(error, "sqlstate", None) or _code_in(said)
    remedy = (remedies or {}).get(code or "") or _REMEDIES.get(code or "")
    message = f"PostgreSQL: {what} failed: {said}" + (f". {remedy[0].upper()}{remedy[1:]}" if remedy else "")
    lasting = code is not None and not code.startswith(_RETRIED)
    return ConnectError(message) if lasting else RetriableError(message)


def _code_in(said: str) -> str | None:
    """The SQLSTATE that the client does not give when a connection is refused by the server."""
    for part, code in (
        ("password authentication failed", "28P01"),
        ("no password supplied", "28P01"),
        ("no pg_hba.conf entry", "28000"),
        ("Peer authentication failed", "28000"),
        ("must be superuser or replication role", "42501"),
        ("permission denied to start WAL sender", "42501"),
    ):
        if part in said:
            return code
    if 'database "' in said and "does not exist" in said:
        return "3D000"
    if 'role "' in said and "does not exist" in said:
        return "28P01"
    return None
