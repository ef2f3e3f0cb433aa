"""All six systems at once on one node, and each taken away without harm to the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.app.processes import headwater_up
from tests.examples.node import DOORS, SECONDS, asked, finish, start, things


@dataclass(frozen=True)
class System:
    """The load of its check, and what it leaves on the node: connectors by name, of the rest how many."""

    options: tuple[str, ...] = ()
    connectors: set[str] = field(default_factory=set)
    counts: Mapping[str, int] = field(default_factory=dict)


SYSTEMS: Mapping[str, System] = {
    "pizza-shop": System(counts={"topics": 6, "sources": 6, "queries": 5, "groups": 4}),
    "promotions": System(
        ("--clicks", "300", "--transactions", "300"), {"MongoDbAtlasSourceConnector", "BigQuerySinkConnector"},
        {"topics": 8, "sources": 10, "queries": 5, "groups": 1, "subjects": 4},
    ),
    "bike-share": System(
        ("--stations", "60"), counts={"topics": 15, "sources": 19, "queries": 10, "groups": 0, "subjects": 15}
    ),
    "hotel-stays": System(
        ("--records", "5000"), {"azure-source-expedia"}, {"topics": 5, "sources": 3, "queries": 2, "groups": 1}
    ),
    "delivery": System(
        ("--orders", "30"), {"delivery-connector", "delivery-search", "delivery-cache"},
        {"topics": 10, "sources": 5, "queries": 2, "groups": 3},
    ),
    "service-management": System(
        ("--orders", "60"), {"MongoDbAtlasSinkConnector_0"}, {"topics": 6, "sources": 6, "queries": 2, "groups": 1}
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(2 * SECONDS)
def test_six_systems_run_at_once_and_go_one_by_one(tmp_path: Path) -> None:
    with headwater_up("--memory", expect=DOORS, env={"HEADWATER_CONNECT_SERVICES": str(tmp_path)}) as node:
        before = things(node)
        running = [start(node, tmp_path, name, "--check", *system.options) for name, system in SYSTEMS.items()]
        for process in running:
            assert "all results are as calculated" in finish(process)
        there = things(node)
        catalog, query = f"{node.endpoints['registry']}/catalog/v1", f"{node.endpoints['ksqldb']}/query"
        for name, system in SYSTEMS.items():
            products = asked(f"{catalog}/dataproducts")["dataProducts"]
            assert len(products) == (3 if "customers.enriched" in there["topics"] else 0)
            finish(start(node, tmp_path, name, "--tear-down"))
            rest = things(node)
            for kind, had in there.items():
                gone = had.keys() - rest[kind].keys()
                wanted = len(system.connectors) if kind == "connectors" else system.counts.get(kind, 0)
                assert len(gone) == wanted, (name, kind, gone)
                # What belongs to the others runs on, and nobody has written, read or registered anything there.
                assert rest[kind] == {one: had[one] for one in had.keys() - gone}
            assert system.connectors == there["connectors"].keys() - rest["connectors"].keys()
            if "TRUCK_TRACKER" in rest["sources"]:
                assert len(asked(query, {"ksql": "SELECT * FROM TRUCK_TRACKER;"})) == 1 + 20
            there = rest
        assert there == before
        assert asked(f"{catalog}/types/tagdefs") == asked(f"{catalog}/types/businessmetadatadefs") == []
        assert node.stop()[0] == 0
