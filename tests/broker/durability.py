"""A broker over a disk that fails, clients that note what they were told, and what must hold after every restart.

The clients speak the protocol's messages with the broker's dispatcher; only the sockets are left out, since a killed
process answers on none.
"""

from __future__ import annotations

from asyncio import all_tasks, current_task, gather, sleep
from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import isawaitable
from itertools import pairwise
from random import Random
from typing import Any, TypeVar

from headwater.broker.broker import Broker
from headwater.broker.dispatch import Later
from headwater.core.errors import HeadwaterError
from headwater.log.journal import JOURNAL
from headwater.log.log import Log
from headwater.testing.storage import FaultyStorage, ProcessKilled
from headwater.wire.codec import decode
from headwater.wire.decoding import skip_tags
from headwater.wire.definitions import Struct
from headwater.wire.frames import has_flexible_header, request_frame
from headwater.wire.messages import (
    AddOffsetsToTxnRequest,
    AddOffsetsToTxnResponse,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    EndTxnRequest,
    EndTxnResponse,
    InitProducerIdRequest,
    InitProducerIdResponse,
    OffsetCommitRequest,
    OffsetCommitResponse,
    ProduceRequest,
    ProduceResponse,
    TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
    definition,
)
from headwater.wire.records import Record, build_batch, read_records
from tests.broker.support import ManualTime

PLAIN, IDEMPOTENT, COMPACTED, TRANSACTED = "plain", "idempotent", "compacted", "transacted"
GROUP, TRANSACTION_GROUP = "readers", "copiers"
_KEYS = 5
_TRANSACTION_PARTITIONS = 2

Answered = TypeVar("Answered", bound=Struct)


@dataclass
class Machine:
    """A broker on a disk; `crash` ends its process, or the machine's power, and starts it again."""

    storage: FaultyStorage = field(default_factory=FaultyStorage)
    time: ManualTime = field(default_factory=ManualTime)
    broker: Broker = field(init=False)
    log: Log = field(init=False)

    async def start(self) -> None:
        self.log = Log(self.storage, self.time)
        self.log.open()
        self.broker = Broker(self.log, self.time, timers=self.time)
        await self.broker.start()
        self.session = self.broker.new_session("127.0.0.1", "127.0.0.1", 9092)

    async def restart(self, random: Random, *, power: bool) -> None:
        """Start again after the process ended; with `power`, after a cut that took what was never synced."""
        await self._forget()
        if power:
            # What the journal promises holds with it on disk first, which is how it is written.
            self.storage.kill()
            self.storage.power_cut(random, written_out={JOURNAL})
        else:
            self.storage.restart()
        await self.start()

    async def _forget(self) -> None:
        """No task or timer of the process that ended may run on."""
        self.time = ManualTime(self.time.now)
        tasks = [task for task in all_tasks() if task is not current_task()]
        for task in tasks:
            task.cancel()
        await gather(*tasks, return_exceptions=True)

    async def ask(self, request: Struct, version: int, kind: type[Answered]) -> Answered:
        """The broker's answer. Raises `ProcessKilled` if there will be none."""
        key = definition(type(request).__name__).key
        frame = memoryview(bytearray(request_frame(key, version, 1, "client", request)[4:]))
        answer: Any = self.broker.dispatcher.handle(frame, self.session)
        if isinstance(answer, Later):
            await self._until(answer.future.done)
            answer = answer.answer()
        elif isawaitable(answer):
            answer = await answer
        data = memoryview(b"".join(answer))[4:]
        at = skip_tags(data, 4) if has_flexible_header(key, version) else 4
        return decode(kind, version, data, at)

    async def _until(self, done: Callable[[], bool]) -> None:
        while not done():  # the sync runs in a thread; nothing tells that a process ended
            if self.storage._dead:
                raise ProcessKilled
            await sleep(0)

    def records(self, topic: str, partition: int = 0) -> list[Record]:
        """What a reader of committed records gets."""
        at = self.log.partition(topic, partition)
        aborted = at.aborted_in(0, 1 << 40)
        found: list[Record] = []
        position = at.log_start
        while position < at.last_stable_offset:
            data, position = at.read_on(position, 1 << 20, max_offset=at.last_stable_offset)
            found += read_records(data)
        return [one for one in found if not any(range_.first_offset <= one.offset <= range_.last_offset
                                                for range_ in aborted)]  # fmt: skip

    def values(self, topic: str, partition: int = 0) -> list[int]:
        """The numbers in its records."""
        return [int(record.value or b"") for record in self.records(topic, partition)]


