"""`AsyncNode`: the library for programs that run an event loop. The blocking `Node` is a shell around it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Generator, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self

from headwater.core.errors import ParseError
from headwater.engine.entities import CurrentStatus, Entity
from headwater.engine.errors import ErrorCode, StatementError
from headwater.library.async_query import AsyncQuery
from headwater.library.coercion import RowLike
from headwater.library.insertion import Insertion
from headwater.library.rows import Row
from headwater.library.server import Answer, Server, Session
from headwater.sql import ast
from headwater.sql.parser import Dialect, iterate_statements
from headwater.sql.rules.administration import FIRST_WORDS
from headwater.sql.tokens import END, tokenize

_SESSION_WORDS = re.compile(r"\b(?:SET|UNSET|DEFINE|UNDEFINE)\b", re.IGNORECASE)


class AsyncNode:
    """A node, in this process or elsewhere. Use it in `async with`, or `await` it and `close` it.

    `properties` and `variables` are what SET and DEFINE have set; they may also be changed directly. Everything raises
    `HeadwaterError`s; a refused statement is a `StatementError`.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        """The port behind; for test support, not for programs."""
        self._session = Session()
        self._started = False

    async def __aenter__(self) -> Self:
        return await self._start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __await__(self) -> Generator[Any, None, Self]:
        return self._start().__await__()

    async def _start(self) -> Self:
        if not self._started:
            self._started = True
            await self.server.start()
        return self

    async def close(self) -> None:
        """Stop the node, or end the connection. Open queries end."""
        await self.server.close()

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Addresses that accept connections, by name: `kafka`, `ksqldb`."""
        return self.server.endpoints

    @property
    def properties(self) -> dict[str, object]:
        """Properties of the session, such as `auto.offset.reset`."""
        return self._session.properties

    @property
    def variables(self) -> dict[str, str]:
        """Variables of the session: values of `${name}`."""
        return self._session.variables

    async def execute(self, sql: str, properties: Mapping[str, object] | None = None) -> list[Entity]:
        """Carry out one or more statements, all of which are checked before the first is run.

        `properties` hold for this call. Returns what the statements answer, as `headwater.engine.entities` describes.
        Raises `StatementError` with the statement, its place, and the entities of those before it.
        """
        session = self._session_with(properties)
        try:
            entities = await self.server.execute(sql, session)
        except StatementError as error:
            if error.code is ErrorCode.QUERY_ENDPOINT:
                text = "SELECT and PRINT answer with rows: give them to query(), one at a time."
                raise StatementError(text, error.code, error.statement, error.entities) from None
            raise
        done: list[Entity] = []
        for entity in entities:
            if isinstance(entity, CurrentStatus) and entity.command_status.status == "ERROR":
                message, text = entity.command_status.message, entity.statement_text
                raise StatementError(message, statement=text, entities=tuple(done))
            done.append(entity)
        if _SESSION_WORDS.search(sql):
            self._note_session(sql)
        return entities

    def query(self, sql: str, properties: Mapping[str, object] | None = None) -> AsyncQuery:
        """One SELECT (or PRINT): `await` it for all rows, iterate over it for rows as they come.

        Nothing happens before that. `properties` hold for this query.
        """
        return AsyncQuery(partial(self._open, sql, self._session_with(properties)))

    async def _open(self, sql: str, session: Session) -> Answer:
        first = tokenize(sql).kinds[0]
        if first == END or (first in FIRST_WORDS and first not in ("SELECT", "PRINT")):
            text = "query() takes one SELECT or PRINT: give other statements to execute()."
            raise StatementError(text, statement=sql)
        return await self.server.query(sql if sql.rstrip().endswith(";") else f"{sql};", session)

    async def insert(self, target: str, rows: Iterable[RowLike] | Mapping[str, Any] | Row) -> int:
        """Insert rows into a stream or table; returns how many.

        A row is a mapping of column names to values, or a sequence of values in the order of DESCRIBE; a single
        mapping or `Row` is one row. ROWTIME may be among the names: ms since the epoch or a datetime. Values are
        converted as INSERT VALUES does. Rows are written in batches: when `InsertError` names row n, those of earlier
        batches are in.
        """
        insertion = await self.insertion(target)
        for batch in insertion.batches(rows):
            await insertion.write(batch)
        return insertion.count

    async def insertion(self, target: str) -> Insertion:
        """What `insert` does, in steps."""
        return Insertion(self.server, await self.server.target(target))

    async def settle(self) -> None:
        """Return when every running query has consumed and committed all there is."""
        await self.server.settle()

    def _session_with(self, properties: Mapping[str, object] | None) -> Session:
        return Session({**self._session.properties, **(properties or {})}, dict(self._session.variables))

    def _note_session(self, sql: str) -> None:
        """Keep what the script has set: a request's session ends with it, a node's goes on."""
        variables = self._session.variables
        with contextlib.suppress(ParseError):  # what another server understands and we do not sets nothing
            for statement in iterate_statements(sql, variables, dialect=Dialect.SHELL):
                match statement:
                    case ast.SetProperty(name=name, value=value):
                        self._session.properties[name] = value
                    case ast.UnsetProperty(name=name):
                        self._session.properties.pop(name, None)
                    case ast.DefineVariable(name=name, value=value):
                        variables[name] = value
                    case ast.UndefineVariable(name=name):
                        variables.pop(name, None)
