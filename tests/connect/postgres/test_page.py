"""docs/postgres-cdc.md names every key, as the declaration has it."""

from __future__ import annotations

from pathlib import Path

from headwater.connect.config_render import markdown
from headwater.connect.connectors.postgres import PostgresConnector

PAGE = Path(__file__).parents[3] / "docs" / "postgres-cdc.md"


def test_the_page_has_the_keys_as_they_are_declared() -> None:
    _, _, keys = PAGE.read_text("utf-8").partition("## All keys\n\n")
    assert keys.rstrip() == markdown(PostgresConnector.config).rstrip()
