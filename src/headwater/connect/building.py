"""A connector's parts made from its configuration: converters, transformations, and the run of a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from headwater.connect.config import Config
from headwater.connect.converters.api import Converter
from headwater.connect.converters.registry import DATA_FORMATS, converter
from headwater.connect.pipeline import Converters, SinkPipeline, SourcePipeline
from headwater.connect.spi import Connector, SinkConnector, SourceConnector
from headwater.connect.tasks.run import TaskRun, TaskServices, TaskSettings
from headwater.connect.tasks.sink_run import SinkRun
from headwater.connect.tasks.source_run import SourceRun
from headwater.connect.transforms.steps import problems_of, steps_of
from headwater.core.errors import HeadwaterError
from headwater.formats.api import SchemaRegistry

_DEFAULTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "key": ("org.apache.kafka.connect.json.JsonConverter", {"schemas.enable": "false"}),
    "value": ("org.apache.kafka.connect.json.JsonConverter", {"schemas.enable": "false"}),
    "header": ("org.apache.kafka.connect.storage.SimpleHeaderConverter", {}),
}
"""What a worker does where a connector says nothing: plain JSON, as most who run Connect set it."""
_FORMAT_KEYS = {
    "key": ("input.key.format", "output.data.key.format"),
    "value": ("input.data.format", "output.data.format"),
    "header": (),
}


def make_task_run(
    connector: Connector,
    settings: TaskSettings,
    services: TaskServices,
    changed: Callable[[TaskRun], None],
    tasks: int,
    *,
    paused: bool,
) -> TaskRun:
    """One task of a connector, not yet started. Raises `UsageError`, `ConnectError` for a wrong configuration."""
    converters = _converters(settings.config, services.registry)
    chain = steps_of(settings.config)
    if isinstance(connector, SourceConnector):
        source = SourcePipeline(converters, chain)
        return SourceRun(connector.task(), source, settings, services, changed, paused=paused)
    assert isinstance(connector, SinkConnector)
    sink = SinkPipeline(converters, chain)
    return SinkRun(connector.task(), sink, settings, services, changed, tasks, paused=paused)


def pipeline_problems(config: Config) -> dict[str, str]:
    """What is wrong with converters and transformations, by key."""
    out = problems_of(config)
    for side in _DEFAULTS:
        try:
            _converter(side, config, None)
        except HeadwaterError as error:
            key = f"{side}.converter"
            out[key] = f"Invalid value {config.text(key)} for configuration {key}: {error}"
    return out


def _converters(config: Config, registry: SchemaRegistry | None) -> Converters:
    return Converters(*(_converter(side, config, registry) for side in ("key", "value", "header")))


def _converter(side: str, config: Config, registry: SchemaRegistry | None) -> Converter:
    settings = config.starting_with(f"{side}.converter.")
    name = config.text(f"{side}.converter")
    if name:
        return converter(name, settings, side == "key", registry)
    name, defaults = _DEFAULTS[side]
    if side == "key" and config.text("input.data.format"):
        # The cloud's sinks: they speak of values only, and any key has to pass, also one of eight bytes.
        name, defaults = DATA_FORMATS["STRING"]
    for key in _FORMAT_KEYS[side]:
        name, defaults = DATA_FORMATS.get(config.text(key), (name, defaults))
    return converter(name, {**defaults, **settings}, side == "key", registry)
