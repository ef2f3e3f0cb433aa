"""The examples with real services in the place of what the node has inside."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from tests.app.processes import headwater_up
from tests.azurite_fixture import ACCOUNT, KEY, azurite
from tests.examples.node import DOORS, SECONDS, finish, start, things
from tests.postgres_fixture import PASSWORD, USER, PostgresServer, own_postgres
from tests.redis_fixture import PASSWORD as SECRET
from tests.redis_fixture import redis_port

__all__ = ["azurite", "own_postgres", "redis_port"]
pytestmark = [pytest.mark.compat, pytest.mark.timeout(SECONDS + 210)]


def test_deliveries_go_through_postgres_and_redis(
    own_postgres: PostgresServer, redis_port: int, tmp_path: Path
) -> None:
    address = f"postgresql://{USER}:{PASSWORD}@{own_postgres.host}:{own_postgres.port}/postgres"
    services = ("--postgres", address, "--redis", f"redis://:{quote(SECRET)}@127.0.0.1:{redis_port}")
    with headwater_up("--memory", expect=DOORS, env={"HEADWATER_CONNECT_SERVICES": str(tmp_path)}) as node:
        before = things(node)
        said = finish(start(node, tmp_path, "delivery", "--check", "--orders", "20", *services))
        assert "all results are as calculated" in said
        assert "as hashes in Redis, too" in said
        finish(start(node, tmp_path, "delivery", "--tear-down", *services))
        assert things(node) == before


def test_hotel_stays_come_from_azure(azurite: str, tmp_path: Path) -> None:
    services = ("--azure-account", ACCOUNT, "--azure-key", KEY, "--azure-endpoint", azurite)
    with headwater_up("--memory", expect=DOORS, env={"HEADWATER_CONNECT_SERVICES": str(tmp_path)}) as node:
        said = finish(start(node, tmp_path, "hotel-stays", "--check", "--records", "2000", *services))
        assert "all results are as calculated" in said
        finish(start(node, tmp_path, "hotel-stays", "--tear-down", *services))
