"""The programs of docs/agents.md run as they stand there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.app.processes import environment
from tests.library.test_doc_pages import DOCS, blocks


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    for block in blocks("agents.md"):
        if block.file is not None:
            (tmp_path / block.file).write_text(block.text, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_stays.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_the_asynchronous_agent_of_the_page_can_be_declared() -> None:
    page = (DOCS / "agents.md").read_text("utf-8")
    names: dict[str, object] = {}
    first = next(block.text for block in blocks("agents.md") if block.file == "stays.py")
    start = page.index("  from headwater.agents import Stream")
    second = page[start : page.index("  ```", start)]
    exec(first, names)
    exec("\n".join(line.removeprefix("  ") for line in second.splitlines()), names)
    app = names["app"]
    assert [agent.name for agent in app.agents] == ["rate", "check"]  # type: ignore[attr-defined]
