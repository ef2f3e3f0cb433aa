"""The connector's keys: Debezium's names, defaults and meanings."""

from __future__ import annotations

import re
from collections.abc import Mapping

from headwater.connect.allowed import a_file, parameter_files
from headwater.connect.config import Config, ConfigDef, Importance, Key, Type
from headwater.connect.connectors.postgres.filters import filters, patterns
from headwater.connect.connectors.postgres.options import Options

EMBEDDED = "embedded"
"""As `database.hostname`: the tables of the node's own small store instead of a PostgreSQL server."""
SNAPSHOT_MODES = (
    "always", "initial", "initial_only", "no_data", "never", "when_needed", "schema_only", "exported",
    "configuration_based", "custom",
)  # fmt: skip
LEGACY_MODES = {"never": "no_data", "schema_only": "no_data", "exported": "initial"}
"""Names of earlier versions, and what they are called now."""
OPERATIONS = {"c", "u", "d", "t", "r", "m", "none"}
_SLOT = re.compile(r"[a-z0-9_]{1,63}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,200}")
HIGH, LOW = Importance.HIGH, Importance.LOW


def _slot_name(value: str) -> str | None:
    return None if _SLOT.fullmatch(value) else "a slot's name has only lower-case letters, digits and underscores"


def _topic_prefix(value: str) -> str | None:
    return None if _TOPIC.fullmatch(value) else "has only letters, digits, '.', '_' and '-'"


def _regexes(value: str) -> str | None:
    try:
        patterns(value)
    except ValueError as error:
        return str(error)
    return None


def _operations(value: list[str]) -> str | None:
    unknown = sorted({part.lower() for part in value} - OPERATIONS)
    return f"'{unknown[0]}' is none of c, u, d, t, none" if unknown else None


def _together(config: Config) -> Mapping[str, str]:
    errors: dict[str, str] = {}
    for what in ("schema", "table", "column"):
        if config.text(f"{what}.include.list") and config.text(f"{what}.exclude.list"):
            errors[f"{what}.exclude.list"] = f'"{what}.include.list" is already specified; use one of both'
    if config["snapshot.mode"] in ("configuration_based", "custom"):
        errors["snapshot.mode"] = "modes that Java classes implement are not available; use initial or when_needed"
    if config.text("plugin.name") != "pgoutput":
        errors["plugin.name"] = "only pgoutput, which comes with PostgreSQL 10 and newer, is supported"
    if config.text("database.hostname") != EMBEDDED:
        for name in ("database.user", "database.dbname"):
            if not config.text(name):
                errors[name] = f'Missing required configuration "{name}" which has no default value.'
    try:
        filters(config)
    except ValueError as error:
        errors["message.key.columns"] = str(error)
    return errors


