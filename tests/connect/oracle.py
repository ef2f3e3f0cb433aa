"""Apache Kafka's own converters and transforms, asked many cases at once."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.compat.maven import java_kafka
from tests.kafka_fixture import CannotRunError


def answers(cases: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the originals make of each case. Skips the test where they cannot be had."""
    return _answers(json.dumps(list(cases)))


@cache
def _answers(cases: str) -> list[dict[str, Any]]:
    try:
        java = java_kafka("4.1.0", Path(__file__).with_name("java") / "Oracle.java")
    except CannotRunError as error:
        if os.environ.get("HEADWATER_CI") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    lines = "".join(json.dumps(case) + "\n" for case in json.loads(cases))
    output = java.run("Oracle", lines=lines)
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]
