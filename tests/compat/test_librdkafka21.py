"""confluent-kafka 2.1.1: the oldest version that the example systems were written with."""

from __future__ import annotations

import subprocess

import pytest

from tests.broker.server import Running
from tests.compat.programs import librdkafka21_program
from tests.conftest import skip_or_fail
from tests.kafka_fixture import CannotRunError

pytestmark = [pytest.mark.compat, pytest.mark.timeout(300)]


def test_confluent_kafka_2_1_1(broker: Running) -> None:
    try:
        command = librdkafka21_program()
    except CannotRunError as error:
        skip_or_fail(str(error))
    done = subprocess.run([*command, broker.address, "old"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
