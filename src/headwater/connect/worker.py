"""`Worker`: all connectors of a node, and what can be asked of them. The REST API and SQL speak to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headwater.cluster.api import Cluster
from headwater.connect import sink_offsets, validation
from headwater.connect.allowed import Allowed
from headwater.connect.common import full_definition
from headwater.connect.config import ConfigDef
from headwater.connect.config_render import form, key_infos
from headwater.connect.config_render import validation as validation_body
from headwater.connect.errors import UsageError
from headwater.connect.kept_secrets import with_kept_secrets
from headwater.connect.plugins import Plugins, is_source
from headwater.connect.running import RunningConnector
from headwater.connect.spi import Connector
from headwater.connect.state.configs import Configs, TargetState
from headwater.connect.state.offsets import Place, SourceOffsets
from headwater.connect.state.statuses import State, Statuses
from headwater.connect.tasks.counts import AllCounts, Counts, TaskName
from headwater.connect.tasks.run import TaskServices, transactional_id
from headwater.core.clock import Clock
from headwater.formats.api import SchemaRegistry

Json = dict[str, Any]


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker is told. Topics and group have Kafka Connect's usual names."""

    folder: Path
    """Where embedded services keep their files."""
    worker_id: str = "127.0.0.1:8083"
    version: str = "4.1.0-headwater"
    """Of Kafka Connect whose REST API this is: tools read its numbers to know what they may ask for."""
    group_id: str = "connect-cluster"
    config_topic: str = "connect-configs"
    offset_topic: str = "connect-offsets"
    status_topic: str = "connect-status"
    environment: Mapping[str, str] = field(default_factory=dict)
    """Where `${env:…}` is looked up."""
    allowed: Allowed = field(default_factory=Allowed)
    """What of this machine configurations may reach."""

    @property
    def configs_transactional_id(self) -> str:
        """Under which the leader writes configurations: only one worker can (KIP-618)."""
        return f"connect-cluster-{self.group_id}"


