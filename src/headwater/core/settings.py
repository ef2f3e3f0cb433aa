"""Every setting of a node, declared once: its type, default, bounds and meaning.

A setting is a field of one of the small dataclasses below, one class per part of the node. In a TOML file it is a key
of the part's table, in the environment `HEADWATER_<PART>_<KEY>`; `headwater.core.config` reads both. `docs/settings.md`
is rendered from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

ENV_PREFIX = "HEADWATER_"
MAX_PORT = 65_535
T = TypeVar("T")


@dataclass(frozen=True)
class About:
    """What a setting's declaration says besides its type and default. Bounds are inclusive."""

    doc: str
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False
    many: bool = False
    """Names separated by commas; in a TOML file they may be a list."""


def setting(
    default: T,
    doc: str,
    *,
    minimum: int | None = None,
    maximum: int | None = None,
    choices: tuple[str, ...] = (),
    secret: bool = False,
    many: bool = False,
) -> T:
    """Declare a setting: a dataclass field that carries its description."""
    metadata = {"about": About(" ".join(doc.split()), minimum, maximum, choices, secret, many)}
    if isinstance(default, dict):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


def port(default: int, doc: str) -> int:
    """Declare a TCP port; 0 takes a free one."""
    return setting(default, f"{doc} 0 takes a free one.", minimum=0, maximum=MAX_PORT)


@dataclass(frozen=True)
class NodeSettings:
    """Where a node keeps its files and whom it listens to."""

    data: Path = setting(Path(".headwater"), "Folder of the embedded log. One process at a time may use it.")
    memory: bool = setting(False, "Keep the embedded log in memory only: everything is gone when the process ends.")
    host: str = setting(
        "127.0.0.1",
        """Address that every listener binds to. Anything but loopback is refused unless clients must authenticate or
        `insecure` is true.""",
    )
    api_keys: Mapping[str, str] = setting(
        {},
        """Names and secrets of who may connect. Empty: everybody. Kafka clients give them with SASL/PLAIN, REST clients
        with HTTP Basic.""",
        secret=True,
    )
    authentication: str = setting(
        "auto",
        """Whether clients of every door have to log in. `auto`: when `api_keys` names any. `required`: always, for
        example with keys that only `headwater keys create` has made.""",
        choices=("auto", "required"),
    )
    insecure: bool = setting(False, "Listen on other addresses than loopback although clients need no password.")
    log_level: str = setting(
        "warning",
        "How much the node says about its work, on standard error.",
        choices=("debug", "info", "warning", "error"),
    )
    log_format: str = setting(
        "text", "`text`: lines for people. `json`: an object per line, for collectors.", choices=("text", "json")
    )
    maintenance_interval_ms: int = setting(
        15_000, "Time between two rounds of compaction, retention and checkpoints, as far as they are due.", minimum=100
    )


