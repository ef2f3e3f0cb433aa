"""Queries with state give the same results when their engine is restarted after every record.

The cases of the query suite run on the engine's own runtime here: with a log, committed offsets and changelogs.
"""

import asyncio
from collections.abc import Iterator

import pytest

from headwater.cases.discovery import find_runs
from headwater.cases.encoding import Codecs, TopicCodec
from headwater.cases.host import Host
from headwater.cases.model import DataRecord, Run
from headwater.cases.pool import load_functions
from headwater.cases.topics import prepare
from headwater.cluster.api import Append, Commit, TopicPartition
from headwater.engine.engine import Engine
from headwater.engine.settings import EngineSettings
from headwater.plan.functions import FunctionRegistry
from headwater.wire.records import build_batch
from tests.conformance.test_conformance import DATA, EXTENSIONS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not DATA.is_dir(), reason="there is no ../shared/conformance beside the repository"),
]

STATEFUL = frozenset({"group-by", "window", "join", "inner-join", "left-join", "outer-join", "fk-join", "partition-by"})
STATE_OUTSIDE = frozenset({"fn:BAD_UDF"})
"""A function that remembers how often it was called."""


class RestartingHost(Host):
    async def restart(self) -> None:
        await self.engine.close()
        settings = EngineSettings(self._properties)
        self.engine = Engine(self.cluster, self.clock, self.functions, self.registry, settings)
        await self.engine.start()

    async def append(self, codec: TopicCodec, record: DataRecord) -> None:
        key, value = codec.encode(record)
        batch = build_batch([(key, value, record.timestamp or 0, record.headers)])
        await self.cluster.commit(Commit([Append(TopicPartition(record.topic, 0), batch)]))
        await self.engine.runtime.settle()


def stateful_runs() -> Iterator[Run]:
    """The first run of positive cases that keep state, and in which topics may have one partition."""
    firsts = {run.case: run for run in reversed(list(find_runs([DATA / "qtt"])))}
    for run in firsts.values():
        tags = set(run.tags)
        given = {record.topic for record in run.inputs}
        if run.skip or run.expected_error or not tags & STATEFUL or tags & STATE_OUTSIDE or not given:
            continue
        wanted = {record.topic for record in run.outputs}
        if not given & wanted and "PARTITIONS" not in run.script.upper():
            yield run


async def difference(run: Run, functions: FunctionRegistry) -> str:
    async with RestartingHost(functions, run.properties, stepping=False) as host:
        await prepare(run, host, partitions=1)
        await host.engine.execute(run.script)
        codecs = Codecs(host.engine.metastore, host.registry)
        for record in run.inputs:
            codec = codecs.of(record.topic)
            if codec is not None:
                await host.append(codec, record)
                await host.restart()
        assert host.engine.degraded is None
        for topic in dict.fromkeys(record.topic for record in run.outputs):
            problem = topic_difference(topic, run, host)
            if problem:
                return problem
    return ""


def topic_difference(topic: str, run: Run, host: Host) -> str:
    codec = Codecs(host.engine.metastore, host.registry).of(topic)
    assert codec is not None
    expected = [record for record in run.outputs if record.topic == topic]
    actual = host.cluster.records[topic]
    for index, (found, wanted) in enumerate(zip(actual, expected, strict=False)):
        problem = codec.difference(found, wanted, any_time=False)
        if problem:
            return f"{topic}[{index}] {problem}"
    return "" if len(actual) == len(expected) else f"{topic}: expected {len(expected)} records, found {len(actual)}"


def test_results_do_not_depend_on_restarts() -> None:
    functions = load_functions(EXTENSIONS)
    problems = {run.name: asyncio.run(difference(run, functions)) for run in stateful_runs()}
    assert len(problems) > 200
    assert {name: problem for name, problem in problems.items() if problem} == {}
