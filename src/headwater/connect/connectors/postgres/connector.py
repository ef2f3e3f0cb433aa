"""The connector for PostgreSQL: change data capture with Debezium's configuration and records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headwater.connect.config import Config
from headwater.connect.connectors.postgres.capture import Capture
from headwater.connect.connectors.postgres.connection import connect, connection_parameters
from headwater.connect.connectors.postgres.embedded import EmbeddedCapture
from headwater.connect.connectors.postgres.settings import CONFIG, EMBEDDED
from headwater.connect.errors import ConnectError
from headwater.connect.record import SourceRecord
from headwater.connect.spi import SourceConnector, SourceContext, SourceOffset, SourceTask


class PostgresTask(SourceTask):
    """Captures the changes of one database."""

    def __init__(self) -> None:
        self._capture: Capture | EmbeddedCapture | None = None

    async def start(self, config: Config, context: SourceContext) -> None:
        if self._capture is None:  # else this is another try, after an error that may pass
            embedded = config.text("database.hostname") == EMBEDDED
            self._capture = EmbeddedCapture(config, context) if embedded else Capture(config, context)
        await self._capture.start()

    async def poll(self) -> Sequence[SourceRecord]:
        assert self._capture is not None
        return await self._capture.poll()

    async def commit(self, offsets: Sequence[tuple[SourceOffset, SourceOffset]]) -> None:
        assert self._capture is not None
        self._capture.commit(offsets)

    async def stop(self) -> None:
        if self._capture is not None:
            await self._capture.stop()


class PostgresConnector(SourceConnector):
    """Captures row changes of PostgreSQL tables, as Debezium does: same keys, same topics, same records."""

    names = (
        "io.debezium.connector.postgresql.PostgresConnector",
        "PostgresCdcSource",
        "PostgresCdcSourceV2",
    )
    title = "PostgreSQL CDC"
    config = CONFIG
    task = PostgresTask

    async def validate(self, config: Config) -> Mapping[str, Sequence[str]]:
        if config.text("database.hostname") == EMBEDDED:
            return {}
        try:
            connection = await connect(connection_parameters(config))
        except ConnectError as error:
            return {_to_blame(str(error)): [str(error)]}
        await connection.close()
        return {}


def _to_blame(message: str) -> str:
    """The key whose value a refused connection speaks of."""
    if "password" in message or "database.user" in message:
        return "database.password"
    return "database.dbname" if "database.dbname" in message else "database.hostname"
