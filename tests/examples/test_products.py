"""Two more examples at once on one node: data products and files of an object store, each taken away by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.processes import headwater_up
from tests.examples.test_tear_down import DOORS, SECONDS, asked, finish, start, things


@pytest.mark.timeout(SECONDS + 60)
def test_they_run_at_once_and_go_one_by_one(tmp_path: Path) -> None:
    with headwater_up("--memory", expect=DOORS, env={"HEADWATER_CONNECT_SERVICES": str(tmp_path)}) as node:
        before, catalog = things(node), f"{node.endpoints['registry']}/catalog/v1"
        running = [
            start(node, tmp_path, "bike-share", "--check", "--stations", "60"),
            start(node, tmp_path, "hotel-stays", "--check", "--records", "3000"),
        ]
        for process in running:
            assert "all results are as calculated" in finish(process)
        assert len(asked(f"{catalog}/dataproducts")["dataProducts"]) == 3
        finish(start(node, tmp_path, "bike-share", "--tear-down"))
        rest = things(node)
        assert rest["sources"] == {"EXPEDIA_STAY_STREAM", "HOTEL_STAY_CAT_COUNTS", "STAY_COUNTS"}
        assert rest["connectors"] == {"azure-source-expedia"}
        assert asked(f"{catalog}/dataproducts")["dataProducts"] == []
        assert asked(f"{catalog}/types/tagdefs") == asked(f"{catalog}/types/businessmetadatadefs") == []
        finish(start(node, tmp_path, "hotel-stays", "--tear-down"))
        assert things(node) == before
