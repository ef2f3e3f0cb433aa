"""Nothing that was acknowledged is lost, nothing is doubled, transactions are whole: after any crash.

`HEADWATER_POINTS=500` tries more seeds than the few of a normal run; `make nightly` does.
"""

from __future__ import annotations

import os

import pytest

from tests.broker.durability import crash_once

POINTS = int(os.environ.get("HEADWATER_POINTS", "25"))
NIGHT = os.environ.get("HEADWATER_NIGHT", "")
"""Other seeds than the usual ones, for a run of its own."""


@pytest.mark.parametrize("point", range(POINTS))
async def test_a_crash_breaks_no_promise(point: int) -> None:
    await crash_once(f"{NIGHT}{point}")
