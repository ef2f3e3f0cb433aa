"""The pytest plugin: installing Headwater gives the fixtures `headwater_node` and `headwater_properties`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from headwater.testing.node import MemoryNode


@pytest.fixture
def headwater_properties() -> dict[str, str]:
    """ksqlDB's properties for `headwater_node`. Override it, in a module or a conftest.py, to set some."""
    return {}


@pytest.fixture
def headwater_node(headwater_properties: dict[str, str]) -> Iterator[MemoryNode]:
    """A node in memory with a manual clock, for one test."""
    from headwater.testing.node import MemoryNode  # only tests that use it pay for the import

    with MemoryNode(headwater_properties) as node:
        yield node
