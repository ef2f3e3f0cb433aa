"""A project of BigQuery, through Google's own client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from headwater.connect.config import Config
from headwater.connect.connectors.bigquery.fields import BigQueryField, Fields
from headwater.connect.connectors.bigquery.merge import PARAMETER, key_names, parameter, statement
from headwater.connect.connectors.bigquery.rows import Row
from headwater.connect.connectors.bigquery.settings import Partitioning
from headwater.connect.connectors.bigquery.target import Refusal, TableName
from headwater.connect.errors import ConnectError, MissingExtraError, RetriableError

_BUSY = frozenset({"rateLimitExceeded", "quotaExceeded", "backendError", "jobRateLimitExceeded", "timeout"})
"""Reasons that mean later, whatever the status."""
_STOPPED = "stopped"
"""The reason of rows that are right, in a request with one that is not."""

Causes = Sequence[Mapping[str, Any]]


class ServerTarget:
    """Requests are sent once: it is the worker that repeats them."""

    def __init__(self, config: Config) -> None:
        try:
            from headwater.connect.connectors.bigquery.login import client
        except ImportError:
            raise MissingExtraError("The BigQuery sink", "bigquery") from None
        self._client: Any = client(config)
        self._once: dict[str, Any] = {"retry": None, "timeout": config.integer("request.timeout.ms") / 1000}
        self._columns: dict[str, frozenset[str]] = {}

    async def check(self, dataset: str) -> None:
        await self._call(lambda: self._client.get_dataset(f"{self._client.project}.{dataset}", **self._once))

    async def fields(self, name: TableName) -> Fields | None:
        from google.api_core.exceptions import NotFound

        def get() -> Fields | None:
            try:
                table = self._client.get_table(self._path(name), **self._once)
            except NotFound as error:
                if "not found: dataset" in str(error).lower():
                    raise
                return None
            return tuple(BigQueryField.of(one.to_api_repr()) for one in table.schema)

        found: Fields | None = await self._call(get)
        self._remember(name, found or ())
        return found

    async def create(self, name: TableName, fields: Fields, partitioning: Partitioning) -> None:
        from google.cloud.bigquery import Table, TimePartitioning

        table = Table(self._path(name), schema=[one.api() for one in fields])
        if partitioning.unit:
            table.time_partitioning = TimePartitioning(partitioning.unit, field=partitioning.column or None)
        await self._call(lambda: self._client.create_table(table, exists_ok=True, **self._once))
        self._remember(name, fields)

    async def widen(self, name: TableName, fields: Fields) -> None:
        def patch() -> None:
            table = self._client.get_table(self._path(name), **self._once)
            table.schema = [one.api() for one in fields]
            self._client.update_table(table, ["schema"], **self._once)

        await self._call(patch)
        self._remember(name, fields)

    async def insert(self, name: TableName, rows: Sequence[Row]) -> list[Refusal]:
        from google.api_core.exceptions import GoogleAPICallError

        place = f"{self._path(name)}${name.partition}" if name.partition else self._path(name)

        def send() -> list[dict[str, Any]] | None:
            values = [dict(row.values or {}) for row in rows]
            try:
                return list(
                    self._client.insert_rows_json(place, values, row_ids=[row.id for row in rows], **self._once)
                )
            except GoogleAPICallError as error:
                if error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                    return None
                if error.code == HTTPStatus.NOT_FOUND:  # a table takes a moment to be ready for rows
                    raise RetriableError(f"Table {name} is not there, or not ready: {error.message}") from error
                raise

        errors = await self._call(send)
        if errors is None:
            return await self._in_halves(rows, "the row is too large for a request", lambda r: self.insert(name, r))
        return await self._settle(name, rows, errors)

    async def _settle(self, name: TableName, rows: Sequence[Row], errors: Sequence[dict[str, Any]]) -> list[Refusal]:
        """Send the right rows of a request again, which a wrong one has stopped; say which are wrong."""
        if not errors:
            return []
        refused: dict[int, str] = {}
        for entry in errors:
            causes = [one for one in entry["errors"] if one.get("reason") != _STOPPED]
            if not causes:
                continue
            reason = "; ".join(
                f"{one.get('message', '')} ({one.get('location') or one.get('reason')})" for one in causes
            )
            if self._is_new(name, causes):
                raise RetriableError(f"Table {name} does not know its new columns yet: {reason}")
            if any(one.get("reason") in _BUSY for one in causes):
                raise RetriableError(f"BigQuery is busy: {reason}")
            refused[entry["index"]] = reason
        if not refused:
            raise RetriableError(f"Table {name} took none of {len(rows)} rows, without a reason")
        kept = [at for at in range(len(rows)) if at not in refused]
        again = await self.insert(name, [rows[at] for at in kept]) if kept else []
        refused |= {kept[one.index]: one.reason for one in again}
        return [Refusal(at, reason) for at, reason in sorted(refused.items())]

    def _is_new(self, name: TableName, causes: Causes) -> bool:
        """Whether it lacks a column that its schema has: streams see a wider table some minutes later."""
        known = self._columns.get(str(name), frozenset())
        return any(
            "no such field" in str(one.get("message")).lower() and str(one.get("location")).lower() in known
            for one in causes
        )

    async def merge(self, name: TableName, fields: Fields, rows: Sequence[Row]) -> list[Refusal]:
        from google.api_core.exceptions import BadRequest
        from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter

        text = statement(self._path(name), fields, key_names(rows))
        config = QueryJobConfig(query_parameters=[ScalarQueryParameter(PARAMETER, "STRING", parameter(rows))])

        def run() -> str:
            """Why not; empty if it is done."""
            try:
                self._client.query(text, job_config=config, job_retry=None, **self._once).result(
                    job_retry=None, **self._once
                )
            except BadRequest as error:
                if _is_busy(error) or "concurrent update" in str(error):
                    raise RetriableError(f"BigQuery is busy: {error.message}") from error
                return str(error.message)
            return ""

        if problem := await self._call(run):
            return await self._in_halves(rows, problem, lambda part: self.merge(name, fields, part))
        return []

    async def _in_halves(
        self, rows: Sequence[Row], problem: str, again: Callable[[Sequence[Row]], Any]
    ) -> list[Refusal]:
        """Do it for each half, down to the row to blame."""
        if len(rows) == 1:
            return [Refusal(0, problem)]
        half = len(rows) // 2
        first, second = await again(rows[:half]), await again(rows[half:])
        return [*first, *(Refusal(half + one.index, one.reason) for one in second)]

    def _path(self, name: TableName) -> str:
        return f"{self._client.project}.{name}"

    def _remember(self, name: TableName, fields: Fields) -> None:
        self._columns[str(name)] = frozenset(one.name.lower() for one in fields)

    async def _call(self, function: Callable[[], Any]) -> Any:
        with server_errors():
            return await asyncio.to_thread(function)

    async def close(self) -> None:
        await asyncio.to_thread(self._client.close)


@contextmanager
def server_errors() -> Iterator[None]:
    """Turn the client's errors into what the worker decides by."""
    import requests
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.exceptions import GoogleAuthError, InvalidOperation, TransportError

    try:
        yield
    except TransportError as error:
        raise RetriableError(f"The server that checks logins does not answer: {error}") from error
    except InvalidOperation as error:  # what nobody says when asked who it is
        raise ConnectError("keyfile: the server wants a login, and there is none") from error
    except GoogleAuthError as error:
        if getattr(error, "retryable", False):
            raise RetriableError(f"The server that checks logins could not do it now: {error}") from error
        raise ConnectError(f"keyfile: Google refuses the login: {error.args[0] if error.args else error}") from error
    except GoogleAPICallError as error:
        raise _told(error) from error
    except (RetryError, requests.RequestException, OSError) as error:
        raise RetriableError(f"project: BigQuery does not answer: {error}") from error


def _told(error: Any) -> ConnectError:
    """What an answer with a status means."""
    status = int(error.code or 0)
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.PRECONDITION_FAILED) or status >= 500 or _is_busy(error):
        return RetriableError(f"BigQuery could not do it now ({status}): {error.message}")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return ConnectError(f"keyfile: BigQuery refuses this login ({status}): {error.message}")
    if status == HTTPStatus.NOT_FOUND:
        return ConnectError(f"project or datasets: {error.message}")
    return ConnectError(f"BigQuery refuses ({status}): {error.message}")


def _is_busy(error: Any) -> bool:
    return any(one.get("reason") in _BUSY for one in error.errors if isinstance(one, Mapping))
