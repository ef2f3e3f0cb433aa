"""Where a database is: SQLAlchemy's URL from a JDBC URL or one of its own, and the files that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from headwater.connect.allowed import parameter_files
from headwater.connect.config import Config
from headwater.connect.errors import MissingExtraError


def alchemy() -> Any:
    """The library. Raises `MissingExtraError`."""
    try:
        import sqlalchemy
    except ImportError:
        raise MissingExtraError("The JDBC connector", "jdbc") from None
    return sqlalchemy


_DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mysql+pymysql",
            "sqlserver": "mssql+pymssql", "oracle:thin": "oracle+oracledb", "sqlite": "sqlite"}  # fmt: skip


def address(config: Config) -> Any:
    """SQLAlchemy's URL from a JDBC URL or one of its own, with the user and password of the configuration."""
    library = alchemy()
    text = config.text("connection.url")
    user, password = config.text("connection.user") or None, config.text("connection.password") or None
    if text.startswith("jdbc:sqlite:"):
        return library.make_url(f"sqlite:///{text.removeprefix('jdbc:sqlite:')}")
    if not text.startswith("jdbc:"):
        url = library.make_url(text)
        if url.get_backend_name() == "sqlite":
            return url
        return url.set(username=user or url.username, password=password or url.password)
    kind, _, rest = text.removeprefix("jdbc:").partition(":" if text.startswith("jdbc:oracle:thin") else "://")
    parts = urlsplit(f"x://{rest.replace(';', '?', 1).replace(';', '&')}")
    query = dict(parse_qsl(parts.query))
    database = query.pop("databaseName", None) or parts.path.strip("/")
    query = {} if kind in ("sqlserver", "mysql", "mariadb") else query
    return library.URL.create(
        _DRIVERS.get(kind, kind), query.pop("user", None) or user, query.pop("password", None) or password,
        parts.hostname, parts.port, database or None, query,
    )  # fmt: skip


_ANY_FILE = ("odbc_connect", "conninfo", "dsn", "local_infile", "allow_local_infile")
"""Parameters of clients that are whole addresses, or let a server ask for files."""


def files(text: str, _services: Path) -> list[Path]:
    """The files that the client of a database opens for a `connection.url`: the database itself for SQLite and DuckDB,
    and those of its parameters. Raises `ValueError` where that cannot be told."""
    try:
        url = address(Config({"connection.url": text}, {}))
        kind = url.get_backend_name()
    except Exception:  # noqa: BLE001 - whatever is wrong with it: a URL that nobody understands opens nothing
        return []
    parameters = [(name, value) for name in url.query for value in url.normalized_query[name]]
    if (kind == "duckdb" and parameters) or any(name.lower() in _ANY_FILE for name, _ in parameters):
        raise ValueError("a parameter may name any file")
    if kind not in ("sqlite", "duckdb"):
        return parameter_files(parameters)
    name = url.database or ""
    if kind == "sqlite" and any(name == "uri" for name, _ in parameters):
        return [_uri_file(name, parameters)]
    return [] if name in ("", ":memory:") else [Path(name)]


def _uri_file(name: str, parameters: list[tuple[str, str]]) -> Path:
    """Of SQLite's URI filenames (sqlite.org/uri.html), which it decodes itself."""
    if not name.startswith("file:") or [v.lower() for n, v in parameters if n == "uri"] != ["true"]:
        raise ValueError("uri=true goes with file:")
    rest = name.removeprefix("file:").partition("#")[0].partition("?")[0]
    if rest.startswith("//"):
        host, slash, rest = rest[2:].partition("/")
        if host not in ("", "localhost"):
            raise ValueError("SQLite opens files of this machine only")
        rest = slash + rest
    return Path(unquote(rest))