@dataclass(frozen=True)
class KafkaSettings:
    """The Kafka listeners, in front of the embedded log; see docs/security.md."""

    port: int = port(9092, "Port of the Kafka protocol.")
    security_protocol: str = setting(
        "auto",
        "Of the listener on `port`. `auto`: `SASL_PLAINTEXT` where clients have to log in, else `PLAINTEXT`.",
        choices=("auto", "PLAINTEXT", "SASL_PLAINTEXT", "SSL", "SASL_SSL"),
    )
    advertised_host: str = setting(
        "", "Host that clients are told to connect to, where that is not the address listened on."
    )
    advertised_port: int = setting(
        0, "Port that clients of `port` are told to connect to; 0: the one they came to.", minimum=0, maximum=MAX_PORT
    )
    tls_port: int = setting(
        -1,
        """Port of one more listener, named `tls`, with SASL_SSL and the certificate of `[tls]`. -1: none; 0 takes a
        free one.""",
        minimum=-1,
        maximum=MAX_PORT,
    )
    listeners: Mapping[str, str] = setting(
        {},
        """More listeners by name, each a table `[kafka.listeners.NAME]` with `port` and, where wanted, `host`,
        `security_protocol` (`PLAINTEXT`), `advertised_host`, `advertised_port`.""",
    )
    super_users: str = setting(
        "", "Users who may do everything, as admin API keys may, separated by semicolons: `User:anna;User:CN=app,O=us`."
    )
    allow_everyone_if_no_acl_found: bool = setting(
        False, "Everybody may do what no ACL is about; clients without a login are then under ACLs, too."
    )
    max_connections: int = setting(20_000, "Most connections of all listeners together.", minimum=1)
    max_connections_per_ip: int = setting(10_000, "Most connections from one address.", minimum=1)
    max_request_bytes: int = setting(
        100 << 20, "Largest request; a client that announces a larger one is disconnected.", minimum=1024
    )
    max_in_flight_requests: int = setting(
        1_000, "Requests of one connection that may wait for answers before no more are read.", minimum=1
    )
    max_bytes_before_login: int = setting(
        64 << 10, "What a client may send in all before it has logged in.", minimum=1024
    )
    login_timeout_ms: int = setting(
        30_000, "Longest time from connecting to having logged in, and for the TLS handshake.", minimum=100
    )
    failed_login_delay_ms: int = setting(100, "How long a refused login has to wait for the refusal.", minimum=0)
    connections_max_idle_ms: int = setting(
        600_000, "Connections on which nothing was asked for so long are closed.", minimum=1_000
    )
    connections_max_reauth_ms: int = setting(
        0, "After so long a client has to log in again on its connection (KIP-368); 0: never.", minimum=0
    )
    node_id: int = setting(1, "The number by which clients know the node (`node.id`).", minimum=0, maximum=2**31 - 1)
    group_min_session_timeout_ms: int = setting(
        6_000, "Shortest `session.timeout.ms` that a consumer of a classic group may ask for.", minimum=1
    )
    group_initial_rebalance_delay_ms: int = setting(
        0,
        """How long the first rebalance of a classic group waits for more members. Kafka waits 3 s; a node with few
        consumers need not.""",
        minimum=0,
    )
    default_partitions: int = setting(
        1, "Partitions of a topic whose creator names no number, or that is created by being used.", minimum=1
    )
    auto_create_topics: bool = setting(True, "Create a topic when a producer or consumer first asks for it.")


@dataclass(frozen=True)
class TlsSettings:
    """Certificates of the listeners with TLS. Without files of one's own, the node makes an authority and a certificate
    and keeps them in its data folder; `headwater trust` hands the authority to clients."""

    certificate_file: str = setting("", "PEM file with the certificate and those that lead to its authority.")
    key_file: str = setting("", "PEM file with the key of `certificate_file`.")
    names: str = setting(
        "",
        """Further host names and addresses for the generated certificate, separated by commas. It always has
        `localhost`, `127.0.0.1`, `::1`, `host.docker.internal`, the host's name, and advertised hosts.""",
    )
    client_auth: str = setting(
        "none",
        """Whether clients show a certificate (`ssl.client.auth`). On `SSL` listeners its subject is the user:
        `User:CN=app,O=example`.""",
        choices=("none", "requested", "required"),
    )
    client_ca_file: str = setting("", "PEM file of the authorities that clients' certificates come from.")
    rest: bool = setting(False, "Whether the REST doors speak https: ksqlDB, schema registry, Connect and console.")

    @property
    def rest_scheme(self) -> str:
        """Of the REST doors' URLs."""
        return "https" if self.rest else "http"


@dataclass(frozen=True)
class OauthbearerSettings:
    """Logging in with tokens (SASL/OAUTHBEARER). The keys are Kafka's `sasl.oauthbearer.…` with underscores (KIP-768),
    and those of KIP-255 for unsecured tokens."""

    jwks_endpoint_url: str = setting(
        "",
        "Where the keys are that tokens are signed with: an https, http or file URL, or a path. Empty: no such tokens.",
    )
    jwks_endpoint_refresh_ms: int = setting(3_600_000, "How often the keys are read again.", minimum=1_000)
    expected_issuer: str = setting("", "What the claim `iss` has to be. Empty: anything.")
    expected_audience: str = setting(
        "", "Values of which the claim `aud` has to have one, separated by commas. Empty: anything."
    )
    clock_skew_seconds: int = setting(30, "How far the clocks of issuer and node may differ.", minimum=0)
    sub_claim_name: str = setting("sub", "The claim that names the user.")
    scope_claim_name: str = setting("scope", "The claim that has the scopes.")
    unsecured_validator: bool = setting(
        False, "Take tokens that nobody signed, from anybody who makes one up. For development only."
    )
    unsecured_validator_required_scope: str = setting(
        "", "Scopes that an unsecured token must have, separated by spaces."
    )


