"""The code of docs/connector-tutorial.md is what it says: forty lines that pass the inherited suite."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "connector-tutorial.md"


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_connector_of_the_tutorial_passes_the_suite_that_the_tutorial_inherits(tmp_path: Path) -> None:
    connector, test = blocks()
    (tmp_path / "lines.py").write_text(connector)
    (tmp_path / "test_lines.py").write_text(test)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\npythonpath = .\nfilterwarnings = error\n"
        "asyncio_default_fixture_loop_scope = function\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--import-mode=importlib",
        "test_lines.py",
    ]
    ran = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, env={"PYTHONPATH": str(ROOT / "src")}
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "8 passed" in ran.stdout


def test_the_connector_of_the_tutorial_is_about_forty_lines() -> None:
    code = [
        line for line in blocks()[0].splitlines() if line.strip() and not line.startswith(('"""', "from ", "import "))
    ]
    assert len(code) <= 45
