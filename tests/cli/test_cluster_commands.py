"""`headwater topics`, `groups` and `acls` against a broker: what they do, print and refuse."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from typer.testing import CliRunner

from headwater.app.client_properties import apply, cluster_settings, parse
from headwater.app.group_reset import Target, parse_target
from headwater.app.tls import ServerTls
from headwater.broker.auth import ApiKeys
from headwater.cli.main import app
from headwater.core.clock import SystemClock
from headwater.core.errors import ConfigError, HeadwaterError
from headwater.core.settings import ClusterSettings, NodeSettings, Settings
from tests.broker.server import Running, broker_in_thread

Command = Callable[..., str]


@pytest.fixture(scope="module")
def broker() -> Iterator[Running]:
    with broker_in_thread(verifier=ApiKeys({"key": "s3cret"}), login=False) as running:
        running.broker.access.required = False
        yield running


@pytest.fixture
def headwater(broker: Running, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command against the broker; its output. Raises what the command raises."""
    monkeypatch.delenv("HEADWATER_CONFIG", raising=False)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--bootstrap-servers", broker.address], catch_exceptions=True)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def as_json(text: str) -> Any:
    return json.loads(text)


def test_a_topic_from_its_creation_to_its_end(headwater: Command) -> None:
    headwater("topics", "create", "orders", "--partitions", "3", "--set", "retention.ms=60000")
    with pytest.raises(HeadwaterError, match="creating topic orders: TOPIC_ALREADY_EXISTS"):
        headwater("topics", "create", "orders")
    headwater("topics", "alter", "orders", "-p", "4", "--set", "cleanup.policy=compact", "--unset", "retention.ms")
    with pytest.raises(HeadwaterError, match="INVALID_CONFIG"):
        headwater("topics", "alter", "orders", "--set", "cleanup.policy=nonsense")
    with pytest.raises(ConfigError, match="nothing to alter"):
        headwater("topics", "alter", "orders")
    with pytest.raises(ConfigError, match="name=value"):
        headwater("topics", "alter", "orders", "--set", "retention.ms")
    described = as_json(headwater("topics", "describe", "orders", "--output", "json"))
    assert described["configs"] == {"cleanup.policy": "compact"}
    assert [(p["partition"], p["start"], p["end"]) for p in described["partitions"]] == [(i, 0, 0) for i in range(4)]
    assert "cleanup.policy=compact" in headwater("topics", "describe", "orders")
    listed = as_json(headwater("topics", "list", "--output", "json"))
    assert {"topic": "orders", "partitions": 4, "replicas": 1} in listed
    with pytest.raises(ConfigError, match="give --yes"):
        headwater("topics", "delete", "orders")
    headwater("topics", "delete", "orders", "--yes")
    for gone in (["topics", "describe", "orders"], ["topics", "delete", "orders", "--yes"]):
        with pytest.raises(HeadwaterError, match="there is no topic orders"):
            headwater(*gone)


def fill_and_read(address: str, topic: str, group: str) -> Consumer:
    producer = Producer({"bootstrap.servers": address})
    for number in range(10):
        producer.produce(topic, str(number).encode(), partition=0, timestamp=1_000 + number)
    assert producer.flush(10) == 0
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "client.id": "reader",
        }
    )
    consumer.subscribe([topic])
    read = consumer.consume(4, 10)
    assert len(read) == 4
    consumer.commit(asynchronous=False)
    return consumer


