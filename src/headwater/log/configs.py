"""Topic configs: one table of every config a topic may have, its type, default and meaning.

Names, types and defaults are Apache Kafka's. `DescribeConfigs`, validation and the log itself read the same table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from headwater.log.errors import InvalidTopicConfigError, InvalidTopicError
from headwater.wire.records import CODECS, NO_COMPRESSION

ConfigValue = bool | int | float | str | tuple[str, ...]

_INT_MAX = (1 << 31) - 1
_LONG_MAX = (1 << 63) - 1
ANY_AGE = _LONG_MAX
"""Of `message.timestamp.before.max.ms`: the default."""
_HOUR = 3_600_000
_DAY = 24 * _HOUR


class ConfigType(Enum):
    """How a config's text is read."""

    BOOLEAN = "boolean"
    INT = "int"
    LONG = "long"
    DOUBLE = "double"
    STRING = "string"
    LIST = "list"


@dataclass(frozen=True)
class ConfigDef:
    """One config: `low` and `high` bound numbers (inclusive), `choices` restricts strings and list items."""

    name: str
    type: ConfigType
    default: str
    doc: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


def _int(name: str, default: int, doc: str, low: int = 0, high: int = _INT_MAX) -> ConfigDef:
    return ConfigDef(name, ConfigType.INT, str(default), doc, low, high)


def _long(name: str, default: int, doc: str, low: int = 0) -> ConfigDef:
    return ConfigDef(name, ConfigType.LONG, str(default), doc, low, _LONG_MAX)


def _text(name: str, default: str, doc: str, *choices: str) -> ConfigDef:
    return ConfigDef(name, ConfigType.STRING, default, doc, choices=choices)


def _flag(name: str, default: str, doc: str) -> ConfigDef:
    return ConfigDef(name, ConfigType.BOOLEAN, default, doc)


_TOPIC_NAME = "io.confluent.kafka.serializers.subject.TopicNameStrategy"
_IGNORED = "Accepted for compatibility; one node has no use for it."

TOPIC_CONFIGS: dict[str, ConfigDef] = {
    d.name: d
    for d in (
        ConfigDef(
            "cleanup.policy",
            ConfigType.LIST,
            "delete",
            "delete: drop old segments by time and size; compact: keep the newest value of every key.",
            choices=("delete", "compact"),
        ),
        _text(
            "compression.type",
            "producer",
            "producer: batches are stored as the producer compressed them; other values: compressed so on arrival.",
            "producer",
            "uncompressed",
            "gzip",
            "snappy",
            "lz4",
            "zstd",
        ),
        _long("delete.retention.ms", _DAY, "How long a compacted topic keeps tombstones."),
        _long("file.delete.delay.ms", 60_000, _IGNORED),
        _long("flush.messages", _LONG_MAX, "Accepted for compatibility; the fsync policy is a setting of the node.", 1),
        _long("flush.ms", _LONG_MAX, "Accepted for compatibility; the fsync policy is a setting of the node."),
        ConfigDef("follower.replication.throttled.replicas", ConfigType.LIST, "", _IGNORED),
        _int("index.interval.bytes", 4096, "One index entry for at least this many bytes of log."),
        ConfigDef("leader.replication.throttled.replicas", ConfigType.LIST, "", _IGNORED),
        _long("local.retention.bytes", -2, _IGNORED, -2),
        _long("local.retention.ms", -2, _IGNORED, -2),
        _long("max.compaction.lag.ms", _LONG_MAX, "Roll the active segment of a compacted topic after this time.", 1),
        _int("max.message.bytes", 1_048_588, "The largest record batch the topic takes, bytes."),
        _text("message.format.version", "3.0-IV1", _IGNORED),
        _flag("message.downconversion.enable", "true", _IGNORED),
        _long(
            "message.timestamp.after.max.ms", _HOUR, "How far in the future a record's time may be (CreateTime only)."
        ),
        _long("message.timestamp.before.max.ms", ANY_AGE, "How old a record's time may be (CreateTime only)."),
        _text(
            "message.timestamp.type",
            "CreateTime",
            "CreateTime keeps the producer's time, LogAppendTime replaces it by the time of arrival.",
            "CreateTime",
            "LogAppendTime",
        ),
        ConfigDef(
            "min.cleanable.dirty.ratio",
            ConfigType.DOUBLE,
            "0.5",
            "Compact when at least this part of the closed segments is not compacted yet.",
            0,
            1,
        ),
        _long("min.compaction.lag.ms", 0, "How long a record of a compacted topic is safe from compaction."),
        _int("min.insync.replicas", 1, _IGNORED, 1),
        _flag(
            "confluent.key.schema.validation",
            "false",
            "Take only records whose key carries the id of a schema that is registered for the topic.",
        ),
        _flag(
            "confluent.value.schema.validation",
            "false",
            "Take only records whose value carries the id of a schema that is registered for the topic.",
        ),
        _text("confluent.key.subject.name.strategy", _TOPIC_NAME, "The subject that key schemas are under."),
        _text("confluent.value.subject.name.strategy", _TOPIC_NAME, "The subject that value schemas are under."),
        _flag("preallocate", "false", _IGNORED),
        _flag("remote.storage.enable", "false", _IGNORED),
        _long("retention.bytes", -1, "Drop the oldest segments of a partition above this size; -1 for no limit.", -1),
        _long("retention.ms", 7 * _DAY, "Drop segments whose newest record is older than this; -1 for never.", -1),
        _int("segment.bytes", 1 << 30, "Start a new segment file when this size is reached.", 14),
        _int("segment.index.bytes", 10_485_760, "Start a new segment when its index has this size.", 4),
        _long("segment.jitter.ms", 0, _IGNORED),
        _long("segment.ms", 7 * _DAY, "Start a new segment after this time even if it is not full.", 1),
        _flag("unclean.leader.election.enable", "false", _IGNORED),
    )
}
"""Every topic config by name."""


