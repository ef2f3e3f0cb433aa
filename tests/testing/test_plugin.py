"""The pytest plugin, as a project that has Headwater installed meets it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from tests.app.processes import ROOT, environment

TESTS = """
import threading, pytest

@pytest.fixture
def headwater_properties():
    return {"ksql.service.id": "theirs_"}

def test_one(headwater_node):
    assert "theirs_" in str(headwater_node.execute("SHOW ALL TOPICS;"))
    headwater_node.execute("CREATE STREAM s (a INT) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');")

def test_each_has_its_own(headwater_node):
    (listing,) = headwater_node.execute("SHOW STREAMS;")
    assert listing.streams == []

def test_nothing_is_left():
    assert threading.active_count() == 1

def test_a_coroutine_may_use_it(headwater_node):
    import asyncio
    async def body():
        headwater_node.feed("t", [])
        return headwater_node.clock.now_ms
    assert asyncio.run(body()) > 0
"""
LIGHT = """
import sys
import headwater.testing.plugin
heavy = {"msgspec", "aiokafka", "starlette", "headwater.engine.engine", "headwater.library.node"}
sys.exit(", ".join(sorted(heavy & set(sys.modules))) or 0)
"""


def test_the_fixture_gives_each_test_a_node_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(TESTS)
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "headwater.testing.plugin", str(tmp_path)],
        env=environment({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    assert "4 passed" in ended.stdout


def test_loading_the_plugin_does_not_load_a_node() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LIGHT], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_installing_the_package_registers_the_plugin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    plugin = import_module(project["entry-points"]["pytest11"]["headwater"])
    assert isinstance(plugin.headwater_node, type(pytest.fixture(lambda: None)))
