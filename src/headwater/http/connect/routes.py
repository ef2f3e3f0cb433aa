"""The routes of Connect's REST API. What changes something takes ALTER on the cluster, as does whatever makes the node
connect to addresses that a client names."""

from __future__ import annotations

from headwater.broker.acls import Operation
from headwater.http.connect import about, connectors
from headwater.http.routes import Parameter, Route

_ONE = "/connectors/{connector}"
_PLUGIN = "/connector-plugins/{plugin}"
_CONFIG = dict[str, str | None]
_ALTER = Operation.ALTER

ROUTES: tuple[Route, ...] = (
    Route("GET", "/", about.root, "Version and cluster of the worker"),
    Route("GET", "/health", about.health, "Whether the worker has started"),
    Route("GET", "/connectors", connectors.listed, "All connectors", query=(Parameter("expand"),)),
    Route("POST", "/connectors", connectors.create, "Make a connector", _ALTER, body=connectors.CreateBody, status=201),
    Route("GET", _ONE, connectors.info, "Configuration and tasks of a connector"),
    Route("DELETE", _ONE, connectors.delete, "Stop and delete a connector", _ALTER, status=204),
    Route("GET", f"{_ONE}/config", connectors.config, "Configuration, secrets hidden"),
    Route("PUT", f"{_ONE}/config", connectors.put_config, "Make a connector, or configure it anew", _ALTER,
          body=_CONFIG),
    Route("PATCH", f"{_ONE}/config", connectors.patch_config, "Change some keys; null removes one", _ALTER,
          body=_CONFIG),
    Route("GET", f"{_ONE}/status", connectors.status, "States of a connector and its tasks"),
    Route("POST", f"{_ONE}/restart", connectors.restart, "Make a connector, or tasks of it, anew", _ALTER, status=202,
          query=(Parameter("includeTasks"), Parameter("onlyFailed"))),
    Route("PUT", f"{_ONE}/pause", connectors.pause, "Let the tasks rest", _ALTER, status=202),
    Route("PUT", f"{_ONE}/resume", connectors.resume, "Go on after a pause or a stop", _ALTER, status=202),
    Route("PUT", f"{_ONE}/stop", connectors.stop, "End the tasks, keep the configuration", _ALTER, status=204),
    Route("GET", f"{_ONE}/tasks", connectors.tasks, "Tasks and what they were told"),
    Route("GET", f"{_ONE}/tasks-config", connectors.tasks_config, "What the tasks were told, by their ids"),
    Route("GET", f"{_ONE}/tasks/{{task}}/status", connectors.task_status, "State of a task"),
    Route("POST", f"{_ONE}/tasks/{{task}}/restart", connectors.restart_task, "Make a task anew", _ALTER, status=204),
    Route("GET", f"{_ONE}/topics", connectors.topics, "Topics that a connector has used"),
    Route("PUT", f"{_ONE}/topics/reset", connectors.reset_topics, "Forget which topics it has used", _ALTER),
    Route("GET", f"{_ONE}/offsets", connectors.offsets, "How far a connector has come"),
    Route("PATCH", f"{_ONE}/offsets", connectors.alter_offsets, "Set offsets of a stopped connector", _ALTER,
          body=connectors.OffsetsBody),
    Route("DELETE", f"{_ONE}/offsets", connectors.reset_offsets, "Forget how far a stopped connector is", _ALTER),
    Route("GET", "/connector-plugins", about.plugins, "Connectors that can be made",
          query=(Parameter("connectorsOnly"),)),
    Route("GET", f"{_PLUGIN}/config", about.plugin_config, "Keys that a connector takes"),
    Route("GET", f"{_PLUGIN}/form", about.plugin_form, "The same as groups of fields, for a page"),
    Route("PUT", f"{_PLUGIN}/config/validate", about.validate, "What is wrong with a configuration", _ALTER,
          body=_CONFIG),
    Route("GET", "/admin/loggers", about.loggers, "Loggers with a level of their own"),
    Route("GET", "/admin/loggers/{logger}", about.logger, "Level of a logger"),
    Route("PUT", "/admin/loggers/{logger}", about.set_level, "Set the level of a logger", _ALTER, body=about.LevelBody,
          query=(Parameter("scope"),)),
)  # fmt: skip