def test_a_group_with_its_lag_is_moved_and_deleted(headwater: Command, broker: Running) -> None:
    headwater("topics", "create", "clicks", "-p", "1")
    consumer = fill_and_read(broker.address, "clicks", "readers")
    (row,) = as_json(headwater("groups", "describe", "readers", "--output", "json"))
    assert {k: row[k] for k in ("topic", "partition", "committed", "end", "lag", "client")} == {
        "topic": "clicks",
        "partition": 0,
        "committed": 4,
        "end": 10,
        "lag": 6,
        "client": "reader",
    }
    assert as_json(headwater("groups", "list", "--output", "json")) == [
        {"group": "readers", "state": "Stable", "type": "classic", "members": 1, "lag": 6}
    ]
    for refused in (["groups", "delete", "readers"], ["groups", "reset", "readers", "clicks", "--to", "0"]):
        with pytest.raises(HeadwaterError, match="stop its consumers first"):
            headwater(*refused, "--yes")
    consumer.close()
    for to, offset in [("latest", 10), ("-3", 7), ("+100", 10), ("earliest", 0), ("5", 5)]:
        headwater("groups", "reset", "readers", "clicks", "--to", to, "--yes")
        (row,) = as_json(headwater("groups", "describe", "readers", "--output", "json"))
        assert row["committed"] == offset
    plan = ["groups", "reset", "readers", "clicks", "--dry-run", "--output", "json", "--to"]
    (planned,) = as_json(headwater(*plan, "1970-01-01T00:00:01.003+00:00"))
    assert (planned["from"], planned["to"]) == (5, 3)
    (planned,) = as_json(headwater(*plan, "2099-01-01"))
    assert planned["to"] == 10, "nothing is so late: only what is still to come"
    with pytest.raises(HeadwaterError, match="no partition 7"):
        headwater(*plan, "0", "--partition", "7")
    headwater("groups", "delete", "readers", "--yes")
    for gone in (["groups", "describe", "readers"], ["groups", "delete", "readers", "--yes"]):
        with pytest.raises(HeadwaterError, match="there is no group readers"):
            headwater(*gone)


def test_entries_are_added_listed_and_removed(headwater: Command) -> None:
    headwater("acls", "add", "--principal", "anna", "--operation", "read", "--topic", "or-*", "--subject", "or-value")
    headwater("acls", "add", "--principal", "User:bert", "--operation", "all", "--cluster", "--ksql", "--deny")

    def listed(*options: str) -> list[tuple[str, ...]]:
        rows = as_json(headwater("acls", "list", *options, "--output", "json"))
        return [(r["resource"], r["name"], r["principal"], r["operation"], r["permission"]) for r in rows]

    anna = [
        ("topic", "or-*", "User:anna", "read", "allow"),
        ("subject", "or-value", "User:anna", "read", "allow"),
    ]
    bert = [
        ("cluster", "kafka-cluster", "User:bert", "all", "deny"),
        ("ksql", "ksql-cluster", "User:bert", "all", "deny"),
    ]
    assert sorted(listed()) == sorted(anna + bert)
    assert listed("--principal", "anna") == anna
    assert listed("--cluster") == bert[:1]
    with pytest.raises(ConfigError, match="would remove all"):
        headwater("acls", "remove", "--yes")
    with pytest.raises(ConfigError, match="give --principal, --operation and a resource"):
        headwater("acls", "add", "--principal", "anna", "--topic", "t")
    with pytest.raises(ConfigError, match="--operation must be one of all, read"):
        headwater("acls", "add", "--principal", "anna", "--topic", "t", "--operation", "eat")
    assert headwater("acls", "remove", "--principal", "anna", "--yes") == "Removed 2.\n"
    assert headwater("acls", "remove", "--ksql", "--yes") == "Removed 1.\n"
    assert listed() == bert[:1]


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("secret", ["s3cret", "wrong"])
def test_logins_come_from_a_properties_file(tmp_path: Path, mechanism: str, secret: str) -> None:
    with broker_in_thread(verifier=ApiKeys({"key": "s3cret"})) as guarded:
        file = tmp_path / "client.properties"
        file.write_text(
            f"bootstrap.servers={guarded.address}\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism={mechanism}\n"
            f'sasl.jaas.config=x.LoginModule required \\\n  username="key" password="{secret}";\n'
        )
        result = CliRunner().invoke(app, ["topics", "list", "--config", str(file)])
    if secret == "wrong":
        assert "refused user `key`" in str(result.exception)
    else:
        assert result.exit_code == 0


