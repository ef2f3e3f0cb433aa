"""Raw COPY data of a connection on the event loop: what a replication stream and a snapshot's rows come as."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from headwater.connect.connectors.postgres.connection import load_psycopg, refusal, told
from headwater.connect.errors import RetriableError

if TYPE_CHECKING:
    from headwater.connect.connectors.postgres.connection import Connection


class CopyStream:
    """One COPY at a time on a connection. Nothing is read from the socket that nobody took: the server waits then."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._raw: Any = connection.pgconn
        self._pq = load_psycopg().pq
        self.open = False

    async def start(self, command: str, what: str, **remedies: str) -> None:
        """Send a command that is answered with copy data. `what` and `remedies` are for the error."""
        with told(what, **remedies):
            self._raw.send_query(command.encode())
            await self._flush()
            while self._raw.is_busy():
                await self.wait(None)
            result = self._raw.get_result()
        if result is None or result.status not in (self._pq.ExecStatus.COPY_OUT, self._pq.ExecStatus.COPY_BOTH):
            while self._raw.get_result() is not None:  # until the connection is ready for another command
                pass
            raise self._refused(result, what, {code[1:]: text for code, text in remedies.items()})
        self.open = True

    def take(self) -> bytes | None:
        """The next piece of data that is here already; None for none, or when `open` has become False."""
        count, data = self._raw.get_copy_data(1)
        if count > 0:
            return bytes(data)
        if count < 0:
            self.open = False
        return None

    def finish(self, what: str) -> None:
        """After the end of the data: raises what the server has to say about it."""
        problem = None
        while (result := self._raw.get_result()) is not None:
            if result.status == self._pq.ExecStatus.FATAL_ERROR:
                problem = problem or self._refused(result, what, {})
        if problem is not None:
            raise problem

    def receive(self) -> bool:
        """Read what has arrived at the socket; whether there may be something to `take`."""
        with told("reading"):
            self._raw.consume_input()
        return True

    async def wait(self, timeout: float | None) -> bool:
        """Until something arrives, at most so many seconds; whether something did."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[None] = loop.create_future()
        descriptor = self._raw.socket
        loop.add_reader(descriptor, _wake, arrived)
        try:
            async with asyncio.timeout(timeout):
                await arrived
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(descriptor)
        return self.receive()

    def send(self, data: bytes) -> None:
        """Send copy data to the server: a few bytes, which fit into the socket's buffer."""
        with told("sending"):
            self._raw.put_copy_data(data)
            self._raw.flush()

    async def _flush(self) -> None:
        # A command is a few bytes: it fits into the socket's buffer, so this is rarely more than one round.
        while self._raw.flush():  # noqa: ASYNC110 - libpq has no event for it
            await asyncio.sleep(0)

    def _refused(self, result: Any, what: str, remedies: dict[str, str]) -> Exception:
        if result is None:
            return RetriableError(f"PostgreSQL: {what} failed: the connection was lost")
        psycopg = load_psycopg()
        code = result.error_field(self._pq.DiagnosticField.SQLSTATE)
        said = result.error_message.decode("utf-8", "replace").strip() or "the server ended it"
        error = psycopg.errors.lookup(code.decode())(said) if code else psycopg.OperationalError(said)
        return refusal(what, error, remedies)


def _wake(arrived: asyncio.Future[None]) -> None:
    if not arrived.done():
        arrived.set_result(None)
