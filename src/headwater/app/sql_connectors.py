"""The Connect worker as the SQL engine wants it: the engine's port `Connectors` over a worker of the same node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from headwater.connect.errors import UsageError
from headwater.connect.plugins import is_source
from headwater.connect.worker import Worker
from headwater.engine.connectors import ConnectorError


class SqlConnectors:
    """Refusals of the worker become `ConnectorError`."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def names(self) -> Sequence[str]:
        try:
            return self._worker.names()
        except UsageError as error:
            _refuse(error)

    def status(self, name: str) -> Mapping[str, Any]:
        try:
            return self._worker.status(name)
        except UsageError as error:
            _refuse(error)

    def config(self, name: str) -> Mapping[str, str]:
        try:
            return self._worker.config(name)
        except UsageError as error:
            _refuse(error)

    def topics(self, name: str) -> Sequence[str]:
        try:
            return self._worker.topics(name)
        except UsageError as error:
            _refuse(error)

    def plugins(self) -> Sequence[tuple[str, str, str]]:
        found = self._worker.plugins.all()
        return [(cls.names[0], "source" if is_source(cls) else "sink", cls.version) for cls in found]

    async def create(self, name: str, config: Mapping[str, str]) -> Mapping[str, Any]:
        try:
            return await self._worker.create(name, config)
        except UsageError as error:
            _refuse(error)

    async def delete(self, name: str) -> None:
        try:
            await self._worker.delete(name)
        except UsageError as error:
            _refuse(error)


def _refuse(error: UsageError) -> NoReturn:
    raise ConnectorError(str(error), error.status) from None
