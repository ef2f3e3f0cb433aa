"""Running an app of stream agents as a process of its own, a member of its group on any Kafka cluster."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from headwater.agents.loading import load_app
from headwater.agents.runner import Runner
from headwater.app.command import until_stopped
from headwater.app.logs import log_to_stderr
from headwater.app.loop import loop_factory, tune_process
from headwater.cluster.kafka import KafkaCluster
from headwater.core.clock import SystemClock
from headwater.core.config import load
from headwater.core.settings import ClusterSettings, Settings

DEFAULT_SERVERS = "127.0.0.1:9092"
_LOGGER = logging.getLogger(__name__)


def run_worker(target: str, config: Path | None, overrides: Mapping[str, Any]) -> None:
    """Run the app `module:name` until SIGINT or SIGTERM. Raises `ConfigError` or `StartupError` if it does not start.

    Brokers and how to log in are the settings `cluster.*`.
    """
    settings = load(config, os.environ, overrides)
    log_to_stderr(settings.node.log_level, settings.node.log_format)
    tune_process()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_run(target, settings))


async def _run(target: str, settings: Settings) -> None:
    app = load_app(target)
    given = settings.cluster
    # The client id is what brokers and lineage know the worker by, so it is the app's name unless one was chosen.
    named = given if given.client_id != ClusterSettings().client_id else replace(given, client_id=app.name)
    servers = named.bootstrap_servers or DEFAULT_SERVERS
    clock = SystemClock()
    cluster = KafkaCluster(replace(named, bootstrap_servers=servers), clock)
    await cluster.start()
    runner = Runner(app, cluster, clock)
    try:
        runner.start()
        sys.stdout.write(f"worker   {app.name} on {servers}\n")
        sys.stdout.flush()
        await until_stopped()
    finally:
        await runner.close()
        await cluster.close()
