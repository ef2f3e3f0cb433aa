"""Runs query tests: statements, then the queries one after the other over the case's inputs, record by record."""

from __future__ import annotations

from collections.abc import Iterator

from headwater.cases.encoding import Codecs
from headwater.cases.host import Host
from headwater.cases.model import Outcome, Run, Verdict
from headwater.cases.post_conditions import unmet
from headwater.cases.rejection import judge_rejection, raise_failed_commands
from headwater.cases.stepping import FedRecord, SteppedQuery
from headwater.cases.topics import prepare
from headwater.core.errors import HeadwaterError
from headwater.plan.functions import FunctionRegistry


async def run_query_test(run: Run, functions: FunctionRegistry) -> Outcome:
    """Execute and judge. Raises only what is a defect of the engine."""
    async with Host(functions, run.properties, stepping=True) as host:
        await prepare(run, host)
        try:
            raise_failed_commands(await host.engine.execute(run.script))
        except HeadwaterError as error:
            return judge_rejection(run, error)
        if run.expected_error is not None and not run.inputs:
            return Outcome(Verdict.FAILED, "fail-accepted", f"accepted, expected: {run.expected_error.message}")
        pipeline = Pipeline(run, host)
        try:
            pipeline.run()
        except HeadwaterError as error:
            if run.expected_error is not None:
                return Outcome(Verdict.PASSED)
            return Outcome(Verdict.FAILED, "fail-query", f"a query failed: {error}")
        if run.expected_error is not None:
            return Outcome(Verdict.FAILED, "fail-accepted", "no query failed")
        difference = pipeline.difference()
        if difference:
            return Outcome(Verdict.FAILED, "fail-records", difference)
        problem = unmet(run.raw.get("post") or {}, host)
        if problem:
            return Outcome(Verdict.FAILED, "fail-post", problem)
        return Outcome(Verdict.PASSED, lexeme_difference=pipeline.lexeme_difference)


class Pipeline:
    """The queries of a case and the topics between them."""

    def __init__(self, run: Run, host: Host) -> None:
        self._run = run
        self._cluster = host.cluster
        self._queries = host.stepped.stepped
        self._codecs = Codecs(host.engine.metastore, host.registry)
        self._fed: list[tuple[str, FedRecord]] = []

    def run(self) -> None:
        """Append the inputs, then run each query to completion. Raises what makes a query fail."""
        offsets: dict[str, int] = {}
        for record in self._run.inputs:
            codec = self._codecs.of(record.topic)
            if codec is None:
                continue  # no source reads the topic
            offset = offsets.get(record.topic, 0)
            offsets[record.topic] = offset + 1
            key, value = codec.encode(record)
            self._fed.append((record.topic, FedRecord(key, value, record.timestamp or 0, record.headers, offset)))
        for query in self._queries:
            for topic, fed in list(self._work(query)):
                output = query.feed(topic, fed)
                if query.sink is not None:
                    self._cluster.note(query.sink, output)

    def _work(self, query: SteppedQuery) -> Iterator[tuple[str, FedRecord]]:
        """What the query reads: the inputs in file order, then topics without inputs one by one."""
        given = {topic for topic, _ in self._fed}
        yield from (item for item in self._fed if item[0] in query.topics)
        for topic in sorted((t for t in query.topics if t not in given), key=java_hash_order):
            yield from ((topic, record) for record in self._cluster.records[topic])

    def difference(self) -> str:
        """Where the topics first differ from what the case expects; "" if they do not."""
        for topic in dict.fromkeys(record.topic for record in self._run.outputs):
            problem = self._topic_difference(topic)
            if problem:
                return f"{topic}{problem}"
        return ""

    @property
    def lexeme_difference(self) -> str:
        """The first number that is equal to the expected one but spelled differently, after `difference`."""
        return self._codecs.lexeme_difference

    def _topic_difference(self, topic: str) -> str:
        codec = self._codecs.of(topic)
        if codec is None:
            return ": no source is over the topic"
        expected = [record for record in self._run.outputs if record.topic == topic]
        inputs = [record for name, record in self._fed if name == topic]
        actual = self._cluster.records[topic] or inputs
        for index, (found, wanted) in enumerate(zip(actual, expected, strict=False)):
            problem = codec.difference(found, wanted, any_time=not self._run.inputs)
            if problem:
                return f"[{index}] {problem}"
        if len(actual) != len(expected):
            return f": expected {len(expected)} records, found {len(actual)}"
        return ""


def java_hash_order(text: str) -> int:
    """Where Java's hash table of 16 slots would put the text: upstream visits topics in that order."""
    value = 0
    for unit in memoryview(text.encode("utf-16-le")).cast("H"):
        value = (31 * value + unit) & 0xFFFFFFFF
    return (value ^ (value >> 16)) & 15
