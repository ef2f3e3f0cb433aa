"""Kafka Connect's runtime: connectors that bring records in and out, their life cycle, converters and transforms."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Package(ModuleType):
    """The library has a function of this package's name, `headwater.connect(url)`, which an import of the package would
    hide: so the package can be called in its place."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return import_module("headwater.library.starting").connect(*args, **kwargs)


sys.modules[__name__].__class__ = _Package
