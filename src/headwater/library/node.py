"""`Node` and `Query`: the library for programs without an event loop."""

from __future__ import annotations

import atexit
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload

from headwater.core.schema import Column
from headwater.engine.entities import Entity
from headwater.library.async_node import AsyncNode
from headwater.library.async_query import AsyncQuery
from headwater.library.coercion import RowLike
from headwater.library.loop import BackgroundLoop
from headwater.library.rows import Row, Rows
from headwater.library.server import Server

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow


class Node:
    """A node, in this process or elsewhere: `AsyncNode` with methods that wait.

    It is started when made. Its event loop runs in one background thread; any thread may call any method. Close it,
    or use it in `with`; what is still open when the process ends is closed then.
    """

    def __init__(self, server: Server) -> None:
        self._loop = BackgroundLoop("headwater node")
        self._node = AsyncNode(server)
        try:
            self._loop.run(_started(self._node))
        except BaseException:
            self._loop.stop()
            raise
        atexit.register(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the node, or end the connection. Open queries end. Nothing happens the second time."""
        atexit.unregister(self.close)
        if self._loop.is_running:
            try:
                self._loop.run(self._node.close())
            finally:
                self._loop.stop()

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Addresses that accept connections, by name: `kafka`, `ksqldb`."""
        return self._node.endpoints

    @property
    def properties(self) -> dict[str, object]:
        """Properties of the session, such as `auto.offset.reset`: SET and UNSET change them, and so may you."""
        return self._node.properties

    @property
    def variables(self) -> dict[str, str]:
        """Variables of the session: values of `${name}`. DEFINE and UNDEFINE change them, and so may you."""
        return self._node.variables

    def execute(self, sql: str, properties: Mapping[str, object] | None = None) -> list[Entity]:
        """As `AsyncNode.execute`."""
        return self._loop.run(self._node.execute(sql, properties))

    def query(self, sql: str, properties: Mapping[str, object] | None = None) -> Query:
        """Begin one SELECT (or PRINT). A pull query has all rows when this returns; a push query's come as they come.

        `properties` hold for this query. Raises `StatementError`.
        """
        return Query(self._node.query(sql, properties), self._loop)

    def insert(self, target: str, rows: Iterable[RowLike] | Mapping[str, Any] | Row) -> int:
        """As `AsyncNode.insert`. The rows are iterated over in the caller's thread."""
        insertion = self._loop.run(self._node.insertion(target))
        for batch in insertion.batches(rows):
            self._loop.run(insertion.write(batch))
        return insertion.count

    def settle(self) -> None:
        """Return when every running query has consumed and committed all there is."""
        self._loop.run(self._node.settle())


async def _started(node: AsyncNode) -> None:
    await node


class Query(Sequence[Row]):
    """The rows of one query.

    Iterating gives rows as they come, each once if it is a push query, and ends the query when the loop ends, in
    whatever way. A pull query's are a list as well: they have a length and places, and may be iterated over again.
    `rows()` and the conversions wait until the query ends, so a push query needs a LIMIT for them.
    """

    def __init__(self, query: AsyncQuery, loop: BackgroundLoop) -> None:
        self._query = query
        self._loop = loop
        try:
            answer = loop.run(query.open())
            self._rows = None if answer.is_push else loop.run(query.rows())
        except BaseException:
            self.close()  # Ctrl-C may come when it has just been opened
            raise
        self.columns: tuple[Column, ...] = answer.columns
        """Name and SQL type of each column."""
        self.query_id = answer.query_id
        self.is_push = answer.is_push
        self._coming = self._arriving()

    def _arriving(self) -> Generator[Row, None, None]:
        """The rows in order; closing the generator ends the query."""
        if self._rows is not None:
            yield from self._rows
            return
        try:
            while rows := self._loop.run(self._query.next_rows()):
                yield from rows
        finally:
            self.close()

    def __iter__(self) -> Iterator[Row]:
        return self._coming_rows() if self._rows is None else iter(self._rows)

    def _coming_rows(self) -> Generator[Row, None, None]:
        yield from self._coming  # when the loop is left this generator is closed, and with it the inner one

    def __next__(self) -> Row:
        """The next row, waiting for it."""
        return next(self._coming)

    @overload
    def __getitem__(self, at: int) -> Row: ...

    @overload
    def __getitem__(self, at: slice) -> Rows: ...

    def __getitem__(self, at: int | slice) -> Row | Rows:
        return self._present()[at]

    def __len__(self) -> int:
        return len(self._present())

    def __eq__(self, other: object) -> bool:
        return self is other if self._rows is None else self._rows == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Query {self.query_id}>" if self._rows is None else repr(self._rows)

    def _present(self) -> Rows:
        if self._rows is None:
            raise TypeError("a push query's rows have no places: iterate over them, or call rows() if it has a LIMIT")
        return self._rows

    def rows(self) -> Rows:
        """All rows; of a push query those that are still to come."""
        return Rows(self.columns, list(self)) if self._rows is None else self._rows

    def to_dicts(self) -> list[dict[str, Any]]:
        """`Rows.to_dicts` of all rows."""
        return self.rows().to_dicts()

    def to_arrow(self) -> pyarrow.Table:
        """`Rows.to_arrow` of all rows."""
        return self.rows().to_arrow()

    def to_pandas(self) -> pandas.DataFrame:
        """`Rows.to_pandas` of all rows."""
        return self.rows().to_pandas()

    def to_polars(self) -> polars.DataFrame:
        """`Rows.to_polars` of all rows."""
        return self.rows().to_polars()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the query. Nothing happens the second time."""
        if self._loop.is_own_thread:  # the garbage collector runs wherever it likes
            self._loop.start(self._query.close())
        elif self._loop.is_running:
            self._loop.run(self._query.close())
