"""What the sink can be told, under the original's names and the cloud's."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from headwater.connect.allowed import a_file
from headwater.connect.config import Config, ConfigDef, Importance, Key, Type
from headwater.connect.connectors.bigquery.fields import Naming, sanitized
from headwater.connect.connectors.bigquery.rows import Shape

EMBEDDED = "embedded"
"""In place of a project: the datasets inside the node."""
_OFF = ("false", "DISABLED")


def _datasets(text: str) -> str | None:
    try:
        dataset_of("x", text)
    except re.error as error:
        return f"is no regular expression: {error}"
    return None


def _keyfile(text: str) -> str | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        return None if isinstance(json.loads(text), dict) else "must be a JSON object"
    except ValueError:
        return "is no valid JSON"


def _table_map(text: str) -> str | None:
    wrong = [pair for pair in text.split(",") if pair.strip() and not all(pair.partition(":")[::2])]
    return f"must be pairs of topic:table, found {wrong[0]}" if wrong else None


def _check(config: Config) -> Mapping[str, str]:
    if config.text("partitioning.type") == "TIMESTAMP_COLUMN" and not config.text("timestamp.partition.field.name"):
        return {"timestamp.partition.field.name": "must be set with partitioning.type=TIMESTAMP_COLUMN"}
    return {}


CONFIG = ConfigDef(
    Key("project", Type.STRING, "Project to write to; `embedded` is the datasets inside the node.", default=EMBEDDED,
        importance=Importance.HIGH),
    Key("datasets", Type.STRING, "Dataset to write to, or for topics of their own: `regex=dataset`, separated by "
        "commas, the first that fits.", importance=Importance.HIGH, validator=_datasets, aliases=("defaultDataset",)),
    Key("keyfile", Type.PASSWORD, "Key of the service account: its JSON, or the path of its file. Empty: what the "
        "machine is logged in with.", default=None, importance=Importance.HIGH, validator=_keyfile,
        path=lambda text, services: [] if text.lstrip().startswith("{") else a_file(text, services)),
    Key("bigquery.endpoint", Type.STRING, "Address of another server that speaks BigQuery's REST API, such as an "
        "emulator (`http://host:port`). Without `keyfile` nobody logs in there.", default=None),
    Key("auto.create.tables", Type.STRING, "Make tables that are missing; the cloud's newer values say how they are "
        "partitioned too.", default="false", importance=Importance.HIGH, aliases=("autoCreateTables",),
        choices=("false", "true", "DISABLED", "NON-PARTITIONED", "PARTITION by INGESTION TIME", "PARTITION by FIELD")),
    Key("auto.update.schemas", Type.STRING, "Add columns that are missing. Without it, BigQuery refuses records that "
        "have them.", default="false", choices=("false", "true", "DISABLED", "ADD NEW FIELDS"),
        aliases=("allowNewBigQueryFields", "autoUpdateSchemas", "allow.new.bigquery.fields")),
    Key("allow.bigquery.required.field.relaxation", Type.BOOLEAN, "Let columns be null that were not, where a record's "
        "schema lets them.", default=False, aliases=("allowBigQueryRequiredFieldRelaxation",)),
    Key("all.bq.fields.nullable", Type.BOOLEAN, "Make all columns nullable, whatever the schema says.", default=False,
        aliases=("allBQFieldsNullable",)),
    Key("sanitize.topics", Type.BOOLEAN, "Write every character of a topic's name but letters, digits and underscores "
        "as an underscore in the table's. Not set: true, but for the original's class, whose default is false.",
        default=None, aliases=("sanitizeTopics",)),
    Key("sanitize.field.names", Type.BOOLEAN, "The same for the names of fields.", default=False,
        aliases=("sanitizeFieldNames",)),
    Key("topic2table.map", Type.STRING, "Tables of topics by pairs `topic:table`, separated by commas.", default="",
        validator=_table_map, aliases=("topic2TableMap",)),
    Key("partitioning.type", Type.STRING, "How tables that are made are partitioned: by the time of insertion, by the "
        "record's time, by a column, or not at all.", default="INGESTION_TIME",
        choices=("INGESTION_TIME", "RECORD_TIME", "TIMESTAMP_COLUMN", "NONE")),
    Key("timestamp.partition.field.name", Type.STRING, "Column of partitioning.type=TIMESTAMP_COLUMN.", default="",
        aliases=("timestampPartitionFieldName",)),
    Key("time.partitioning.type", Type.STRING, "Time that one partition has.", default="DAY",
        choices=("HOUR", "DAY", "MONTH", "YEAR"), aliases=("timePartitioningType",)),
    Key("ingestion.mode", Type.STRING, "The cloud's way to say how rows are written: added, or by key with `UPSERT` "
        "and `UPSERT_DELETE`.", default="STREAMING",
        choices=("STREAMING", "BATCH LOADING", "UPSERT", "UPSERT_DELETE")),
    Key("upsert.enabled", Type.BOOLEAN, "Replace the row of the record's key, with one MERGE statement per batch.",
        default=False, aliases=("upsertEnabled",)),
    Key("delete.enabled", Type.BOOLEAN, "Delete the row of the key of a record whose value is null. Writes by key, "
        "as `upsert.enabled` does.", default=False, aliases=("deleteEnabled",)),
    Key("kafkaKeyFieldName", Type.STRING, "Column for the record's key. Empty: none; where rows are written by key, "
        "one for each field of the key.", default="", aliases=("kafka.key.field.name",)),
    Key("kafkaDataFieldName", Type.STRING, "Column for the record's topic, partition, offset and time of insertion. "
        "Empty: none.", default="", aliases=("kafka.data.field.name",)),
    Key("decimalHandlingMode", Type.STRING, "Type of columns for decimals.", default="FLOAT",
        choices=("FLOAT", "NUMERIC", "BIGNUMERIC", "STRING"), aliases=("decimal.handling.mode",)),
    Key("batch.size", Type.INT, "Most rows of one request.", default=500, minimum=1, maximum=50_000),
    Key("request.timeout.ms", Type.INT, "Longest wait for an answer, in ms.", default=60_000, minimum=1),
    ignored=("keySource", "key.source", "authentication.method", "bigQueryRetry", "bigQueryRetryWait",
             "bigQueryMessageTimePartitioning", "bigQueryPartitionDecorator", "queueSize", "threadPoolSize",
             "avroDataCacheSize", "schemaRetriever", "schemaRegistryLocation", "enableBatchLoad", "gcsBucketName",
             "gcsFolderName", "batchLoadIntervalSec", "autoCreateBucket", "mergeIntervalMs", "mergeRecordsThreshold",
             "intermediateTableSuffix", "clusteringPartitionFieldNames", "partitionExpirationMs",
             "convertDoubleSpecialValues", "allowSchemaUnionization", "commit.interval", "use.date.time.formatter",
             "convertDebeziumTimestampToInteger", "max.retries", "input.bigint.*", "linger.ms"),
    check=_check,
)  # fmt: skip


@dataclass(frozen=True)
class Partitioning:
    """Of tables that are made: `unit` is DAY, ...; empty for none. `column` empty is the time of insertion."""

    unit: str = ""
    column: str = ""


@dataclass(frozen=True)
class Options:
    """What a task goes by."""

    shape: Shape
    creates: bool
    widens: bool
    relaxes: bool
    keyed: bool
    deletes: bool
    partitioning: Partitioning
    by_record_time: bool
    """Whether a row goes into the partition of its record's time."""
    sanitizes_topics: bool
    tables: Mapping[str, str]
    datasets: str
    batch_size: int

    @classmethod
    def of(cls, config: Config) -> Options:
        mode = config.text("ingestion.mode")
        deletes = config.flag("delete.enabled") or mode == "UPSERT_DELETE"
        keyed = deletes or config.flag("upsert.enabled") or mode == "UPSERT"
        naming = Naming(
            config.flag("sanitize.field.names"),
            config.text("decimalHandlingMode"),
            config.flag("all.bq.fields.nullable"),
        )
        shape = Shape(naming, config.text("kafkaKeyFieldName"), config.text("kafkaDataFieldName"), keyed)
        partitioning = _partitioning(config)
        pairs = (pair.strip().partition(":") for pair in config.text("topic2table.map").split(",") if pair.strip())
        return cls(
            shape=shape,
            creates=config.text("auto.create.tables") not in _OFF,
            widens=config.text("auto.update.schemas") not in _OFF,
            relaxes=config.flag("allow.bigquery.required.field.relaxation"),
            keyed=keyed,
            deletes=deletes,
            partitioning=partitioning,
            by_record_time=config.text("partitioning.type") == "RECORD_TIME" and not keyed,
            sanitizes_topics=_sanitizes(config),
            tables={topic: table for topic, _, table in pairs},
            datasets=config.text("datasets"),
            batch_size=config.integer("batch.size"),
        )

    def place(self, topic: str) -> tuple[str, str]:
        """Dataset and table of a topic."""
        table = self.tables.get(topic) or (sanitized(topic) if self.sanitizes_topics else topic)
        return dataset_of(topic, self.datasets), table


