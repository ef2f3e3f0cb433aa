"""What of the node's machine a configuration may reach."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headwater.connect.allowed import Allowed
from headwater.connect.common import full_definition
from headwater.connect.errors import UsageError
from headwater.connect.plugins import Plugins
from headwater.connect.spi import Connector
from headwater.testing.connect_rig import ConnectRig

PLUGINS = Plugins()
REACHES = [
    {"connector.class": "FileStreamSource", "file": "/etc/passwd", "topic": "t"},
    {"connector.class": "FileStreamSink", "file": "{open}/../shut", "topics": "t"},
    {"connector.class": "FileStreamSink", "file": "{open}/link/x", "topics": "t"},
    {"connector.class": "JsonLinesSink", "file": "relative", "topics": "t"},
    {"connector.class": "FolderSource", "folder": "/etc", "topic": "t"},
    {"connector.class": "FolderSource", "folder": "../../..", "topic": "t"},
    {"connector.class": "FolderSink", "folder": "file:///etc", "topics": "t"},
    {"connector.class": "S3Sink", "s3.bucket.name": "b", "store.url": "file:///etc", "topics": "t"},
    {"connector.class": "AzureBlobSource", "azblob.container.name": "etc", "azblob.endpoint": "file:///", "topic": "t"},
    {"connector.class": "SqliteSink", "file": "/tmp/x.db", "topics": "t"},
    {"connector.class": "DuckDbSink", "file": "../../x.db", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "jdbc:sqlite:/tmp/x.db", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "sqlite:////tmp/x.db", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "jdbc:sqlite:///tmp/x.db", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "sqlite:///{open}/x?uri=true&a=/../../shut/x", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "sqlite:///file:{open}/x?uri=true&uri=no", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "sqlite:///file://elsewhere{open}/x?uri=true", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "duckdb:////tmp/x", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "duckdb:///{open}/x?config=y", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "jdbc:postgresql://h/db?passfile=/etc/x", "topics": "t"},
    {"connector.class": "JdbcSource", "connection.url": "postgresql://h/db?a=b&sslkey=x", "topic.prefix": "t"},
    {"connector.class": "JdbcSink", "connection.url": "mysql://h/db?read_default_file=/etc/x", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "jdbc:postgresql://h/d?conninfo=sslkey%3D/x", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "mysql+pymysql://h/d?local_infile=1", "topics": "t"},
    {"connector.class": "PostgresCdcSource", "database.sslrootcert": "/etc/x", "topic.prefix": "t"},
    {"connector.class": "PostgresCdcSource", "database.sslcert": "/etc/x", "topic.prefix": "t"},
    {"connector.class": "PostgresCdcSource", "database.sslkey": "/etc/x", "topic.prefix": "t"},
    {"connector.class": "ElasticsearchSink", "elastic.https.ssl.ca.file": "/etc/x", "topics": "t"},
    {"connector.class": "MongoDbAtlasSink", "connection.uri": "mongodb://h/?w=1&tlsCAFile=%2Fetc%2Fx", "topics": "t"},
    {"connector.class": "MongoDbAtlasSource", "connection.uri": "mongodb://h/?tlsCertificateKeyFile=x", "topic": "t"},
    {"connector.class": "MongoDbAtlasSink", "connection.host": "h/?tlsCAFile=/etc/x", "topics": "t"},
    {"connector.class": "BigQuerySink", "keyfile": "/etc/x", "topics": "t"},
    {"connector.class": "GcsSink", "gcs.credentials.path": "/etc/x", "topics": "t"},
    {"connector.class": "DatagenSource", "schema.filename": "/etc/passwd", "topic": "t"},
    {"connector.class": "DatagenSource", "quickstart": "users", "kafka.topic": "${file:/etc/x.properties:y}"},
    {"connector.class": "DatagenSource", "quickstart": "users", "kafka.topic": "${directory:/etc:passwd}"},
    {"connector.class": "DatagenSource", "quickstart": "users", "kafka.topic": "${directory:{open}:../shut}"},
    {"connector.class": "DatagenSource", "quickstart": "users", "kafka.topic": "${env:HOME}"},
]
HARMLESS = ("topic", "topics", "topic.prefix", "s3.bucket.name", "azblob.container.name", "quickstart")
KEEPS_OUT = [
    {"connector.class": "FileStreamSource", "file": "{open}/a", "topic": "t"},
    {"connector.class": "FolderSink", "folder": "out", "topics": "t"},
    {"connector.class": "S3Sink", "s3.bucket.name": "b", "store.url": "http://127.0.0.1:1", "topics": "t"},
    {"connector.class": "SqliteSink", "file": "x.db", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "jdbc:postgresql://h/etc", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "sqlite://", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "jdbc:sqlite:file:{open}/x?uri=true&mode=rwc", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "jdbc:postgresql://h/db?sslrootcert=system", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "jdbc:postgresql://h/db?sslkey={open}/k&a=b", "topics": "t"},
    {"connector.class": "PostgresCdcSource", "database.sslrootcert": "system", "topic.prefix": "t"},
    {
        "connector.class": "MongoDbAtlasSink",
        "connection.uri": "mongodb://h/?tls=true&tlsCAFile={open}/x",
        "topics": "t",
    },
    {"connector.class": "BigQuerySink", "keyfile": '{"type": "/etc"}', "topics": "t"},
    {"connector.class": "DatagenSource", "quickstart": "users", "kafka.topic": "${env:DB_TOPIC}"},
    {"connector.class": "DatagenSource", "quickstart": "users", "kafka.topic": "${file:{open}/x.properties:y}"},
]


@pytest.fixture
def opened(tmp_path: Path) -> Path:
    folder = tmp_path / "open"
    folder.mkdir()
    (tmp_path / "shut").mkdir()
    (folder / "link").symlink_to(tmp_path / "shut")
    return folder


def problems(config: dict[str, str], opened: Path, allowed: Allowed) -> dict[str, str]:
    given = {key: value.replace("{open}", str(opened)) for key, value in config.items()}
    definition = full_definition(PLUGINS.find(given["connector.class"]))
    return allowed.problems(definition, given, opened.parent / "services")


@pytest.mark.parametrize("config", REACHES)
def test_what_is_not_allowed_is_an_error_of_its_key(config: dict[str, str], opened: Path) -> None:
    some = Allowed.of(str(opened), "DB_*", trusted=False)
    assert problems(config, opened, some).keys() == {key for key in config if key not in ("connector.class", *HARMLESS)}
    assert problems(config, opened, Allowed.of("", "", trusted=False)) != {}
    assert problems(config, opened, Allowed.of("", "", trusted=True)) == {}
    assert problems(config, opened, Allowed.of("*", "*", trusted=False)) == {}


@pytest.mark.parametrize("config", KEEPS_OUT)
def test_what_is_allowed_is_no_error(config: dict[str, str], opened: Path) -> None:
    assert problems(config, opened, Allowed.of(str(opened), "DB_*", trusted=False)) == {}


@pytest.mark.parametrize("connector", PLUGINS.all(), ids=lambda connector: connector.__name__)
def test_keys_that_are_named_after_files_say_that_they_name_one(connector: type[Connector]) -> None:
    named = re.compile(r"(file|filename|folder|keyfile|credentials\.path|location|rootcert|sslcert|sslkey)$")
    keys = full_definition(connector()).keys.values()
    assert [key.name for key in keys if named.search(key.name) and key.path is None] == []


def test_a_value_that_was_looked_up_is_a_path_whatever_it_looks_like(opened: Path) -> None:
    given = {"connector.class": "FileStreamSource", "file": "${env:DB_X}/../../etc/passwd", "topic": "t"}
    definition, some = full_definition(PLUGINS.find("FileStreamSource")), Allowed.of(str(opened), "DB_*", trusted=False)
    assert some.problems(definition, given, opened) == {}
    assert some.problems(definition, given, opened, looked_up=True).keys() == {"file"}


async def test_a_node_refuses_such_a_configuration_and_does_not_start_one_that_it_has(tmp_path: Path) -> None:
    config = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in"), "topic": "t"}
    async with ConnectRig(tmp_path / "services", allowed=Allowed(folders=())) as rig:
        with pytest.raises(UsageError, match=r"configuration file: connectors may not touch this file; the setting"):
            await rig.worker.create("f", config)
        looked_up = {"connector.class": "FileStreamSource", "file": "${env:WHERE}", "topic": "t"}
        rig.worker.settings.environment["WHERE"] = str(tmp_path / "in")  # type: ignore[index]
        await rig.worker.create("g", looked_up)
        assert "connectors may not touch this file" in await rig.failed("g")
