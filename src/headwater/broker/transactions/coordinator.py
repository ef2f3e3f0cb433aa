"""The coordinator of transactions: who owns a transactional id, what its transaction covers, how it ends.

Its state is the topic `__transaction_state`; what is kept in memory is a fold of it. A transaction ends by one atomic
commit of the log: a marker in every partition it touched and the new state, so there is never half an end to finish.
The rules are those of KIP-98, KIP-360 (a client may ask for its next epoch), KIP-447 and KIP-890 (each end raises the
epoch, and nothing is written to a partition that the transaction does not cover).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from headwater.broker.errors import Code
from headwater.broker.settings import BrokerSettings
from headwater.broker.timers import Timer, Timers
from headwater.broker.transactions.records import (
    name_from_key,
    transaction_from_value,
    transaction_key,
    transaction_to_value,
)
from headwater.broker.transactions.transaction import Place, ProducerId, State, Transaction, Verdict, judge_end
from headwater.core.clock import Clock
from headwater.core.errors import LogError
from headwater.log.log import Log
from headwater.log.markers import build_marker
from headwater.log.offsets import OFFSETS_TOPIC, OffsetStore
from headwater.log.partition import Partition
from headwater.wire.codec import WireError
from headwater.wire.records import build_batch, read_records

TRANSACTIONS_TOPIC = "__transaction_state"
TV2 = 2
"""The level of Kafka's feature `transaction.version` at which clients follow KIP-890."""
NOBODY = ProducerId(-1, -1)

_CONFIGS = {"cleanup.policy": "compact", "compression.type": "producer", "segment.bytes": str(16 << 20)}
_READ_BYTES = 1 << 20
_RETRY_S = 5.0
"""When an abort that failed (a full disk) is tried again."""
_CLEAN_S = 3_600.0
"""How often unused transactional ids are looked for, as Kafka does."""

logger = logging.getLogger(__name__)


