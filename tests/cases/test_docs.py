"""The examples of docs/testing.md pass as they stand there."""

import re
from pathlib import Path

from typer.testing import CliRunner

from headwater.cli.main import app

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def blocks() -> list[str]:
    return re.findall(r"^```\w+\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_the_three_files_and_the_script(tmp_path: Path) -> None:
    statements, given, wanted, script = blocks()
    folder = tmp_path / "hot"
    folder.mkdir()
    files = {"hot/statements.sql": statements, "hot/input.json": given, "hot/output.json": wanted, "spent.sql": script}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    answer = CliRunner().invoke(app, ["test", str(tmp_path), "-j", "1"])
    assert answer.output.splitlines()[-1] == "3 passed, 0 failed, 0 skipped"


def test_every_option_is_described() -> None:
    text = PAGE.read_text(encoding="utf-8")
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", CliRunner().invoke(app, ["test", "--help"]).output))
    assert options - {"--help"} <= set(re.findall(r"--[a-z][a-z-]+", text)) | {
        "--sql-file", "--input-file", "--output-file", "--jobs",
    }  # fmt: skip
