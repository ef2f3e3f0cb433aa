"""`Registry`: the schemas of a cluster. It reads and writes the topic `_schemas`, the one place where they are.

A request is decided on the state and applied to it at once, in one step of the loop; its records follow into the topic
in that order, as many as there are in one batch, and the request is answered when they are durable. When a write fails,
the state is what the topic says again: there is one way to come to a state, at the start and after a failure, replay.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from headwater.cluster.api import EARLIEST, LATEST, Append, Cluster, Commit, TopicPartition, TopicSpec
from headwater.cluster.remote.errors import FencedError
from headwater.core.clock import Clock
from headwater.core.errors import TopicExistsError
from headwater.registry.decisions import Candidate, Decision
from headwater.registry.election import Peers
from headwater.registry.errors import Code, RegistryError
from headwater.registry.records import Change, decode, encode
from headwater.registry.schemas import DEFAULT_LARGEST_BYTES, Schemas
from headwater.registry.state import RegistryState
from headwater.wire.records import Record, build_batch, read_records

T = TypeVar("T")

TOPIC = "_schemas"
TRANSACTIONAL_ID = f"schema-registry-{TOPIC}"
"""Under which an elected registry writes: who is elected next takes it over, and whoever still writes is refused."""
_MARKER = 1
"""Offsets that the end of a transaction takes in each partition."""
_FETCH_BYTES = 4 << 20
_BATCH_BYTES = 900_000
"""Of records in one write; a batch must stay under the topic's max.message.bytes."""
_POLL_SECONDS = 1.0
_ELECTION_SECONDS = 20.0
"""Longer than a group of Kafka needs to notice that a member is gone and to go on without it."""
_LOGGER = logging.getLogger(__name__)


