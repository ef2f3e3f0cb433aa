"""The command line answers at once: what a command needs is imported when it runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.app.processes import environment, run

IMPORT_SECONDS = 0.15
_PROBE = """
import json, sys, time
start = time.process_time()
import headwater.cli.main
print(json.dumps([time.process_time() - start, sorted(m for m in sys.modules if m.startswith("headwater."))]))
"""


def probe() -> tuple[float, list[str]]:
    """CPU seconds that importing the command line takes in a new process, and our modules that it brings."""
    done = subprocess.run([sys.executable, "-c", _PROBE], env=environment(), capture_output=True, text=True, check=True)
    seconds, modules = json.loads(done.stdout)
    return seconds, modules


def test_importing_the_command_line_is_quick_and_brings_nothing_else() -> None:
    seconds, modules = min(probe() for _ in range(3))
    assert [m for m in modules if not m.startswith("headwater.cli")] == []
    assert not [m for m in modules if m.startswith("headwater.cli.sql")], "a package with logic of its own"
    assert seconds < IMPORT_SECONDS


def test_every_command_has_a_help_page() -> None:
    for command in ((), ("up",), ("sql",)):
        result = run(*command, "--help")
        assert (result.returncode, result.stderr) == (0, "")
        assert "Usage:" in result.stdout


def test_an_unknown_option_is_named_with_exit_code_2() -> None:
    result = run("up", "--memroy")
    assert result.returncode == 2
    assert "--memroy" in result.stderr


def test_the_version_is_an_option_and_a_command() -> None:
    assert run("--version").stdout == run("version").stdout != ""


def test_a_demo_without_a_name_lists_the_examples() -> None:
    result = run("demo")
    assert result.returncode == 2
    assert "pizza-shop" in result.stderr


@pytest.mark.parametrize("name", ["nope", "common"])
def test_only_examples_can_be_run(name: str) -> None:
    result = run("demo", name)
    assert result.returncode == 2
    assert result.stderr.startswith(f"headwater: There is no example '{name}'. There are: bike-share, delivery,")


@pytest.mark.parametrize("option", [["--memory"], ["--data", "x"]])
def test_a_log_inside_and_a_cluster_exclude_each_other(option: list[str]) -> None:
    result = run("up", "--bootstrap-servers", "127.0.0.1:1", *option)
    assert result.returncode == 2
    assert f"{option[0]} is for the log inside" in result.stderr


def test_an_address_of_another_machine_is_named_as_the_mistake() -> None:
    result = run("up", "--memory", "--host", "192.0.2.1", "--insecure")
    assert result.returncode == 2
    assert "192.0.2.1" in result.stderr
    assert "not an address of this machine" in result.stderr
    assert "port" not in result.stderr
