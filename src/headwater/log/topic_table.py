"""The topics of one node, and the file that says which there are."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from types import MappingProxyType

from headwater.core.errors import HeadwaterError, StartupError, TopicExistsError, UnknownTopicError
from headwater.log.configs import check_topic_name, limits_of
from headwater.log.errors import InvalidPartitionsError, StorageError
from headwater.log.meta import META, Meta, TopicMeta, decode_meta, encode_meta
from headwater.log.partition import Partition, PartitionHost
from headwater.log.settings import LogSettings
from headwater.log.slices import run
from headwater.log.topic import NewTopic, Topic

logger = logging.getLogger(__name__)

TOPICS = "topics"
"""The folder of all partitions' folders."""


class TopicTable:
    """Which topics there are, with their partitions. Every change is one write of the file: all of it or nothing.

    `Log` is one.
    """

    def __init__(self, host: PartitionHost, settings: LogSettings, random_bytes: Callable[[int], bytes]) -> None:
        self.settings = settings
        self.topic_defaults = dict(settings.topic_defaults)
        """Configs of topics that have none of their own; `set_topic_defaults` changes them."""
        self.cluster_id = ""
        self.topics_version = 0
        """Rises when a topic is created, deleted or gets partitions."""
        self._host = host
        self._storage = host.storage
        self._random_bytes = random_bytes
        self._topics: dict[str, Topic] = {}
        self._by_id: dict[bytes, Topic] = {}
        self._deleting: dict[str, None] = {}
        """Folders of deleted topics that may still be there, in order."""
        self._partition_count = 0

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
        limits_of({**self.topic_defaults, **(configs or {})})

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

    def set_topic_defaults(self, defaults: Mapping[str, str]) -> None:
        """What holds from now on for topics without a config of their own, in place of the settings' defaults. Raises
        `InvalidTopicConfigError`; then nothing has changed."""
        limits_of(defaults)
        if defaults == self.topic_defaults:
            return
        self.topic_defaults.clear()
        self.topic_defaults.update(defaults)
        for topic in self._topics.values():
            topic.set_configs(topic.configs)

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
        topic = Topic(new.name, self._random_bytes(16), max(new.replication, 1), new.configs, self.topic_defaults)
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
            self._host.health.refused(error)
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

    def _read_meta(self) -> Meta:
        """What the metadata say, which are written for a new folder. Raises `LogError`, `StartupError`."""
        if self._storage.size(META) is not None:
            meta = decode_meta(self._storage.read(META))
            self.cluster_id = meta.cluster_id
            for stored in meta.topics:
                limits_of({**self.topic_defaults, **stored.configs})
            return meta
        if self._storage.names(TOPICS):
            raise StartupError(
                f"The data folder has topics but no {META}. Restore {META} from a copy, or give another data folder."
            )
        self.cluster_id = base64.urlsafe_b64encode(self._random_bytes(16)).rstrip(b"=").decode()
        self._write_meta([])
        return Meta(self.cluster_id)


def _raise_first(errors: Mapping[str, HeadwaterError]) -> None:
    for error in errors.values():
        raise error
