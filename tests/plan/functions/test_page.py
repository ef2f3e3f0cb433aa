"""The page of functions is what the registry says."""

from __future__ import annotations

import re
from pathlib import Path

from headwater.plan.functions.extensions import load
from headwater.plan.functions.page import render
from tests.plan.evaluating import FUNCTIONS, evaluate

PAGE = Path(__file__).parents[3] / "docs" / "functions.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == render(FUNCTIONS), "run `make docs`"


def test_the_example_of_the_page_works(tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    (tmp_path / "example.py").write_text(found[1])
    functions = FUNCTIONS.copy()
    load(functions, tmp_path)
    assert evaluate("INITIALS('Ada Lovelace')", functions=functions).value == "AL"
    assert evaluate("OR_ELSE(CAST(NULL AS INT), 3)", functions=functions).value == 3
    assert functions.is_aggregate("PRODUCT")
    assert functions.is_table("WORDS")
