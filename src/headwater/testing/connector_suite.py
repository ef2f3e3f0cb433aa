"""What any connector must do, as tests to inherit: restart, pause, duplicate delivery, bad records, schema change,
haste.

    class TestLines(SourceConnectorSuite):
        connectors = (LinesConnector,)

        def config(self) -> dict[str, str]:
            return {"connector.class": "com.example.Lines", "file": str(self.folder / "in.txt"), "topic": self.topic}

        async def add(self, items: Sequence[int]) -> None:
            ...  # put them into the source

        def item(self, value: Any) -> int:
            return int(value)  # which item a record's value is

The tests need pytest-asyncio in mode `auto`, or a marker on the subclass.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from headwater.connect.config import HIDDEN
from headwater.connect.spi import Connector
from headwater.testing.connect_rig import ConnectRig

NAME = "tested"


class ConnectorSuite:
    """What both kinds must do."""

    connectors: ClassVar[tuple[type[Connector], ...]] = ()
    """Classes that are found neither among the built-in connectors nor by entry point."""
    topic: ClassVar[str] = "items"
    required: ClassVar[str] = ""
    """A key without which the configuration is wrong; empty for none."""
    environment: ClassVar[dict[str, str]] = {}

    rig: ConnectRig
    folder: Path

    @pytest_asyncio.fixture(autouse=True)
    async def _rig(self, tmp_path: Path) -> AsyncIterator[None]:
        self.folder = tmp_path
        async with ConnectRig(tmp_path / "services", self.connectors, environment=self.environment) as rig:
            self.rig = rig
            await self.set_up()
            yield
            await self.tear_down()

    def config(self) -> dict[str, str]:
        """Of the connector, without `name`."""
        raise NotImplementedError

    def full_config(self) -> dict[str, str]:
        """With what the suite adds."""
        return self.config()

    async def set_up(self) -> None:
        """Before each test."""

    async def tear_down(self) -> None:
        """After each test, while the worker still runs."""

    async def test_a_missing_key_is_an_error_of_that_field(self) -> None:
        if not self.required:
            pytest.skip("no key is required")
        config = self.full_config()
        del config[self.required]
        found = await self.rig.worker.validate(config["connector.class"], {"name": NAME, **config})
        wrong = [entry["value"]["name"] for entry in found["configs"] if entry["value"]["errors"]]
        assert wrong == [self.required]

    async def test_an_unknown_key_is_a_warning(self) -> None:
        config = {"name": NAME, **self.full_config(), "no.such.key": "1"}
        found = await self.rig.worker.validate(config["connector.class"], config)
        assert found["error_count"] == 0
        assert any("no.such.key" in warning for warning in found["warnings"])

    async def test_secrets_are_hidden(self) -> None:
        await self.rig.create(NAME, self.full_config())
        connector = self.rig.plugins.find(self.full_config()["connector.class"])
        shown = self.rig.worker.config(NAME)
        for key, value in self.full_config().items():
            if connector.config.is_secret(key):
                assert shown[key] == HIDDEN, value


class SourceConnectorSuite(ConnectorSuite):
    """A source of items that are told apart by number. `add` puts more into the source, in order."""

    async def add(self, items: Sequence[int]) -> None:
        """Put items into the source."""
        raise NotImplementedError

    def item(self, value: Any) -> int:
        """The number of the item that a record's JSON value is."""
        raise NotImplementedError

    async def arrived(self) -> list[int]:
        """The items in the topic, in order."""
        return [self.item(value) for value in await self.rig.values(self.topic) if value is not None]

    async def _until_arrived(self, items: Sequence[int]) -> None:
        async def all_there() -> bool:
            return len(await self.arrived()) >= len(items)

        await self.rig.until(all_there, f"{len(items)} items")
        assert await self.arrived() == list(items)

    async def test_everything_arrives_once_and_in_order(self) -> None:
        await self.add(range(50))
        await self.rig.create(NAME, self.config())
        await self._until_arrived(range(50))
        await self.add(range(50, 100))
        await self._until_arrived(range(100))

    async def test_a_restarted_node_goes_on_where_it_was(self) -> None:
        await self.add(range(20))
        await self.rig.create(NAME, self.config())
        await self._until_arrived(range(20))
        await self.rig.restart()
        await self.add(range(20, 40))
        await self._until_arrived(range(40))

    async def test_a_restarted_task_goes_on_where_it_was(self) -> None:
        await self.add(range(20))
        await self.rig.create(NAME, self.config())
        await self._until_arrived(range(20))
        await self.rig.worker.restart_task(NAME, 0)
        await self.add(range(20, 40))
        await self._until_arrived(range(40))

    async def test_nothing_arrives_during_a_pause_and_nothing_is_missing_after_it(self) -> None:
        await self.add(range(10))
        await self.rig.create(NAME, self.config())
        await self._until_arrived(range(10))
        await self.rig.worker.pause(NAME)
        await self.rig.until(lambda: set(self.rig.states(NAME)) == {"PAUSED"}, "the pause")
        await self.add(range(10, 20))
        assert await self.arrived() == list(range(10))
        await self.rig.worker.resume(NAME)
        await self._until_arrived(range(20))

    async def test_a_reset_source_is_read_from_the_start(self) -> None:
        await self.add(range(10))
        await self.rig.create(NAME, self.config())
        await self._until_arrived(range(10))
        await self.rig.worker.stop(NAME)
        await self.rig.worker.reset_offsets(NAME)
        await self.rig.worker.resume(NAME)
        await self._until_arrived([*range(10), *range(10)])


