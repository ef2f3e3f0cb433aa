"""`LocalServer`: the node in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headwater.app.node import Node
from headwater.cluster.api import Cluster
from headwater.core.clock import Clock
from headwater.core.errors import AnalysisError
from headwater.core.names import quote
from headwater.core.schema import Column
from headwater.core.settings import Settings
from headwater.core.types import STRING
from headwater.engine.engine import Engine
from headwater.engine.entities import Entity
from headwater.engine.results import PrintResult, ResultKind, RowResult
from headwater.library.coercion import InsertRow, Target
from headwater.library.errors import ClosedError
from headwater.library.rows import Row
from headwater.library.server import Answer, Session
from headwater.library.values import from_memory, row_maker
from headwater.plan.catalog import DataSource
from headwater.plan.problems import did_you_mean


class LocalServer:
    """Starts and stops a node of its own; `listeners` are those that accept connections."""

    def __init__(self, settings: Settings, listeners: Sequence[str] = (), clock: Clock | None = None) -> None:
        self._node = Node(settings, clock, listeners)
        self._running = False
        self.endpoints: Mapping[str, str] = {}

    async def start(self) -> None:
        """Start the node and replay its statements."""
        await self._node.start()
        self._running = True
        self.endpoints = {endpoint.name: endpoint.address for endpoint in self._node.endpoints}

    async def close(self) -> None:
        """Stop the node; queries make a last commit."""
        self._running = False
        await self._node.close()

    @property
    def engine(self) -> Engine:
        """The SQL side. Raises `ClosedError` unless the node runs."""
        if not self._running:
            raise ClosedError("The node is not running: it was closed, or never started.")
        return self._node.engine

    @property
    def cluster(self) -> Cluster:
        """Where topics are. Raises `ClosedError` unless the node runs."""
        return self.engine.cluster

    async def execute(self, text: str, session: Session) -> list[Entity]:
        """As POST /ksql does."""
        return await self.engine.execute(text, session.properties, session.variables)

    async def query(self, text: str, session: Session) -> Answer:
        """As POST /query-stream does."""
        result = await self.engine.query(text, session.properties, session.variables)
        return LocalLines(result) if isinstance(result, PrintResult) else LocalAnswer(result)

    def source(self, name: str) -> DataSource:
        """The stream or table. Raises `AnalysisError` if there is none."""
        known = self.engine.metastore
        exact = name[1:-1] if len(name) > 2 and name[0] == name[-1] == "`" else name.upper()
        source = known.get(exact)
        if source is None:
            raise AnalysisError(f"There is no stream or table {name}.{did_you_mean(exact, known.sources)}")
        return source

    async def target(self, name: str) -> Target:
        """From the catalog."""
        source = self.source(name)
        schema = source.schema
        key = tuple(column.name for column in schema.key)
        return Target(source.name, source.is_table, (*schema.key, *schema.value), key)

    async def append(self, target: Target, rows: Sequence[InsertRow]) -> None:
        """Encode all, then write one batch per partition."""
        channel = self.engine.open_inserts(quote(target.name))
        names = [column.name for column in target.columns]
        now = self.engine.clock.now_ms()
        records = [
            channel.encode(dict(zip(names, row.values, strict=True)), now if row.rowtime is None else row.rowtime)
            for row in rows
        ]
        await channel.append(records)

    async def settle(self) -> None:
        """Queries that failed or are paused count as done."""
        await self.engine.runtime.settle()


class LocalAnswer:
    """Rows of a SELECT. A row that a table's query takes back is no row, as in /query-stream."""

    def __init__(self, result: RowResult) -> None:
        self.columns = result.schema.columns
        self.query_id = result.query_id
        self.is_push = result.kind is ResultKind.PUSH
        self._result = result
        self._make = row_maker(self.columns, from_memory)

    async def next_rows(self) -> list[Row]:
        """The rows of the query's next batch."""
        try:
            async for batch in self._result:
                rows = self._make([row.values for row in batch if not row.tombstone])
                if rows:
                    return rows
        except BaseException:
            await self.close()
            raise
        await self.close()
        return []

    async def close(self) -> None:
        """End the query."""
        await self._result.close()


class LocalLines:
    """Lines of a PRINT, as rows of one column."""

    is_push = True
    query_id = ""
    columns: tuple[Column, ...] = (Column("LINE", STRING),)

    def __init__(self, result: PrintResult) -> None:
        self._result = result
        self._make = row_maker(self.columns, from_memory)

    async def next_rows(self) -> list[Row]:
        """The lines of the next batch."""
        async for batch in self._result:
            return self._make([(line,) for line in batch])
        await self.close()
        return []

    async def close(self) -> None:
        """End the PRINT."""
        await self._result.close()
