"""What every test may use: free ports, required tools, the markers' consequences."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

pytest_plugins = ["tests.kafka_fixture", "tests.postgres_fixture", "tests.debezium_fixture"]

IN_CI = os.environ.get("HEADWATER_CI") == "1"
"""Set by `.ci/run`: there a test that cannot run has failed."""


def skip_or_fail(reason: str) -> None:
    """Skip the test with its reason; where everything is meant to be there (`.ci/run`), fail it."""
    if IN_CI:
        pytest.fail(f"{reason} (required here: HEADWATER_CI=1)", pytrace=False)
    pytest.skip(reason)


def required(module: str) -> Any:
    """A module that tests need, also of a whole file; without it they are skipped (fail in CI)."""
    try:
        return import_module(module)
    except ImportError as error:
        reason = f"needs the Python module {module}: {error}"
        if IN_CI:
            pytest.fail(f"{reason} (required here: HEADWATER_CI=1)", pytrace=False)
        pytest.skip(reason, allow_module_level=True)


@pytest.fixture(scope="session")
def require_tool() -> Callable[[str], str]:
    """A function that gives the path of a command, or skips the test (fails it in CI)."""

    def require(command: str) -> str:
        path = shutil.which(command)
        if path is None:
            skip_or_fail(f"needs the command `{command}`, which is not installed")
            raise AssertionError("unreachable")
        return path

    return require


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on one real Kafka stay in one process, which starts it once."""
    for item in items:
        if item.get_closest_marker("kafka") is not None:
            item.add_marker(pytest.mark.xdist_group("kafka"))
            item.add_marker(pytest.mark.timeout(180))
