"""Handlers of the rest: the worker itself, the plugins, and how much is logged."""

from __future__ import annotations

import logging
from typing import Any

from msgspec import Struct

from headwater.connect.errors import UsageError
from headwater.connect.plugins import is_source
from headwater.http.connect.call import ConnectCall, set_texts
from headwater.http.door import Answer

_LEVELS = {
    "TRACE": logging.DEBUG, "DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARN": logging.WARNING,
    "ERROR": logging.ERROR, "FATAL": logging.CRITICAL, "OFF": logging.CRITICAL + 10,
}  # fmt: skip
"""Log4j's names, as this API has them (KIP-495)."""
_NAMES = {logging.WARNING: "WARN", logging.CRITICAL: "FATAL", logging.CRITICAL + 10: "OFF"}


class LevelBody(Struct):
    """Of PUT /admin/loggers/{logger}."""

    level: str


async def root(call: ConnectCall) -> object:
    version = call.worker.settings.version
    return {"version": version, "commit": version, "kafka_cluster_id": call.worker.cluster_id}


async def health(call: ConnectCall) -> object:
    """KIP-1017."""
    if not call.worker.ready:
        return Answer(503, {"status": "starting", "message": "Worker is still starting up."})
    told = "Worker has completed startup and is ready to handle requests."
    return {"status": "healthy", "message": told}


async def plugins(call: ConnectCall) -> object:
    """Connectors; with `connectorsOnly=false` converters, transformations and predicates too (KIP-769)."""
    version = call.worker.settings.version
    found = [
        {"class": cls.names[0], "type": "source" if is_source(cls) else "sink", "version": cls.version}
        for cls in call.worker.plugins.all()
    ]
    if not call.flag("connectorsOnly", True):
        from headwater.connect.converters.registry import CONVERTERS
        from headwater.connect.transforms.predicates import PREDICATES
        from headwater.connect.transforms.registry import class_names

        found += [{"class": cls.names[0], "type": "converter", "version": version} for cls in CONVERTERS]
        found += [{"class": name, "type": "transformation", "version": version} for name in class_names()]
        found += [{"class": cls.names[0], "type": "predicate", "version": version} for cls in PREDICATES]
    return found


async def plugin_config(call: ConnectCall) -> object:
    return call.worker.plugin_keys(call.parameters["plugin"])


async def plugin_form(call: ConnectCall) -> object:
    """Headwater's own: the console asks it."""
    return call.worker.plugin_form(call.parameters["plugin"], {})


async def validate(call: ConnectCall) -> object:
    config = set_texts(call.read(dict[str, Any]))
    return await call.worker.validate(call.parameters["plugin"], config)


async def loggers(call: ConnectCall) -> object:
    every = logging.root.manager.loggerDict.items()
    known = {name: logger for name, logger in every if isinstance(logger, logging.Logger)}
    set_ones = {name: _level(logger) for name, logger in sorted(known.items()) if logger.level != logging.NOTSET}
    return {"root": _level(logging.root), **set_ones}


async def logger(call: ConnectCall) -> object:
    name = call.parameters["logger"]
    if name != "root" and name not in logging.root.manager.loggerDict:
        raise UsageError(f"Logger {name} not found.", 404)
    return _level(_logger(name))


async def set_level(call: ConnectCall) -> object:
    name, level = call.parameters["logger"], call.read(LevelBody).level.upper()
    if level not in _LEVELS:
        raise UsageError(f"invalid log level '{level}'.", 404)
    _logger(name).setLevel(_LEVELS[level])
    if call.text("scope") == "cluster":
        return None
    below = [other for other in logging.root.manager.loggerDict if other.startswith(f"{name}.")]
    return sorted([name, *below])


def _logger(name: str) -> logging.Logger:
    return logging.root if name == "root" else logging.getLogger(name)


def _level(logger: logging.Logger) -> dict[str, Any]:
    level = logger.getEffectiveLevel()
    return {"level": _NAMES.get(level, logging.getLevelName(level)), "last_modified": None}
