"""What the SQL engine is told at start: its identity and the server's properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from headwater.engine.processing_log import ProcessingLogSettings
from headwater.engine.properties import canonical_name, describe, known_properties


@dataclass(frozen=True)
class EngineSettings:
    """`properties` are the server's, under any spelling; names nobody knows are kept, since plug-ins may read them.

    `advertised` is the `host:port` under which this node shows itself in query statuses.
    """

    properties: Mapping[str, str] = field(default_factory=dict)
    advertised: str = "localhost:8088"
    version: str = "0.1.0"

    @cached_property
    def server(self) -> Mapping[str, str]:
        """The server's properties by canonical name, without defaults."""
        return {canonical_name(name) or name: value for name, value in self.properties.items()}

    def text(self, name: str, session: Mapping[str, str] | None = None) -> str:
        """The value in force of a known property: of the session, else of the server, else the default, else ''."""
        if session is not None and name in session:
            return session[name]
        return self.server.get(name) or describe(name).default or ""

    def flag(self, name: str, session: Mapping[str, str] | None = None) -> bool:
        return self.text(name, session).lower() == "true"

    def integer(self, name: str, session: Mapping[str, str] | None = None) -> int:
        return int(self.text(name, session))

    def effective(self, session: Mapping[str, str]) -> dict[str, str]:
        """Every property with a value, defaults included: what planner and queries are given."""
        return {**self._base, **session}

    @cached_property
    def _base(self) -> dict[str, str]:
        defaults = {name: entry.default for name, entry in known_properties().items() if entry.default is not None}
        return {**defaults, **self.server}

    @property
    def service_id(self) -> str:
        return self.text("ksql.service.id")

    @property
    def command_topic(self) -> str:
        """The topic whose replay is the state of the SQL side."""
        return f"_confluent-ksql-{self.service_id}_command_topic"

    @property
    def state_folder(self) -> Path | None:
        """Where queries keep state that may be larger than memory; None: state is in memory, which is faster."""
        if self.text("default.dsl.store") != "rocksDB":
            return None
        return Path(self.text("state.dir"))

    @cached_property
    def processing_log(self) -> ProcessingLogSettings:
        prefix = "ksql.logging.processing."
        return ProcessingLogSettings(
            topic=self.text(prefix + "topic.name") or f"{self.service_id}ksql_processing_log",
            partitions=self.integer(prefix + "topic.partitions"),
            replication=self.integer(prefix + "topic.replication.factor"),
            stream=self.text(prefix + "stream.name"),
            create_topic=self.flag(prefix + "topic.auto.create"),
            create_stream=self.flag(prefix + "stream.auto.create"),
            include_rows=self.flag(prefix + "rows.include"),
        )
