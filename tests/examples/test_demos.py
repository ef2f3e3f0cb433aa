"""The examples run as their READMEs say, on the log inside and on Apache Kafka, with every result compared."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.kafka_fixture import Kafka

EXAMPLES = ("bike-share", "delivery", "pizza-shop", "promotions", "service-management")
SECONDS = 150


def run_check(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "headwater.cli.main", "demo", name, "--check", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.mark.timeout(SECONDS + 10)
@pytest.mark.parametrize("name", EXAMPLES)
def test_example_gives_the_calculated_results(name: str) -> None:
    done = run_check(name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all results are as calculated" in done.stdout


@pytest.mark.kafka
@pytest.mark.timeout(SECONDS + 70)
def test_example_gives_the_same_on_apache_kafka(kafka: Kafka) -> None:
    done = run_check("service-management", "--bootstrap-servers", kafka.bootstrap_servers)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all results are as calculated" in done.stdout
