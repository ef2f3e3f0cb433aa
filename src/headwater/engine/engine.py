"""`Engine`: the SQL side of a node, the one object that front doors talk to."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

from headwater.cluster.api import Cluster
from headwater.core.clock import Clock
from headwater.core.errors import HeadwaterError
from headwater.core.names import quote
from headwater.engine import continuation
from headwater.engine.answering import Answering
from headwater.engine.changes import Change
from headwater.engine.command_runner import CommandRunner
from headwater.engine.connectors import ConnectPort
from headwater.engine.decisions import Decision
from headwater.engine.deprecations import deprecations
from headwater.engine.entities import CommandStatus, CurrentStatus, Entity, Notice, TerminateQueryEntity, WarningEntity
from headwater.engine.errors import ErrorCode, RequestError, StatementError, code_of, message_of
from headwater.engine.insert import InsertChannel, check_insertable
from headwater.engine.limits import RateLimit
from headwater.engine.printing import open_print
from headwater.engine.processing_log import ProcessingLog
from headwater.engine.properties import check_overridable
from headwater.engine.push import is_scalable, push_query_id, without_keyless
from headwater.engine.query import QueryContext
from headwater.engine.results import PrintResult, ResultKind, RowResult
from headwater.engine.runtime import QueryRuntime
from headwater.engine.services import Admission, Services
from headwater.engine.session import Session
from headwater.engine.settings import EngineSettings
from headwater.engine.statements import ANSWERS, DECIDERS, ELSEWHERE, SESSION
from headwater.engine.validation import Sandbox
from headwater.formats.api import SchemaRegistry
from headwater.plan.catalog import DataSource, MetaStore
from headwater.plan.functions import FunctionRegistry
from headwater.plan.queries import similar_sources
from headwater.sql import ast
from headwater.sql.parser import parse_script
from headwater.sql.printer import mask

_POLL_SECONDS = 0.05
_CHANNELS_KEPT = 100
_PULL_RATE = "ksql.query.pull.max.qps"
_PULL_CONCURRENCY = "ksql.query.pull.max.concurrent.requests"
_COMMAND_RATE = "ksql.server.command.topic.rate.limit"
_STRING_LITERAL = re.compile(r"'(?:[^']|'')*'")
_MAY_HIDE = re.compile(r"\b(?:connector|insert)\b", re.IGNORECASE)


class Engine:
    """Executes statements and opens queries. Its state is what the command topic says; `start` reads that."""

    def __init__(
        self,
        cluster: Cluster,
        clock: Clock,
        functions: FunctionRegistry,
        registry: SchemaRegistry | None = None,
        settings: EngineSettings | None = None,
        randomness: random.Random | None = None,
        make_runtime: type[QueryRuntime] = QueryRuntime,
    ) -> None:
        self.cluster = cluster
        self.clock = clock
        self.settings = settings or EngineSettings()
        self.ready = False
        self.log = ProcessingLog(cluster, clock, self.settings.processing_log)
        self.background = [self.log.writing]
        """Work whose health is shown with the engine's; whoever runs the engine adds what else there is."""
        context = QueryContext(
            cluster,
            clock,
            self.log,
            self.settings.service_id,
            self.settings.integer("ksql.query.retry.backoff.initial.ms"),
            self.settings.integer("ksql.query.retry.backoff.max.ms"),
            self.settings.state_folder,
        )
        self.runtime = make_runtime(context, functions, registry)
        self.admission = Admission()
        """Who is asked before a persistent query is made."""
        self.connect = ConnectPort()
        """Who runs connectors, where somebody does."""
        self._services = Services(
            cluster, clock, functions, registry, self.settings, self.runtime, self.log, self.admission, self.connect
        )
        self._runner = CommandRunner(self._services)
        self._random = randomness or random.Random()
        self._results: dict[str, RowResult] = {}
        self._prints: set[PrintResult] = set()
        self._channels: dict[str, InsertChannel] = {}
        self._pull_limit = RateLimit(_PULL_RATE, self.settings.integer(_PULL_RATE), clock)
        self._command_limit = RateLimit(_COMMAND_RATE, float(self.settings.text(_COMMAND_RATE)), clock)

    # --- life -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Replay the command topic and start the queries. Requests are refused until this has returned."""
        await self.log.start()
        await self.runtime.start()
        await self._runner.replay()
        self.ready = True
        if self.settings.processing_log.create_stream and self.degraded is None:
            await self._create_log_stream()

    async def _create_log_stream(self) -> None:
        log = self.settings.processing_log
        if log.stream not in self.metastore.sources and self.cluster.topic(log.topic) is not None:
            await self.execute(log.create_statement())

    async def close(self) -> None:
        """End results, stop queries after their last commit, write the rest of the processing log."""
        self.ready = False
        await self.close_results()
        await self.runtime.close()
        await self.log.close()

    async def close_results(self) -> None:
        """End every SELECT and PRINT that is open."""
        for result in list(self._results.values()):
            await result.close()
        for lines in list(self._prints):
            await lines.close()

    # --- what there is ----------------------------------------------------------------------------------------------

    @property
    def metastore(self) -> MetaStore:
        """The catalog. Read it, never change it."""
        return self._runner.state.metastore

    @property
    def registry(self) -> SchemaRegistry | None:
        """Where formats with schemas find them."""
        return self._services.registry

    @property
    def functions(self) -> FunctionRegistry:
        """Built-in and users' functions."""
        return self._services.functions

    @property
    def statuses(self) -> Mapping[str, CommandStatus]:
        """What became of each command, by id."""
        return self._runner.statuses

    @property
    def sequence(self) -> int:
        """Sequence number of the last command; -1 before the first."""
        return self._runner.sequence

    @property
    def degraded(self) -> str | None:
        """Why statements that change something are refused; None when they are not."""
        return self._runner.degraded

    def health(self) -> dict[str, bool]:
        """Whether each part works, by the names of /healthcheck."""
        writable = self.cluster.write_failure is None
        parts = {"metastore": self.ready, "kafka": writable, "commandRunner": self.degraded is None}
        return parts | {work.name: work.healthy for work in self.background}

    def inputs(self) -> dict[str, list[tuple[str, int]]]:
        """The topic partitions that each persistent query reads."""
        return {name: [(p.topic, p.partition) for p in q.positions] for name, q in self.runtime.queries.items()}

    def check_property(self, name: str) -> None:
        """Raises `PropertyError` unless a session may change the property."""
        check_overridable(name, self.settings.server)

    async def wait_for_command(self, sequence: int) -> None:
        """Return when the command has been carried out here; raises `RequestError` when that takes too long."""
        ms = self.settings.integer("ksql.server.command.response.timeout.ms")
        deadline = self.clock.monotonic() + ms / 1000
        while self._runner.sequence < sequence:
            if self.clock.monotonic() >= deadline:
                raise RequestError(
                    f"Timed out while waiting for a previous command to execute. command sequence number: {sequence}",
                    ErrorCode.COMMAND_TIMEOUT,
                )
            await self.clock.sleep(_POLL_SECONDS)

    # --- statements -------------------------------------------------------------------------------------------------

    async def execute(
        self, text: str, properties: Mapping[str, object] | None = None, variables: Mapping[str, str] | None = None
    ) -> list[Entity]:
        """Carry out a script, as POST /ksql does: all statements are validated before the first is run.

        Raises `StatementError` with the statement at fault and, once statements have been run, their entities;
        `PropertyError` for a bad override.
        """
        session = Session.of(properties or {}, variables or {}, self.settings.server)
        statements = self._parse(text, session)
        await self.cluster.refresh()
        sandbox = Sandbox(self._services, self._runner.state, session)
        decisions: list[Decision | None] = []
        for statement in statements:
            context = self._context(statement, session)
            with _Failures(context.text, ()):
                decisions.append(None if self._transient(statement) else await sandbox.check(statement, context))
        entities: list[Entity] = []
        for statement, decision in zip(statements, decisions, strict=True):
            context = self._context(statement, session)
            with _Failures(context.text, tuple(entities)):
                entity = await self._execute(statement, context, decision)
            if entity is not None:
                if self.degraded is not None:
                    entity.warnings.append(Notice(f"The server is degraded: {self.degraded}"))
                entities.append(entity)
        return entities

    def _parse(self, text: str, session: Session) -> list[ast.Statement]:
        substitute = self.settings.flag("ksql.variable.substitution.enable", session.properties)
        with _Failures(_hidden(text), ()):
            return parse_script(text, session.variables if substitute else None)

    def _context(self, statement: ast.Statement, session: Session) -> Answering:
        return Answering(self._services, self._runner.state, session, mask(statement) + ";", self._results)

    def _transient(self, statement: ast.Statement) -> RowResult | None:
        """The push query that a TERMINATE is about."""
        if not isinstance(statement, ast.TerminateQuery) or statement.query_id is None:
            return None
        wanted = statement.query_id.upper()
        return next((result for key, result in self._results.items() if key.upper() == wanted), None)

    async def _execute(self, statement: ast.Statement, context: Answering, decision: Decision | None) -> Entity | None:
        kind = type(statement)
        push = self._transient(statement)
        if push is not None:
            await push.close()
            return TerminateQueryEntity(statement_text=context.text, query_id=push.query_id, was_terminated=True)
        if kind in DECIDERS:
            return await self._change(statement, context, decision)
        if kind in SESSION:
            warning = SESSION[kind](statement, context.session, self.settings)
            return None if warning is None else WarningEntity(statement_text=context.text, message=warning)
        if isinstance(statement, ast.InsertValues):
            await self._insert(statement, context)
            return None
        if kind in ELSEWHERE:
            raise StatementError(ELSEWHERE[kind])
        return await ANSWERS[kind](statement, context)

    async def _change(self, statement: ast.Statement, context: Answering, decision: Decision | None) -> Entity:
        self._command_limit.admit()
        change, status = await self._runner.run(statement, context.session, decision)
        command = change.command
        if command is None:
            return WarningEntity(statement_text=context.text, message=status.message)
        sequence = self._runner.sequence if isinstance(change, Change) else -1
        return CurrentStatus(
            statement_text=context.text,
            warnings=deprecations(statement),
            command_id=str(command),
            command_status=status,
            command_sequence_number=sequence,
        )

    async def _insert(self, statement: ast.InsertValues, context: Answering) -> None:
        plan = context.deciding().planner().plan_insert_values(statement, self.clock)
        try:
            channel = self._channel(plan.target)
            await channel.append([channel.encode(plan.values, plan.rowtime)])
        except HeadwaterError as error:
            raise StatementError(
                f"Failed to insert values into '{plan.target.name}'. {error}", code_of(error)
            ) from error

    def _channel(self, source: DataSource) -> InsertChannel:
        """The channel into a source: making its writers takes longer than writing a row."""
        known = self._channels.get(source.name)
        if known is not None and known.serves(source):
            return known
        channel = InsertChannel(source, self._services.registry, self.cluster, self.clock)
        if len(self._channels) >= _CHANNELS_KEPT:
            self._channels.clear()
        self._channels[source.name] = channel
        return channel

    async def terminate_cluster(self, patterns: Sequence[str]) -> list[Entity]:
        """Give up everything: queries, sources, the command topic, topics that match. No request is served after."""
        try:
            compiled = [re.compile(pattern) for pattern in patterns]
        except re.error as error:
            raise RequestError(f"Invalid pattern in deleteTopicList: {error}") from error
        await self.close_results()
        await self._runner.wipe(compiled)
        self.ready = False
        status = CommandStatus("SUCCESS", "Cluster terminated")
        command = "cluster/TerminateCluster/terminate"
        return [CurrentStatus(statement_text="TERMINATE CLUSTER;", command_id=command, command_status=status)]

    def open_inserts(self, target: str, properties: Mapping[str, object] | None = None) -> InsertChannel:
        """A channel for rows into the source `target`, an identifier as SQL writes it. Raises `RequestError`."""
        session = Session.of(properties or {}, {}, self.settings.server)
        if not self.settings.flag("ksql.insert.into.values.enabled", session.properties):
            raise RequestError("The server has disabled inserts: ksql.insert.into.values.enabled is false.")
        quoted = len(target) > 2 and target[0] == target[-1] and target[0] in '`"'
        name = target[1:-1] if quoted else target.upper()
        source = self.metastore.get(name)
        if source is None:
            near = similar_sources(self.metastore, name)
            message = f"Cannot insert values into an unknown stream/table: {quote(name)}{near}"
            raise RequestError(message, ErrorCode.BAD_STATEMENT)
        try:
            check_insertable(source)
            return self._channel(source)
        except HeadwaterError as error:
            raise RequestError(message_of(error), ErrorCode.BAD_STATEMENT) from error

    # --- queries ----------------------------------------------------------------------------------------------------

    async def query(
        self,
        text: str,
        properties: Mapping[str, object] | None = None,
        variables: Mapping[str, str] | None = None,
        continued: str | None = None,
    ) -> RowResult | PrintResult:
        """Open exactly one SELECT or PRINT; `continued` is the token from which a push query goes on.

        Raises `StatementError`, `RequestError`, `PropertyError`.
        """
        session = Session.of(properties or {}, variables or {}, self.settings.server)
        statements = self._parse(text, session)
        if len(statements) != 1:
            raise RequestError(
                f"Expected exactly one KSQL statement; found {len(statements)} instead.", ErrorCode.BAD_STATEMENT
            )
        context = self._context(statements[0], session)
        await self.cluster.refresh()
        with _Failures(context.text, ()):
            return await self._open(statements[0], context, continued)

    async def _open(
        self, statement: ast.Statement, context: Answering, continued: str | None
    ) -> RowResult | PrintResult:
        if isinstance(statement, ast.PrintTopic):
            result = await open_print(statement, context.services)
            result.closed = self._prints.discard
            self._prints.add(result)
            return result
        if not isinstance(statement, ast.QueryStatement):
            message = "Not a query: only SELECT and PRINT answer with rows. Send other statements to /ksql."
            raise StatementError(message)
        if statement.query.emit is None:
            return await self._pull(statement, context)
        return await self._push(statement, context, continued)

    async def _push(self, statement: ast.QueryStatement, context: Answering, continued: str | None) -> RowResult:
        limit = self.settings.integer("ksql.max.push.queries")
        running = sum(result.kind is ResultKind.PUSH for result in self._results.values())
        if running >= limit:
            raise RequestError(
                f"Maximum number of push queries exceeded: {running} are running, ksql.max.push.queries is {limit}.",
                ErrorCode.TOO_MANY_PUSH_QUERIES,
            )
        plan = context.deciding().planner().plan_push(statement.query)
        properties = self.settings.effective(context.session.properties)
        query_id = push_query_id(statement.query, self.metastore, properties, self._random)
        scalable = is_scalable(statement.query, self.metastore, properties)
        if scalable and not plan.root.is_table:
            plan = without_keyless(plan)
        has_tokens = scalable and properties.get(continuation.ENABLED, "").lower() == "true"
        if continued is not None and not has_tokens:
            message = f"Only a scalable push query goes on from a token, where {continuation.ENABLED} is true."
            raise RequestError(message, ErrorCode.BAD_REQUEST)
        starts = None if continued is None else continuation.offsets_of(continued)
        rows = await self.runtime.push(plan, properties, query_id, starts)
        result = RowResult(rows, ResultKind.PUSH, statement.text)
        if has_tokens:
            result.continuation = lambda: continuation.token_of(rows.positions())
        return self._register(result)

    async def _pull(self, statement: ast.QueryStatement, context: Answering) -> RowResult:
        if not self.settings.flag("ksql.pull.queries.enable"):
            raise StatementError(
                "Pull queries are disabled on this server: ksql.pull.queries.enable is false. Add EMIT CHANGES if you "
                "intended to issue a push query."
            )
        self._admit_pull()
        plan = context.deciding().planner().plan_pull(statement.query)
        query_id = f"query_{self._random.getrandbits(63)}"
        rows = await self.runtime.pull(plan, self.settings.effective(context.session.properties), query_id)
        kind = ResultKind.PULL_TABLE if plan.source.is_table else ResultKind.PULL_STREAM
        return self._register(RowResult(rows, kind, statement.text))

    def _admit_pull(self) -> None:
        self._pull_limit.admit()
        limit = self.settings.integer(_PULL_CONCURRENCY)
        if sum(result.kind is not ResultKind.PUSH for result in self._results.values()) >= limit:
            raise RequestError(f"Host is at concurrency limit: {_PULL_CONCURRENCY} is {limit}.", ErrorCode.RATE_LIMIT)

    def _register(self, result: RowResult) -> RowResult:
        result.closed = lambda ended: self._results.pop(ended.query_id, None)
        self._results[result.query_id] = result
        return result

    async def close_query(self, query_id: str) -> bool:
        """End a push query of this server; False if there is none of this id."""
        result = self._results.get(query_id)
        if result is None or result.kind is not ResultKind.PUSH:
            return False
        await result.close()
        return True


class _Failures:
    """Turns errors of one statement into `StatementError`s that name it and carry what was done before."""

    def __init__(self, text: str, entities: Sequence[Entity]) -> None:
        self._text = text
        self._entities = tuple(entities)

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, StatementError):
            raise StatementError(
                str(error), error.code, error.statement or self._text, self._entities, error.position
            ) from error.__cause__
        if isinstance(error, RequestError):
            return
        if isinstance(error, HeadwaterError):
            text = message_of(error)
            raise StatementError(text, code_of(error), self._text, self._entities, error.position) from None


def _hidden(text: str) -> str:
    """A script that cannot be parsed, for an error: its strings are hidden where they may be secrets."""
    return _STRING_LITERAL.sub("'[string]'", text) if _MAY_HIDE.search(text) else text
