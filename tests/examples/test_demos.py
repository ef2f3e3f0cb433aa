"""The examples run as their READMEs say, on the log inside and on Apache Kafka, with every result compared."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.processes import headwater_up
from tests.conftest import skip_or_fail
from tests.connect.mongodb.mongo_server import mongo_server
from tests.kafka_fixture import CannotRunError, Server

OPTIONS = {"delivery": ("--orders", "60"), "hotel-stays": ("--records", "20000")}
"""Smaller loads than the examples' own, where those take longer than a test may."""
SECONDS = 150


def run_check(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "headwater.cli.main", "demo", name, "--check", *OPTIONS.get(name, ()), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.mark.timeout(SECONDS + 10)
def test_promotions_of_records_that_are_produced_are_as_calculated() -> None:
    """On a node of its own; all six, with their connectors, run in `test_tear_down.py`."""
    done = run_check("promotions", "--without-connectors")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all results are as calculated" in done.stdout


@pytest.fixture
def mongodb() -> Iterator[str]:
    try:
        with mongo_server() as address:
            yield f"mongodb://{address}/?retryWrites=false"
    except CannotRunError as error:
        skip_or_fail(str(error))


@pytest.mark.timeout(SECONDS + 70)
def test_decisions_become_documents_of_a_real_mongodb(mongodb: str) -> None:
    done = run_check("service-management", "--", "--mongodb", mongodb)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all results are as calculated" in done.stdout


@pytest.mark.kafka
@pytest.mark.timeout(SECONDS + 70)
@pytest.mark.parametrize("name", ["delivery", "hotel-stays", "pizza-shop", "service-management"])
def test_example_gives_the_same_on_apache_kafka(own_kafka: Server, name: str) -> None:
    done = run_check(name, "--bootstrap-servers", own_kafka.addresses.bootstrap_servers)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all results are as calculated" in done.stdout


@pytest.mark.kafka
@pytest.mark.timeout(SECONDS + 70)
def test_example_runs_in_transactions_on_apache_kafka(own_kafka: Server, tmp_path: Path) -> None:
    config = tmp_path / "headwater.toml"
    config.write_text('[ksql.properties]\n"processing.guarantee" = "exactly_once_v2"\n')
    bootstrap = own_kafka.addresses.bootstrap_servers
    examples = Path(__file__).parents[2] / "examples"
    services = {"HEADWATER_CONNECT_SERVICES": str(tmp_path)}
    options = ("--config", str(config), "--bootstrap-servers", bootstrap)
    with headwater_up(*options, expect=("ksqldb", "registry", "connect"), env=services) as node:
        done = subprocess.run(
            [
                sys.executable,
                "demo.py",
                "--check",
                "--kafka-elsewhere",
                "--server",
                node.endpoints["ksqldb"],
                "--registry",
                node.endpoints["registry"],
                "--connect",
                node.endpoints["connect"],
                "--services",
                str(tmp_path),
                "--bootstrap-servers",
                bootstrap,
            ],
            cwd=examples / "service-management",
            env={**os.environ, "PYTHONPATH": str(examples)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all results are as calculated" in done.stdout
