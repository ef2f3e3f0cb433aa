"""`MemoryNode`: a node for tests, in memory, whose time stands still until a test moves it."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from headwater.cases.encoding import TopicCodec
from headwater.cluster.api import EARLIEST, Cluster, Commit, TopicPartition, TopicSpec
from headwater.cluster.batches import Partitioner, appends
from headwater.core.errors import UnknownTopicError
from headwater.core.names import quote
from headwater.formats.schema_registry import LocalSchemaRegistry
from headwater.library.coercion import RowLike, timestamp
from headwater.library.local import LocalServer
from headwater.library.loop import BackgroundLoop
from headwater.library.node import Node
from headwater.library.rows import Row
from headwater.library.starting import local_server
from headwater.library.values import from_memory, row_maker
from headwater.plan.catalog import DataSource
from headwater.testing.clock import START_MS, ManualClock
from headwater.testing.record import OutputRecord, Record, payload
from headwater.wire.records import read_records

PROPERTIES: Mapping[str, str] = {
    "ksql.streams.auto.offset.reset": "earliest",
    "ksql.logging.processing.topic.auto.create": "false",
    "ksql.logging.processing.stream.auto.create": "false",
}
"""What differs from a server's defaults: queries read what is there already."""


class NodeClock:
    """A `ManualClock` of a node in another thread."""

    def __init__(self, clock: ManualClock, loop: BackgroundLoop) -> None:
        self._clock = clock
        self._loop = loop

    @property
    def now_ms(self) -> int:
        """Wall clock, ms since the epoch."""
        return self._clock.now_ms()

    @property
    def now(self) -> datetime.datetime:
        """Wall clock, UTC."""
        return datetime.datetime.fromtimestamp(self.now_ms / 1000, datetime.UTC)

    def advance(self, by: int | datetime.timedelta) -> None:
        """Let time pass, ms or a timedelta: timers that are due go off."""
        ms = by if isinstance(by, int) else by // datetime.timedelta(milliseconds=1)

        async def move() -> None:
            self._clock.advance(ms)

        self._loop.run(move())

    def set(self, to: int | datetime.datetime) -> None:
        """Set the wall clock, ms since the epoch or a datetime, also back. No timer notices."""
        self._clock.set(to if isinstance(to, int) else timestamp(to))


class MemoryNode(Node):
    """A node in memory with a manual clock. Rows inserted without ROWTIME have the clock's time.

    `properties` are ksqlDB's, server-wide; a port, 0 for a free one, lets it listen. Functions that wait, such as
    ASSERT with a TIMEOUT, wait for the clock.
    """

    def __init__(
        self,
        properties: Mapping[str, str] | None = None,
        *,
        now_ms: int = START_MS,
        kafka_port: int | None = None,
        ksql_port: int | None = None,
    ) -> None:
        clock = ManualClock(now_ms)
        self._server: LocalServer = local_server(
            memory=True,
            kafka_port=kafka_port,
            ksql_port=ksql_port,
            properties={**PROPERTIES, **(properties or {})},
            clock=clock,
        )
        super().__init__(self._server)
        self.clock = NodeClock(clock, self._loop)
        """The time of the node."""

    def feed(self, where: str, records: Iterable[Record | RowLike]) -> int:
        """Put records somewhere and wait until all queries have consumed them; returns how many.

        `where` is a stream or table as SQL names it, or a topic. Rows are inserted as `insert` does, into the stream
        or table of that name or the first one over that topic; ROWTIME is their timestamp. `Record`s are written as
        they are; the topic is created if there is none. Raises `InsertError`, `UnknownTopicError`.
        """
        source = self._source(where)
        count = 0
        for is_raw, group in groupby(records, lambda record: isinstance(record, Record)):
            items: list[Any] = list(group)
            count += len(items)
            if is_raw:
                self._loop.run(self._produce(where if source is None else source.topic, items))
            elif source is not None:
                self.insert(quote(source.name), items)
            else:
                raise UnknownTopicError(f"No stream or table is called {where} or is over a topic of that name.")
        self.settle()
        return count

    def output(self, where: str) -> list[OutputRecord]:
        """All records of a topic, by its name or that of a stream or table over it, once all queries have settled.

        Partition by partition, in the order of offsets. Raises `UnknownTopicError`.
        """
        self.settle()
        source = self._source(where)
        return self._loop.run(self._read(where if source is None else source.topic, source))

    @property
    def _cluster(self) -> Cluster:
        return self._server.cluster

    def _source(self, where: str) -> DataSource | None:
        catalog = self._server.engine.metastore
        exact = where[1:-1] if len(where) > 2 and where[0] == where[-1] == "`" else where.upper()
        return catalog.get(exact) or next(iter(catalog.on_topic(where)), None)

    async def _produce(self, topic: str, records: Sequence[Record]) -> None:
        info = self._cluster.topic(topic)
        if info is None:
            await self._cluster.create_topics([TopicSpec(topic)])
        encoded = [
            (payload(record.key), payload(record.value), self._timestamp(record), tuple(record.headers))
            for record in records
        ]
        parts = Partitioner(1 if info is None else info.partitions).split(encoded)
        work = [append for partition, chunk in parts for append in appends(topic, partition, chunk)]
        await self._cluster.commit(Commit(work))

    def _timestamp(self, record: Record) -> int:
        if record.timestamp is None:
            return self.clock.now_ms
        return record.timestamp if isinstance(record.timestamp, int) else timestamp(record.timestamp)

    async def _read(self, topic: str, source: DataSource | None) -> list[OutputRecord]:
        info = self._cluster.topic(topic)
        if info is None:
            raise UnknownTopicError(f"There is no topic {topic}, nor a stream or table of that name.")
        decoder = None if source is None else _Decoder(source, self._server.engine.registry or LocalSchemaRegistry())
        found: list[OutputRecord] = []
        for partition in range(info.partitions):
            place = TopicPartition(topic, partition)
            position = await self._cluster.list_offset(place, EARLIEST)
            while batches := await self._cluster.fetch({place: position}):
                for record in read_records(batches[0].data, position):
                    decoded: tuple[Any, Any, tuple[int, int] | None] = (record.key, record.value, None)
                    if decoder is not None:
                        decoded = decoder.decode(record.key, record.value)
                    headers = tuple(record.headers)
                    found.append(OutputRecord(*decoded, record.timestamp, headers, partition, record.offset))
                position = batches[0].next_offset
        return found


class _Decoder:
    """Reads records with the formats and columns of one stream or table."""

    def __init__(self, source: DataSource, registry: Any) -> None:
        self._codec = TopicCodec(source, registry)
        self._key = row_maker(source.schema.key, from_memory)
        self._value = row_maker(source.schema.value, from_memory)
        self._single = len(source.schema.key) == 1

    def decode(self, key: bytes | None, value: bytes | None) -> tuple[Any, Row | None, tuple[int, int] | None]:
        """Key, value and window. Raises `DeserializationError`."""
        inner, window = self._codec.split_window(key)
        found: Any = None
        if inner is not None:
            row = self._key([self._codec.key.values(inner)])[0]
            found = row[0] if self._single else row
        made = None if value is None else self._value([self._codec.value.values(value)])[0]
        return found, made, None if window is None else window[:2]
