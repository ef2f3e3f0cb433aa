"""What a connector opens is what was looked at, however a path is written."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path

import pytest

from headwater.connect.allowed import Allowed
from headwater.connect.common import full_definition
from headwater.connect.config import Config
from headwater.connect.connectors.object_store.services import StoreConnector
from headwater.connect.connectors.sql.address import alchemy
from headwater.connect.connectors.sql.database import SqliteDatabase, engine
from headwater.connect.plugins import Plugins
from headwater.connect.spi import Connector

PLACES = [
    "{open}/x", "{shut}/x", "{open}/../shut/x", "{open}/%2e%2e/shut/x", "{open}/%252e%252e/shut/x", "{open}/a%2Fb/../x",
    "{open}/a%2Fb%2Fc/../../shut/x", "{open}/a%2Fb%2Fc/../../../shut/x", "{open}/..%2Fshut/x", "{open}/link/x",
    "{open}/%6cink/x", "{open}/.%2e/shut/x",
]  # fmt: skip
FOLDERS = (
    "a/b/c",
    "a%2Fb/c",
    "a%2Fb%2Fc",
    "%2e%2e/shut",
    "..%2Fshut",
    "%6cink",
    "%252e%252e/shut",
    ".%2e/shut",
    "shut",
)
PATHS = ["{}", " {}", "{}  ", "\t{}", "file:{}", " file://{}"]
URLS = ["file:{}", "file://{}", " file://{}", "file://{}?x#y", "file://localhost{}", "\nfile:{}"]
DATABASES = [
    "jdbc:sqlite:{}", " jdbc:sqlite:{}", "jdbc:sqlite://{}", "sqlite:///{}", "sqlite+pysqlite:///{}", "sqlite:////{}",
    "jdbc:sqlite:file:{}?uri=true", "sqlite:///file:{}?uri=true", " sqlite:///file:{}?uri=true&mode=rwc",
    "sqlite:///file:{}?uri=false", "sqlite:///file:{}", "sqlite:///file://localhost{}?uri=TRUE",
    "sqlite:///{}?uri=true", "sqlite:///file:{}%3Fx?uri=true", "sqlite:///{}?timeout=1",
    "sqlite:///file:{}%23x?uri=true", "sqlite:///{}?uri=true&a=/../../shut/x",
]  # fmt: skip
OF_FILES = [
    (connector, key.name)
    for connector in Plugins().all()
    for key in full_definition(connector()).keys.values()
    if key.path is not None and key.name not in ("connection.uri", "connection.host")  # only parameters
]


def ways(key: str) -> list[str]:
    if key == "connection.url":
        return DATABASES
    return URLS if key in ("store.url", "azblob.endpoint") else PATHS


def opens(connector: type[Connector], key: str, config: Config, services: Path) -> str | None:
    """The file or folder that the connector's own code opens; None where it opens none."""
    if key == "connection.url":
        return in_use(config)
    if issubclass(connector, StoreConnector) and key != "gcs.credentials.path":
        store = connector.service.open(config, services)
        return store.root if store.is_local else None
    if connector.__name__ == "SqliteSink":
        SqliteDatabase(services / config.text(key)).close()
    return str(services / config.text(key) if connector.__name__ in ("SqliteSink", "DuckDbSink") else config.text(key))


def in_use(config: Config) -> str | None:
    """The file that SQLite says it has open."""
    database = engine(config)
    try:
        with database.connect() as connection:
            ((_, _, file),) = connection.exec_driver_sql("PRAGMA database_list").fetchall()
    except alchemy().exc.OperationalError:  # there is no such folder
        return None
    finally:
        database.dispose()
    return str(file) or None


@pytest.mark.parametrize(("connector", "key"), OF_FILES, ids=lambda value: getattr(value, "__name__", value))
def test_what_is_opened_is_in_an_allowed_folder(
    connector: type[Connector], key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, shut, services = tmp_path / "open", tmp_path / "shut", tmp_path / "services"
    for folder in (shut, services, *(opened / name for name in FOLDERS)):
        folder.mkdir(parents=True, exist_ok=True)
    (opened / "link").symlink_to(shut)
    monkeypatch.chdir(opened)
    definition = full_definition(connector())
    bucket = {connector.service.bucket_key: "b"} if issubclass(connector, StoreConnector) else {}
    allowed, reached = Allowed((opened,)), set()
    for way, place in product(ways(key), PLACES):
        text = way.format(place.format(open=opened, shut=shut))
        given = {**bucket, key: text}
        if key not in allowed.problems(definition, given, services):
            found = opens(connector, key, definition.parse(given).config, services)
            real = None if found is None else Path(os.path.realpath(found))
            assert real is None or real.is_relative_to(opened) or real.is_relative_to(services), (text, found)
            reached.add(found)
    assert reached - {None}, "nothing is allowed"