class SinkConnectorSuite(ConnectorSuite):
    """A sink whose target can be asked what it holds. Items have the key `item` and the value `{"id": item, …}`."""

    idempotent: ClassVar[bool] = False
    """Whether an item that is delivered twice is in the target once."""
    takes_new_fields: ClassVar[bool] = True

    async def held(self) -> list[int]:
        """The ids in the target: in order of delivery, or sorted where it has none."""
        raise NotImplementedError

    def value(self, item: int) -> dict[str, Any]:
        """What is produced for an item."""
        return {"id": item, "name": f"item {item}"}

    async def add(self, items: Sequence[int]) -> None:
        """Put items into the topic."""
        await self.rig.produce(self.topic, [(item, self.value(item)) for item in items])

    def full_config(self) -> dict[str, str]:
        return {"topics": self.topic, "offset.flush.interval.ms": "50", **self.config()}

    async def _until_held(self, items: Sequence[int]) -> None:
        async def all_there() -> bool:
            return set(items) <= set(await self.held())

        await self.rig.until(all_there, f"{len(items)} items")
        await self._until_committed()
        held = await self.held()
        assert sorted(set(held)) == sorted(set(items))
        if self.idempotent:
            assert len(held) == len(set(held))

    async def _until_committed(self) -> None:
        count = len(await self.rig.records(self.topic))

        async def committed() -> bool:
            found = await self.rig.worker.offsets(NAME)
            ends: list[int] = [entry["offset"]["kafka_offset"] for entry in found]
            return sum(ends) == count

        await self.rig.until(committed, "the offsets to be committed")

    async def test_everything_is_delivered(self) -> None:
        await self.add(range(50))
        await self.rig.create(NAME, self.full_config())
        await self._until_held(range(50))
        await self.add(range(50, 100))
        await self._until_held(range(100))

    async def test_a_restarted_node_goes_on_where_it_was(self) -> None:
        await self.add(range(20))
        await self.rig.create(NAME, self.full_config())
        await self._until_held(range(20))
        await self.rig.restart()
        await self.add(range(20, 40))
        await self._until_held(range(40))
        assert len(await self.held()) == 40

    async def test_nothing_is_delivered_during_a_pause_and_nothing_is_missing_after_it(self) -> None:
        await self.add(range(10))
        await self.rig.create(NAME, self.full_config())
        await self._until_held(range(10))
        await self.rig.worker.pause(NAME)
        await self.rig.until(lambda: set(self.rig.states(NAME)) == {"PAUSED"}, "the pause")
        await self.add(range(10, 20))
        assert set(await self.held()) == set(range(10))
        await self.rig.worker.resume(NAME)
        await self._until_held(range(20))

    async def test_delivering_everything_again_loses_nothing(self) -> None:
        await self.add(range(10))
        await self.rig.create(NAME, self.full_config())
        await self._until_held(range(10))
        await self.rig.worker.stop(NAME)
        await self.rig.worker.reset_offsets(NAME)
        await self.rig.worker.resume(NAME)
        await self.rig.running(NAME)
        await self.add(range(10, 12))
        await self._until_held(range(12))

    async def test_a_record_that_cannot_be_read_goes_to_the_dead_letter_topic(self) -> None:
        await self.add(range(5))
        await self.rig.produce(self.topic, [(b"5", b"{not json")])
        await self.add(range(5, 10))
        tolerant = {
            "errors.tolerance": "all",
            "errors.deadletterqueue.topic.name": "dead",
            "errors.deadletterqueue.context.headers.enable": "true",
        }
        await self.rig.create(NAME, {**self.full_config(), **tolerant})
        await self._until_held(range(10))
        (dead,) = await self.rig.records("dead")
        assert dead.value == b"{not json"
        headers = dict(dead.headers)
        assert headers["__connect.errors.stage"] == b"VALUE_CONVERTER"
        assert headers["__connect.errors.offset"] == b"5"

    async def test_a_record_that_cannot_be_read_fails_a_task_that_tolerates_none(self) -> None:
        await self.rig.produce(self.topic, [(b"0", b"{not json")])
        await self.rig.worker.create(NAME, self.full_config())
        assert f"offset 0 of {self.topic}-0" in await self.rig.failed(NAME)

    async def test_a_field_that_is_new_is_taken(self) -> None:
        if not self.takes_new_fields:
            pytest.skip("the target's shape is fixed")
        await self.add(range(3))
        await self.rig.create(NAME, self.full_config())
        await self._until_held(range(3))
        await self.rig.produce(self.topic, [(3, {**self.value(3), "added": True})])
        await self._until_held(range(4))

    async def test_more_than_fits_one_batch_is_delivered(self) -> None:
        await self.add(range(1_000))
        await self.rig.create(NAME, {**self.full_config(), "consumer.override.max.poll.records": "64"})
        await self._until_held(range(1_000))
