"""Fixtures of the runtime's tests: a worker in memory, and what the toy connectors give and get."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headwater.testing.connect_rig import ConnectRig
from tests.connect.toy import Held, HeldConnector, HeldTask, Numbers, NumbersConnector, NumbersTask


@pytest.fixture
def numbers() -> Numbers:
    NumbersTask.world = Numbers()
    return NumbersTask.world


@pytest.fixture
def held() -> Held:
    HeldTask.world = Held()
    return HeldTask.world


@pytest.fixture
async def rig(tmp_path: Path, numbers: Numbers, held: Held) -> AsyncIterator[ConnectRig]:
    environment = {"TOY_SECRET": "very-secret"}
    async with ConnectRig(tmp_path, (NumbersConnector, HeldConnector), environment=environment) as rig:
        yield rig
