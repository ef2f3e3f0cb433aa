"""What the commands about a cluster share: how to reach it, and asking before something is gone."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from headwater.cluster.admin import ClusterAdmin

T = TypeVar("T")

Bootstrap = Annotated[
    str | None, typer.Option("--bootstrap-servers", "-b", help="`host:port` of the cluster (default 127.0.0.1:9092).")
]
Config = Annotated[
    Path | None,
    typer.Option(help="Kafka client properties to log in with (security.protocol, sasl.jaas.config, …)."),
]
Output = Annotated[str, typer.Option(help="table or json.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def ask(bootstrap: str | None, config: Path | None, work: Callable[[ClusterAdmin], Awaitable[T]]) -> T:
    """Connect, do the work, and disconnect. Raises `HeadwaterError`."""
    import asyncio

    from headwater.app.client_properties import cluster_settings
    from headwater.cluster.admin import ClusterAdmin

    settings = cluster_settings(config, bootstrap, os.environ)

    async def run() -> T:
        async with ClusterAdmin(settings) as admin:
            return await work(admin)

    return asyncio.run(run())


def confirm(what: str, *, yes: bool) -> None:
    """Go on only if the user wants it. Where nobody can be asked, `--yes` has to be given: raises `ConfigError`."""
    from headwater.core.errors import ConfigError

    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"{what}: give --yes, because there is nobody to ask")
    typer.confirm(f"{what}?", abort=True)
