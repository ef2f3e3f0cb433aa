"""`headwater worker`: an app of stream agents as a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def worker(
    target: Annotated[str, typer.Argument(metavar="MODULE:APP", help="Where the app is: module:name, or a module.")],
    *,
    bootstrap_servers: Annotated[
        str | None, typer.Option(help="The cluster: a node of Headwater or Apache Kafka (default 127.0.0.1:9092).")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings; [cluster] says how to log in.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning (default) or error.")] = None,
    log_format: Annotated[str | None, typer.Option(help="text (default) or json: an object per line.")] = None,
) -> None:
    """Run an app of stream agents. Any number of workers of one app share its partitions; see docs/agents.md."""
    from headwater.app.worker import run_worker

    named = {
        "cluster.bootstrap_servers": bootstrap_servers,
        "node.log_level": log_level,
        "node.log_format": log_format,
    }
    run_worker(target, config, {name: value for name, value in named.items() if value is not None})