CONFIG = ConfigDef(
    Key("database.hostname", Type.STRING, "Host of the PostgreSQL server. `embedded`: a small store of the node's own, "
        "no server needed.", importance=HIGH, group="Connection"),
    Key("database.port", Type.INT, "Port of the server.", default=5432, minimum=1, maximum=65535, importance=HIGH,
        group="Connection"),
    Key("database.user", Type.STRING, "User with the attribute REPLICATION.", default="", importance=HIGH,
        group="Connection"),
    Key("database.password", Type.PASSWORD, "Password of the user.", default="", importance=HIGH, group="Connection"),
    Key("database.dbname", Type.STRING, "Database whose changes are captured.", default="", importance=HIGH,
        group="Connection"),
    Key("database.sslmode", Type.STRING, "As libpq's sslmode.", default="prefer",
        choices=("disable", "allow", "prefer", "require", "verify-ca", "verify-full"), group="Connection"),
    Key("database.sslrootcert", Type.STRING, "File with the root certificates to verify the server by.", default="",
        group="Connection", path=lambda text, _services: parameter_files([("sslrootcert", text)] if text else [])),
    Key("database.sslcert", Type.STRING, "File with the client's certificate.", default="", group="Connection",
        path=a_file),
    Key("database.sslkey", Type.STRING, "File with the client's private key.", default="", group="Connection",
        path=a_file),
    Key("topic.prefix", Type.STRING, "Logical name of the database server: topics are <prefix>.<schema>.<table>.",
        importance=HIGH, validator=_topic_prefix, group="Topics"),
    Key("topic.delimiter", Type.STRING, "Between the parts of topic names.", default=".", importance=LOW,
        group="Topics"),
    Key("topic.heartbeat.prefix", Type.STRING, "Heartbeats go to <this>.<topic.prefix>.",
        default="__debezium-heartbeat", importance=LOW, group="Topics"),
    Key("topic.transaction", Type.STRING, "Transaction metadata go to <topic.prefix>.<this>.", default="transaction",
        importance=LOW, group="Topics"),
    Key("plugin.name", Type.STRING, "Logical decoding plugin: pgoutput.", default="pgoutput", group="Replication"),
    Key("slot.name", Type.STRING, "Replication slot, made if it does not exist.", default="debezium",
        validator=_slot_name, group="Replication"),
    Key("slot.drop.on.stop", Type.BOOLEAN, "Drop the slot when the connector stops. For tests: changes made meanwhile "
        "are lost.", default=False, group="Replication"),
    Key("slot.max.retries", Type.INT, "How often a slot that is in use is tried again.", default=6, minimum=0,
        group="Replication"),
    Key("slot.retry.delay.ms", Type.LONG, "Longest pause between those tries, in ms.", default=10_000, minimum=1,
        group="Replication"),
    Key("slot.stream.params", Type.STRING, "Accepted, no effect.", default="", importance=LOW, group="Replication"),
    Key("publication.name", Type.STRING, "Publication, made if it does not exist.", default="dbz_publication",
        group="Replication"),
    Key("publication.autocreate.mode", Type.STRING, "What to do when there is no publication: `all_tables` makes one "
        "for all (needs a superuser), `filtered` for the captured tables (needs their owner), `no_tables` an empty "
        "one, `disabled` fails.", default="all_tables", choices=("disabled", "all_tables", "filtered", "no_tables"),
        group="Replication"),
    Key("status.update.interval.ms", Type.LONG, "How often the server is told how far we are, in ms.", default=10_000,
        minimum=1, group="Replication"),
    Key("schema.include.list", Type.STRING, "Regular expressions of the schemas to capture.", default="",
        validator=_regexes, group="Filters"),
    Key("schema.exclude.list", Type.STRING, "Regular expressions of the schemas to leave out.", default="",
        validator=_regexes, group="Filters"),
    Key("table.include.list", Type.STRING, "Regular expressions of the tables to capture, as schema.table.",
        default="", importance=HIGH, validator=_regexes, group="Filters"),
    Key("table.exclude.list", Type.STRING, "Regular expressions of the tables to leave out.", default="",
        validator=_regexes, group="Filters"),
    Key("column.include.list", Type.STRING, "Regular expressions of the columns to capture, as schema.table.column.",
        default="", validator=_regexes, group="Filters"),
    Key("column.exclude.list", Type.STRING, "Regular expressions of the columns to leave out.", default="",
        validator=_regexes, group="Filters"),
    Key("message.key.columns", Type.STRING, "Keys of tables: <table>:<column>,<column>;...", default="",
        group="Filters"),
    Key("skipped.operations", Type.LIST, "Operations that give no record: c, u, d, t, or none.", default=["t"],
        validator=_operations, group="Filters"),
    Key("snapshot.mode", Type.STRING, "When the tables' rows are read: `initial` once, `always` at each start, "
        "`initial_only` once and then nothing more, `no_data` never, `when_needed` also when the place in the log is "
        "gone.", default="initial", choices=SNAPSHOT_MODES, importance=HIGH, group="Snapshot"),
    Key("snapshot.include.collection.list", Type.STRING, "Regular expressions of the tables to read; empty: all that "
        "are captured.", default="", validator=_regexes, group="Snapshot"),
    Key("snapshot.select.statement.overrides", Type.LIST, "Tables read with a statement of their own, which stands in "
        "snapshot.select.statement.overrides.<schema>.<table>.", default=[], group="Snapshot"),
    Key("snapshot.fetch.size", Type.INT, "Most rows read at a time.", default=10_240, minimum=1, group="Snapshot"),
    Key("snapshot.delay.ms", Type.LONG, "How long to wait before the snapshot, in ms.", default=0, minimum=0,
        importance=LOW, group="Snapshot"),
    Key("snapshot.lock.timeout.ms", Type.LONG, "Accepted; the snapshot takes no locks.", default=10_000,
        importance=LOW, group="Snapshot"),
    Key("decimal.handling.mode", Type.STRING, "NUMERIC and money as exact decimals, as `double` or as `string`.",
        default="precise", choices=("precise", "double", "string"), group="Values"),
    Key("time.precision.mode", Type.STRING, "How dates and times become numbers.", default="adaptive",
        choices=("adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds"),
        group="Values"),
    Key("interval.handling.mode", Type.STRING, "INTERVAL as microseconds or as ISO 8601.", default="numeric",
        choices=("numeric", "string"), group="Values"),
    Key("binary.handling.mode", Type.STRING, "How bytea is given.", default="bytes",
        choices=("bytes", "base64", "base64-url-safe", "hex"), group="Values"),
    Key("hstore.handling.mode", Type.STRING, "hstore as JSON text or as a map.", default="json",
        choices=("json", "map"), group="Values"),
    Key("money.fraction.digits", Type.INT, "Digits after the point of money.", default=2, minimum=0, maximum=38,
        group="Values"),
    Key("include.unknown.datatypes", Type.BOOLEAN, "Give types without a mapping as the bytes of their text.",
        default=False, group="Values"),
    Key("unavailable.value.placeholder", Type.STRING, "Stands for a large value that an update left as it was.",
        default="__debezium_unavailable_value", group="Values"),
    Key("tombstones.on.delete", Type.BOOLEAN, "A delete is followed by a record without a value, for compaction.",
        default=True, group="Events"),
    Key("provide.transaction.metadata", Type.BOOLEAN, "Tell which transaction each change belongs to, and when it "
        "begins and ends.", default=False, group="Events"),
    Key("heartbeat.interval.ms", Type.LONG, "How often a heartbeat record is written, in ms; 0: never.", default=0,
        minimum=0, group="Events"),
    Key("heartbeat.action.query", Type.STRING, "Statement executed with each heartbeat.", default="", group="Events"),
    Key("max.batch.size", Type.INT, "Most changes per batch.", default=2048, minimum=1, group="Events"),
    Key("max.queue.size", Type.INT, "Accepted; there is no queue: what was not asked for stays in the server.",
        default=8192, importance=LOW, group="Events"),
    Key("poll.interval.ms", Type.LONG, "Longest wait for a change before the worker looks after other things, in ms.",
        default=500, minimum=1, importance=LOW, group="Events"),
    Key("errors.max.retries", Type.INT, "How often in a row a lost connection is restored; -1: without end.",
        default=-1, minimum=-1, group="Errors"),
    Key("retriable.restart.connector.wait.ms", Type.LONG, "Longest wait before a lost connection is restored, in ms.",
        default=10_000, minimum=1, group="Errors"),
    ignored=(
        "database.server.id", "database.tcpKeepAlive", "database.initial.statements", "database.sslpassword",
        "database.sslfactory", "column.mask.hash.*", "column.mask.with.*", "column.truncate.to.*",
        "xmin.fetch.interval.ms", "snapshot.select.statement.overrides.*", "snapshot.max.threads",
        "snapshot.isolation.mode",
        "snapshot.locking.mode", "schema.refresh.mode", "topic.naming.strategy", "topic.cache.size",
        "flush.lsn.source", "lsn.flush.mode", "signal.enabled.channels", "read.only", "sourceinfo.struct.version",
        "custom.metric.tags", "notification.*", "event.processing.failure.handling.mode", "internal.*",
    ),
    check=_together,
)  # fmt: skip


def options(config: Config) -> Options:
    """How values are mapped."""
    return Options(
        decimals=config.text("decimal.handling.mode"),
        times=config.text("time.precision.mode"),
        binary=config.text("binary.handling.mode"),
        hstore=config.text("hstore.handling.mode"),
        intervals=config.text("interval.handling.mode"),
        money_digits=config.integer("money.fraction.digits"),
        unknown_types=config.flag("include.unknown.datatypes"),
        placeholder=config.text("unavailable.value.placeholder"),
    )


def snapshot_mode(config: Config) -> str:
    """The mode under its present name."""
    mode = config.text("snapshot.mode")
    return LEGACY_MODES.get(mode, mode)