def test_a_cluster_that_is_not_there_is_one_clear_error() -> None:
    result = CliRunner().invoke(app, ["topics", "list", "-b", "127.0.0.1:1"])
    assert str(result.exception) == "cannot connect to Kafka at 127.0.0.1:1: Connection refused"


def test_a_listener_that_wants_a_login_is_one_clear_error() -> None:
    with broker_in_thread(verifier=ApiKeys({"key": "s3cret"})) as guarded:
        result = CliRunner().invoke(app, ["topics", "list", "-b", guarded.address])
    assert "closed the connection; it may want a login or TLS" in str(result.exception)
    assert "`--config client.properties`" in str(result.exception)


def test_a_listener_that_speaks_tls_is_one_clear_error(tmp_path: Path) -> None:
    settings = Settings(node=NodeSettings(data=tmp_path))
    with broker_in_thread(tls=ServerTls(settings, SystemClock()).context) as encrypted:
        result = CliRunner().invoke(app, ["topics", "list", "-b", encrypted.address])
    assert "TLS" in str(result.exception)
    assert "`--config client.properties`" in str(result.exception)


def test_properties_are_read_as_java_does() -> None:
    text = "# c\n! c\n\na=1\nb : 2\nc 3\nd=x\\\n   y\n e = f=g \npath=C:\\\\x\n"
    assert parse(text) == {"a": "1", "b": "2", "c": "3", "d": "xy", "e": "f=g", "path": "C:\\x"}


@pytest.mark.parametrize(
    ("properties", "fields"),
    [
        ({"security.protocol": "ssl", "ssl.ca.location": "/ca"}, {"security_protocol": "SSL", "ssl_ca_file": "/ca"}),
        ({"sasl.mechanisms": "PLAIN", "sasl.username": "u", "sasl.password": "p"}, {"sasl_username": "u"}),
        ({"sasl.jaas.config": 'm required username=\'a b\' password="q\\"";'}, {"sasl_password": 'q"'}),
        ({"ssl.endpoint.identification.algorithm": ""}, {"ssl_check_hostname": False}),
        ({"ssl.endpoint.identification.algorithm": "https"}, {"ssl_check_hostname": True}),
        ({"ssl.truststore.type": "PEM", "ssl.truststore.location": "/t"}, {"ssl_ca_file": "/t"}),
        ({"key.serializer": "x"}, {}),
    ],
)
def test_what_client_properties_mean(properties: dict[str, str], fields: dict[str, object]) -> None:
    made = apply(properties, ClusterSettings(), Path("c"))
    assert {name: getattr(made, name) for name in fields} == fields


@pytest.mark.parametrize("properties", [{"security.protocol": "TLS"}, {"sasl.mechanism": "GSSAPI"}])
def test_what_cannot_be_done_is_named(properties: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="must be one of"):
        apply(properties, ClusterSettings(), Path("c"))


def test_the_default_is_the_node_that_runs_here() -> None:
    assert cluster_settings(None, None, {}).bootstrap_servers == "127.0.0.1:9092"
    assert cluster_settings(None, None, {"HEADWATER_KAFKA_PORT": "1234"}).bootstrap_servers == "127.0.0.1:1234"
    given = {"HEADWATER_CLUSTER_BOOTSTRAP_SERVERS": "a:1"}
    assert cluster_settings(None, None, given).bootstrap_servers == "a:1"
    assert cluster_settings(None, "b:2", given).bootstrap_servers == "b:2"


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("earliest", Target(timestamp=-2)),
        ("latest", Target(timestamp=-1)),
        ("12", Target(offset=12)),
        ("-12", Target(shift=-12)),
        ("1970-01-01T00:00:02", Target(timestamp=2_000)),
        ("1970-01-01T01:00:02+01:00", Target(timestamp=2_000)),
        ("yesterday", None),
    ],
)
def test_where_a_group_can_be_moved(text: str, target: Target | None) -> None:
    if target is not None:
        assert parse_target(text) == target
    else:
        with pytest.raises(ConfigError, match="--to takes"):
            parse_target(text)
