"""`headwater keys` and `headwater trust` beside a running node, which takes note without a restart."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from cryptography import x509
from typer.testing import CliRunner

from headwater.cli.main import app
from tests.app.processes import headwater_up


def headwater(*arguments: str, stdin: str = "") -> str:
    result = CliRunner().invoke(app, list(arguments), input=stdin)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    made = json.loads(headwater("keys", "create", "app", "--description", "for me", "--output", "json", *data))
    assert (made["key"], made["role"]) == ("app", "admin")
    headwater("keys", "create", "--read-only", *data)
    headwater("keys", "create", "chosen", "--secret-stdin", "--role", "user", *data, stdin="my secret\n")
    listed = headwater("keys", "list", *data)
    assert made["secret"] not in listed
    rows = json.loads(headwater("keys", "list", "--output", "json", *data))
    assert [row["role"] for row in rows] == ["admin", "read-only", "user"]
    assert rows[0]["description"] == "for me"
    headwater("keys", "revoke", "app", *data)
    assert len(json.loads(headwater("keys", "list", "--output", "json", *data))) == 2


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["keys", "create", "a", "--role", "king"], "--role must be one of admin, read-only, user"),
        (["keys", "revoke", "nobody"], "There is no key nobody"),
        (["keys", "create", "a", "--output", "xml"], "--output must be one of table, json"),
        (["trust", "--out", "/no/such/folder/ca.pem"], "Cannot write"),
    ],
)
def test_a_mistake_is_one_clear_error(tmp_path: Path, arguments: list[str], problem: str) -> None:
    result = CliRunner().invoke(app, [*arguments, "--data", str(tmp_path)])
    assert problem in str(result.exception)


def test_the_authority_is_printed_and_written(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "node"))
    printed = headwater("trust", *data)
    x509.load_pem_x509_certificate(printed.encode())
    headwater("trust", *data, "--out", str(tmp_path / "ca.pem"), "--truststore", str(tmp_path / "ca.p12"))
    assert (tmp_path / "ca.pem").read_text() == printed
    assert (tmp_path / "ca.p12").stat().st_size > 500


def kafka(address: str, ca: Path, key: str, secret: str) -> AdminClient:
    config: dict[str, Any] = {
        "bootstrap.servers": address.replace("127.0.0.1", "localhost"),
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(ca),
        "sasl.mechanism": "PLAIN",
        "sasl.username": key,
        "sasl.password": secret,
        "log_level": 0,
    }
    return AdminClient(config)


def rest(url: str, key: str, secret: str, path: str = "/info", body: object = None) -> int:
    """The status of a request."""
    data = None if body is None else json.dumps(body).encode()
    token = base64.b64encode(f"{key}:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, data, headers), timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def until_status(wanted: int, *arguments: str) -> None:
    """The node looks at its keys once a second."""
    deadline = time.monotonic() + 20
    while rest(*arguments) != wanted:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_a_running_node_takes_new_keys_and_forgets_revoked_ones(tmp_path: Path) -> None:
    data, ca = ("--data", str(tmp_path / "node")), tmp_path / "ca.pem"
    environment = {"HEADWATER_NODE_AUTHENTICATION": "required"}
    with headwater_up(*data, "--tls-port", "0", expect=("kafka", "kafka-tls", "ksqldb"), env=environment) as node:
        headwater("trust", *data, "--out", str(ca))
        tls, url = node.endpoints["kafka-tls"], node.endpoints["ksqldb"]
        assert rest(url, "app", "s1") == 401
        headwater("keys", "create", "app", "--secret-stdin", *data, stdin="s1\n")
        headwater("keys", "create", "reader", "--secret-stdin", "--read-only", *data, stdin="s2\n")
        until_status(200, url, "reader", "s2")
        assert kafka(tls, ca, "app", "s1").list_topics(timeout=60).brokers
        with pytest.raises(KafkaException):
            kafka(tls, ca, "app", "wrong").list_topics(timeout=2)
        statement = {"ksql": "CREATE STREAM s (a INT) WITH (kafka_topic='t', partitions=1, value_format='json');"}
        asking = {"ksql": "SHOW STREAMS;"}
        assert rest(url, "reader", "s2", "/ksql", asking) == 200
        assert rest(url, "reader", "s2", "/ksql", statement) == 403
        assert rest(url, "app", "s1", "/ksql", statement) == 200
        headwater("keys", "revoke", "app", *data)
        until_status(401, url, "app", "s1")
        assert rest(url, "reader", "s2") == 200
