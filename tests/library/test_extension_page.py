"""The example of docs/extensions.md, in a program and in a server."""

from __future__ import annotations

import json
import sys
import urllib.request
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

import headwater
from headwater.core.errors import ConfigError
from headwater.engine.entities import FunctionNamesList
from tests.app.processes import headwater_up
from tests.library.test_doc_pages import blocks


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of functions of the page, below the current folder."""
    for block in blocks("extensions.md"):
        if block.file is not None:
            (tmp_path / block.file).parent.mkdir(exist_ok=True)
            (tmp_path / block.file).write_text(block.text, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "functions"


@pytest.mark.usefixtures("functions")
def test_the_program_of_the_page_prints_what_the_page_says() -> None:
    (program,) = (b for b in blocks("extensions.md") if b.language == "python" and b.file is None)
    with redirect_stdout(StringIO()) as out:
        exec(program.text, {})
    assert out.getvalue().strip() == program.text.partition("  # ")[2].partition("\n")[0]


def test_a_server_lists_the_functions_of_the_folder(functions: Path) -> None:
    with headwater_up("--memory", "--extensions", str(functions)) as node:
        body = json.dumps({"ksql": "SHOW FUNCTIONS;"}).encode()
        request = urllib.request.Request(f"{node.endpoints['ksqldb']}/ksql", body)
        with urllib.request.urlopen(request, timeout=60) as answer:
            listed = {f["name"]: f["type"] for f in json.load(answer)[0]["functions"]}
        assert node.stop() == (0, "")
    kinds = {"INITIALS": "SCALAR", "WORDS": "TABLE", "LONGEST": "AGGREGATE"}
    assert listed.items() >= kinds.items()


def names(node: headwater.Node) -> set[str]:
    (listing,) = node.execute("SHOW FUNCTIONS;")
    assert isinstance(listing, FunctionNamesList)
    return {function.name for function in listing.functions}


def test_the_property_of_ksqldb_names_the_folder_too(functions: Path) -> None:
    with headwater.start(memory=True, properties={"ksql.extension.dir": str(functions)}) as node:
        assert "INITIALS" in names(node)
    with headwater.start(memory=True) as node:
        assert "INITIALS" not in names(node)


def test_installed_packages_bring_their_functions(functions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = functions.parent / "packages"
    (packages / "acme-1.0.dist-info").mkdir(parents=True)
    (packages / "acme-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (packages / "acme-1.0.dist-info" / "entry_points.txt").write_text("[headwater.functions]\ntext = acme_text\n")
    (packages / "acme_text.py").write_text((functions / "text.py").read_text("utf-8"), "utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path, str(packages)])
    with headwater.start(memory=True) as node:
        assert {"INITIALS", "WORDS", "LONGEST"} <= names(node)


def test_a_folder_that_is_not_there_keeps_the_node_from_starting() -> None:
    with pytest.raises(ConfigError, match="no file or folder of functions at nowhere"):
        headwater.start(memory=True, settings={"ksql.extensions": "nowhere"})
