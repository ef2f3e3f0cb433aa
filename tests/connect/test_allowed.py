"""What of the node's machine a configuration may reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.connect.allowed import Allowed
from headwater.connect.common import full_definition
from headwater.connect.errors import UsageError
from headwater.connect.plugins import Plugins
from headwater.testing.connect_rig import ConnectRig

PLUGINS = Plugins()
REACHES = [
    {"connector.class": "FileStreamSource", "file": "/etc/passwd", "topic": "t"},
    {"connector.class": "FileStreamSink", "file": "{open}/../shut", "topics": "t"},
    {"connector.class": "FileStreamSink", "file": "{open}/link/x", "topics": "t"},
    {"connector.class": "JsonLinesSink", "file": "relative", "topics": "t"},
    {"connector.class": "FolderSource", "folder": "/etc", "topic": "t"},
    {"connector.class": "FolderSource", "folder": "../../..", "topic": "t"},
    {"connector.class": "FolderSink", "store.url": "/etc", "topics": "t"},
    {"connector.class": "S3Sink", "s3.bucket.name": "b", "store.url": "file:///etc", "topics": "t"},
    {"connector.class": "AzureBlobSource", "azblob.container.name": "etc", "azblob.endpoint": "file:///", "topic": "t"},
    {"connector.class": "SqliteSink", "file": "/tmp/x.db", "topics": "t"},
    {"connector.class": "DuckDbSink", "file": "../../x.db", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "jdbc:sqlite:/tmp/x.db", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "sqlite:////tmp/x.db", "topics": "t"},
    {"connector.class": "DatagenSource", "schema.filename": "/etc/passwd", "topic": "t"},
    {"connector.class": "DatagenSource", "quickstart": "users", "kafka.topic": "${file:/etc/x.properties:y}"},
    {"connector.class": "DatagenSource", "quickstart": "users", "kafka.topic": "${directory:/etc:passwd}"},
    {"connector.class": "DatagenSource", "quickstart": "users", "kafka.topic": "${directory:{open}:../shut}"},
    {"connector.class": "DatagenSource", "quickstart": "users", "kafka.topic": "${env:HOME}"},
]
HARMLESS = ("topic", "topics", "s3.bucket.name", "azblob.container.name", "quickstart")
KEEPS_OUT = [
    {"connector.class": "FileStreamSource", "file": "{open}/a", "topic": "t"},
    {"connector.class": "FolderSink", "folder": "out", "topics": "t"},
    {"connector.class": "S3Sink", "s3.bucket.name": "b", "store.url": "http://127.0.0.1:1", "topics": "t"},
    {"connector.class": "SqliteSink", "file": "x.db", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "jdbc:postgresql://h/etc", "topics": "t"},
    {"connector.class": "JdbcSink", "connection.url": "sqlite://", "topics": "t"},
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


async def test_a_node_refuses_such_a_configuration_and_does_not_start_one_that_it_has(tmp_path: Path) -> None:
    config = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in"), "topic": "t"}
    async with ConnectRig(tmp_path / "services", allowed=Allowed(folders=())) as rig:
        with pytest.raises(UsageError, match=r"configuration file: connectors may not touch this file; the setting"):
            await rig.worker.create("f", config)
        looked_up = {"connector.class": "FileStreamSource", "file": "${env:WHERE}", "topic": "t"}
        rig.worker.settings.environment["WHERE"] = str(tmp_path / "in")  # type: ignore[index]
        await rig.worker.create("g", looked_up)
        assert "connectors may not touch this file" in await rig.failed("g")
