"""The keys that every connector has: those of Apache Kafka Connect, and those that the cloud's connectors add."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headwater.connect.config import Config, ConfigDef, Importance, Key, Type, Width
from headwater.connect.spi import Connector, SourceConnector
from headwater.connect.topic_names import topic_name

DATA_FORMATS = ("JSON", "JSON_SR", "AVRO", "PROTOBUF", "STRING", "BSON")
"""What the cloud's connectors call converters."""

CLOUD_IGNORED = (
    "kafka.auth.mode", "kafka.service.account.id", "kafka.api.key", "kafka.api.secret", "kafka.endpoint",
    "kafka.region", "kafka.max.partition.validation.disable", "cloud.*", "confluent.*", "schema.context.name",
    "schema.registry.*", "max.poll.interval.ms", "max.poll.records", "auto.restart.on.user.error", "csfle.*",
    "quickstart.internal.*", "value.subject.name.strategy", "key.subject.name.strategy", "value.converter.*",
    "key.converter.*", "header.converter.*", "producer.override.*", "consumer.override.*", "admin.override.*",
    "transforms.*", "predicates.*", "topic.creation.*", "config.providers*", "reporter.*", "license",
    "plugin.discovery",
)  # fmt: skip
"""Keys with meanings elsewhere (converters, transforms), or with none here: who may do what is set with ACLs."""


def _printable(value: Any) -> str | None:
    return None if str(value).isprintable() and str(value).strip() else "must be printable and not empty"


COMMON = ConfigDef(
    Key("name", Type.STRING, "Globally unique name of the connector.", importance=Importance.HIGH, group="Common",
        validator=_printable, display_name="Connector name"),
    Key("connector.class", Type.STRING, "Class of the connector: the original's full name, or its short name.",
        importance=Importance.HIGH, group="Common", width=Width.LONG, display_name="Connector class"),
    Key("tasks.max", Type.INT, "Most tasks that may work at the same time.", default=1, minimum=1,
        importance=Importance.HIGH, group="Common", width=Width.SHORT, display_name="Tasks max"),
    Key("tasks.max.enforce", Type.BOOLEAN, "Whether more tasks than `tasks.max` are an error (KIP-1004).", default=True,
        importance=Importance.LOW, group="Common"),
    Key("key.converter", Type.CLASS, "Converter of keys. Empty: the worker's.", default=None, importance=Importance.LOW,
        group="Common", display_name="Key converter class"),
    Key("value.converter", Type.CLASS, "Converter of values. Empty: the worker's.", default=None,
        importance=Importance.LOW, group="Common", display_name="Value converter class"),
    Key("header.converter", Type.CLASS, "Converter of headers. Empty: the worker's.", default=None,
        importance=Importance.LOW, group="Common", display_name="Header converter class"),
    Key("config.action.reload", Type.STRING, "Accepted; secrets are looked up when a task starts.", default="restart",
        choices=("none", "restart"), importance=Importance.LOW, group="Common"),
    Key("offset.flush.interval.ms", Type.LONG, "Longest time between two commits of a sink's offsets, in ms.",
        default=5_000, minimum=1, importance=Importance.LOW, group="Common"),
    Key("transforms", Type.LIST, "Names of the transformations applied to each record, in order.", default=(),
        importance=Importance.LOW, group="Transforms", width=Width.LONG),
    Key("predicates", Type.LIST, "Names of the predicates that transformations ask.", default=(),
        importance=Importance.LOW, group="Predicates", width=Width.LONG),
    Key("errors.retry.timeout", Type.LONG,
        "How long what may succeed later is repeated before the task fails, in ms; -1: for ever; not set: 5 minutes.",
        default=None, minimum=-1, group="Error Handling"),
    Key("errors.retry.delay.max.ms", Type.LONG, "Longest pause between two tries, in ms.", default=60_000, minimum=1,
        group="Error Handling"),
    Key("errors.tolerance", Type.STRING, "`none`: a record that cannot be handled fails its task; `all`: left out.",
        default="none", choices=("none", "all"), group="Error Handling"),
    Key("errors.log.enable", Type.BOOLEAN, "Write each record that is skipped to the node's log.", default=False,
        group="Error Handling"),
    Key("errors.log.include.messages", Type.BOOLEAN, "With the record's topic, partition and offset.", default=False,
        group="Error Handling"),
)  # fmt: skip