@dataclass(frozen=True)
class KsqlSettings:
    """The SQL engine and its REST API."""

    port: int = port(8088, "Port of ksqlDB's REST API.")
    service_id: str = setting(
        "default_", "ksqlDB's `ksql.service.id`: names the command topic, and prefixes internal topics and groups."
    )
    max_request_bytes: int = setting(
        16 << 20, "Largest body of a request, and largest line of /inserts-stream; more is answered 413.", minimum=1024
    )
    extensions: str = setting(
        "",
        """File, or folder of files, with functions in Python; see docs/extensions.md. Empty: what ksqlDB's property
        `ksql.extension.dir` says, where it is set. Functions of installed packages need no setting.""",
    )
    properties: Mapping[str, str] = setting(
        {},
        """Server-wide values of ksqlDB's properties, as `ksql-server.properties` has them: `ksql.*`,
        `auto.offset.reset`, …""",
    )


@dataclass(frozen=True)
class RegistrySettings:
    """The schema registry and the catalog, on one port."""

    port: int = port(8081, "Port of the schema registry's and the catalog's REST API.")
    advertised_url: str = setting(
        "",
        """URL at which the other nodes on one Apache Kafka reach this door, where that is not
        `http://node.host:port`: behind a proxy with TLS, for example.""",
    )
    max_schema_bytes: int = setting(
        1_000_000,
        "Largest text of a schema in UTF-8; more is answered 422 with code 42209. A record of _schemas holds no more.",
        minimum=1024,
    )


@dataclass(frozen=True)
class ConnectSettings:
    """Connectors and their REST API."""

    port: int = port(8083, "Port of Kafka Connect's REST API.")
    advertised_url: str = setting(
        "",
        """URL to which the other nodes on one Apache Kafka send clients of this door, where that is not
        `http://node.host:port`.""",
    )
    allowed_paths: str = setting(
        "",
        """Folders that configurations of connectors may reach, with `${file:…}` and with keys that name files; `*` is
        every file. Those of the embedded services always are. Empty: every file where `node.host` is loopback, none
        elsewhere.""",
        many=True,
    )
    allowed_variables: str = setting(
        "",
        """Patterns of variables of the environment that `${env:…}` may look up, such as `DB_*`. Empty: all where
        `node.host` is loopback, none elsewhere.""",
        many=True,
    )
    services: str = setting(
        "",
        """Folder of the embedded services: tables, documents and objects that stand in for outside ones. Empty:
        `services` beside the log, or gone with the process where the log is in memory.""",
    )


@dataclass(frozen=True)
class AgentsSettings:
    """Stream agents in Python that run inside the node; see docs/agents.md."""

    modules: str = setting(
        "",
        """Apps to run, as `module:name`, separated by commas or as a list. Modules are looked for in the working
        directory and among what is installed.""",
        many=True,
    )


@dataclass(frozen=True)
class ConsoleSettings:
    """What people and monitoring look at."""

    port: int = port(9021, "Port of the console and of `/metrics`.")


@dataclass(frozen=True)
class LogSettings:
    """The embedded log."""

    fsync: str = setting(
        "adaptive",
        """When what was written is forced to disk. `adaptive`: at once, and what arrives meanwhile goes into the next
        sync; a power cut loses nothing that was acknowledged with acks=all. `interval`: every `fsync_interval_ms`; a
        power cut loses at most that much. `none`: when the operating system likes, usually within 30 s. A crash of the
        process alone loses nothing under any of them.""",
        choices=("adaptive", "interval", "none"),
    )
    fsync_interval_ms: int = setting(1_000, 'For `fsync = "interval"`.', minimum=1)
    checkpoint_interval_ms: int = setting(
        30_000,
        "Time between two notes of how far the files are known good; bounds the scan after a crash.",
        minimum=100,
    )
    retention_check_interval_ms: int = setting(
        300_000, "Time between two rounds of deleting what retention does not keep.", minimum=0
    )
    max_partitions_per_topic: int = setting(
        10_000, "Most partitions that one topic may have. More are refused when it is created or grows.", minimum=1
    )
    max_partitions: int = setting(
        200_000,
        "Most partitions that all topics together may have. Each takes about 0.6 KB of memory even when it is empty.",
        minimum=1,
    )
    topic_defaults: Mapping[str, str] = setting(
        {}, "Topic configurations that hold where a topic has none of its own, for example `retention.ms`."
    )