@dataclass
class Clients:
    """Two producers, a transactional one, a writer of a compacted topic, a group; what each was told."""

    machine: Machine
    random: Random
    number: int = 0
    """The last value that anyone sent."""
    plain: list[int] = field(default_factory=list)
    """Acknowledged."""
    idempotent: list[int] = field(default_factory=list)
    """Acknowledged, each after as many attempts as it took."""
    newest: dict[bytes, int] = field(default_factory=dict)
    """The newest acknowledged value of every key."""
    group_at: int = -1
    """The newest acknowledged position of the group."""
    group_sent: int = -1
    committed: set[int] = field(default_factory=set)
    aborted: set[int] = field(default_factory=set)
    _producer: tuple[int, int] | None = None
    _sequence: int = 0
    _unanswered: int | None = None
    """The value of the idempotent producer's batch that was sent and not answered: it is sent again."""

    async def prepare(self) -> None:
        """Make the topics, unless they are there."""
        known = self.machine.log.topics()
        for name, partitions, configs in (
            (PLAIN, 1, {}),
            (IDEMPOTENT, 1, {}),
            (COMPACTED, 1, {"cleanup.policy": "compact", "segment.bytes": "2048", "min.cleanable.dirty.ratio": "0.01"}),
            (TRANSACTED, _TRANSACTION_PARTITIONS, {}),
        ):
            if name not in known:
                self.machine.log.create_topic(name, partitions, configs=configs)

    async def work(self, steps: int) -> None:
        """Do so many random things."""
        actions = (self._plain, self._plain, self._idempotent, self._idempotent, self._compacted, self._commit,
                   self._transaction, self._upkeep)  # fmt: skip
        for _ in range(steps):
            await self.random.choice(actions)()

    def _next(self) -> int:
        self.number += 1
        return self.number

    async def _plain(self) -> None:
        value = self._next()
        if await self._produce(PLAIN, build_batch([(None, b"%d" % value, self.machine.time.now_ms(), ())])) == 0:
            self.plain.append(value)

    async def _compacted(self) -> None:
        key, value = b"%d" % self.random.randrange(_KEYS), self._next()
        if await self._produce(COMPACTED, build_batch([(key, b"%d" % value, self.machine.time.now_ms(), ())])) == 0:
            self.newest[key] = value

    async def _idempotent(self) -> None:
        if self._producer is None:
            made = await self._init(None)
            self._producer, self._sequence = (made.producer_id, made.producer_epoch), 0
        value = self._next() if self._unanswered is None else self._unanswered
        self._unanswered = value
        batch = build_batch(
            [(None, b"%d" % value, self.machine.time.now_ms(), ())],
            producer_id=self._producer[0],
            producer_epoch=self._producer[1],
            base_sequence=self._sequence,
        )
        code = await self._produce(IDEMPOTENT, batch)
        if code == 0:
            self.idempotent.append(value)
            self._sequence += 1
            self._unanswered = None

    async def _commit(self) -> None:
        self.group_sent += 1
        sent = self.group_sent
        partition = OffsetCommitRequest.OffsetCommitRequestPartition(partition_index=0, committed_offset=sent)
        topics = [OffsetCommitRequest.OffsetCommitRequestTopic(name=PLAIN, partitions=[partition])]
        request = OffsetCommitRequest(group_id=GROUP, generation_id_or_member_epoch=-1, topics=topics)
        answer = await self.machine.ask(request, 8, OffsetCommitResponse)
        if answer.topics[0].partitions[0].error_code == 0:
            self.group_at = sent

    async def _transaction(self) -> None:
        """One value into both partitions, and as the group's position; or none of it."""
        name, value = "transactions", self._next()
        made = await self._init(name)
        identity: dict[str, Any] = {"producer_id": made.producer_id, "producer_epoch": made.producer_epoch}
        topics = [
            AddPartitionsToTxnRequest.AddPartitionsToTxnTopic(
                name=TRANSACTED, partitions=list(range(_TRANSACTION_PARTITIONS))
            )
        ]
        await self.machine.ask(
            AddPartitionsToTxnRequest(
                v3_and_below_transactional_id=name,
                v3_and_below_producer_id=made.producer_id,
                v3_and_below_producer_epoch=made.producer_epoch,
                v3_and_below_topics=topics,
            ),
            3,
            AddPartitionsToTxnResponse,
        )
        for partition in range(_TRANSACTION_PARTITIONS):
            batch = build_batch(
                [(None, b"%d" % value, self.machine.time.now_ms(), ())], base_sequence=0, transactional=True, **identity
            )
            await self._produce(TRANSACTED, batch, partition, name)
        await self.machine.ask(
            AddOffsetsToTxnRequest(transactional_id=name, group_id=TRANSACTION_GROUP, **identity),
            3,
            AddOffsetsToTxnResponse,
        )
        at = TxnOffsetCommitRequest.TxnOffsetCommitRequestPartition(partition_index=0, committed_offset=value)
        offsets = [TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic(name=TRANSACTED, partitions=[at])]
        await self.machine.ask(
            TxnOffsetCommitRequest(transactional_id=name, group_id=TRANSACTION_GROUP, topics=offsets, **identity),
            3,
            TxnOffsetCommitResponse,
        )
        commit = self.random.random() < 0.7
        ended = await self.machine.ask(
            EndTxnRequest(transactional_id=name, committed=commit, **identity), 3, EndTxnResponse
        )
        if ended.error_code == 0:
            (self.committed if commit else self.aborted).add(value)

    async def _upkeep(self) -> None:
        """Retention, compaction and checkpoints."""
        self.machine.time.advance(60)
        self.machine.log.maintenance()

    async def _init(self, name: str | None) -> InitProducerIdResponse:
        request = InitProducerIdRequest(transactional_id=name, transaction_timeout_ms=60_000)
        return await self.machine.ask(request, 2, InitProducerIdResponse)

    async def _produce(self, topic: str, batch: bytes, partition: int = 0, transaction: str | None = None) -> int:
        data = [ProduceRequest.PartitionProduceData(index=partition, records=batch)]
        request = ProduceRequest(
            transactional_id=transaction,
            acks=-1,
            timeout_ms=1000,
            topic_data=[ProduceRequest.TopicProduceData(name=topic, partition_data=data)],
        )
        answer = await self.machine.ask(request, 8, ProduceResponse)
        return answer.responses[0].partition_responses[0].error_code

    # What must hold

    async def check(self) -> None:
        """Raises `AssertionError`, naming what was lost, doubled or torn."""
        made = await self._init("transactions")  # the next owner: what is open is aborted
        assert made.error_code == 0
        self._check_producers()
        self._check_transactions()
        newest: dict[bytes, int] = {}
        for record in self.machine.records(COMPACTED):
            newest[record.key or b""] = int(record.value or b"-1")
        older = {key: (newest.get(key), value) for key, value in self.newest.items() if newest.get(key, -1) < value}
        assert not older, f"keys of the compacted topic that lost their newest value: {older}"
        held = self.machine.broker.offsets.get(GROUP, (PLAIN, 0))
        position = -1 if held is None else held.offset
        assert self.group_at <= position <= self.group_sent, "the group's position went back"

    def _check_producers(self) -> None:
        plain = self.machine.values(PLAIN)
        assert set(self.plain) <= set(plain), f"acknowledged and lost: {set(self.plain) - set(plain)}"
        idempotent = self.machine.values(IDEMPOTENT)
        assert len(idempotent) == len(set(idempotent)), "the idempotent producer's records are doubled"
        assert set(self.idempotent) <= set(idempotent), f"lost: {set(self.idempotent) - set(idempotent)}"
        assert all(first < second for first, second in pairwise(idempotent)), "out of order"

    def _check_transactions(self) -> None:
        parts = [self.machine.values(TRANSACTED, index) for index in range(_TRANSACTION_PARTITIONS)]
        assert all(part == parts[0] for part in parts), "a transaction is in one partition only"
        assert self.committed <= set(parts[0]), f"committed and lost: {self.committed - set(parts[0])}"
        assert not self.aborted & set(parts[0]), "an aborted transaction can be read"
        held = self.machine.broker.offsets.get(TRANSACTION_GROUP, (TRANSACTED, 0))
        assert (held.offset if held is not None else None) == (parts[0][-1] if parts[0] else None), (
            "the position of the group is not that of the last transaction"
        )


async def crash_once(seed: str, steps: int = 60, crashes: int = 3) -> None:
    """Clients at work while the process or the power ends at a random byte of a random change, several times.

    Raises `AssertionError` if a promise is broken.
    """
    random = Random(seed)
    machine = Machine()
    await machine.start()
    clients = Clients(machine, random)
    await clients.prepare()
    for _ in range(crashes):
        power = random.random() < 0.5
        machine.storage.kill_at(random.randrange(150), random.choice((0, 1, 7, 30, 61, 100, 1 << 20)))
        try:
            await clients.work(steps)
            machine.storage.kill()
        except (ProcessKilled, HeadwaterError):
            machine.storage.kill()  # a sync that was under way reports the end of the process as a failed one
        await machine.restart(random, power=power)
        await clients.prepare()
        await clients.check()
    await clients.work(steps)
    await clients.check()
