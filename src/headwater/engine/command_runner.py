"""Runs the statements that change something, live and at replay: both decide a `Change` and apply it to the same state.

Live, a change is first prepared (topics, schemas, compilation), then written to the command topic, then applied, then
carried out (queries started and stopped, topics deleted). At replay it is only applied; at the end the queries that are
left are started, so that a query which was terminated long ago costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from headwater.core.errors import AnalysisError, ClusterError, HeadwaterError, LogError, TopicExistsError
from headwater.engine.changes import Change, DeleteTopic, Edit, PauseQuery, QuerySpec, StartQuery, StopQuery, Unchanged
from headwater.engine.commands import Command, CommandLogError, CommandTopic
from headwater.engine.deciding import Deciding
from headwater.engine.decisions import Decision, decide
from headwater.engine.entities import CommandStatus
from headwater.engine.errors import ErrorCode, RequestError, message_of
from headwater.engine.properties import is_secret_name
from headwater.engine.sandbox import LiveTopics, RecalledRegistry, RecalledTopics, register_all
from headwater.engine.services import Services
from headwater.engine.session import Session
from headwater.engine.settings import EngineSettings
from headwater.engine.state import SqlState
from headwater.engine.statements import DECIDERS
from headwater.plan.serialisation import plan_from_json, plan_to_json
from headwater.plan.steps import QueryPlan
from headwater.sql import ast
from headwater.sql.parser import parse_statement

_LOGGER = logging.getLogger(__name__)
_STATUSES_KEPT = 10_000


class CommandRunner:
    """`state` is what all commands up to `sequence` (-1: none) make of it; `statuses` are theirs by command id."""

    def __init__(self, services: Services) -> None:
        self.state = SqlState()
        self.statuses: dict[str, CommandStatus] = {}
        self.sequence = -1
        self.degraded: str | None = None
        """Why the command topic could not be read to its end; no statement that changes something is taken then."""
        self._services = services
        self._topic = CommandTopic(services.cluster, services.clock, services.settings.command_topic)
        self._turn = asyncio.Lock()
        self._running: set[asyncio.Task[tuple[Change | Unchanged, CommandStatus]]] = set()

    async def replay(self) -> None:
        """Apply every command there is, then start the queries that should run."""
        await self._topic.open()
        try:
            async for sequence, command_id, command in self._topic.read():
                self._replay(sequence, command_id, command)
        except CommandLogError as error:
            self._degrade(str(error))
        for query in list(self.state.queries.values()):
            await self._restart(query)

    def _replay(self, sequence: int, command_id: str, command: Command) -> None:
        self.sequence = sequence
        try:
            change = self._decide_again(command)
        except HeadwaterError as error:
            self._degrade(f"Command {sequence} ({command_id}) cannot be applied: {message_of(error)}")
            self._note(command_id, CommandStatus("ERROR", message_of(error)))
            return
        if isinstance(change, Change):
            self.state.apply(change)
            self._note(command_id, CommandStatus("SUCCESS", change.message, change.query_id))

    def _decide_again(self, command: Command) -> Change | Unchanged:
        statement = parse_statement(command.statement)
        facts = command.facts
        services = self._services
        context = Deciding(
            self.state,
            RecalledTopics(facts),
            RecalledRegistry(facts),
            services.functions,
            replace(services.settings, properties=command.server),
            command.properties,
            recorded_id=command.query_id,
        )
        change = DECIDERS[type(statement)](statement, context)
        return change if command.plan is None else _with_plan(change, plan_from_json(command.plan))

    def _degrade(self, reason: str) -> None:
        _LOGGER.error("The command topic %s cannot be replayed: %s", self._topic.name, reason)
        self.degraded = self.degraded or reason

    async def _restart(self, query: QuerySpec) -> None:
        try:
            await self._start(query)
        except Exception as error:
            _LOGGER.exception("Query %s could not be started", query.query_id)
            message = f"The query could not be started: {error}"
            self._services.log.task_error(query.query_id, query.query_id, message, error)

    async def run(
        self, statement: ast.Statement, session: Session, decision: Decision | None = None
    ) -> tuple[Change | Unchanged, CommandStatus]:
        """Decide, write down and carry out one statement. Raises `HeadwaterError` while nothing is written down.

        `decision` is what validation made of the statement; it is taken over if it still holds.
        A caller that is cancelled goes away alone: what is written down is applied, or state and topic would part.
        """
        running = asyncio.create_task(self._run(statement, session, decision), name="statement")
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return await asyncio.shield(running)

    async def _run(
        self, statement: ast.Statement, session: Session, checked: Decision | None
    ) -> tuple[Change | Unchanged, CommandStatus]:
        async with self._turn:
            if self.degraded is not None:
                raise RequestError(
                    f"The server is degraded and takes no statement that changes something: {self.degraded}",
                    ErrorCode.SERVER_ERROR,
                )
            services = self._services
            context = Deciding(
                self.state,
                LiveTopics(services.cluster),
                services.registry,
                services.functions,
                services.settings,
                dict(session.properties),
            )
            decision = checked if checked is not None and checked.holds(context) else decide(statement, context)
            change = decision.change
            if isinstance(change, Unchanged):
                return change, CommandStatus("SUCCESS", change.message)
            services.admission.check(change, self.state.metastore)
            await self._prepare(change)
            self.sequence = await self._topic.append(str(change.command), self._command(statement, change, decision))
            self.state.apply(change)
            return change, await self._carry_out(change)

    def _command(self, statement: ast.Statement, change: Change, decision: Decision) -> Command:
        facts = decision.facts
        return Command(
            statement=statement.text,
            properties=dict(decision.overrides),
            server=_recorded(self._services.settings),
            query_id=change.query_id,
            plan=_plan_of(change),
            topics=dict(facts.topics),
            latest_schemas=dict(facts.latest),
            schemas_by_id={str(key): value for key, value in facts.by_id.items()},
        )

    async def wipe(self, patterns: Sequence[re.Pattern[str]]) -> None:
        """Stop every query, delete the topics of sources that match a pattern, and the command topic itself."""
        async with self._turn:
            services = self._services
            for query_id in list(services.runtime.queries):
                await services.runtime.stop_query(query_id, cleanup=True)
            topics = {
                source.topic for source in self.state.metastore if any(p.fullmatch(source.topic) for p in patterns)
            }
            doomed = [name for name in sorted(topics | {self._topic.name}) if services.cluster.topic(name) is not None]
            await services.cluster.delete_topics(doomed)
            self.state = SqlState()
            self.degraded = "the cluster has been terminated"

    async def _prepare(self, change: Change) -> None:
        """What must be there before the change is written down. Done again by a repeated statement, without harm."""
        services = self._services
        if services.registry is not None:
            for schema in change.schemas:
                await services.registry.bring(schema.subject, schema.kind, schema.schema, schema.references)
        for edit in change.edits:
            if isinstance(edit, StartQuery):
                services.runtime.compile(edit.query.plan, self._effective(edit.query), edit.query.query_id)
        for spec in change.topics:
            try:
                await services.cluster.create_topics([spec])
            except TopicExistsError:
                await services.cluster.refresh()
            except (ClusterError, LogError) as error:
                raise AnalysisError(f"Topic '{spec.name}' cannot be created: {error}") from error
        if services.registry is not None:
            register_all(services.registry, change.schemas)

    async def _carry_out(self, change: Change) -> CommandStatus:
        status = CommandStatus("SUCCESS", change.message, change.query_id)
        try:
            for edit in change.edits:
                await self._effect(edit)
        except HeadwaterError as error:
            # It is written down, so it will be tried again at the next start; until then the client must know.
            status = CommandStatus("ERROR", message_of(error), change.query_id)
        self._note(str(change.command), status)
        return status

    async def _effect(self, edit: Edit) -> None:
        services = self._services
        match edit:
            case StartQuery(query, replaces=True):
                await services.runtime.replace_query(query.query_id, query.plan, query.sql, self._effective(query))
            case StartQuery(query):
                await self._start(query)
            case StopQuery(query_id):
                await services.runtime.stop_query(query_id, cleanup=True)
            case PauseQuery(query_id, paused):
                if query_id in services.runtime.queries:
                    (services.runtime.pause if paused else services.runtime.resume)(query_id)
            case DeleteTopic(topic, subjects):
                if services.cluster.topic(topic) is not None:
                    await services.cluster.delete_topics([topic])
                if services.registry is not None:
                    for subject in subjects:
                        services.registry.delete(subject)
            case _:
                pass  # the other edits are changes of the state alone

    async def _start(self, query: QuerySpec) -> None:
        runtime = self._services.runtime
        await runtime.start_query(query.query_id, query.plan, query.sql, self._effective(query))
        if query.paused:
            runtime.pause(query.query_id)

    def _effective(self, query: QuerySpec) -> Mapping[str, str]:
        return self._services.settings.effective(query.properties)

    def _note(self, command_id: str, status: CommandStatus) -> None:
        self.statuses.pop(command_id, None)
        self.statuses[command_id] = status
        if len(self.statuses) > _STATUSES_KEPT:
            del self.statuses[next(iter(self.statuses))]


def _plan_of(change: Change) -> dict[str, Any] | None:
    """The plan of the query that a change starts, as a command keeps it."""
    started = [edit.query for edit in change.edits if isinstance(edit, StartQuery)]
    return plan_to_json(started[0].plan) if started else None


def _with_plan(change: Change | Unchanged, plan: QueryPlan) -> Change | Unchanged:
    """The change with the plan that was recorded in the place of the one just made."""
    if isinstance(change, Unchanged):
        return change
    edits = (
        replace(e, query=replace(e.query, plan=plan, link=replace(e.query.link, plan=plan)))
        if isinstance(e, StartQuery)
        else e
        for e in change.edits
    )
    return replace(change, edits=tuple(edits))


def _recorded(settings: EngineSettings) -> dict[str, str]:
    """The server's properties as a command keeps them: none that is secret."""
    return {name: value for name, value in settings.server.items() if not is_secret_name(name)}
