"""Which connectors there are: those that come with Headwater, and those of installed packages."""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from headwater.connect import connectors
from headwater.connect.errors import UsageError
from headwater.connect.spi import Connector, SinkConnector, SourceConnector

GROUP = "headwater.connectors"
"""Entry point group: each entry names a connector class, or a module with some."""

_LOGGER = logging.getLogger(__name__)


class Plugins:
    """The connector classes of a node, by every name that selects them. Modules are imported at the first look.

    `extra` are classes that are there besides: those of a test, or of a program that embeds a node.
    """

    def __init__(self, extra: Iterable[type[Connector]] = ()) -> None:
        self._extra = tuple(extra)
        self._classes: list[type[Connector]] | None = None
        self._by_name: dict[str, type[Connector]] = {}

    def all(self) -> list[type[Connector]]:
        """Every connector, by its first name."""
        if self._classes is None:
            found = dict.fromkeys([*_built_in(), *_installed(), *self._extra])
            self._classes = sorted(found, key=lambda cls: cls.names[0])
            for cls in self._classes:
                for name in cls.names:
                    self._by_name[name] = cls
            for cls in self._classes:
                self._by_name.setdefault(cls.names[0].rpartition(".")[2], cls)
        return self._classes

    def find(self, name: str) -> Connector:
        """The connector that a `connector.class` selects. Raises `UsageError` (400) that names what is near."""
        self.all()
        cls = self._by_name.get(name)
        if cls is None:
            near = get_close_matches(name, list(self._by_name), n=3, cutoff=0.5)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            available = ", ".join(cls.names[0] for cls in self.all())
            raise UsageError(
                f"Failed to find any class that implements Connector and which name matches {name}.{hint} "
                f"Available connectors are: {available}"
            )
        return cls()


def is_source(connector: Connector | type[Connector]) -> bool:
    """Whether it brings records in."""
    cls = connector if isinstance(connector, type) else type(connector)
    return issubclass(cls, SourceConnector)


def _built_in() -> Iterator[type[Connector]]:
    for module in pkgutil.iter_modules(connectors.__path__):
        try:
            yield from _of_module(f"{connectors.__name__}.{module.name}")
        except ImportError:  # one that is broken must not take the others with it
            _LOGGER.exception("The connector %s cannot be loaded", module.name)


def _installed() -> Iterator[type[Connector]]:
    for entry in entry_points(group=GROUP):
        try:
            yield from _of_entry(entry)
        except Exception:  # a broken package must not take the others with it
            _LOGGER.exception("The connector %s of an installed package cannot be loaded", entry.value)


def _of_entry(entry: EntryPoint) -> Iterator[type[Connector]]:
    found = entry.load()
    if isinstance(found, type) and issubclass(found, Connector):
        yield found
    else:
        yield from _of_module(found.__name__)


def _of_module(name: str) -> Iterator[type[Connector]]:
    """The connectors that a module, or a package in its `__init__`, defines or shows."""
    for value in vars(import_module(name)).values():
        if isinstance(value, type) and issubclass(value, SourceConnector | SinkConnector) and "names" in vars(value):
            yield value
