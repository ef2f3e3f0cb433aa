"""`headwater up` as a person meets it: real processes, signals and messages."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.request
from pathlib import Path

import pytest

from tests.app.processes import headwater_up, run
from tests.kafka_fixture import Kafka


def ksql(url: str, statements: str) -> list[dict[str, object]]:
    """The entities that a POST /ksql answers."""
    body = json.dumps({"ksql": statements, "streamsProperties": {}}).encode()
    request = urllib.request.Request(f"{url}/ksql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        entities: list[dict[str, object]] = json.load(answer)
        return entities


def streams(url: str) -> list[str]:
    """Streams but the processing log, which every server has."""
    (listing,) = ksql(url, "SHOW STREAMS;")
    rows = listing["streams"]
    assert isinstance(rows, list)
    return [row["name"] for row in rows if row["name"] != "KSQL_PROCESSING_LOG"]


CREATE = "CREATE STREAM orders (id INT) WITH (KAFKA_TOPIC='orders', PARTITIONS=1, VALUE_FORMAT='JSON');"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_accepts_connections_when_it_says_so_and_ends_cleanly_on_a_signal(number: int) -> None:
    with headwater_up("--memory") as node:
        host, port = node.endpoints["kafka"].rsplit(":", 1)
        socket.create_connection((host, int(port)), timeout=60).close()
        assert streams(node.endpoints["ksqldb"]) == []
        assert node.stop(number) == (0, "")


def test_what_was_declared_is_there_after_a_restart(tmp_path: Path) -> None:
    for expected in ([], ["ORDERS"]):
        with headwater_up("--data", str(tmp_path)) as node:
            assert streams(node.endpoints["ksqldb"]) == expected
            if not expected:
                ksql(node.endpoints["ksqldb"], CREATE)
            assert node.stop() == (0, "")


def test_what_was_declared_survives_a_kill(tmp_path: Path) -> None:
    with headwater_up("--data", str(tmp_path)) as node:
        ksql(node.endpoints["ksqldb"], CREATE)
        node.process.kill()
        node.process.wait()
    with headwater_up("--data", str(tmp_path)) as node:
        assert streams(node.endpoints["ksqldb"]) == ["ORDERS"]


def test_a_folder_in_use_is_refused_with_the_pid_of_its_owner(tmp_path: Path) -> None:
    with headwater_up("--data", str(tmp_path)) as node:
        second = run("up", "--data", str(tmp_path), "--free-ports")
        assert second.returncode == 2
        assert second.stderr.count("\n") == 1
        assert f"in use by process {node.process.pid}" in second.stderr


@pytest.mark.parametrize(
    ("option", "setting"),
    [
        ("--kafka-port", "kafka.port"), ("--tls-port", "kafka.tls_port"), ("--ksql-port", "ksql.port"),
        ("--registry-port", "registry.port"), ("--connect-port", "connect.port"), ("--console-port", "console.port"),
    ],
)  # fmt: skip
def test_a_port_in_use_is_named_with_what_gives_another(tmp_path: Path, option: str, setting: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = run("up", "--memory", "--data", str(tmp_path), "--free-ports", option, port)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert f"127.0.0.1:{port}" in result.stderr
    assert f"Use another port with {option} N or the setting `{setting}`" in result.stderr
    assert ("--free-ports" in result.stderr) == (option != "--tls-port")


@pytest.mark.parametrize("inside", ["", "data", "more/data"])
def test_a_folder_that_cannot_be_one_is_named(tmp_path: Path, inside: str) -> None:
    file = tmp_path / "file"
    file.touch()
    result = run("up", "--data", str(file / inside))
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"headwater: Cannot use the data folder {file / inside}: {file} is not a folder.\n"
    assert result.stderr.count("\n") == 1


def test_a_folder_that_may_not_be_written_is_named() -> None:
    # Not even root may make a folder there.
    result = run("up", "--data", "/sys/headwater")
    assert result.returncode == 2
    assert "Cannot use the data folder /sys/headwater: " in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_bad_setting_is_named_with_its_file(tmp_path: Path) -> None:
    config = tmp_path / "headwater.toml"
    config.write_text("[kafka]\nprot = 9092\n", "utf-8")
    result = run("up", "--config", str(config))
    assert result.returncode == 2
    expected = f"headwater: unknown setting `kafka.prot` in {config}; did you mean `kafka.port`?\n"
    assert result.stderr == expected


def test_an_unreachable_kafka_is_named() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        result = run("up", "--bootstrap-servers", address, "--free-ports")
    assert result.returncode == 2
    assert result.stderr.startswith(f"headwater: no Kafka cluster at {address}: ")
    assert result.stderr.count("\n") == 1


def test_other_addresses_than_loopback_need_a_password_or_an_explicit_yes() -> None:
    refused = run("up", "--memory", "--host", "0.0.0.0")
    assert refused.returncode == 2
    assert "refusing to listen on 0.0.0.0" in refused.stderr
    assert "--insecure" in refused.stderr
    with headwater_up("--memory", "--host", "0.0.0.0", "--insecure") as node:
        assert node.stop() == (0, "")


def test_with_api_keys_only_their_owners_get_in() -> None:
    keys = {"HEADWATER_NODE_API_KEYS": "alice=wonder"}
    with headwater_up("--memory", "--host", "0.0.0.0", env=keys) as node:
        url = node.endpoints["ksqldb"].replace("0.0.0.0", "127.0.0.1")
        stranger = run("sql", "--server", url, "-e", "SHOW STREAMS;")
        assert (stranger.returncode, stranger.stdout) == (1, "")
        assert "Unauthorized" in stranger.stderr
        alice = run("sql", "--server", url.replace("//", "//alice:wonder@"), "-e", "SHOW STREAMS;")
        assert (alice.returncode, alice.stderr) == (0, "")
        assert node.stop() == (0, "")


@pytest.mark.kafka
def test_the_same_node_runs_on_a_kafka_cluster(kafka: Kafka) -> None:
    service = {"HEADWATER_KSQL_SERVICE_ID": f"up_{os.getpid()}_"}
    for expected in ([], ["UP_ORDERS"]):
        with headwater_up("--bootstrap-servers", kafka.bootstrap_servers, expect=("ksqldb",), env=service) as node:
            assert streams(node.endpoints["ksqldb"]) == expected
            if not expected:
                ksql(node.endpoints["ksqldb"], CREATE.replace("orders", "up_orders"))
            assert node.stop() == (0, "")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('"auto.offset.reset" = "bogus"', "it must be one of"),
        ('"ksql.servce.id" = "x"', "Did you mean 'ksql.service.id'?"),
    ],
)
def test_a_wrong_ksql_property_ends_the_start_with_a_line_that_names_it(tmp_path: Path, line: str, told: str) -> None:
    config = tmp_path / "headwater.toml"
    config.write_text(f"[ksql.properties]\n{line}\n")
    done = run("up", "--memory", "--config", str(config), "--free-ports")
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
