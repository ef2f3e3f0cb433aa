"""What `import headwater` costs, and what it shows."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import headwater
from tests.app.processes import environment

LOADED = """
import sys, json
before = set(sys.modules)
import headwater
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_importing_the_package_loads_nothing_else() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LOADED], env=environment(), capture_output=True, check=True, timeout=60
    )
    loaded = json.loads(ended.stdout)
    assert [name for name in loaded if name.startswith("headwater")] == ["headwater"]
    assert not {"asyncio", "msgspec", "h2", "uvloop", "pandas"} & set(loaded)


@pytest.mark.parametrize("name", headwater.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(headwater, name).__doc__
    assert name in dir(headwater)


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    assert not hasattr(headwater, "strat")