def parse_config(name: str, text: str) -> ConfigValue:
    """The typed value of a config's text. Raises `InvalidTopicConfigError` for an unknown name or a wrong value."""
    definition = TOPIC_CONFIGS.get(name)
    if definition is None:
        raise InvalidTopicConfigError(f"Unknown topic config name: {name}")
    return check_config(definition, text)


def check_config(definition: ConfigDef, text: str) -> ConfigValue:
    """The typed value of a text for this config. Raises `InvalidTopicConfigError`."""
    name = definition.name
    value = _parse(definition, str(text).strip())
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if definition.low is not None and value < definition.low:
            raise _invalid(name, text, f"Value must be at least {definition.low}")
        if definition.high is not None and value > definition.high:
            raise _invalid(name, text, f"Value must be no more than {definition.high}")
    if definition.choices:
        for item in value if isinstance(value, tuple) else (value,):
            if item not in definition.choices:
                raise _invalid(name, text, f"String must be one of: {', '.join(definition.choices)}")
    return value


def _parse(definition: ConfigDef, text: str) -> ConfigValue:
    kind = definition.type
    if kind is ConfigType.BOOLEAN:
        if text.lower() not in ("true", "false"):
            raise _invalid(definition.name, text, "Expected value to be either true or false")
        return text.lower() == "true"
    if kind is ConfigType.LIST:
        return tuple(item.strip() for item in text.split(",") if item.strip())
    if kind is ConfigType.STRING:
        return text
    try:
        return float(text) if kind is ConfigType.DOUBLE else int(text)
    except ValueError:
        raise _invalid(definition.name, text, f"Not a number of type {kind.name}") from None


def _invalid(name: str, text: str, why: str) -> InvalidTopicConfigError:
    return InvalidTopicConfigError(f"Invalid value {text} for configuration {name}: {why}")


_CODECS: dict[str, int | None] = {"producer": None, "uncompressed": NO_COMPRESSION, **CODECS}


@dataclass(frozen=True, slots=True)
class Limits:
    """The configs the log itself looks at for every append, read and cleaning, parsed once and shared by partitions."""

    max_message_bytes: int
    segment_bytes: int
    segment_ms: int
    index_interval: int
    index_bytes: int
    append_time: bool
    timestamp_before_max_ms: int
    timestamp_after_max_ms: int
    retention_bytes: int
    retention_ms: int
    delete: bool
    compact: bool
    tombstone_ms: int
    dirty_ratio: float
    compaction_lag_ms: int
    compression: int | None = None
    """The codec that batches of clients are given; None leaves them as they are."""


def limits_of(configs: Mapping[str, str]) -> Limits:
    """The limits that explicit `configs` over the table's defaults give. Raises `InvalidTopicConfigError`."""
    return _limits_of(tuple(configs.items()))


@lru_cache(maxsize=256)
def _limits_of(items: tuple[tuple[str, str], ...]) -> Limits:
    """Of thousands of topics most are configured alike."""
    configs = dict(items)
    for name, value in configs.items():
        parse_config(name, value)

    def number(name: str) -> int:
        return int(parse_config(name, configs.get(name, TOPIC_CONFIGS[name].default)))  # type: ignore[arg-type]

    def text(name: str) -> ConfigValue:
        return parse_config(name, configs.get(name, TOPIC_CONFIGS[name].default))

    policy = str(configs.get("cleanup.policy", TOPIC_CONFIGS["cleanup.policy"].default))
    return Limits(
        max_message_bytes=number("max.message.bytes"),
        segment_bytes=number("segment.bytes"),
        segment_ms=min(number("segment.ms"), number("max.compaction.lag.ms"))
        if "compact" in policy
        else number("segment.ms"),
        index_interval=number("index.interval.bytes"),
        index_bytes=number("segment.index.bytes"),
        append_time=text("message.timestamp.type") == "LogAppendTime",
        timestamp_before_max_ms=number("message.timestamp.before.max.ms"),
        timestamp_after_max_ms=number("message.timestamp.after.max.ms"),
        retention_bytes=number("retention.bytes"),
        retention_ms=number("retention.ms"),
        delete="delete" in policy,
        compact="compact" in policy,
        tombstone_ms=number("delete.retention.ms"),
        dirty_ratio=float(text("min.cleanable.dirty.ratio")),  # type: ignore[arg-type]
        compaction_lag_ms=number("min.compaction.lag.ms"),
        compression=_CODECS[str(text("compression.type"))],
    )


_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}\Z")


def check_topic_name(name: str) -> None:
    """Raises `InvalidTopicError` unless Kafka allows the name: 1 to 249 of `a-z A-Z 0-9 . _ -`, and not `.` or `..`."""
    if name in ("", ".", ".."):
        raise InvalidTopicError(f"Topic name is invalid: '{name}' is not allowed")
    if not _NAME.match(name):
        raise InvalidTopicError(
            f"Topic name is invalid: '{name[:300]}' is longer than 249 characters or contains one or more characters "
            "other than ASCII alphanumerics, '.', '_' and '-'"
        )
