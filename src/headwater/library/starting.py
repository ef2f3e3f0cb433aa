"""How a program gets a node: `start` makes one inside the process, `remote` speaks to one elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headwater.library.async_node import AsyncNode
from headwater.library.node import Node

if TYPE_CHECKING:
    from headwater.core.clock import Clock
    from headwater.library.local import LocalServer


def start(
    data: str | os.PathLike[str] | None = None,
    *,
    memory: bool | None = None,
    kafka_port: int | None = None,
    ksql_port: int | None = None,
    bootstrap_servers: str | None = None,
    properties: Mapping[str, str] | None = None,
    config: str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
) -> Node:
    """A running node inside this process.

    `data` is the folder of its log (default `.headwater`), `memory` keeps nothing instead, `bootstrap_servers` puts
    the topics on an Apache Kafka cluster. It opens no socket unless it is given a port: `kafka_port` for Kafka
    clients, `ksql_port` for ksqlDB's REST API; 0 takes a free one, `Node.endpoints` says which.

    `properties` are ksqlDB's, server-wide (`{"ksql.streams.auto.offset.reset": "earliest"}`). `config` is a TOML file
    with any setting of docs/settings.md, `settings` has the same by name (`{"log.fsync": "none"}`) and wins;
    environment variables are not looked at. `clock` is for tests. Raises `ConfigError`, `StartupError`.
    """
    return Node(
        local_server(data, memory, kafka_port, ksql_port, bootstrap_servers, properties, config, settings, clock)
    )


def start_async(
    data: str | os.PathLike[str] | None = None,
    *,
    memory: bool | None = None,
    kafka_port: int | None = None,
    ksql_port: int | None = None,
    bootstrap_servers: str | None = None,
    properties: Mapping[str, str] | None = None,
    config: str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
) -> AsyncNode:
    """As `start`, in the caller's event loop: `async with headwater.start_async(...) as node`, or `await` it."""
    return AsyncNode(
        local_server(data, memory, kafka_port, ksql_port, bootstrap_servers, properties, config, settings, clock)
    )


def remote(url: str = "http://127.0.0.1:8088", ca_file: str = "") -> Node:
    """A node elsewhere, or a ksqlDB server, by its REST URL: `https://user:password@host:8088` for one that asks.

    It must speak HTTP/2, as ksqlDB does. Certificates are checked against `ca_file` (PEM), else the file that
    `HEADWATER_CA_FILE` names in the environment, else the system's authorities.

    Raises `ConfigError` for what is no URL or no such file, `StartupError` if nothing answers.
    """
    from headwater.library.remote import RemoteServer

    return Node(RemoteServer(url, ca_file))


def remote_async(url: str = "http://127.0.0.1:8088", ca_file: str = "") -> AsyncNode:
    """As `remote`: `async with headwater.remote_async(url) as node`, or `await` it."""
    from headwater.library.remote import RemoteServer

    return AsyncNode(RemoteServer(url, ca_file))


def local_server(
    data: str | os.PathLike[str] | None = None,
    memory: bool | None = None,
    kafka_port: int | None = None,
    ksql_port: int | None = None,
    bootstrap_servers: str | None = None,
    properties: Mapping[str, str] | None = None,
    config: str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
) -> LocalServer:
    """The node that `start` starts."""
    from headwater.core.config import load
    from headwater.library.local import LocalServer

    named = {
        "node.data": None if data is None else Path(data),
        "node.memory": memory,
        "kafka.port": kafka_port,
        "ksql.port": ksql_port,
        "cluster.bootstrap_servers": bootstrap_servers,
    }
    overrides = {**(settings or {}), **{name: value for name, value in named.items() if value is not None}}
    file, where = None if config is None else Path(config), "given to start()"
    loaded = load(file, None, overrides, where)
    if properties:
        overrides["ksql.properties"] = {**loaded.ksql.properties, **properties}
        loaded = load(file, None, overrides, where)
    asked = {"kafka": "kafka.port", "ksqldb": "ksql.port"}
    return LocalServer(loaded, [name for name, setting in asked.items() if setting in overrides], clock)