def dataset_of(topic: str, datasets: str) -> str:
    """The dataset of a topic; empty if no pattern fits."""
    for part in filter(None, map(str.strip, datasets.split(","))):
        pattern, equals, dataset = part.rpartition("=")
        if not equals or re.fullmatch(pattern, topic):
            return dataset.strip()
    return ""


def is_embedded(config: Config) -> bool:
    """Whether no project is meant."""
    return config.text("project") == EMBEDDED and not config.text("bigquery.endpoint")


def _sanitizes(config: Config) -> bool:
    if config.get("sanitize.topics") is not None:
        return config.flag("sanitize.topics")
    return "wepay" not in config.text("connector.class")


def _partitioning(config: Config) -> Partitioning:
    how, column = config.text("partitioning.type"), config.text("timestamp.partition.field.name")
    match config.text("auto.create.tables"):
        case "NON-PARTITIONED":
            how = "NONE"
        case "PARTITION by INGESTION TIME":
            how = "INGESTION_TIME"
        case "PARTITION by FIELD":
            how = "TIMESTAMP_COLUMN"
    if how == "NONE":
        return Partitioning()
    named = how == "TIMESTAMP_COLUMN" or (column and "partitioning.type" not in config.raw)
    return Partitioning(config.text("time.partitioning.type"), column if named else "")
