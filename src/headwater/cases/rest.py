"""Runs REST tests in-process: the engine calls and row layouts of the HTTP endpoints, without sockets."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from headwater.cases.encoding import Codecs
from headwater.cases.host import Host
from headwater.cases.messages import closeness
from headwater.cases.model import ExpectedError, Outcome, Run, Verdict
from headwater.cases.rejection import raise_failed_commands
from headwater.cases.responses import Response, RowsResponse, first_difference
from headwater.cases.topics import prepare
from headwater.cluster.api import Commit
from headwater.cluster.batches import Partitioner, appends
from headwater.core.errors import HeadwaterError, ParseError
from headwater.engine.program import OutputRecord
from headwater.engine.results import RowResult
from headwater.http.errors import StatementErrorBody, error_body
from headwater.http.framing import KSQL_JSON, KSQL_PROTOBUF
from headwater.http.queries import final_message, framing_for
from headwater.plan.functions import FunctionRegistry
from headwater.sql.parser import parse_statement
from headwater.sql.printer import mask

_SERVER_PROPERTIES = {"ksql.query.push.v2.enabled": "true", "ksql.query.push.v2.registry.installed": "true"}
"""What REST tests take for granted besides."""


async def run_rest_test(run: Run, functions: FunctionRegistry) -> Outcome:
    """Execute and judge. Raises only what is a defect of the engine."""
    async with Host(functions, _SERVER_PROPERTIES, stepping=False) as host:
        await prepare(run, host)
        return await _Session(run, host).run()


class _Session:
    """The requests of one case."""

    def __init__(self, run: Run, host: Host) -> None:
        self._run = run
        self._host = host
        self._admin = [s for s in run.statements if not s.startswith("SELECT ")]
        self._queries = [s for s in run.statements if s.startswith("SELECT ")]

    async def run(self) -> Outcome:
        """All requests in order, then the checks."""
        try:
            entities = await self._host.engine.execute("\n".join(self._admin), self._run.properties)
            raise_failed_commands(entities)
        except HeadwaterError as error:
            return self._refused(error, self._admin)
        if self._run.expected_error is not None and not self._queries:
            return Outcome(Verdict.FAILED, "fail-accepted", f"expected: {self._run.expected_error.message}")
        responses: list[Response] = [_decoded(msgspec.json.encode(entity)) for entity in entities]
        conditions = self._run.raw.get("inputConditions") or {}
        late = bool(conditions.get("waitForActivePushQuery"))
        if not late:
            await self._produce()
        refused: Outcome | None = None
        for query in self._queries:
            try:
                responses.append(await self._ask(query, produce=late))
            except HeadwaterError as error:
                refused = self._refused(error, [query])
                if refused.verdict is not Verdict.PASSED:
                    return refused
                continue
            if self._run.expected_error is not None:
                return Outcome(Verdict.FAILED, "fail-accepted", f"a query was accepted: {query}")
        if self._run.raw.get("testPullWithProtoFormat"):
            responses += [await self._ask(query, produce=False, content_type=KSQL_PROTOBUF) for query in self._queries]
        return refused or self._judge(responses)

    def _judge(self, responses: Sequence[Response]) -> Outcome:
        expected = self._run.raw.get("responses") or []
        difference = first_difference(responses, expected, self._run.statements)
        if difference:
            return Outcome(Verdict.FAILED, "fail-responses", difference)
        difference = self._outputs_difference()
        return Outcome(Verdict.FAILED, "fail-records", difference) if difference else Outcome(Verdict.PASSED)

    async def _produce(self) -> None:
        """Write the inputs as a producer would, and let the persistent queries consume everything there is."""
        codecs = Codecs(self._host.engine.metastore, self._host.registry)
        cluster = self._host.cluster
        partitioners: dict[str, Partitioner] = {}
        for record in self._run.inputs:
            codec, info = codecs.of(record.topic), cluster.topic(record.topic)
            if codec is None or info is None:
                continue
            key, value = codec.encode(record)
            item: OutputRecord = (key, value, record.timestamp or 0, record.headers)
            partitioner = partitioners.setdefault(record.topic, Partitioner(info.partitions))
            for partition, part in partitioner.split([item]):
                await cluster.commit(Commit(appends(record.topic, partition, part)))
        await self._host.engine.runtime.settle()

    async def _ask(self, query: str, *, produce: bool, content_type: str = KSQL_JSON) -> RowsResponse:
        result = await self._host.engine.query(query, self._run.properties)
        if not isinstance(result, RowResult):
            raise TypeError(f"a SELECT gave {type(result).__name__}")
        try:
            if produce:
                await self._produce()
            framing = framing_for(result, content_type)
            body = [framing.header(result.query_id)]
            body += [framing.rows(rows) async for rows in result]
            body.append(framing.end(final_message(result)))
        finally:
            await result.close()
        return RowsResponse(_decoded(b"".join(body)), tuple(column.type for column in result.schema.columns))

    def _refused(self, error: HeadwaterError, request: Sequence[str]) -> Outcome:
        body = error_body(error)
        expected = self._run.expected_error
        status = body.error_code // 100
        if expected is None:
            return Outcome(Verdict.FAILED, "unsupported", body.message)
        if request is self._admin and self._queries:
            return Outcome(Verdict.REJECTED_EARLY, "rejected-early", body.message)
        if expected.status is not None and status != expected.status:
            return Outcome(
                Verdict.FAILED, "fail-status", f"status {status} instead of {expected.status}: {body.message}"
            )
        problem = _kind_problem(body, expected, request[-1])
        if problem:
            return Outcome(Verdict.REJECTED_EARLY, "rejected-early", problem)
        level = closeness(body.message, expected.message)
        return Outcome(
            Verdict.PASSED, level.value, f"expected: {expected.message}\nfound: {body.message}", level
        )  # fmt: skip

    def _outputs_difference(self) -> str:
        codecs = Codecs(self._host.engine.metastore, self._host.registry)
        for topic in dict.fromkeys(record.topic for record in self._run.outputs):
            codec = codecs.of(topic)
            if codec is None:
                return f"{topic}: no source is over the topic"
            expected = [record for record in self._run.outputs if record.topic == topic]
            actual = self._host.cluster.records[topic]
            if len(actual) != len(expected):
                return f"{topic}: expected {len(expected)} records, found {len(actual)}"
            for index, (found, wanted) in enumerate(zip(actual, expected, strict=True)):
                problem = codec.difference(found, wanted, any_time=not self._run.inputs, with_headers=False)
                if problem:
                    return f"{topic}[{index}] {problem}"
        return ""


def _decoded(body: bytes) -> Any:
    return json.loads(body, parse_float=Decimal)


def _kind_problem(body: object, expected: ExpectedError, last: str) -> str:
    """An error about a statement must be about the last one."""
    if not expected.kind.endswith("KsqlStatementErrorMessage"):
        return ""
    if not isinstance(body, StatementErrorBody):
        return f"the error is not about a statement: {body}"
    if _squeezed(last) not in "".join(body.statement.split()):
        return f"another statement was refused: {body.statement}: {body.message}"
    return ""


def _squeezed(text: str) -> str:
    """As servers print statements: with literals masked where they may be secret; white space does not count."""
    with contextlib.suppress(ParseError):
        text = mask(parse_statement(text))
    return "".join(text.split()).rstrip(";")
