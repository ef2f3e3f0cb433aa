"""The inherited suites hold for the toy connectors: so what they find in others is the others' fault."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from headwater.testing.connector_suite import SinkConnectorSuite, SourceConnectorSuite
from tests.connect.toy import Held, HeldConnector, Numbers, NumbersConnector


class TestNumbers(SourceConnectorSuite):
    connectors = (NumbersConnector,)
    required = "topic"

    @pytest.fixture(autouse=True)
    def _world(self, numbers: Numbers) -> None:
        self.numbers = numbers

    def config(self) -> dict[str, str]:
        return {"connector.class": "Numbers", "topic": self.topic, "secret": "hush-hush"}

    async def add(self, items: Sequence[int]) -> None:
        self.numbers.end = items[-1] + 1

    def item(self, value: Any) -> int:
        return int(value["n"])


class TestHeld(SinkConnectorSuite):
    connectors = (HeldConnector,)
    required = "topics"

    @pytest.fixture(autouse=True)
    def _world(self, held: Held) -> None:
        self._held = held

    def config(self) -> dict[str, str]:
        return {"connector.class": "com.example.toy.HeldConnector"}

    async def held(self) -> list[int]:
        return self._held.ids
