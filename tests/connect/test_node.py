"""Connectors on a real node: one that an installed package brings, driven by the command line, SQL and REST."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.app.processes import ROOT, headwater_up, run

NAMES = ("kafka", "ksqldb", "connect")


@pytest.fixture
def package(tmp_path: Path) -> dict[str, str]:
    """The tutorial's connector as an installed package: the environment in which Python finds it."""
    code = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "connector-tutorial.md").read_text(), re.DOTALL)[0]
    site = tmp_path / "site"
    about = site / "lines-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "lines.py").write_text(code)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lines\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[headwater.connectors]\nlines = lines:LinesConnector\n")
    return {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(site)]), "LINES_TOPIC": "lines"}


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def offsets_are_shown_and_changed(command: Callable[..., str], file: Path) -> None:
    """Of the connector `l`, which has read two lines."""
    until(lambda: json.loads(command("offsets", "l", "--output", "json"))["offsets"] != [])
    shown = command("offsets", "l", "--output", "json")
    assert '{"byte":13}' in command("offsets", "l").splitlines()[1]
    file.write_text(shown.replace('"byte": 13', '"byte": 6'))
    assert "`headwater connect stop l` first" in command("offsets", "l", "--reset", "--yes", code=2)
    command("stop", "l")
    assert "give --yes" in command("offsets", "l", "--reset", code=2)
    assert "not both" in command("offsets", "l", "--reset", "--alter", str(file), code=2)
    assert "altered successfully" in command("offsets", "l", "--alter", str(file), "--yes")
    assert json.loads(command("offsets", "l", "--output", "json")) == json.loads(file.read_text())
    assert "reset successfully" in command("offsets", "l", "--reset", "--yes")
    assert command("offsets", "l").splitlines()[1:] == []
    file.write_text('{"line": 1}')
    assert "must hold" in command("offsets", "l", "--alter", str(file), "--yes", code=2)


@pytest.mark.slow
def test_a_package_brings_a_connector_that_every_door_of_a_node_drives(tmp_path: Path, package: dict[str, str]) -> None:
    source = tmp_path / "in.txt"
    source.write_text("first\nsecond\n")
    with headwater_up("--data", str(tmp_path / "log"), expect=NAMES, env=package) as node:
        server = ("--server", node.endpoints["connect"])

        def command(*arguments: str, code: int = 0) -> str:
            done = run("connect", *arguments, *server)
            assert done.returncode == code, done.stdout + done.stderr
            return done.stdout + done.stderr

        def statement(sql: str) -> dict[str, object]:
            answer = httpx.post(f"{node.endpoints['ksqldb']}/ksql", json={"ksql": sql}, timeout=60)
            assert answer.status_code == 200, answer.text
            return dict(answer.json()[0])

        assert "com.example.LinesSourceConnector" in command("plugins")
        assert 'Missing required configuration "file"' in command("create", "l", "connector.class=LinesSource", code=2)
        assert "file: Missing required" in command("validate", "connector.class=LinesSource", "topic=t", code=1)
        assert "right" in command("validate", "connector.class=LinesSource", "topic=t", f"file={source}")
        odd = "a/b %?#ü"
        doubtful = command("create", odd, "connector.class=LinesSource", f"file={source}", "topic=odd", "topics=odd")
        assert "warning: The configuration 'topics' is not known and has no effect; did you mean 'topic'?" in doubtful
        for step in ("status", "pause", "resume", "stop", "offsets"):
            command(step, odd)
        assert "give --yes, because there is nobody to ask" in command("delete", odd, code=2)
        command("delete", odd, "--yes")
        made = command("create", "l", "connector.class=LinesSource", f"file={source}", "topic=${env:LINES_TOPIC}")
        assert "Connector l is made" in made
        until(lambda: json.loads(command("status", "l", "--output", "json"))["tasks"] != [])
        until(lambda: json.loads(command("status", "l", "--output", "json"))["tasks"][0]["state"] == "RUNNING")
        assert command("list").split()[-5:] == ["source", "RUNNING", "1", "1", "0"]
        rows = statement("SHOW CONNECTORS;")["connectors"]
        assert rows == [
            {
                "name": "l",
                "type": "source",
                "className": "LinesSource",
                "state": "RUNNING (1/1 tasks RUNNING)",
            }
        ]
        topics = f"{node.endpoints['connect']}/connectors/l/topics"
        until(lambda: httpx.get(topics).json() == {"l": {"topics": ["lines"]}})
        described = statement("DESCRIBE CONNECTOR `l`;")
        assert (described["connectorClass"], described["topics"]) == ("LinesSource", ["lines"])
        made_by_sql = statement(
            f"CREATE SOURCE CONNECTOR `s` WITH ('connector.class'='LinesSource', 'file'='{source}', 'topic'='other');"
        )
        assert made_by_sql["@type"] == "connector_info"
        again = statement("CREATE SOURCE CONNECTOR IF NOT EXISTS `s` WITH ('connector.class'='LinesSource');")
        assert again["@type"] == "warning_entity"
        assert statement("DROP CONNECTOR `s`;") == {
            "@type": "drop_connector",
            "statementText": "DROP CONNECTOR `s`;",
            "warnings": [],
            "connectorName": "s",
        }
        for verb in ("pause", "restart"):
            command(verb, "l")
        offsets_are_shown_and_changed(command, tmp_path / "offsets.json")
        assert "deleted" in command("delete", "l", "--yes")
        assert "No status found for connector l" in command("status", "l", code=2)
        code, errors = node.stop()
        assert (code, errors) == (0, "")
