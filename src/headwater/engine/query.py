"""A persistent query: its tasks, run cooperatively in slices, committed slice by slice, restarted when they fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from headwater.cluster.api import EARLIEST, LATEST, Cluster, Commit, TopicPartition, TopicSpec
from headwater.cluster.batches import Partitioner
from headwater.core.clock import Clock
from headwater.core.errors import HeadwaterError, TopicExistsError
from headwater.engine.disk_state import DiskState
from headwater.engine.ownership import Ownership
from headwater.engine.processing_log import ProcessingLogger
from headwater.engine.program import Program, QueryFailedError, Stage, Unit
from headwater.engine.reading import SharedReading
from headwater.engine.task import Feed, Task
from headwater.log.slices import SLICE_SECONDS, next_turn, run_in_slices
from headwater.plan.steps import QueryPlan

_LOGGER = logging.getLogger(__name__)
_COMMIT_SECONDS = 0.05
"""A busy query commits so often: its output is that much late while there is a backlog, and at once when there is
none."""
_COMMIT_RECORDS = 20_000
"""Output records and changes of state that wait for a commit at the most: some 3 MB, which are written in one go, in a
ms or two."""
_FETCH_BYTES = 1 << 20
_TURNS_FOR_FOLLOWERS = 4
"""A query that others follow lets them catch up, so that what is fetched and decoded then serves all of them."""
_IDLE_SECONDS = 5.0
_ERRORS_KEPT = 10


@dataclass(frozen=True)
class QueryError:
    """Why a query stopped; `kind` is USER, SYSTEM or UNKNOWN."""

    timestamp: int
    message: str
    kind: str


@dataclass(frozen=True)
class QueryContext:
    """What queries share: the cluster, the clock, the log and the names of things."""

    cluster: Cluster
    clock: Clock
    log: ProcessingLogger
    service_id: str = "default_"
    retry_initial_ms: int = 15_000
    retry_max_ms: int = 900_000
    state_folder: Path | None = None
    """Where tasks keep state on disk; None: in memory."""
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    """Who wants to know of the next step forward of any query."""

    @cached_property
    def reading(self) -> SharedReading:
        """Where queries fetch."""
        return SharedReading(self.cluster, self.clock)

    def progress(self, _: object = None) -> None:
        """A query has committed, or failed."""
        for future in self.waiting:
            if not future.done():
                future.set_result(None)
        self.waiting.clear()

    def application_id(self, query_id: str) -> str:
        """Consumer group and prefix of the internal topics of a query."""
        return f"_confluent-ksql-{self.service_id}query_{query_id}"

    def repartition_topic(self, query_id: str, operator: str) -> str:
        return f"{self.application_id(query_id)}-{operator}-repartition"

    def changelog_topic(self, query_id: str, unit: int) -> str:
        return f"{self.application_id(query_id)}-{unit}-changelog"

    def keeps_state_in_one_task(self, query_id: str) -> bool:
        """Whether the query has run as one task over all partitions, and has state from then.

        It must go on so when its topics have got more partitions since: the state of a key is where it is.
        """
        changelog = self.cluster.topic(self.changelog_topic(query_id, 0))
        if changelog is None or changelog.partitions != 1:
            return False
        start = f"{self.application_id(query_id)}-"
        return not any(n.startswith(start) and n.endswith("-repartition") for n in self.cluster.topics())


class PersistentQuery:
    """Runs until stopped. `start` prepares topics and positions, then the tasks live in one asyncio task."""

    def __init__(
        self,
        query_id: str,
        plan: QueryPlan,
        sql: str,
        properties: Mapping[str, str],
        program: Program,
        context: QueryContext,
    ) -> None:
        self.id = query_id
        self.plan = plan
        self.sql = sql
        self.properties = dict(properties)
        self.program = program
        self.errors: list[QueryError] = []
        self.tasks: list[Task] = []
        self.processed = 0
        """Input records processed since the start of the process."""
        self._context = context
        self._paused = asyncio.Event()
        self._paused.set()
        self._failed = False
        self._ownership = Ownership(context.cluster, self.group)
        self._runner: asyncio.Task[None] | None = None
        self._commit: asyncio.Task[list[int]] | None = None
        self._work_begun = Commit()
        """What `_commit` applies, or the last one did."""
        self._reading: list[Feed] = []
        """Of the tasks, unless they are at rest."""
        self._retry_ms = context.retry_initial_ms

    @property
    def group(self) -> str:
        return self._context.application_id(self.id)

    @property
    def state(self) -> str:
        """RUNNING, PAUSED or ERROR."""
        if self._failed:
            return "ERROR"
        return "RUNNING" if self._paused.is_set() else "PAUSED"

    @property
    def source(self) -> str:
        """The generated Python text."""
        return self.program.source

    @property
    def positions(self) -> dict[TopicPartition, int]:
        """What has been consumed of each input partition, exclusive."""
        return {place: offset for task in self.tasks for place, offset in task.positions().items()}

    @property
    def failures(self) -> int:
        """Records skipped and expressions that failed since the tasks were built."""
        return sum(task.failures for task in self.tasks)

    def pause(self) -> None:
        self._paused.clear()

    def resume(self) -> None:
        self._paused.set()

    async def start(self) -> None:
        """Create internal topics, restore state, and begin. What stands in the way becomes the query's ERROR state."""
        try:
            await self._prepare()
        except Exception as error:  # noqa: BLE001 - whatever breaks a query must be shown as its state
            self._record_failure(error)
        self._runner = asyncio.create_task(self._run(), name=f"query {self.id}")

    async def stop(self) -> None:
        """End with a last commit of what has been processed."""
        if self._runner is None:
            return
        self._runner.cancel()
        await asyncio.gather(self._runner, return_exceptions=True)
        self._runner = None
        if not self._failed:
            try:
                await self._commit_all()
            except HeadwaterError as error:
                _LOGGER.warning("Query %s: its last commit failed and will be done again: %s", self.id, error)
        self._take_tasks([])

    async def cleanup(self) -> None:
        """Delete internal topics and the group's offsets."""
        cluster = self._context.cluster
        names = [name for name in self._internal_topics() if cluster.topic(name) is not None]
        if names:
            await cluster.delete_topics(names)
        await cluster.delete_group(self.group)

    async def caught_up(self) -> bool:
        """Whether every record of the inputs has been processed and committed."""
        if self._failed or not self._paused.is_set():
            return True
        if self._commit is not None and (not self._commit.done() or self._commit.exception() is not None):
            return False
        if any(task.uncommitted_since is not None for task in self.tasks):
            return False
        cluster = self._context.cluster
        for place, position in self.positions.items():
            if position < await cluster.list_offset(place, LATEST):
                return False
        return True

    # --- topics and tasks ---------------------------------------------------------------------------------------

    def _internal_topics(self) -> dict[str, TopicSpec]:
        specs: dict[str, TopicSpec] = {}
        for number, unit in enumerate(self.program.units):
            partitions = self._partitions(unit)
            if unit.stores:
                name = self._changelog(number)
                specs[name] = TopicSpec(name, partitions, configs={"cleanup.policy": "compact"})
            for stage_input in unit.inputs:
                if stage_input.source is None:
                    name = self._topic(stage_input.topic)
                    specs[name] = TopicSpec(
                        name, partitions, configs={"cleanup.policy": "delete", "retention.ms": "-1"}
                    )
        return specs

    def _topic(self, operator: str) -> str:
        return self._context.repartition_topic(self.id, operator)

    def _changelog(self, unit: int) -> str:
        return self._context.changelog_topic(self.id, unit)

    def _partitions(self, unit: Unit) -> int:
        """Of the unit's topics: that of its sources if it has any, else the most of all sources of the query.

        1 for a unit whose one task reads all partitions.
        """
        if self.program.single_task:
            return 1
        cluster = self._context.cluster
        own = [i.source.topic for i in unit.inputs if i.source is not None]
        names = own or [i.source.topic for u in self.program.units for i in u.inputs if i.source is not None]
        counts = [info.partitions for name in names if (info := cluster.topic(name)) is not None]
        return max(counts, default=1)

    async def _create_topics(self) -> None:
        cluster = self._context.cluster
        wanted = self._internal_topics()
        for name, spec in wanted.items():
            existing = cluster.topic(name)
            if existing is not None and existing.partitions != spec.partitions:
                raise QueryFailedError(
                    f"Query {self.id} keeps its state in {existing.partitions} partitions (topic {name}), but its "
                    f"sources have {spec.partitions} now, so keys lie elsewhere. Drop the query and create it again."
                )
        missing = [spec for name, spec in wanted.items() if cluster.topic(name) is None]
        for spec in missing:
            try:
                await cluster.create_topics([spec])
            except TopicExistsError:
                await cluster.refresh()

    async def _prepare(self) -> None:
        """Topics and tasks; nothing of the tasks shows before all state is restored."""
        await self._create_topics()
        self._take_tasks(await self._build_tasks())
        self._failed = False

    def _take_tasks(self, tasks: list[Task]) -> None:
        """Put new tasks in place of the old ones, whose state on disk is given up."""
        before, self.tasks = self.tasks, tasks
        self._read(tasks)
        for task in before:
            if task.disk is not None:
                task.disk.close()

    def _read(self, tasks: Sequence[Task]) -> None:
        """From now on these tasks read, and no others of the query: nobody keeps or waits for who is at rest."""
        before, self._reading = self._reading, [feed for task in tasks for feed in task.feeds]
        self._context.reading.join(self._reading)
        self._context.reading.leave(before)

    async def _build_tasks(self) -> list[Task]:
        context = self._context
        names = {i.topic: self._topic(i.topic) for unit in self.program.units for i in unit.inputs if i.source is None}
        tasks: list[Task] = []
        for number, unit in enumerate(self.program.units):
            partitioners = []
            for output in unit.outputs:
                info = context.cluster.topic(names[output.topic] if output.internal else output.topic)
                partitioners.append(Partitioner(info.partitions if info is not None else 1, output.key_suffix))
            for partition in range(self._partitions(unit)):
                task = Task(
                    self.program, number, partition, self.id, context.log,
                    fail_on_bad_record=self.properties.get("ksql.fail.on.deserialization.error", "").lower() == "true",
                    topic_names=names, partitioners=partitioners,
                    disk=DiskState(context.state_folder) if context.state_folder is not None and unit.stores else None,
                )  # fmt: skip
                tasks.append(task)
                await self._own(task)
                if unit.stores:
                    await self._restore(task)
        await self._position(tasks)
        return tasks

    async def _own(self, task: Task) -> None:
        """Before anything of the task is read: a former owner's last commit is in by then, and it makes no more.

        A query whose tasks another node has taken over fails, and does not take them back.
        """
        name = self._transactional_id(task)
        if name is not None:
            await self._ownership.claim(name)

    async def _restore(self, task: Task) -> None:
        cluster = self._context.cluster
        place = TopicPartition(self._changelog(task.unit), task.number)
        position, end = 0, await cluster.list_offset(place, LATEST)
        while position < end:
            for fetched in await cluster.fetch({place: position}, _FETCH_BYTES):
                await run_in_slices(task.restore(fetched.data, position))
                position = fetched.next_offset
            await next_turn()

    def _input_partitions(self, topic: str, task: Task) -> Sequence[int]:
        """What a task reads of a topic."""
        if not self.program.single_task:
            return (task.number,)
        info = self._context.cluster.topic(topic)
        return range(info.partitions if info is not None else 1)

    async def _position(self, tasks: Sequence[Task]) -> None:
        """Resume from committed offsets; first time from the earliest or latest, which is committed at once."""
        cluster = self._context.cluster
        reset = self.properties.get("auto.offset.reset", "latest")
        wanted: list[tuple[Task, TopicPartition, Stage, bool]] = []
        for task in tasks:
            for stage_input in self.program.units[task.unit].inputs:
                internal = stage_input.source is None
                topic = self._topic(stage_input.topic) if internal else stage_input.topic
                earliest = internal or stage_input.table or reset == "earliest"
                stage = self.program.stage(stage_input)
                places = [TopicPartition(topic, partition) for partition in self._input_partitions(topic, task)]
                wanted += [(task, place, stage, earliest) for place in places]
        places = [place for _, place, _, _ in wanted]
        committed = await cluster.committed(self.group, places)
        fresh: dict[TopicPartition, int] = {}
        for task, place, stage, earliest in wanted:
            start = committed.get(place)
            if start is None:
                start = fresh[place] = await cluster.list_offset(place, EARLIEST if earliest else LATEST)
            task.read(place, stage, start)
        if fresh:
            await cluster.commit(Commit(group=self.group, offsets=fresh))
        self._ownership.begins(committed | fresh)

    # --- running ------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            try:
                if self._failed:
                    await self._context.clock.sleep(self._retry_ms / 1000)
                    self._retry_ms = min(self._retry_ms * 2, self._context.retry_max_ms)
                    await self._prepare()
                await self._work()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever breaks a query must be shown as its state
                if self._commit is not None:  # what is under way may still succeed: the rebuilt tasks must see it
                    await asyncio.wait([self._commit])
                    if (problem := self._commit.exception()) is not None:
                        self._ownership.failed(self._work_begun, problem)
                self._record_failure(error)

    def _record_failure(self, error: Exception) -> None:
        self._failed = True
        self._commit = None
        self._read([])
        self._context.progress()
        kind = "USER" if isinstance(error, HeadwaterError) else "SYSTEM"
        message = str(error) if isinstance(error, HeadwaterError) else f"{type(error).__name__}: {error}"
        _LOGGER.error(
            "Query %s failed: %s", self.id, message, exc_info=None if isinstance(error, HeadwaterError) else error
        )
        self._context.log.task_error(self.id, self.id, message, error)
        self.errors = [*self.errors, QueryError(self._context.clock.now_ms(), message, kind)][-_ERRORS_KEPT:]

    async def _work(self) -> None:
        while True:
            if not self._paused.is_set():
                await self._commit_all()
                self._read([])
                await self._paused.wait()
                self._read(self.tasks)
            await self._fetch()
            if not await self._process():
                await self._committed()
                for task in self.tasks:
                    task.rest()
                await self._context.cluster.wait(self._wanted(), _IDLE_SECONDS)

    def _wanted(self) -> dict[TopicPartition, int]:
        return {place: offset for task in self.tasks for place, offset in task.wanted().items()}

    async def _fetch(self) -> None:
        """Bring input to the tasks that have used theirs up."""
        wanted = self._wanted()
        if wanted:
            for stretch in await self._context.reading.fetch(wanted, _FETCH_BYTES):
                self._task_of[stretch.place].accept(stretch)
                await next_turn()

    async def _process(self) -> bool:
        """A slice of each task that has input, and the commits that are due; False if there was nothing to do."""
        busy = False
        for task in self.tasks:
            if task.has_input:
                busy = True
                self.processed += task.run(SLICE_SECONDS)
                if self._is_due(task):
                    await self._begin_commit(task)
                for _ in range(_TURNS_FOR_FOLLOWERS if self._has_followers(task) else 1):
                    await next_turn()
            elif task.uncommitted_since is not None:
                busy = True
                await self._begin_commit(task)
        return busy

    def _has_followers(self, task: Task) -> bool:
        reading = self._context.reading
        return any(feed.stretch is not None and reading.has_followers(feed.stretch) for feed in task.feeds)

    @property
    def _task_of(self) -> dict[TopicPartition, Task]:
        return {feed.place: task for task in self.tasks for feed in task.feeds}

    def _is_due(self, task: Task) -> bool:
        """Whether a task that still has input should commit: often enough for its readers, rarely enough that the state
        of a group that many records touch is written once for all of them."""
        now = self._context.clock.monotonic()
        if task.uncommitted_since is None:
            task.uncommitted_since = now
        return now - task.uncommitted_since > _COMMIT_SECONDS or task.pending_records > _COMMIT_RECORDS

    async def _begin_commit(self, task: Task) -> None:
        """Commit what the task has done. The next slices are processed while that goes on; one commit at a time.

        Nothing is awaited between taking the output and handing it over: a query that is stopped has either both or
        neither of a slice's output and positions.
        """
        await self._committed()
        await next_turn()
        changelog = self._changelog(task.unit) if task.stores else None
        now = self._context.clock.now_ms()
        await run_in_slices(task.settle(now, changelog))
        appended = task.take_output(now, changelog)
        task.uncommitted_since = None
        work = self._work_begun = Commit(appended, self.group, task.positions(), self._transactional_id(task))
        self._commit = asyncio.create_task(self._context.cluster.commit(work), name=f"commit of {self.id}")
        self._commit.add_done_callback(self._context.progress)

    def _transactional_id(self, task: Task) -> str | None:
        """With `processing.guarantee` exactly_once_v2 a commit is a transaction on a cluster that is not atomic by
        itself."""
        if not self.properties.get("processing.guarantee", "").startswith("exactly_once"):
            return None
        return f"{self.group}-{task.unit}-{task.number}"

    async def _commit_all(self) -> None:
        """Commit everything that has been done, and wait for it."""
        for task in self.tasks:
            if task.uncommitted_since is not None:
                await self._begin_commit(task)
        await self._committed()

    async def _committed(self) -> None:
        """Wait for the commit under way; raises what it raised."""
        if self._commit is not None:
            # A query that is stopped meanwhile must not take the commit with it: `stop` waits for its end.
            await asyncio.shield(self._commit)
            self._commit = None
            self._ownership.committed(self._work_begun)
            self._retry_ms = self._context.retry_initial_ms
