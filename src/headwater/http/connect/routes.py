"""The routes of Connect's REST API: one table, from which requests are dispatched and the OpenAPI document is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from headwater.http.connect import about, connectors
from headwater.http.connect.call import Answer, Call

Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True)
class Route:
    """`{name}` in the path is a parameter. `changes` needs more rights than to look, as has whatever
    makes the node connect to addresses that a client names; `body` is what is sent."""

    method: str
    path: str
    handler: Handler
    about: str
    status: int = 200
    changes: bool = False
    body: Any = None
    query: tuple[str, ...] = ()


_ONE = "/connectors/{connector}"
_PLUGIN = "/connector-plugins/{plugin}"
_CONFIG = dict[str, str | None]

ROUTES: tuple[Route, ...] = (
    Route("GET", "/", about.root, "Version and cluster of the worker"),
    Route("GET", "/health", about.health, "Whether the worker has started"),
    Route("GET", "/connectors", connectors.listed, "All connectors", query=("expand",)),
    Route("POST", "/connectors", connectors.create, "Make a connector", 201, True, connectors.CreateBody),
    Route("GET", _ONE, connectors.info, "Configuration and tasks of a connector"),
    Route("DELETE", _ONE, connectors.delete, "Stop and delete a connector", 204, True),
    Route("GET", f"{_ONE}/config", connectors.config, "Configuration, secrets hidden"),
    Route("PUT", f"{_ONE}/config", connectors.put_config, "Make a connector, or configure it anew", 200, True, _CONFIG),
    Route("PATCH", f"{_ONE}/config", connectors.patch_config, "Change some keys; null removes one", 200, True, _CONFIG),
    Route("GET", f"{_ONE}/status", connectors.status, "States of a connector and its tasks"),
    Route("POST", f"{_ONE}/restart", connectors.restart, "Make a connector, or tasks of it, anew", 202, True,
          query=("includeTasks", "onlyFailed")),
    Route("PUT", f"{_ONE}/pause", connectors.pause, "Let the tasks rest", 202, True),
    Route("PUT", f"{_ONE}/resume", connectors.resume, "Go on after a pause or a stop", 202, True),
    Route("PUT", f"{_ONE}/stop", connectors.stop, "End the tasks, keep the configuration", 204, True),
    Route("GET", f"{_ONE}/tasks", connectors.tasks, "Tasks and what they were told"),
    Route("GET", f"{_ONE}/tasks-config", connectors.tasks_config, "What the tasks were told, by their ids"),
    Route("GET", f"{_ONE}/tasks/{{task}}/status", connectors.task_status, "State of a task"),
    Route("POST", f"{_ONE}/tasks/{{task}}/restart", connectors.restart_task, "Make a task anew", 204, True),
    Route("GET", f"{_ONE}/topics", connectors.topics, "Topics that a connector has used"),
    Route("PUT", f"{_ONE}/topics/reset", connectors.reset_topics, "Forget which topics it has used", 200, True),
    Route("GET", f"{_ONE}/offsets", connectors.offsets, "How far a connector has come"),
    Route("PATCH", f"{_ONE}/offsets", connectors.alter_offsets, "Set offsets of a stopped connector", 200, True,
          connectors.OffsetsBody),
    Route("DELETE", f"{_ONE}/offsets", connectors.reset_offsets, "Forget how far a stopped connector is", 200, True),
    Route("GET", "/connector-plugins", about.plugins, "Connectors that can be made", query=("connectorsOnly",)),
    Route("GET", f"{_PLUGIN}/config", about.plugin_config, "Keys that a connector takes"),
    Route("GET", f"{_PLUGIN}/form", about.plugin_form, "The same as groups of fields, for a page"),
    Route("PUT", f"{_PLUGIN}/config/validate", about.validate, "What is wrong with a configuration", 200, True,
          _CONFIG),
    Route("GET", "/admin/loggers", about.loggers, "Loggers with a level of their own"),
    Route("GET", "/admin/loggers/{logger}", about.logger, "Level of a logger"),
    Route("PUT", "/admin/loggers/{logger}", about.set_level, "Set the level of a logger", 200, True, about.LevelBody,
          query=("scope",)),
)  # fmt: skip


class Paths:
    """Finds the routes of a path, percent-encoded as it was sent."""

    def __init__(self) -> None:
        self._by_shape: dict[int, list[tuple[list[str], dict[str, Route]]]] = {}
        shapes: dict[str, dict[str, Route]] = {}
        for route in ROUTES:
            shapes.setdefault(route.path, {})[route.method] = route
        for path, routes in shapes.items():
            parts = path.strip("/").split("/")
            self._by_shape.setdefault(len(parts), []).append((parts, routes))

    def find(self, path: str) -> tuple[dict[str, Route], dict[str, str]] | None:
        """Routes by method, and the parameters; None for a path that there is not."""
        given = path.strip("/").split("/")
        for parts, routes in self._by_shape.get(len(given), ()):
            if all(part.startswith("{") or part == sent for part, sent in zip(parts, given, strict=True)):
                pairs = zip(parts, given, strict=True)
                return routes, {part[1:-1]: unquote(sent) for part, sent in pairs if part.startswith("{")}
        return None
