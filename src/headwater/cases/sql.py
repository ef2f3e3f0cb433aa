"""Runs ASSERT scripts: statement by statement, every inserted record driven through all queries before the next one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from headwater.cases.assertions import AssertionViolated, Topics, check_source, check_tombstone, check_values
from headwater.cases.host import Host
from headwater.cases.messages import closeness
from headwater.cases.model import Message, Outcome, Run, Verdict
from headwater.cases.rejection import raise_failed_commands
from headwater.cases.stepping import FedRecord
from headwater.cases.topics import prepare
from headwater.core.errors import ConfigError, HeadwaterError
from headwater.engine.errors import message_of
from headwater.plan.functions import FunctionRegistry
from headwater.sql import ast
from headwater.sql.parser import Dialect, iterate_statements

_ASSERTION_ERROR = "java.lang.AssertionError"
"""What the original expects where an ASSERT of the script is meant to trip."""


async def run_script_test(run: Run, functions: FunctionRegistry) -> Outcome:
    """Execute and judge. Raises only what is a defect of the engine."""
    async with Host(functions, run.properties, stepping=True) as host:
        await prepare(run, host)
        script = _Script(run, host)
        try:
            await script.execute(run.script)
        except HeadwaterError as error:
            return _judge(run, error)
    if run.expected_error is not None:
        return Outcome(Verdict.FAILED, "fail-accepted", f"nothing was refused, expected: {run.expected_error.message}")
    return Outcome(Verdict.PASSED)


def _judge(run: Run, error: HeadwaterError) -> Outcome:
    message = message_of(error)
    expected = run.expected_error
    is_assertion = isinstance(error, AssertionViolated)
    if expected is None:
        return Outcome(Verdict.FAILED, "fail-records" if is_assertion else "unsupported", message)
    level = closeness(message, expected.message)
    if expected.kind.endswith(_ASSERTION_ERROR) and not is_assertion:
        return Outcome(Verdict.FAILED, "fail-assertion", f"refused before an ASSERT tripped: {message}")
    if is_assertion and level is Message.OTHER:
        return Outcome(Verdict.FAILED, "fail-assertion", f"another ASSERT tripped: {message}")
    return Outcome(Verdict.PASSED, level.value, f"expected: {expected.message}\nfound: {message}", level)


class _Script:
    """One test: the engine, the session's properties, and how far each topic has been read and driven."""

    def __init__(self, run: Run, host: Host) -> None:
        self._run = run
        self._host = host
        self._properties: dict[str, str] = {}
        self._topics = Topics(host)
        self._driven: defaultdict[str, int] = defaultdict(int)

    async def execute(self, text: str) -> None:
        """Execute statement by statement. Raises the first refusal, and `AssertionViolated`."""
        for statement in iterate_statements(text, dialect=Dialect.TEST):
            await self._statement(statement)

    async def _statement(self, statement: ast.Statement) -> None:
        functions = self._host.functions
        match statement:
            case ast.AssertValues():
                check_values(statement, self._topics, functions)
            case ast.AssertTombstone():
                check_tombstone(statement, self._topics, functions)
            case ast.AssertSource():
                check_source(statement, self._host)
            case ast.RunScript(path):
                await self.execute(self._read(path))
            case _:
                entities = await self._host.engine.execute(statement.text + ";", self._properties)
                raise_failed_commands(entities)
                self._note_property(statement)
                self._drive_new()

    def _note_property(self, statement: ast.Statement) -> None:
        """A session lasts for one request; a script is many."""
        if isinstance(statement, ast.SetProperty):
            self._properties[statement.name] = statement.value
        elif isinstance(statement, ast.UnsetProperty):
            self._properties.pop(statement.name, None)

    def _read(self, path: str) -> str:
        """A script by its path relative to the folder of the test or one above it; the file may end in `.txt`."""
        relative = path.lstrip("/")
        for folder in (self._run.folder, *self._run.folder.parents):
            for candidate in (folder / relative, folder / f"{relative}.txt"):
                if candidate.is_file():
                    return candidate.read_text(encoding="utf-8")
        raise ConfigError(f"RUN SCRIPT: there is no file {relative} in {self._run.folder} or above it.")

    def _drive_new(self) -> None:
        """Drive what statements have appended since the last call."""
        for topic, records in list(self._host.cluster.records.items()):
            fresh = records[self._driven[topic] :]
            self._driven[topic] = len(records)
            self._drive(topic, fresh)

    def _drive(self, topic: str, records: Sequence[FedRecord]) -> None:
        """Feed records into every query that reads the topic, and what those write into theirs, depth first."""
        for record in records:
            for query in self._host.stepped.stepped:
                if topic not in query.topics or query.state != "RUNNING":
                    continue
                output = query.feed(topic, record)
                if query.sink is not None and output:
                    written = self._host.cluster.note(query.sink, output)
                    self._driven[query.sink] += len(written)
                    self._drive(query.sink, written)
