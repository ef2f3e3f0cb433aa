"""franz-go and sarama."""

from __future__ import annotations

import subprocess

import pytest

from tests.broker.server import Running
from tests.compat.programs import go_program
from tests.kafka_fixture import CannotRunError

pytestmark = [pytest.mark.compat, pytest.mark.slow, pytest.mark.timeout(700), pytest.mark.xdist_group("go")]


@pytest.fixture(scope="module")
def program() -> list[str]:
    try:
        return go_program()
    except CannotRunError as error:
        pytest.skip(str(error))  # in CI too: what distributions ship is older than what the clients want


@pytest.mark.parametrize("what", ["franz", "franz-transactions", "sarama", "sarama-transactions"])
def test_a_program(program: list[str], broker: Running, what: str) -> None:
    command = [*program, broker.address, what, f"go-{what}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert result.stdout == "done\n", result.stderr
