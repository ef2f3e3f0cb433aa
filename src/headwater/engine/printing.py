"""PRINT: the records of a topic as lines of text, in whatever format they seem to be written (formats section 15)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from headwater.cluster.api import EARLIEST, LATEST, Fetched, TopicPartition
from headwater.core.errors import AnalysisError
from headwater.engine.results import PrintResult
from headwater.engine.services import Services
from headwater.formats.guess import Guesser
from headwater.plan import civil
from headwater.sql import ast
from headwater.wire.records import Record, read_records

_FETCH_BYTES = 1 << 20
_IDLE_SECONDS = 5.0


async def open_print(statement: ast.PrintTopic, services: Services) -> PrintResult:
    """Begin to print. Raises `AnalysisError` for a topic that does not exist."""
    cluster = services.cluster
    await cluster.refresh()
    topic = cluster.topic(statement.topic)
    if topic is None:
        raise AnalysisError(_missing(statement.topic, list(cluster.topics())))
    start = EARLIEST if statement.from_beginning else LATEST
    places = [TopicPartition(topic.name, partition) for partition in range(topic.partitions)]
    positions = {place: await cluster.list_offset(place, start) for place in places}
    return PrintResult(_Printer(statement, services, positions).batches())


def _missing(name: str, topics: Sequence[str]) -> str:
    near = sorted(other for other in topics if other.lower() == name.lower())
    hint = f" Did you mean {' or '.join(near)}?" if near else " SHOW ALL TOPICS lists the names."
    return f"Could not find topic '{name}'. Topic names are case-sensitive.{hint}"


class _Printer:
    """Reads on and on; says which formats the data may have whenever that changes."""

    def __init__(self, statement: ast.PrintTopic, services: Services, positions: dict[TopicPartition, int]) -> None:
        self._services = services
        self._positions = positions
        self._left = statement.limit
        self._interval = statement.interval or 1
        self._seen = 0
        self._keys = Guesser(services.registry, is_key=True)
        self._values = Guesser(services.registry, is_key=False)
        self._announced: tuple[str, str] | None = None

    async def batches(self) -> AsyncIterator[Sequence[str]]:
        cluster = self._services.cluster
        while self._left is None or self._left > 0:
            lines = [
                line for fetched in await cluster.fetch(self._positions, _FETCH_BYTES) for line in self._lines(fetched)
            ]
            if lines:
                yield lines
            elif self._left is None or self._left > 0:
                await cluster.wait(self._positions, _IDLE_SECONDS)

    def _lines(self, fetched: Fetched) -> list[str]:
        place = fetched.partition
        records = read_records(fetched.data, self._positions[place])
        self._positions[place] = fetched.next_offset
        self._keys.learn([record.key for record in records])
        self._values.learn([record.value for record in records])
        lines: list[str] = []
        for record in records:
            if self._left == 0:
                break
            if self._seen % self._interval == 0:
                lines += self._announcement()
                lines.append(self._line(record, place.partition))
                if self._left is not None:
                    self._left -= 1
            self._seen += 1
        return lines

    def _announcement(self) -> list[str]:
        formats = (self._keys.description, self._values.description)
        if formats == self._announced:
            return []
        before, self._announced = self._announced, formats
        names = ("Key format: ", "Value format: ")
        return [
            name + now
            for i, (name, now) in enumerate(zip(names, formats, strict=True))
            if not before or before[i] != now
        ]

    def _line(self, record: Record, partition: int) -> str:
        time = "N/A" if record.timestamp < 0 else _time_text(record.timestamp)
        key, value = self._keys.text(record.key), self._values.text(record.value)
        return f"rowtime: {time}, key: {key}, value: {value}, partition: {partition}"


def _time_text(ms: int) -> str:
    """`2020/01/01 00:00:00.000 Z`."""
    return civil.timestamp_text(ms).replace("-", "/").replace("T", " ") + " Z"
