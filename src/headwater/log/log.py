"""The embedded log of one node: topics, atomic commits over many partitions, recovery, retention.

Synchronous and single-threaded: everything is called from the one event loop (or from a tool without one). Only syncing
to disk happens beside it, see `headwater.log.sync`.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import math
import os
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from headwater.core.clock import Clock
from headwater.core.errors import HeadwaterError, LogError, StartupError, TopicExistsError, UnknownTopicError
from headwater.log.checkpoint import Recovered, decode_checkpoint, encode_checkpoint
from headwater.log.configs import check_topic_name, limits_of
from headwater.log.errors import InvalidPartitionsError, StorageError
from headwater.log.journal import Journal, Span
from headwater.log.meta import META, Meta, TopicMeta, decode_meta, encode_meta
from headwater.log.partition import Partition, PartitionHost, Prepared
from headwater.log.recovery import checkpoint, recover, rollback
from headwater.log.retention import apply_retention
from headwater.log.segments import Place
from headwater.log.settings import FsyncPolicy, LogSettings
from headwater.log.slices import run
from headwater.log.storage import Storage
from headwater.log.sync import Syncer, Then
from headwater.log.topic import NewTopic, Topic
from headwater.log.write_health import WriteHealth

logger = logging.getLogger(__name__)

_CHECKPOINT = "checkpoint"
_CLEAN = "clean"
_PRODUCER_IDS = "producer-ids"
_PRODUCER_ID_BLOCK = 1_000
"""Ids taken from the file at a time; what a crash leaves unused is lost, of 2**63."""
_TOPICS = "topics"


class Log:
    """All topics of one node. Call `open` before and `close` after everything else."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        settings: LogSettings | None = None,
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.settings = settings or LogSettings()
        self.clock = clock
        self.cluster_id = ""
        self._storage = storage
        self._random_bytes = random_bytes
        self._topics: dict[str, Topic] = {}
        self._by_id: dict[bytes, Topic] = {}
        self._deleting: dict[str, None] = {}
        """Folders of deleted topics that may still be there, in order."""
        self._partition_count = 0
        self.topics_version = 0
        """Rises when a topic is created, deleted or gets partitions."""
        self._syncer = Syncer(storage, clock, self.settings.fsync, self.settings.fsync_interval_ms)
        self._health = WriteHealth(clock)
        self._host = PartitionHost(storage, clock, self._syncer, self._health, self._want_checkpoint)
        self._journal = Journal(storage)
        self._checkpoint_wanted = False
        self._checkpoint_at = clock.monotonic()
        self._cleaned_at = -math.inf
        self._producer_id = self._producer_id_end = 0

    # Life

    def open(self) -> None:
        """Lock the folder and recover. Raises `StartupError` if it is in use, not writable or unreadable."""
        self._storage.lock()
        try:
            self._recover()
        except LogError as error:
            self._storage.close()
            raise StartupError(f"Cannot open the log: {error}") from error
        except BaseException:
            self._storage.close()
            raise

    def close(self) -> None:
        """Sync, note that the stop was clean, give up the lock. Raises `StorageError` if that cannot be written."""
        try:
            self._syncer.close()
            if self._syncer.failure is None:
                self._write_checkpoint(sync=True)
                self._journal.clear()
                self._storage.replace(_CLEAN, b"", sync=True)
        finally:
            self._storage.close()

    async def durable(self) -> None:
        """Return when everything appended so far is as safe as the fsync policy promises. Raises `StorageError`."""
        await self._syncer.durable()

    def when_durable(self, then: Then) -> None:
        """Call `then` when `durable` would return, with None, or with the error that it would raise."""
        self._syncer.when_durable(then)

    @property
    def write_failure(self) -> StorageError | None:
        """Why nothing could be written when it was last tried; None while writes succeed."""
        return self._syncer.failure or self._health.failure

    # Topics

    def topics(self) -> Mapping[str, Topic]:
        """All topics by name; a live view."""
        return MappingProxyType(self._topics)

    def topic(self, name: str) -> Topic | None:
        """The topic, if it exists."""
        return self._topics.get(name)

    def topic_by_id(self, topic_id: bytes) -> Topic | None:
        """The topic with this id, if it exists."""
        return self._by_id.get(topic_id)

    def partition(self, topic: str, index: int) -> Partition:
        """Raises `UnknownTopicError` if there is no such topic or partition."""
        found = self._topics.get(topic)
        if found is None:
            raise UnknownTopicError(f"Topic {topic} does not exist.")
        if not 0 <= index < len(found.partitions):
            raise UnknownTopicError(f"Topic {topic} has no partition {index}, only 0 to {len(found.partitions) - 1}.")
        return found.partitions[index]

    def create_topic(
        self, name: str, partitions: int = 1, replication: int = 1, configs: Mapping[str, str] | None = None
    ) -> Topic:
        """Create a topic. Raises `TopicExistsError`, `InvalidTopicError`, `InvalidPartitionsError`,
        `InvalidTopicConfigError` or `StorageError`."""
        (made,) = run(self.create_topics([NewTopic(name, partitions, replication, configs or {})]))
        if isinstance(made, HeadwaterError):
            raise made
        return made

    def create_topics(self, wanted: Iterable[NewTopic]) -> Generator[None, None, list[Topic | HeadwaterError]]:
        """Create many topics with one write of the metadata: give it to `run` or `run_in_slices`.

        Returns, for each in order, the topic or what `create_topic` would raise for it. Raises `StorageError`; then
        none of them was created. After a crash all of them are there or none.
        """
        drafts: list[Topic | HeadwaterError] = []
        growth = 0
        for new in wanted:
            try:
                self._check_new(new.name, new.partitions, growth)
                drafts.append(self._new_topic(new))
                growth += new.partitions
            except HeadwaterError as error:
                drafts.append(error)
            yield
        made: list[Topic | HeadwaterError] = []
        fresh: dict[str, Topic] = {}
        growth = 0
        for draft in drafts:  # again, all at once: others may have created some between the steps
            try:
                if isinstance(draft, HeadwaterError):
                    raise draft
                self._check_new(draft.name, len(draft.partitions), growth, fresh)
                fresh[draft.name] = draft
                growth += len(draft.partitions)
                made.append(draft)
            except HeadwaterError as error:
                made.append(error)
        if fresh:
            for topic in fresh.values():
                self._make_room(topic.partitions)
            self._write_meta([*self._topics.values(), *fresh.values()])
            for topic in fresh.values():
                self._register(topic)
        return made

    def check_create_topic(self, name: str, partitions: int = 1, configs: Mapping[str, str] | None = None) -> None:
        """Raises what `create_topic` would for these arguments, and creates nothing."""
        self._check_new(name, partitions, 0)
        limits_of({**self.settings.topic_defaults, **(configs or {})})

    def delete_topic(self, name: str) -> None:
        """Delete a topic and its records. Raises `UnknownTopicError` or `StorageError`."""
        run(self.delete_topics([name]))

    def delete_topics(self, names: Iterable[str]) -> Generator[None, None, None]:
        """Delete topics and their records with one write of the metadata: give it to `run` or `run_in_slices`.

        All are gone after the first step, for good; the others remove files. Raises `UnknownTopicError` or
        `StorageError` in the first step; then none of them was deleted.
        """
        doomed = {name: self._existing(name) for name in names}
        partitions = [partition for topic in doomed.values() for partition in topic.partitions]
        folders = [partition.segments.folder for partition in partitions]
        self._write_meta([t for t in self._topics.values() if t.name not in doomed], [*self._deleting, *folders])
        for topic in doomed.values():
            del self._topics[topic.name], self._by_id[topic.topic_id]
        self._partition_count -= len(partitions)
        self.topics_version += 1
        self._deleting.update(dict.fromkeys(folders))
        for partition in partitions:
            partition.deleted()
        yield
        try:
            yield from self._finish_deletions()
        except StorageError as error:
            logger.warning("Files of deleted topics stay until another one is deleted: %s", error)

    def add_partitions(self, name: str, total: int) -> None:
        """Grow a topic to `total` partitions. Raises `UnknownTopicError`, `InvalidPartitionsError`, `StorageError`."""
        _raise_first(self.grow_topics({name: total}))

    def grow_topics(self, totals: Mapping[str, int]) -> dict[str, HeadwaterError]:
        """Grow topics to so many partitions with one write of the metadata; what `add_partitions` would raise, for
        those that cannot grow. Raises `StorageError`; then none of them has."""
        errors: dict[str, HeadwaterError] = {}
        added: list[tuple[Topic, list[Partition]]] = []
        growth = 0
        for name, total in totals.items():
            try:
                topic, more = self._growth(name, total, growth)
            except HeadwaterError as error:
                errors[name] = error
                continue
            growth += more
            indexes = range(total - more, total)
            added.append((topic, [Partition(self._host, name, topic.topic_id, i, topic.limits) for i in indexes]))
        if not added:
            return errors
        for topic, partitions in added:
            self._make_room(partitions)
            topic.partitions += partitions
        try:
            self._write_meta(self._topics.values())
        except StorageError:
            for topic, partitions in added:
                del topic.partitions[-len(partitions) :]
            raise
        self._partition_count += growth
        self.topics_version += 1
        return errors

    def check_add_partitions(self, name: str, total: int) -> None:
        """Raises what `add_partitions` would for these arguments, and adds nothing."""
        self._growth(name, total, 0)

    def _growth(self, name: str, total: int, others: int) -> tuple[Topic, int]:
        """The topic and how many partitions it gets, while other topics get so many."""
        topic = self._existing(name)
        present = len(topic.partitions)
        if total <= present:
            raise InvalidPartitionsError(f"Topic {name} has {present} partitions; it can only get more, not {total}.")
        self._check_partitions(name, total, others + total - present)
        return topic, total - present

    def alter_configs(self, name: str, changes: Mapping[str, str | None]) -> None:
        """Set configs, or with None go back to the default. Raises `UnknownTopicError`, `InvalidTopicConfigError`,
        `StorageError`; then nothing has changed."""
        _raise_first(self.alter_topics({name: changes}))

    def alter_topics(self, wanted: Mapping[str, Mapping[str, str | None]]) -> dict[str, HeadwaterError]:
        """Change configs of topics with one write of the metadata; what `alter_configs` would raise, for those that
        cannot be changed. Raises `StorageError`; then none of them is."""
        errors: dict[str, HeadwaterError] = {}
        before: list[tuple[Topic, dict[str, str]]] = []
        for name, changes in wanted.items():
            try:
                topic = self._existing(name)
                former = topic.configs
                merged: dict[str, str | None] = {**former, **changes}
                topic.set_configs({key: value for key, value in merged.items() if value is not None})
            except HeadwaterError as error:
                errors[name] = error
                continue
            before.append((topic, former))
        try:
            if before:
                self._write_meta(self._topics.values())
        except StorageError:
            for topic, former in before:
                topic.set_configs(former)
            raise
        return errors

    def _check_new(self, name: str, partitions: int, growth: int, fresh: Collection[str] = ()) -> None:
        """Raises if there can be no new topic like this, with `growth` partitions and `fresh` topics coming too."""
        check_topic_name(name)
        if name in self._topics or name in fresh:
            raise TopicExistsError(f"Topic '{name}' already exists.")
        if partitions < 1:
            raise InvalidPartitionsError(f"Number of partitions must be larger than 0, not {partitions}.")
        self._check_partitions(name, partitions, growth + partitions)

    def _check_partitions(self, name: str, partitions: int, growth: int) -> None:
        """Raises if that many are too many for the topic, or `growth` more for the node."""
        limit = self.settings.max_partitions_per_topic
        if partitions > limit:
            raise InvalidPartitionsError(
                f"{partitions} partitions are too many for topic '{name}': the limit is {limit} "
                "(setting log.max_partitions_per_topic)."
            )
        limit = self.settings.max_partitions
        if self._partition_count + growth > limit:
            raise InvalidPartitionsError(
                f"There is no room for the {partitions} partitions of topic '{name}': the node would have "
                f"{self._partition_count + growth}, its limit is {limit} (setting log.max_partitions)."
            )

    def _new_topic(self, new: NewTopic) -> Topic:
        topic = Topic(
            new.name, self._random_bytes(16), max(new.replication, 1), new.configs, self.settings.topic_defaults
        )
        topic.partitions = [
            Partition(self._host, new.name, topic.topic_id, index, topic.limits) for index in range(new.partitions)
        ]
        return topic

    def _existing(self, name: str) -> Topic:
        topic = self._topics.get(name)
        if topic is None:
            raise UnknownTopicError(f"Topic {name} does not exist.")
        return topic

    def _register(self, topic: Topic) -> None:
        self._topics[topic.name] = topic
        self._by_id[topic.topic_id] = topic
        self._partition_count += len(topic.partitions)
        self.topics_version += 1

    def _write_meta(self, topics: Iterable[Topic], deleting: Iterable[str] | None = None) -> None:
        metas = [TopicMeta(t.name, t.topic_id, len(t.partitions), t.replication, t.configs) for t in topics]
        data = encode_meta(self.cluster_id, metas, self._deleting if deleting is None else deleting)
        try:
            self._storage.replace(META, data, sync=True)
        except StorageError as error:
            self._health.refused(error)
            raise

    def _finish_deletions(self) -> Generator[None, None, None]:
        """Remove the folders of deleted topics; those that resist are tried again at the next chance."""
        while self._deleting:
            self._remove_deleted(next(iter(self._deleting)))
            yield

    def _make_room(self, partitions: Iterable[Partition]) -> None:
        """A new partition may take the folder of a deleted one: that has to be gone before."""
        for partition in partitions:
            if partition.segments.folder in self._deleting:
                self._remove_deleted(partition.segments.folder)

    def _remove_deleted(self, folder: str) -> None:
        self._storage.remove_folder(folder)
        del self._deleting[folder]

    # Commits

    def commit(self, appends: Sequence[tuple[Partition, bytes]]) -> list[int]:
        """Append to many partitions, all or nothing, also across `kill -9`; returns the base offsets in order.

        Batches are trusted: no checksums, no sequence checks. Raises as `Partition.append`; then nothing has changed.
        """
        self._syncer.check()
        by_partition: dict[Partition, bytes | list[bytes]] = {}
        for partition, data in appends:
            known = by_partition.get(partition)
            if known is None:
                by_partition[partition] = data
            elif isinstance(known, list):
                known.append(data)
            else:
                by_partition[partition] = [known, data]
        prepared: list[tuple[Partition, Prepared]] = []
        for partition, whole in by_partition.items():
            joined = b"".join(whole) if isinstance(whole, list) else whole
            prepared.append((partition, partition.prepare(joined, partition.check(joined))))
        bases = _bases(appends, prepared)
        try:
            written = self._write_all(prepared)
        except StorageError as error:
            self._health.refused(error)
            raise
        if self._health.failure is not None:
            self._health.accepted()
        for (partition, batches), position in zip(prepared, written, strict=True):
            partition.finish(batches, position)
        return bases

    def _write_all(self, prepared: Sequence[tuple[Partition, Prepared]]) -> list[int]:
        if len(prepared) == 1 and len(prepared[0][1].headers) == 1:
            partition, batches = prepared[0]  # one batch is whole or cut at recovery: no journal needed
            return [partition.write(batches)]
        if not prepared:
            return []
        mark = -1
        if self._storage.durable:
            if self._syncer.policy is FsyncPolicy.NONE and self._journal.is_long():
                self._journal.clear()
            spans = [Span(p.topic_id, p.index, p.log_end, batches.end) for p, batches in prepared]
            mark = self._journal.begin(spans)
            self._syncer.journal_written(self._journal.size)
        places = [partition.place() for partition, _ in prepared]
        written: list[int] = []
        try:
            for partition, batches in prepared:
                written.append(partition.write(batches))
        except BaseException:
            self._take_back(prepared[: len(written) + 1], places, mark)
            raise
        return written

    def _take_back(self, prepared: Sequence[tuple[Partition, Prepared]], places: Sequence[Place], mark: int) -> None:
        failure: StorageError | None = None
        for (partition, _), place in zip(prepared, places, strict=False):
            try:
                partition.back_to(place)
            except StorageError as error:
                failure = error
        try:
            if mark >= 0 and failure is None:
                self._journal.void(mark)
                self._syncer.journal_written(self._journal.size)
        except StorageError as error:
            failure = error
        if failure is not None:
            # Part of the commit is still in the files; the journal, left as it is, removes it at the next start.
            self._syncer.fail(failure)
            logger.error(
                "A failed commit could not be taken back, the log is read-only until it is opened again: %s", failure
            )

    # Metadata of those above

    def read_metadata(self, name: str) -> bytes | None:
        """What `write_metadata` last stored under the file name; None if nothing. Raises `StorageError`."""
        return self._storage.read(name) if self._storage.size(name) is not None else None

    def write_metadata(self, name: str, data: bytes) -> None:
        """Store it beside the log's own metadata, all or nothing, on disk on return. Raises `StorageError`."""
        self._storage.replace(name, data, sync=True)

    # Producer ids

    def next_producer_id(self) -> int:
        """A producer id that was never given out before, also before a restart. Raises `StorageError`."""
        if self._producer_id >= self._producer_id_end:
            end = self._producer_id + _PRODUCER_ID_BLOCK
            self._storage.replace(_PRODUCER_IDS, b"%d\n" % end, sync=True)
            self._producer_id_end = end
        self._producer_id += 1
        return self._producer_id - 1

    # Recovery

    def _recover(self) -> None:
        was_clean = self._storage.size(_CLEAN) is not None
        meta = self._read_meta()
        self._deleting = dict.fromkeys(meta.deleting)
        self._storage.remove(_CLEAN)
        run(self._finish_deletions())
        if self._storage.size(_PRODUCER_IDS):
            self._producer_id = self._producer_id_end = int(self._storage.read(_PRODUCER_IDS))
        has_checkpoint = self._storage.size(_CHECKPOINT)
        notes = decode_checkpoint(self._storage.read(_CHECKPOINT)) if has_checkpoint else {}
        present = set(self._storage.names(_TOPICS))
        scanned: list[Partition] = []
        for stored in meta.topics:
            topic = Topic(
                stored.name, stored.topic_id, stored.replication, stored.configs, self.settings.topic_defaults
            )
            for index in range(stored.partitions):
                partition = Partition(self._host, topic.name, topic.topic_id, index, topic.limits)
                topic.partitions.append(partition)
                note = notes.get((topic.topic_id, index))
                if note is None and f"{topic.name}-{index}" not in present:
                    continue
                if recover(partition, note, clean=was_clean):
                    scanned.append(partition)
            self._register(topic)
        if not was_clean:
            self._undo_incomplete_commits(notes)
            if self._syncer.policy is not FsyncPolicy.NONE:
                for partition in scanned:  # what is visible has to be on disk
                    self._storage.sync(partition.segments.all[-1].path)
            try:
                self._write_checkpoint(sync=self._syncer.policy is not FsyncPolicy.NONE)
            except StorageError as error:  # a full disk: reading and deleting must still be possible
                logger.warning("No checkpoint could be written, so the next start has to scan as much: %s", error)
        self._journal.clear()
        self._syncer.on_synced = self._shorten_journal

    def _read_meta(self) -> Meta:
        if self._storage.size(META) is not None:
            meta = decode_meta(self._storage.read(META))
            self.cluster_id = meta.cluster_id
            for stored in meta.topics:
                limits_of({**self.settings.topic_defaults, **stored.configs})
            return meta
        if self._storage.names(_TOPICS):
            raise StartupError(
                f"The data folder has topics but no {META}. Restore {META} from a copy, or give another data folder."
            )
        self.cluster_id = base64.urlsafe_b64encode(self._random_bytes(16)).rstrip(b"=").decode()
        self._write_meta([])
        return Meta(self.cluster_id)

    def _undo_incomplete_commits(self, notes: Mapping[tuple[bytes, int], Recovered]) -> None:
        for spans in self._journal.load():
            found = [(self._by_id[s.topic_id].partitions[s.number], s) for s in spans if s.topic_id in self._by_id]
            if all(partition.log_end >= span.end for partition, span in found):
                continue
            for partition, span in found:
                if partition.log_end > span.start:
                    logger.warning(
                        "%s-%d: undoing an incomplete commit, back to offset %d",
                        partition.topic,
                        partition.index,
                        span.start,
                    )
                    rollback(partition, span.start, notes.get((partition.topic_id, partition.index)))

    def _shorten_journal(self, safe: int) -> None:
        before = self._journal.size
        try:
            self._journal.shorten(safe)
        except StorageError as error:
            logger.warning("The journal could not be shortened: %s", error)
        if self._journal.size != before:
            self._syncer.journal_written(self._journal.size)

    # Upkeep

    def maintenance(self) -> None:
        """Retention by time and size, compaction, checkpoint when due. Call it every few seconds.

        What cannot be done, as the disk is full or broken, is logged and tried again.
        """
        for _ in self.maintenance_steps():
            pass

    def maintenance_steps(self) -> Iterator[None]:
        """`maintenance` in steps of a few ms: run one, let others work, run the next. Appends may come in between."""
        now, monotonic = self.clock.now_ms(), self.clock.monotonic()
        to_compact: list[Partition] = []
        cleans = monotonic - self._cleaned_at >= self.settings.retention_check_interval_ms / 1000
        if cleans:
            self._cleaned_at = monotonic
        for partition in self._written_partitions():
            with _reported("clean", partition):
                if cleans:
                    apply_retention(partition, now, self.settings.producer_id_expiration_ms)
                if partition.must_compact(now):
                    to_compact.append(partition)
            yield
        is_due = monotonic - self._checkpoint_at >= self.settings.checkpoint_interval_ms / 1000
        if to_compact or is_due or self._checkpoint_wanted or self._health.failure:  # that, to find that it is over
            try:
                # The old one speaks of positions that compaction changes.
                self._write_checkpoint(sync=bool(to_compact))
            except StorageError as error:
                self._health.refused(error)
                return
        for partition in to_compact:
            with _reported("compact", partition):
                if not partition.is_deleted:
                    yield from partition.compact(now)

    def _written_partitions(self) -> list[Partition]:
        return [p for topic in self._topics.values() for p in topic.partitions if p.segments.all]

    def _want_checkpoint(self) -> None:
        self._checkpoint_wanted = True

    def _write_checkpoint(self, *, sync: bool) -> None:
        self._checkpoint_wanted = False
        self._checkpoint_at = self.clock.monotonic()
        entries = []
        for topic in self._topics.values():
            for partition in topic.partitions:
                entry = checkpoint(partition)
                if entry is not None:
                    entries.append(entry)
        self._storage.replace(_CHECKPOINT, encode_checkpoint(entries), sync=sync)
        self._health.accepted()
        for topic in self._topics.values():
            for partition in topic.partitions:
                if partition.producer_log is not None:
                    partition.producer_log.drop_old()


@contextlib.contextmanager
def _reported(verb: str, partition: Partition) -> Iterator[None]:
    """One partition's failure must not keep the others from being looked after."""
    try:
        yield
    except LogError as error:
        logger.error("Cannot %s %s-%d, will try again: %s", verb, partition.topic, partition.index, error)


def _raise_first(errors: Mapping[str, HeadwaterError]) -> None:
    for error in errors.values():
        raise error


def _bases(appends: Sequence[tuple[Partition, bytes]], prepared: Sequence[tuple[Partition, Prepared]]) -> list[int]:
    """The base offset of each append: those to one partition were joined in order."""
    if len(appends) == len(prepared):
        return [batches.bases[0] for _, batches in prepared]
    upcoming = {
        id(partition): iter(zip(batches.headers, batches.bases, strict=True)) for partition, batches in prepared
    }
    out = []
    for partition, data in appends:
        batches = upcoming[id(partition)]
        remaining = len(data)
        first = -1
        while remaining > 0:
            header, base = next(batches)
            first = base if first < 0 else first
            remaining -= header.size
        out.append(first)
    return out