class TransactionCoordinator:
    """All transactional ids of the broker."""

    def __init__(self, log: Log, offsets: OffsetStore, clock: Clock, timers: Timers, settings: BrokerSettings) -> None:
        self._log = log
        self._offsets = offsets
        self._clock = clock
        self._timers = timers
        self._settings = settings
        self._known: dict[str, Transaction] = {}
        self._expiring: dict[str, Timer] = {}
        self._cleaning: Timer | None = None

    @property
    def transactions(self) -> Mapping[str, Transaction]:
        """Every transactional id; a live view."""
        return MappingProxyType(self._known)

    @property
    def any_open(self) -> bool:
        """Whether a transaction is open."""
        return bool(self._expiring)

    # Life

    def load(self) -> None:
        """Replay the topic, abort what nobody is in charge of, set timers. Raises `LogError`."""
        topic = self._log.topic(TRANSACTIONS_TOPIC)
        if topic is not None:
            self._replay(topic.partitions[0])
        self._abort_orphans()
        for transaction in self._known.values():
            if transaction.is_open:
                self._expire_later(transaction)
        self._cleaning = self._timers.call_later(_CLEAN_S, self._clean)

    def close(self) -> None:
        """Stop all timers."""
        for timer in (*self._expiring.values(), self._cleaning):
            if timer is not None:
                timer.cancel()
        self._expiring.clear()

    # Requests of producers; each may raise `LogError`, and then nothing has changed

    def init_producer(self, name: str, timeout_ms: int, known: ProducerId | None) -> tuple[Code, ProducerId]:
        """Put a new owner in charge of the id, or the one that was `known` so far; an open transaction is aborted."""
        if not name:
            return Code.INVALID_REQUEST, NOBODY
        if not 0 < timeout_ms <= self._settings.transaction_max_timeout_ms:
            return Code.INVALID_TRANSACTION_TIMEOUT, NOBODY
        now = self._clock.now_ms()
        found = self._known.get(name)
        if found is None:
            if known is not None:
                return Code.PRODUCER_FENCED, NOBODY
            made = Transaction(name, ProducerId(self._log.next_producer_id(), 0), timeout_ms, updated_ms=now)
            self._store(made)
            return Code.NONE, made.producer
        if not found.can_take_over(known):
            return Code.PRODUCER_FENCED, NOBODY
        if known is not None and known != found.producer:
            return Code.NONE, found.producer
        following = replace(
            found,
            producer=self._next(found),
            timeout_ms=timeout_ms,
            state=State.EMPTY,
            partitions=frozenset(),
            started_ms=-1,
            updated_ms=now,
            previous=known,
        )
        if found.is_open:
            self._finish(found, following, commit=False, marker_epoch=found.producer.epoch + 1)
        else:
            self._store(following)
        return Code.NONE, following.producer

    def add(self, name: str, producer: ProducerId, places: Iterable[Place], *, version: int = 0) -> Code:
        """Let the producer's transaction cover more partitions, which exist; begins one if none is open."""
        found = self._known.get(name)
        code = Code.INVALID_PRODUCER_ID_MAPPING if found is None else found.check(producer)
        if found is None or code:
            return code
        wanted = frozenset(places)
        if found.is_open and wanted <= found.partitions:
            return Code.NONE
        added = found.adding(wanted, self._clock.now_ms(), version)
        self._store(added)
        if not found.is_open:
            self._expire_later(added)
        return Code.NONE

    def add_group(self, name: str, producer: ProducerId, group: str, *, version: int = 0) -> Code:
        """Let the producer's transaction cover offsets of a group."""
        return self.add(name, producer, [self._place_of(group)], version=version)

    def check(self, name: str | None, producer: ProducerId, place: Place) -> Code:
        """Whether the producer has an open transaction that covers the partition."""
        found = self._known.get(name) if name is not None else None
        if found is None:
            return Code.INVALID_PRODUCER_ID_MAPPING
        code = found.check(producer)
        if code:
            return code
        return Code.NONE if found.is_open and place in found.partitions else Code.INVALID_TXN_STATE

    def check_group(self, name: str, producer: ProducerId, group: str) -> Code:
        """As `check`, for the partition that holds the group's offsets."""
        return self.check(name, producer, self._place_of(group))

    def end(self, name: str, producer: ProducerId, *, commit: bool, bumps: bool) -> tuple[Code, ProducerId]:
        """Commit or abort; with `bumps` (KIP-890) the producer goes on under the next epoch, which is returned."""
        found = self._known.get(name)
        if found is None:
            return Code.INVALID_PRODUCER_ID_MAPPING, NOBODY
        repeated = bumps and producer == found.previous and found.state is not State.EMPTY
        code = Code.NONE if repeated else found.check(producer)
        if code:
            return code, NOBODY
        verdict = judge_end(found, repeated=repeated, commit=commit, bumps=bumps)
        if verdict is Verdict.REFUSED:
            return Code.INVALID_TXN_STATE, NOBODY
        if verdict is Verdict.END:
            following = self._next(found) if bumps else found.producer
            ended = found.ended(following, self._clock.now_ms(), commit=commit)
            self._finish(found, ended, commit=commit, marker_epoch=found.producer.epoch + bumps)
        return Code.NONE, self._known[name].producer

    def write_marker(self, producer: ProducerId, place: Place, *, commit: bool, coordinator_epoch: int = 0) -> Code:
        """End whatever the producer has open in one partition, without regard to its transactional id."""
        partition = self._partition(place)
        if partition is None:
            return Code.UNKNOWN_TOPIC_OR_PARTITION
        known = None if partition.producers is None else partition.producers.by_id.get(producer.id)
        if known is not None and producer.epoch < known.epoch:
            return Code.INVALID_PRODUCER_EPOCH
        now = self._clock.now_ms()
        marker = build_marker(*producer, commit=commit, timestamp=now, coordinator_epoch=coordinator_epoch)
        self._log.commit([(partition, marker)])
        if place[0] == OFFSETS_TOPIC:
            self._offsets.end_transaction(producer.id, commit=commit)
        return Code.NONE

    # Time

    def _expire_later(self, transaction: Transaction) -> None:
        left = transaction.started_ms + transaction.timeout_ms - self._clock.now_ms()
        self._call_later(transaction, max(left, 0) / 1000)

    def _call_later(self, transaction: Transaction, seconds: float) -> None:
        self._stop_timer(transaction.name)
        name = transaction.name
        self._expiring[name] = self._timers.call_later(seconds, lambda: self._expire(name))

    def _stop_timer(self, name: str) -> None:
        timer = self._expiring.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _expire(self, name: str) -> None:
        """A transaction was open for too long: it is aborted and its producer fenced."""
        found = self._known[name]
        if not found.is_open:
            return
        fenced = ProducerId(found.producer.id, found.producer.epoch + 1)
        after = replace(found.ended(fenced, self._clock.now_ms(), commit=False), previous=None)
        logger.info("Transaction of %s is aborted: it was open for %d ms", name, found.timeout_ms)
        try:
            self._finish(found, after, commit=False, marker_epoch=fenced.epoch)
        except LogError as error:
            logger.warning("The transaction of %s cannot be aborted, will try again: %s", name, error)
            self._call_later(found, _RETRY_S)

    def _clean(self) -> None:
        """Forget transactional ids that have not been used for long."""
        self._cleaning = self._timers.call_later(_CLEAN_S, self._clean)
        before = self._clock.now_ms() - self._settings.transactional_id_expiration_ms
        gone = [t.name for t in self._known.values() if not t.is_open and t.updated_ms < before]
        if not gone:
            return
        now = self._clock.now_ms()
        try:
            self._log.commit([(self._home(), build_batch([(transaction_key(name), None, now, ()) for name in gone]))])
        except LogError as error:
            logger.warning("Unused transactional ids stay for now: %s", error)
            return
        for name in gone:
            del self._known[name]

    # Storage

    def _store(self, transaction: Transaction) -> None:
        self._log.commit([self._record(transaction)])
        self._known[transaction.name] = transaction

    def _finish(self, before: Transaction, after: Transaction, *, commit: bool, marker_epoch: int) -> None:
        """Append the markers and the new state in one."""
        marker = build_marker(before.producer.id, marker_epoch, commit=commit, timestamp=self._clock.now_ms())
        touched = filter(None, map(self._partition, sorted(before.partitions)))  # without those deleted meanwhile
        self._log.commit([*((partition, marker) for partition in touched), self._record(after)])
        self._known[after.name] = after
        self._offsets.end_transaction(before.producer.id, commit=commit)
        self._stop_timer(after.name)

    def _record(self, transaction: Transaction) -> tuple[Partition, bytes]:
        record = (transaction_key(transaction.name), transaction_to_value(transaction), self._clock.now_ms(), ())
        return self._home(), build_batch([record])

    def _home(self) -> Partition:
        topic = self._log.topic(TRANSACTIONS_TOPIC) or self._log.create_topic(TRANSACTIONS_TOPIC, configs=_CONFIGS)
        return topic.partitions[0]

    def _next(self, transaction: Transaction) -> ProducerId:
        if transaction.is_exhausted:
            return ProducerId(self._log.next_producer_id(), 0)
        return ProducerId(transaction.producer.id, transaction.producer.epoch + 1)

    def _partition(self, place: Place) -> Partition | None:
        topic = self._log.topic(place[0])
        return topic.partitions[place[1]] if topic is not None and 0 <= place[1] < len(topic.partitions) else None

    def _place_of(self, group: str) -> Place:
        partition = self._offsets.partition(group)
        return partition.topic, partition.index

    # Start

    def _replay(self, partition: Partition) -> None:
        offset = partition.log_start
        while offset < partition.log_end:
            data, following = partition.read_on(offset, _READ_BYTES, max_offset=partition.log_end)
            for record in read_records(data):
                try:
                    self._replay_record(record.key or b"", record.value)
                except WireError as error:
                    logger.warning("%s: record at offset %d is left out: %s", TRANSACTIONS_TOPIC, record.offset, error)
            if following <= offset:
                return
            offset = following

    def _replay_record(self, key: bytes, value: bytes | None) -> None:
        name = name_from_key(key)
        if value is None:
            self._known.pop(name, None)
        else:
            self._known[name] = transaction_from_value(name, value)

    def _abort_orphans(self) -> None:
        """Abort what is open in a partition while no transaction covers it: a power cut can lose the record that would.

        Without it readers of committed records would wait for an end for ever.
        """
        covered = {(t.producer.id, *place) for t in self._known.values() for place in t.partitions if t.is_open}
        for topic in self._log.topics().values():
            for partition in topic.partitions:
                producers = partition.producers
                if producers is None or producers.first_open < 0:
                    continue
                for number, producer in list(producers.by_id.items()):
                    if producer.transaction_start >= 0 and (number, topic.name, partition.index) not in covered:
                        logger.warning(
                            "%s-%d: aborting a transaction of producer %d that nobody is in charge of",
                            topic.name,
                            partition.index,
                            number,
                        )
                        place = topic.name, partition.index
                        self.write_marker(ProducerId(number, producer.epoch), place, commit=False)