class Registry:
    """`load` before use, `close` after."""

    def __init__(self, cluster: Cluster, clock: Clock, largest_bytes: int = DEFAULT_LARGEST_BYTES) -> None:
        self.cluster = cluster
        self.clock = clock
        self.state = RegistryState()
        self.schemas = Schemas(self.state, largest_bytes=largest_bytes)
        self.writes_here = True
        """Whether this node is the one that writes; the others forward to it."""
        self.leader_url: str | None = None
        """Of the node that writes, where it is another one and it is known."""
        self.writer_known = asyncio.Event()
        """Set while it is known which node writes."""
        self.writer_known.set()
        self.forward: Callable[[str, Candidate], Awaitable[None]] | None = None
        """Registers a schema with the node that writes; set where there may be another one."""
        self.peers = Peers()
        self.ask_again: Callable[[], None] | None = None
        """Has the writer elected again; set where there is an election."""
        self._place = TopicPartition(TOPIC, 0)
        self._position = 0
        self._turn = asyncio.Lock()
        """Held while the topic is read or written behind the position."""
        self._pending: list[tuple[bytes, bytes | None]] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._writer: asyncio.Task[None] | None = None
        self._transactional_id: str | None = None
        """Set once this node has been elected; one that is not elected is the only one."""
        self._stale = False
        """Whether the state holds what could not be written, and the topic could not be read since."""

    # --- reading ----------------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Make the state what the topic says. Raises `ClusterError`, `LogError`."""
        async with self._turn:
            await self._reload()

    async def _reload(self, end: int | None = None) -> None:
        """Replay up to `end`, or everything, into a state of its own: until it is complete, the old one answers."""
        fresh, position = RegistryState(), 0
        if await self._has_topic():
            position = await self.cluster.list_offset(self._place, EARLIEST)
            end = await self.cluster.list_offset(self._place, LATEST) if end is None else end
            while position < end:
                position = await self._read_into(fresh, position)
        fresh.take_the_place_of(self.state)
        self._become(fresh)
        self._position, self._stale = position, False

    async def _has_topic(self) -> bool:
        """Another node may have made it since the cluster was last looked at."""
        if self.cluster.topic(TOPIC) is None:
            await self.cluster.refresh()
        return self.cluster.topic(TOPIC) is not None

    def _become(self, state: RegistryState) -> None:
        self.state = state
        self.schemas = self.schemas.over(state)

    async def catch_up(self) -> None:
        """Apply everything that is in the topic now."""
        if self._stale:
            await self.load()
            return
        if not await self._has_topic():
            return
        async with self._turn:
            self._position = max(self._position, await self.cluster.list_offset(self._place, EARLIEST))
            end = await self.cluster.list_offset(self._place, LATEST)
            while self._position < end:
                await self._read()

    async def _read(self) -> None:
        self._position = await self._read_into(self.state, self._position)

    async def _read_into(self, state: RegistryState, at: int) -> int:
        """Apply what is there at `at`, or some of it; the offset behind."""
        behind = at
        for fetched in await self.cluster.fetch({self._place: at}, _FETCH_BYTES):
            for record in read_records(fetched.data, at):
                if record.offset >= at:
                    self._replay(state, record)
            behind = max(behind, fetched.next_offset)
        return behind

    @staticmethod
    def _replay(state: RegistryState, record: Record) -> None:
        try:
            change = decode(record.key, record.value, record.timestamp)
        except (msgspec.MsgspecError, ValueError) as error:
            _LOGGER.warning("Record %d of topic %s is not understood and left out: %s", record.offset, TOPIC, error)
            return
        if change is not None:
            state.apply(change)

    async def follow(self) -> None:
        """One round of reading what others write, be it another node or any client of the topic; for `Supervised`."""
        if self._stale:
            await self.load()
            return
        if not await self._has_topic():
            await self.clock.sleep(_POLL_SECONDS)
            return
        if await self.cluster.wait({self._place: self._position}, _POLL_SECONDS):
            async with self._turn:  # what this node has just written is behind the position then
                end = await self.cluster.list_offset(self._place, LATEST)
                while self._position < end:
                    await self._read()
                    self._apply_again()

    # --- who writes -------------------------------------------------------------------------------------------------

    async def lead(self) -> None:
        """Write from now on: what another node has begun to write is ended before this returns, and it writes no more.

        Raises `ClusterError`, `LogError`.
        """
        if self._writer is not None:  # from when this node led before: it is not to be shut out by itself
            await asyncio.wait([self._writer])
        await self.cluster.take_over(TRANSACTIONAL_ID)
        self._transactional_id = TRANSACTIONAL_ID
        await self.cluster.refresh()
        await self.catch_up()
        self.leader_url, self.writes_here = None, True
        self.writer_known.set()

    def defer(self, leader_url: str | None) -> None:
        """Write no more: another node does, at this URL, or (None) nobody knows which."""
        self.leader_url, self.writes_here = leader_url, False
        if leader_url is None:
            self.writer_known.clear()
        else:
            self.writer_known.set()

    # --- writing ----------------------------------------------------------------------------------------------------

    async def await_writer(self) -> None:
        """Return when it is known which node writes: at once, but for the moments of an election.

        Raises `RegistryError` (50004) after a while.
        """
        try:
            async with asyncio.timeout(_ELECTION_SECONDS):
                await self.writer_known.wait()
        except TimeoutError:
            message = "The node that writes schemas is not known: no registry was elected. Try again in a moment"
            raise RegistryError(Code.UNKNOWN_LEADER, message) from None

    async def carry_out(self, decide: Callable[[RegistryState], Decision[T]]) -> T:
        """Decide, and return the answer when its records are durable. Raises `RegistryError`."""
        await self.await_writer()
        answer = self.submit(decide)
        await self.settle()
        return answer

    def submit(self, decide: Callable[[RegistryState], Decision[T]]) -> T:
        """Decide and apply; the records follow. `settle` waits for them. Raises `RegistryError`."""
        if self._stale:
            raise RegistryError(Code.STORE, f"Topic {TOPIC} could be neither written nor read. Try again in a moment")
        decision = decide(self.state)
        if not decision.changes:
            return decision.answer
        if not self.writes_here:
            raise RegistryError(
                Code.UNKNOWN_LEADER,
                f"This node does not write schemas: {self.leader_url or 'a node that is not known yet'} does",
            )
        for change in decision.changes:
            self.state.apply(change)
        self._enqueue(decision.changes)
        return decision.answer

    async def send(self, subject: str, candidate: Candidate) -> None:
        """Have a schema registered by the node that writes, and know of it here. Raises `RegistryError`."""
        if self.forward is None:
            raise RegistryError(Code.UNKNOWN_LEADER, "The node that writes schemas is not known")
        await self.forward(subject, candidate)
        await self.catch_up()

    def _enqueue(self, changes: Sequence[Change]) -> None:
        self._pending += map(encode, changes)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._flush(), name="schemas")

    async def settle(self) -> None:
        """Return when everything decided so far is durable. Raises `RegistryError` (50001) when it cannot be."""
        if self._writer is None or self._writer.done():
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        await done

    async def _flush(self) -> None:
        while self._pending or self._waiting:
            waiting: list[asyncio.Future[None]] = []
            try:
                async with self._turn:  # who reads applies what is pending again, so it is taken in our turn only
                    records, self._pending = self._pending, []
                    waiting, self._waiting = self._waiting, []
                    if records:
                        await self._write(records)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait have to know
                await self._fail(error, waiting)
                return
            for done in waiting:
                if not done.done():
                    done.set_result(None)

    async def _write(self, records: list[tuple[bytes, bytes | None]]) -> None:
        if self.cluster.topic(TOPIC) is None:
            try:
                await self.cluster.create_topics([TopicSpec(TOPIC, 1, configs={"cleanup.policy": "compact"})])
            except TopicExistsError:
                await self.cluster.refresh()
        now = self.clock.now_ms()
        parts = _parts(records)
        for number, part in enumerate(parts, 1):
            batch = build_batch([(key, value, now, ()) for key, value in part])
            work = Commit([Append(self._place, batch)], transactional_id=self._transactional_id)
            (base,) = await self.cluster.commit(work)
            end = base + len(part)
            if self._transactional_id is not None:
                await self._until_visible(base)
                end += _MARKER
            if base != self._position:
                # Somebody else has written too: the order in the topic is the true one.
                await self._reload(end)
                self._apply_again(record for later in parts[number:] for record in later)
            self._position = max(self._position, end)

    async def _until_visible(self, offset: int) -> None:
        """A transaction is committed before its end is in the topic: other nodes must find what is answered here."""
        while not await self.cluster.wait({self._place: offset}, _POLL_SECONDS):
            pass

    def _apply_again(self, taken: Iterable[tuple[bytes, bytes | None]] = ()) -> None:
        """What was decided and is not written yet comes last: what is `taken` to be written, then what is pending."""
        for key, value in [*taken, *self._pending]:
            change = decode(key, value, self.clock.now_ms())
            if change is not None:
                self.state.apply(change)

    async def _fail(self, error: Exception, waiting: list[asyncio.Future[None]]) -> None:
        _LOGGER.error("Schemas could not be written to topic %s: %s", TOPIC, error)
        # What was applied and is not in the topic must not be decided on: nothing is, until the topic has been read.
        self._stale = True
        self._pending = []
        if isinstance(error, FencedError) and self.writes_here:
            self.defer(None)
            if self.ask_again is not None:
                self.ask_again()
        try:
            await self.load()
        except Exception as problem:  # noqa: BLE001 - `follow` tries again
            _LOGGER.error("Nor could topic %s be read: %s", TOPIC, problem)
        waiting += self._waiting
        self._waiting = []
        for done in waiting:
            if not done.done():
                done.set_exception(RegistryError(Code.STORE, f"The schema store cannot be written to: {error}"))

    async def close(self) -> None:
        """Return when everything decided is written, or cannot be."""
        if self._writer is not None:
            await self._writer


def _parts(records: list[tuple[bytes, bytes | None]]) -> list[list[tuple[bytes, bytes | None]]]:
    """The records in batches of bounded size."""
    parts: list[list[tuple[bytes, bytes | None]]] = [[]]
    size = 0
    for key, value in records:
        length = len(key) + len(value or b"")
        if parts[-1] and size + length > _BATCH_BYTES:
            parts.append([])
            size = 0
        parts[-1].append((key, value))
        size += length
    return parts