class Worker:
    """`start` replays the topics and starts what should run; `close` stops it, with a last flush.

    Commands raise `UsageError` with the status and the text that Kafka Connect answers with.
    """

    def __init__(
        self,
        cluster: Cluster,
        clock: Clock,
        settings: WorkerSettings,
        plugins: Plugins | None = None,
        registry: SchemaRegistry | None = None,
    ) -> None:
        self.settings = settings
        self.plugins = plugins or Plugins()
        self.ready = False
        """Whether it can be asked: it leads, or knows who does."""
        self.leader_url: str | None = None
        """Of the worker that runs the connectors, where that is another one."""
        self.shut_out: Callable[[], None] = lambda: None
        """Called when another worker turns out to lead: has the leader elected again, where there is an election."""
        self._leads = False
        self._cluster = cluster
        self._clock = clock
        self._registry = registry
        self._counts = AllCounts()
        self._begin_anew()
        self._running: dict[str, RunningConnector] = {}
        self._lock = asyncio.Lock()

    def _begin_anew(self) -> None:
        """Know nothing: what is in the topics decides."""
        settings, cluster, clock = self.settings, self._cluster, self._clock
        self._configs = Configs(
            cluster, clock, settings.config_topic, settings.configs_transactional_id, lambda: self.shut_out()
        )
        self._offsets = SourceOffsets(cluster, clock, settings.offset_topic)
        self._statuses = Statuses(cluster, clock, settings.status_topic, settings.worker_id)
        self._services = TaskServices(
            cluster, clock, self._offsets, self._statuses, settings.folder, settings.group_id, self._registry,
            self._counts,
        )  # fmt: skip

    async def start(self) -> None:
        """Run the connectors: the worker is the only one, or has been elected. Raises `ClusterError`, `LogError`."""
        if self._leads:
            return
        self._begin_anew()
        await self._cluster.refresh()
        # Whoever led before may still be writing: first configurations, then positions of sources are final.
        await self._cluster.take_over(self.settings.configs_transactional_id)
        await self._configs.load()
        await asyncio.gather(*map(self._cluster.take_over, self._source_transactional_ids()))
        await self._offsets.load()
        await self._statuses.load()
        self.leader_url = None
        self._leads = True
        for name in self._configs.names():
            self._run(name)
        self.ready = True

    def _source_transactional_ids(self) -> list[str]:
        group, names = self.settings.group_id, self._configs.names()
        return [
            transactional_id(group, TaskName(name, number))
            for name in names
            if self._kind(self._configs.config(name) or {}) == "source"
            for number in range(len(self._configs.tasks(name)))
        ]

    async def follow(self, leader_url: str | None) -> None:
        """Run nothing: another worker does, or nobody knows who."""
        await self.close()
        self.leader_url = leader_url
        self.ready = leader_url is not None

    async def close(self) -> None:
        """Stop all tasks. Commands under way end with a refusal."""
        self.ready = self._leads = False
        running, self._running = self._running, {}
        await asyncio.gather(*(connector.close() for connector in running.values()))
        await self._statuses.close()

    # Questions

    def running(self) -> Mapping[str, RunningConnector]:
        """The connectors at work here, by name; none while another worker leads."""
        return dict(sorted(self._running.items()))

    def counts(self) -> Mapping[TaskName, Counts]:
        """What each task has done since this process started."""
        return self._counts.all()

    @property
    def cluster_id(self) -> str:
        return self._cluster.cluster_id

    def names(self) -> list[str]:
        """All connectors, by name."""
        self._check_leads()
        return self._configs.names()

    def config(self, name: str) -> dict[str, str]:
        """A connector's configuration, secrets hidden."""
        return self._definition(self._known(name)).masked(self._known(name))

    def info(self, name: str) -> Json:
        """`GET /connectors/{name}`."""
        running = self._running[self._checked(name)]
        tasks = [{"connector": name, "task": number} for number in sorted(running.tasks)]
        return {"name": name, "config": self.config(name), "tasks": tasks, "type": self.kind(name)}

    def kind(self, name: str) -> str:
        """`source`, `sink`, or `unknown` for a class that is not installed."""
        return self._kind(self._known(name))

    def _kind(self, config: Mapping[str, str]) -> str:
        connector = self._connector(config)
        return "unknown" if connector is None else "source" if is_source(connector) else "sink"

    def status(self, name: str) -> Json:
        """`GET /connectors/{name}/status`."""
        self._check_leads()
        running = self._running.get(name)
        if running is None:
            raise UsageError(f"No status found for connector {name}", 404)
        worker_id = self.settings.worker_id
        about: Json = {"state": str(running.status.state), "worker_id": worker_id}
        if running.status.trace is not None:
            about["trace"] = running.status.trace
        return {
            "name": name,
            "connector": about,
            "tasks": [self.task_status(name, number) for number in sorted(running.tasks)],
            "type": self.kind(name),
        }

    def task_status(self, name: str, number: int) -> Json:
        """`GET /connectors/{name}/tasks/{number}/status`."""
        running = self._running.get(name)
        if running is None or number not in running.tasks:
            raise UsageError(f"No status found for task {name}-{number}", 404)
        status = running.tasks[number].status
        told: Json = {"id": number, "state": str(status.state), "worker_id": self.settings.worker_id}
        if status.trace is not None:
            told["trace"] = status.trace
        return told

    def tasks(self, name: str) -> list[Json]:
        """`GET /connectors/{name}/tasks`: what each task was told, secrets hidden."""
        config = self._known(name)
        definition = self._definition(config)
        told = [definition.masked({**config, **task}) for task in self._configs.tasks(name)]
        return [{"id": {"connector": name, "task": number}, "config": task} for number, task in enumerate(told)]

    def topics(self, name: str) -> list[str]:
        """Topics that a connector has used (KIP-558)."""
        return self._statuses.topics(self._checked(name))

    def plugin(self, name: str) -> Connector:
        """A connector by its class or short name."""
        return self.plugins.find(name)

    def plugin_keys(self, name: str) -> list[Json]:
        """`GET /connector-plugins/{name}/config`."""
        return key_infos(full_definition(self._plugin_or_404(name)))

    def plugin_form(self, name: str, config: Mapping[str, str]) -> Json:
        """What a page needs to ask for a configuration: groups of fields, with values where some are given."""
        connector = self._plugin_or_404(name)
        about = (type(connector).__doc__ or "").strip()
        kind = "source" if is_source(connector) else "sink"
        groups = form(full_definition(connector), config)
        head = {"class": connector.names[0], "type": kind, "title": connector.title or connector.names[-1]}
        return {**head, "about": about, "groups": groups}

    async def validate(self, plugin: str, config: Mapping[str, str]) -> Json:
        """`PUT /connector-plugins/{plugin}/config/validate`."""
        connector = self._plugin_or_404(plugin)
        given = {"connector.class": plugin, **config}
        if connector.names != self.plugins.find(given["connector.class"]).names:
            raise UsageError(
                f"Included connector type {given['connector.class']} does not match request type {plugin}", 400
            )
        verdict = await validation.validate(connector, given, self.settings.allowed, self.settings.folder)
        return validation_body(connector.names[0], verdict.definition, given, verdict.errors, verdict.warnings)

    # Commands

    async def create(self, name: str, config: Mapping[str, str], target: TargetState | None = None) -> Json:
        """Make a connector; it starts in the background. 409 for a name that is taken, 400 for a wrong
        configuration."""
        async with self._lock:
            if self._configs.config(name) is not None:
                raise UsageError(f"Connector {name} already exists", 409)
            await self._write(name, config, target or TargetState.STARTED)
            self._run(name)
            return self.info(name)

    async def put_config(self, name: str, config: Mapping[str, str]) -> tuple[bool, Json]:
        """Create a connector or change it, which restarts it: (whether it is new, its info)."""
        async with self._lock:
            old = self._configs.config(name)
            await self._write(name, with_kept_secrets(self._definition(config), config, old or {}), None)
            if old is None:
                self._run(name)
            else:
                await self._at_work(name).restart()
            return old is None, self.info(name)

    async def patch_config(self, name: str, patch: Mapping[str, str | None]) -> Json:
        """Change some keys; null takes one away (KIP-477)."""
        merged = {**self.config(name), **patch}  # with stars: a patch, too, sends no secret somewhere else
        return (await self.put_config(name, {key: value for key, value in merged.items() if value is not None}))[1]

    async def delete(self, name: str) -> None:
        """Stop and forget a connector. Its offsets stay, as in Kafka Connect."""
        async with self._lock:
            running = self._running[self._checked(name)]
            await self._configs.delete(name)
            await running.close()
            self._running.pop(name, None)
            self._statuses.forget_topics(name)
            self._counts.forget(name)
            self._statuses.set(name, None, None)

    async def pause(self, name: str) -> None:
        """Let its tasks rest; they keep their connections."""
        async with self._lock:
            await self._configs.set_target(self._checked(name), TargetState.PAUSED)
            self._at_work(name).pause()

    async def resume(self, name: str) -> None:
        """Go on after `pause` or `stop`."""
        async with self._lock:
            await self._configs.set_target(self._checked(name), TargetState.STARTED)
            self._at_work(name).resume()

    async def stop(self, name: str) -> None:
        """End its tasks, but keep its configuration (KIP-875)."""
        async with self._lock:
            await self._configs.set_target(self._checked(name), TargetState.STOPPED)
            await self._at_work(name).stop(State.STOPPED)

    async def restart(self, name: str, *, include_tasks: bool = False, only_failed: bool = False) -> Json:
        """Make the connector anew, or tasks of it (KIP-745). Returns the status with what is being restarted."""
        async with self._lock:
            running = self._running[self._checked(name)]
            failed = running.status.state is State.FAILED
            told = self.status(name)
            numbers = [n for n, t in running.tasks.items() if not only_failed or t.status.state is State.FAILED]
            if failed or (include_tasks and not only_failed) or not running.tasks:
                if failed or not only_failed:
                    told["connector"] = _restarting(told["connector"])
                    told["tasks"] = [_restarting(task) for task in told["tasks"]]
                    await running.restart()
                return told
            if not only_failed:
                told["connector"] = _restarting(told["connector"])
            if include_tasks:
                told["tasks"] = [_restarting(task) if task["id"] in numbers else task for task in told["tasks"]]
                for number in numbers:
                    await running.restart_task(number)
            return told

    async def restart_task(self, name: str, number: int) -> None:
        """Make one task anew."""
        async with self._lock:
            running = self._running[self._checked(name)]
            if number not in running.tasks:
                raise UsageError(f"Unknown task: {name}-{number}", 404)
            await running.restart_task(number)

    def reset_topics(self, name: str) -> None:
        """Begin anew to note which topics it uses."""
        self._statuses.forget_topics(self._checked(name))

    # Offsets

    async def offsets(self, name: str) -> list[Json]:
        """`GET /connectors/{name}/offsets`."""
        config = self._known(name)
        if self.kind(name) == "sink":
            return await sink_offsets.listed(self._cluster, name, config)
        return [{"partition": dict(p), "offset": dict(o)} for p, o in self._offsets.offsets(name)]

    async def alter_offsets(self, name: str, changes: Sequence[tuple[Place, Place | None]]) -> str:
        """Set offsets of a connector that is STOPPED; None forgets one. Returns what to tell the user."""
        async with self._lock:
            self._check_stopped(name, "modified")
            if not changes:
                raise UsageError("Partitions / offsets need to be provided for an alter offsets request", 400)
            if self.kind(name) == "sink":
                await sink_offsets.alter(self._cluster, name, self._known(name), changes)
            else:
                await self._offsets.write(name, changes)
            return "The offsets for this connector have been altered successfully"

    async def reset_offsets(self, name: str) -> str:
        """Forget how far a connector, which must be STOPPED, has come. Returns what to tell the user."""
        async with self._lock:
            self._check_stopped(name, "reset")
            if self.kind(name) == "sink":
                await self._cluster.delete_group(sink_offsets.group_of(name, self._known(name)))
            else:
                await self._offsets.write(name, [(partition, None) for partition, _ in self._offsets.offsets(name)])
            return "The offsets for this connector have been reset successfully"

    def _check_stopped(self, name: str, what: str) -> None:
        if self._running[self._checked(name)].status.state is not State.STOPPED:
            raise UsageError(
                f"Connectors must be in the STOPPED state before their offsets can be {what}. This can be done for the "
                f"specified connector by issuing a 'PUT' request to the '/connectors/{name}/stop' endpoint",
                400,
            )

    # Inside

    async def _write(self, name: str, config: Mapping[str, str], target: TargetState | None) -> None:
        self._check_leads()
        given = {"name": name, **config}
        if given["name"] != name:
            raise UsageError(
                f"Connector name configuration ({given['name']}) doesn't match connector name in the URL ({name})", 400
            )
        if not given.get("connector.class"):
            raise UsageError(f"Connector config {sorted(given)} contains no connector type", 400)
        plugin, settings = self.plugins.find(given["connector.class"]), self.settings
        verdict = await validation.validate(plugin, given, settings.allowed, settings.folder)
        verdict.check()
        await self._configs.put(name, given, target)

    def _at_work(self, name: str) -> RunningConnector:
        """After a wait: another worker may have taken over meanwhile."""
        self._check_leads()
        return self._running[name]

    def _run(self, name: str) -> None:
        self._check_leads()
        environment, allowed = self.settings.environment, self.settings.allowed
        running = RunningConnector(name, self._services, self._configs, self.plugins, environment, allowed)
        self._running[name] = running
        running.start()

    def _checked(self, name: str) -> str:
        self._known(name)
        return name

    def _check_leads(self) -> None:
        if not self._leads:
            where = f"they run at {self.leader_url}" if self.leader_url else "no worker leads yet; try again"
            raise UsageError(f"Connectors cannot be asked about here: {where}", 503)

    def _known(self, name: str) -> dict[str, str]:
        self._check_leads()
        config = self._configs.config(name)
        if config is None:
            raise UsageError(f"Connector {name} not found", 404)
        return config

    def _connector(self, config: Mapping[str, str]) -> Connector | None:
        try:
            return self.plugins.find(config.get("connector.class", ""))
        except UsageError:
            return None

    def _definition(self, config: Mapping[str, str]) -> ConfigDef:
        connector = self._connector(config)
        return ConfigDef() if connector is None else full_definition(connector)

    def _plugin_or_404(self, name: str) -> Connector:
        try:
            return self.plugins.find(name)
        except UsageError as error:
            raise UsageError(str(error), 404) from None


def _restarting(status: Mapping[str, Any]) -> Json:
    return {**{key: value for key, value in status.items() if key != "trace"}, "state": str(State.RESTARTING)}