SINK = ConfigDef(
    Key("topics", Type.LIST, "Topics to read, separated by commas.", default=(), importance=Importance.HIGH,
        group="Common", width=Width.LONG),
    Key("topics.regex", Type.STRING, "Pattern of the names of topics to read, new ones included.", default="",
        importance=Importance.HIGH, group="Common", width=Width.LONG),
    Key("errors.deadletterqueue.topic.name", Type.STRING, "Topic for records that are skipped. Empty: none.",
        default="", group="Error Handling", validator=topic_name),
    Key("errors.deadletterqueue.topic.replication.factor", Type.INT, "Replication of that topic when it is created.",
        default=3, group="Error Handling"),
    Key("errors.deadletterqueue.context.headers.enable", Type.BOOLEAN,
        "Add headers `__connect.errors.*` that say where the record came from and what was wrong.", default=False,
        group="Error Handling"),
    Key("input.data.format", Type.STRING, "Format of values, in place of `value.converter`.", default=None,
        choices=DATA_FORMATS, group="Common"),
    Key("input.key.format", Type.STRING, "Format of keys, in place of `key.converter`.", default=None,
        choices=DATA_FORMATS, group="Common"),
)  # fmt: skip

SOURCE = ConfigDef(
    Key("topic.creation.groups", Type.LIST, "Names of groups of topics with settings of their own (KIP-158).",
        default=(), importance=Importance.LOW, group="Topic Creation"),
    Key("topic.creation.default.partitions", Type.INT, "Partitions of topics that are created.", default=1, minimum=-1,
        importance=Importance.LOW, group="Topic Creation"),
    Key("topic.creation.default.replication.factor", Type.INT, "Replication of topics that are created.", default=-1,
        minimum=-1, importance=Importance.LOW, group="Topic Creation"),
    Key("exactly.once.support", Type.STRING, "Accepted; records and offsets are always written all or nothing.",
        default="requested", choices=("requested", "required"), importance=Importance.LOW,
        group="Exactly Once Support"),
    Key("transaction.boundary", Type.STRING, "Accepted; each batch of a task is one unit.", default="poll",
        choices=("poll", "interval", "connector"), importance=Importance.LOW, group="Exactly Once Support"),
    Key("transaction.boundary.interval.ms", Type.LONG, "Accepted.", default=None, importance=Importance.LOW,
        group="Exactly Once Support"),
    Key("offsets.storage.topic", Type.STRING, "Accepted; offsets are in the worker's topic.", default=None,
        importance=Importance.LOW, group="Exactly Once Support"),
    Key("output.data.format", Type.STRING, "Format of values, in place of `value.converter`.", default=None,
        choices=DATA_FORMATS, group="Common"),
    Key("output.data.key.format", Type.STRING, "Format of keys, in place of `key.converter`.", default=None,
        choices=DATA_FORMATS, group="Common", aliases=("output.key.format",)),
)  # fmt: skip


def _topics(config: Config) -> Mapping[str, str]:
    """A sink reads listed topics or a pattern of them."""
    if config.texts("topics") and config.text("topics.regex"):
        return {"topics": "topics and topics.regex are mutually exclusive: set one of them."}
    if not config.texts("topics") and not config.text("topics.regex"):
        return {"topics": "Must configure one of topics or topics.regex"}
    try:
        pattern = re.compile(config.text("topics.regex"))
    except re.error as error:
        wrong = f"Invalid value {config.text('topics.regex')} for configuration topics.regex: {error}"
        return {"topics.regex": wrong}
    queue = config.text("errors.deadletterqueue.topic.name")
    if queue and (queue in config.texts("topics") or pattern.fullmatch(queue)):
        return {"errors.deadletterqueue.topic.name": f"The dead-letter topic {queue} is one of the topics to read."}
    return {}


SINK.check = _topics


def full_definition(connector: Connector) -> ConfigDef:
    """All keys that a connector understands; its own declaration of a common key is the one that counts."""
    common = COMMON + (SOURCE if isinstance(connector, SourceConnector) else SINK)
    return common + ConfigDef(ignored=CLOUD_IGNORED) + connector.config
