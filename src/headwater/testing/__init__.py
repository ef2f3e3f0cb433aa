"""Public test support: a node in memory, a manual clock, faulty storage, suites to inherit.

Product code never imports it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from headwater.testing.clock import ManualClock

if TYPE_CHECKING:
    from headwater.testing.node import MemoryNode, NodeClock
    from headwater.testing.record import OutputRecord, Record

__all__ = ["ManualClock", "MemoryNode", "NodeClock", "OutputRecord", "Record"]

_HOMES = {
    "MemoryNode": "headwater.testing.node",
    "NodeClock": "headwater.testing.node",
    "OutputRecord": "headwater.testing.record",
    "Record": "headwater.testing.record",
}


def __getattr__(name: str) -> Any:
    # pytest loads this package in every run, whether a test needs a node or not.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'headwater.testing' has no attribute {name!r}")
    return getattr(import_module(home), name)
