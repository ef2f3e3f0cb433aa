"""Validation of a request: every statement is decided in order against a copy of the state, before the first is run."""

from __future__ import annotations

from dataclasses import replace

from headwater.core.errors import AnalysisError
from headwater.engine.answering import Answering
from headwater.engine.changes import DeleteTopic, Unchanged
from headwater.engine.deciding import Deciding
from headwater.engine.decisions import Decision, decide
from headwater.engine.errors import ErrorCode, StatementError
from headwater.engine.insert import check_insertable
from headwater.engine.sandbox import LiveTopics, PlannedRegistry, PlannedTopics, register_all
from headwater.engine.services import Services
from headwater.engine.session import Session
from headwater.engine.state import SqlState
from headwater.engine.statements import ANSWERS, DECIDERS, ELSEWHERE, SESSION, WAITING
from headwater.sql import ast


class Sandbox:
    """A copy of the state, and topics and schemas as they would be after the statements so far."""

    def __init__(self, services: Services, state: SqlState, session: Session) -> None:
        self._services = services
        self._state = state.copy()
        self._session = session.copy()
        self._topics = PlannedTopics(LiveTopics(services.cluster))
        self._registry = PlannedRegistry(services.registry) if services.registry is not None else None

    async def check(self, statement: ast.Statement, context: Answering) -> Decision | None:
        """Raise what carrying out the statement would raise, as far as that can be known; then pretend it was.

        Returns what was decided of a statement that changes something.
        """
        kind = type(statement)
        if isinstance(statement, ast.QueryStatement | ast.PrintTopic):
            raise StatementError(
                "SELECT and PRINT answer with a stream of rows: send them to /query-stream or /query.",
                ErrorCode.QUERY_ENDPOINT,
                context.text,
            )
        if kind in DECIDERS:
            return await self._decide(statement)
        if kind in SESSION:
            SESSION[kind](statement, self._session, self._services.settings)
        elif isinstance(statement, ast.InsertValues):
            self._check_insert(statement)
        elif kind in ELSEWHERE:
            raise AnalysisError(ELSEWHERE[kind])
        elif kind not in WAITING:
            pretended = replace(context, state=self._state, session=self._session, topics=self._topics)
            await ANSWERS[kind](statement, pretended)
        return None

    def _deciding(self) -> Deciding:
        services = self._services
        overrides = dict(self._session.properties)
        return Deciding(self._state, self._topics, self._registry, services.functions, services.settings, overrides)

    async def _decide(self, statement: ast.Statement) -> Decision:
        decision = decide(statement, self._deciding())
        change = decision.change
        if isinstance(change, Unchanged):
            return decision
        self._services.admission.check(change, self._state.metastore)
        self._topics.create(change.topics)
        if self._registry is not None:
            for schema in change.schemas:
                await self._registry.prepare(schema.subject, schema.kind, schema.schema, schema.references)
            register_all(self._registry, change.schemas)
        for edit in change.edits:
            if isinstance(edit, DeleteTopic):
                self._topics.delete(edit.topic)
        self._state.apply(change)
        return decision

    def _check_insert(self, statement: ast.InsertValues) -> None:
        plan = self._deciding().planner().plan_insert_values(statement, self._services.clock)
        check_insertable(plan.target)
