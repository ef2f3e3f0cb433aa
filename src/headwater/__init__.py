"""Headwater: a Kafka-compatible log, ksqlDB's SQL and everything around them in one Python process.

As a library: `start` makes a node inside the calling process, `remote` speaks to one elsewhere; docs/library.md
shows it. Importing this package loads nothing else until a name is used.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as in `typing`, which takes longer to import than all of this
if TYPE_CHECKING:
    from headwater import errors
    from headwater.agents.app import App
    from headwater.library.async_node import AsyncNode
    from headwater.library.async_query import AsyncQuery
    from headwater.library.node import Node, Query
    from headwater.library.rows import Row, Rows
    from headwater.library.starting import remote, remote_async, start, start_async

__version__ = "0.1.0"

__all__ = [
    "App",
    "AsyncNode",
    "AsyncQuery",
    "Node",
    "Query",
    "Row",
    "Rows",
    "errors",
    "remote",
    "remote_async",
    "start",
    "start_async",
]

_HOMES = {
    "App": "headwater.agents.app",
    "AsyncNode": "headwater.library.async_node",
    "AsyncQuery": "headwater.library.async_query",
    "Node": "headwater.library.node",
    "Query": "headwater.library.node",
    "Row": "headwater.library.rows",
    "Rows": "headwater.library.rows",
    "remote": "headwater.library.starting",
    "remote_async": "headwater.library.starting",
    "start": "headwater.library.starting",
    "start_async": "headwater.library.starting",
}
"""Where the public names live."""


def __getattr__(name: str) -> object:
    if name == "errors":
        return import_module("headwater.errors")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'headwater' has no attribute {name!r}")
    found: object = getattr(import_module(home), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
