"""A real node under hostile input; `make fuzz` sends a million."""

from __future__ import annotations

import sys
import time

import pytest

from tools.hostile import GROWTH_MB, run

INPUTS = 4_000


@pytest.mark.timeout(120)
def test_a_node_outlives_hostile_input_and_does_not_grow() -> None:
    seed = str(time.time_ns())
    sys.stdout.write(f"seed {seed}\n")
    outcome = run(INPUTS, seed)
    assert outcome.exit_code is None
    assert not outcome.traceback
    assert outcome.growth_mb < GROWTH_MB
