"""The examples of docs/library.md and docs/testing.md: they run, and print what the pages say they print."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from tests.app.processes import ROOT, command, environment
from tests.conftest import IN_CI

DOCS = ROOT / "docs"
_BLOCK = re.compile(
    r"(?:^`(?P<file>[\w./]+)`:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_PRINTED = re.compile(r"^ *print\(.*\) +# (?P<text>.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; `file` is the name on the line before it, `line` where its text begins."""

    file: str | None
    language: str
    text: str
    line: int


def blocks(page: str) -> Iterator[Block]:
    content = (DOCS / page).read_text("utf-8")
    for match in _BLOCK.finditer(content):
        yield Block(match["file"], match["language"], match["text"], content.count("\n", 0, match.start("text")))


def test_the_program_of_the_library_page_prints_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not IN_CI:
        for package in ("pandas", "pyarrow", "polars"):
            pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    programs = [block for block in blocks("library.md") if block.language == "python"]
    assert len(programs) >= 8
    for block in programs:
        code = compile("\n" * block.line + block.text, str(DOCS / "library.md"), "exec")
        with redirect_stdout(StringIO()) as out:
            exec(code, names)
        assert out.getvalue().splitlines() == [match["text"].strip() for match in _PRINTED.finditer(block.text)]


def test_the_index_lists_every_page() -> None:
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", (DOCS / "README.md").read_text("utf-8")))
    pages = {page.name for page in DOCS.glob("*.md")} - {"README.md"}
    assert linked == pages, "docs/README.md lists the pages of docs/"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the testing page."""
    folder = tmp_path_factory.mktemp("page")
    found = [block for block in blocks("testing.md") if block.file is not None]
    assert all(block.file for block in blocks("testing.md")), "an example without a file's name is not run"
    for block in found:
        path = folder / str(block.file)
        path.parent.mkdir(exist_ok=True)
        path.write_text(block.text, "utf-8")
    return folder


def test_the_tests_of_the_testing_page_pass(written: Path) -> None:
    # Explicitly loaded: the entry point is there once the package is installed, this runs from the sources as well.
    plugin = ["-p", "headwater.testing.plugin", "-p", "no:cacheprovider"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugin, str(written)],
        env=environment({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}),
        cwd=written,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    assert " passed" in ended.stdout


@pytest.mark.parametrize("case", ["visits", "scripts"])
def test_the_cases_of_the_testing_page_pass(written: Path, case: str) -> None:
    ended = subprocess.run(
        command("test", case), env=environment(), cwd=written, capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
