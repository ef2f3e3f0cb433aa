"""KafkaJS."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.broker.server import Running
from tests.compat.programs import node_program
from tests.conftest import skip_or_fail
from tests.kafka_fixture import CannotRunError

pytestmark = [pytest.mark.compat, pytest.mark.timeout(300), pytest.mark.xdist_group("node")]


@pytest.fixture(scope="module")
def program() -> list[str]:
    try:
        return node_program()
    except CannotRunError as error:
        skip_or_fail(str(error))
        raise AssertionError("unreachable") from error


@pytest.mark.parametrize("what", ["roundtrip", "transactions"])
def test_a_program(program: list[str], broker: Running, what: str) -> None:
    command = [*program, broker.address, what, f"js-{what}"]
    quiet = os.environ | {"KAFKAJS_NO_PARTITIONER_WARNING": "1"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, env=quiet)
    assert result.stdout == "done\n", result.stderr
