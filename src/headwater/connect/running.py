"""`RunningConnector`: one connector at work: its configuration resolved, its tasks made, started, paused and
stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from headwater.connect.allowed import Allowed
from headwater.connect.common import full_definition
from headwater.connect.config import Config, ConfigDef
from headwater.connect.errors import ConnectError
from headwater.connect.plugins import Plugins
from headwater.connect.providers import resolve
from headwater.connect.spi import Connector
from headwater.connect.state.configs import Configs, TargetState
from headwater.connect.state.statuses import State, Status
from headwater.connect.tasks.counts import TaskName
from headwater.connect.tasks.failures import trace
from headwater.connect.tasks.retry import Retrier, RetryPolicy
from headwater.connect.tasks.run import TaskRun, TaskServices, TaskSettings

_LOGGER = logging.getLogger(__name__)


class RunningConnector:
    """From the creation of a connector, or the start of the worker, to its deletion. Starting goes on in the
    background: its outcome is `status`."""

    def __init__(
        self,
        name: str,
        services: TaskServices,
        configs: Configs,
        plugins: Plugins,
        environment: Mapping[str, str],
        allowed: Allowed,
    ) -> None:
        self.name = name
        self.status = Status(State.UNASSIGNED)
        self.tasks: dict[int, TaskRun] = {}
        self._services = services
        self._configs = configs
        self._plugins = plugins
        self._environment = environment
        self._allowed = allowed
        self._secrets: list[str] = []
        self._starter: asyncio.Task[None] | None = None
        self._closed = False
        self._stopping = asyncio.Lock()

    def start(self) -> None:
        """Begin to do what the target state says; nothing happens after `close`."""
        if self._closed:
            return
        self._starter = asyncio.get_running_loop().create_task(self._start(), name=f"connector {self.name}")

    async def stop(self, state: State = State.UNASSIGNED) -> None:
        """End all tasks; `state` is what the connector is in then."""
        async with self._stopping:  # who comes second waits for the same end
            await self._stop(state)

    async def close(self) -> None:
        """Stop for good: the connector is deleted, or another worker runs it. What is under way with it, ends."""
        self._closed = True
        await self.stop()

    async def _stop(self, state: State) -> None:
        if self._starter is not None:
            self._starter.cancel()
            await asyncio.wait([self._starter])
            self._starter = None
        tasks, self.tasks = self.tasks, {}
        if tasks:
            await asyncio.gather(*(task.stop() for task in tasks.values()))
        for number in tasks:
            self._report_task(number, None)
        self._set(Status(state))

    async def restart(self) -> None:
        """Make everything anew."""
        await self.stop(State.RESTARTING)
        self.start()

    async def restart_task(self, number: int) -> None:
        """Make one task anew. Raises `KeyError` for a task that there is not."""
        old = self.tasks[number]
        await old.stop()
        if self._closed:
            return
        old.status = Status(State.RESTARTING)
        self._report_task(number, old.status)
        try:
            connector, config = self._resolved()
            paused = self._configs.target(self.name) is TargetState.PAUSED
            run = self._make(connector, config, number, len(self.tasks), paused=paused)
        except Exception as error:  # noqa: BLE001 - whatever is wrong is told in the status
            old.status = Status(State.FAILED, trace(error, self._secrets))
            self._report_task(number, old.status)
            return
        self.tasks[number] = run
        run.start()

    def pause(self) -> None:
        """Move no records, but keep connections."""
        for task in self.tasks.values():
            task.pause()
        if self.status.state is State.RUNNING:
            self._set(Status(State.PAUSED))
        elif self.status.state is State.STOPPED:
            self.start()

    def resume(self) -> None:
        """Go on after `pause`, or from STOPPED."""
        for task in self.tasks.values():
            task.resume()
        if self.status.state is State.STOPPED:
            self.start()
        elif self.status.state is State.PAUSED:
            self._set(Status(State.RUNNING))

    async def _start(self) -> None:
        target = self._configs.target(self.name)
        if target is TargetState.STOPPED:
            self._set(Status(State.STOPPED))
            return
        try:
            connector, config = self._resolved()
            told = await self._task_configs(connector, config)
            await self._configs.put_tasks(self.name, told)
            # From here on nothing waits: a stop finds all tasks or none, and a pause finds them too.
            paused = self._configs.target(self.name) is TargetState.PAUSED
            self.tasks = {i: self._make(connector, config, i, len(told), paused=paused) for i in range(len(told))}
        except Exception as error:  # noqa: BLE001 - whatever is wrong is told in the status
            text = trace(error, self._secrets)
            _LOGGER.error("Connector %s failed: %s", self.name, text)
            self._set(Status(State.FAILED, text))
            return
        for task in self.tasks.values():
            task.start()
        self._set(Status(State.PAUSED if paused else State.RUNNING))

    def _resolved(self) -> tuple[Connector, Config]:
        """The connector and its configuration, secrets looked up. Raises `ConnectError`, `UsageError`."""
        given = self._configs.config(self.name) or {}
        connector = self._plugins.find(given.get("connector.class", ""))
        definition = full_definition(connector)
        self._allowed.check(definition, given, self._services.folder)
        resolved, found = resolve(given, self._environment)
        self._allowed.check(definition, resolved, self._services.folder, looked_up=True)
        self._secrets = [*found, *hidden_values(definition, resolved)]
        return connector, checked(definition, resolved)

    async def _task_configs(self, connector: Connector, config: Config) -> Sequence[Mapping[str, str]]:
        most = config.integer("tasks.max")
        retrier = Retrier(RetryPolicy.of(config), self._services.clock, self._services.clock.sleep, self._notice)

        async def ask() -> Sequence[Mapping[str, str]]:
            return await connector.task_configs(config, most)

        told = await retrier.call("plan the tasks", ask)
        if len(told) > most and config.flag("tasks.max.enforce"):
            raise ConnectError(f"The connector {self.name} has generated {len(told)} tasks, more than tasks.max={most}")
        return told

    def _make(self, connector: Connector, config: Config, number: int, tasks: int, *, paused: bool = False) -> TaskRun:
        # Converters and transformations take a tenth of a node's start to import: nodes without connectors need none.
        from headwater.connect.building import make_task_run

        told = self._configs.tasks(self.name)
        given = {**config.raw, **(told[number] if number < len(told) else {})}
        settings = TaskSettings(
            TaskName(self.name, number), checked(full_definition(connector), given), tuple(self._secrets)
        )
        return make_task_run(connector, settings, self._services, self._changed, tasks, paused=paused)

    def _changed(self, run: TaskRun) -> None:
        self._report_task(run.settings.name.number, run.status)

    def _notice(self, error: Exception | None) -> None:
        told = None if error is None else f"Trying again: {trace(error, self._secrets)}"
        self._set(Status(State.UNASSIGNED, told))

    def _set(self, status: Status) -> None:
        self.status = status
        self._services.statuses.set(self.name, None, status)

    def _report_task(self, number: int, status: Status | None) -> None:
        self._services.statuses.set(self.name, number, status)


def hidden_values(definition: ConfigDef, config: Mapping[str, str]) -> list[str]:
    """The secrets in a configuration."""
    return definition.secrets(config)


def checked(definition: ConfigDef, config: Mapping[str, str]) -> Config:
    """Typed values. Raises `ConnectError` that names every wrong field."""
    parsed = definition.parse(config)
    if parsed.errors:
        problems = "; ".join(problem for found in parsed.errors.values() for problem in found)
        raise ConnectError(f"The configuration is invalid: {problems}")
    return parsed.config
