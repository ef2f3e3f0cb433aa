"""The reference of the connectors is what the code says."""

from __future__ import annotations

from pathlib import Path

from headwater.connect.connectors_page import page

PAGE = Path(__file__).parents[2] / "docs" / "connectors.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make docs`"