@dataclass(frozen=True)
class ClusterSettings:
    """The Apache Kafka cluster that holds the topics instead of the embedded log."""

    bootstrap_servers: str = setting(
        "", "`host:port` of some brokers, separated by commas. Empty: the embedded log is used."
    )
    security_protocol: str = setting(
        "PLAINTEXT",
        "How brokers are spoken to.",
        choices=("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    )
    sasl_mechanism: str = setting(
        "PLAIN", "How to log in, for the SASL protocols.", choices=("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
    )
    sasl_username: str = setting("", "User name, or API key.")
    sasl_password: str = setting("", "Password, or API secret.", secret=True)
    ssl_ca_file: str = setting("", "PEM file of the authorities to trust. Empty: those of the system.")
    ssl_certificate_file: str = setting("", "PEM file with the client's certificate, where brokers ask for one.")
    ssl_key_file: str = setting("", "PEM file with the key of `ssl_certificate_file`.")
    ssl_check_hostname: bool = setting(True, "Whether a broker's certificate must name the host connected to.")
    node_secret: str = setting(
        "",
        """What the nodes on one Apache Kafka know each other by, the same at all of them: with it a node asks the one
        that writes schemas as the user `headwater-node`, over https or on one machine. Needed where nodes ask for
        logins.""",
        secret=True,
    )
    node_ca_file: str = setting(
        "",
        """PEM file of the authorities of the other nodes' certificates, where they serve schemas over https. Empty:
        those of `ssl_ca_file`.""",
    )
    client_id: str = setting("headwater", "Name under which brokers log and count this client.")
    connect_timeout_ms: int = setting(10_000, "Longest wait for one connection, and for the first at start.", minimum=1)
    request_timeout_ms: int = setting(30_000, "Longest wait for an answer, retries included.", minimum=1)


@dataclass(frozen=True)
class Settings:
    """All settings of a node, by part."""

    node: NodeSettings = field(default_factory=NodeSettings)
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    tls: TlsSettings = field(default_factory=TlsSettings)
    oauthbearer: OauthbearerSettings = field(default_factory=OauthbearerSettings)
    ksql: KsqlSettings = field(default_factory=KsqlSettings)
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    connect: ConnectSettings = field(default_factory=ConnectSettings)
    agents: AgentsSettings = field(default_factory=AgentsSettings)
    console: ConsoleSettings = field(default_factory=ConsoleSettings)
    log: LogSettings = field(default_factory=LogSettings)
    cluster: ClusterSettings = field(default_factory=ClusterSettings)


@dataclass(frozen=True)
class Declared:
    """One setting as the loader and the reference see it."""

    part: str
    key: str
    type: Any
    default: Any
    about: About

    @property
    def name(self) -> str:
        return f"{self.part}.{self.key}"

    @property
    def env(self) -> str:
        return f"{ENV_PREFIX}{self.part}_{self.key}".upper()


def parts() -> dict[str, type[Any]]:
    """The parts, in the order of the reference: name to dataclass."""
    return dict(get_type_hints(Settings))


def declared() -> Iterator[Declared]:
    """Every setting, in the order of the reference."""
    for part, cls in parts().items():
        types = get_type_hints(cls)
        for item in fields(cls):
            yield Declared(part, item.name, types[item.name], _default(item), item.metadata["about"])


def free_ports() -> dict[str, int]:
    """Every port's setting with 0 as its value: whoever starts asks for free ones."""
    return {item.name: 0 for item in declared() if item.key == "port"}


def other_port(setting: str) -> str:
    """How to have a door on another port than the one of its setting: the end of a message about a port in use."""
    part, _, key = setting.rpartition(".")
    if part not in parts():  # one of [kafka.listeners], which only a file and the environment can name
        return f"Set `{setting}` to use another port."
    option = f"--{key.replace('_', '-')} N" if key != "port" else f"--{part}-port N"
    free = "; --free-ports takes free ones for all" if key == "port" else ""
    return f"Use another port with {option} or the setting `{setting}`{free}."


def _default(item: Field[Any]) -> Any:
    return item.default_factory() if callable(item.default_factory) else item.default
