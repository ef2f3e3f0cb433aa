"""npm's `@kafkajs/confluent-schema-registry` against the registry on a real socket."""

from __future__ import annotations

import subprocess

import pytest

from tests.app.processes import headwater_up
from tests.compat.programs import node_program
from tests.conftest import skip_or_fail
from tests.kafka_fixture import CannotRunError

pytestmark = [pytest.mark.compat, pytest.mark.timeout(300), pytest.mark.xdist_group("node")]


def test_register_encode_and_decode_the_three_types() -> None:
    try:
        program = node_program("registry.js")
    except CannotRunError as error:
        skip_or_fail(str(error))
        raise AssertionError("unreachable") from error
    with headwater_up("--memory", expect=("kafka", "ksqldb", "registry")) as node:
        command = [*program, node.endpoints["registry"]]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert result.stdout == "done\n", result.stderr
