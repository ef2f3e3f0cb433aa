"""Ctrl-C and other interruptions of a program that waits for a node: real processes and signals."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.app.processes import environment

PUSH_QUERY = """
import headwater
with headwater.start(memory=True) as node:
    node.execute("CREATE STREAM s (a INT) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');")
    try:
        print("waiting", flush=True)
        for row in node.query("SELECT * FROM s EMIT CHANGES"):
            pass
    except KeyboardInterrupt:
        print("push queries:", str(node.execute("SHOW QUERIES;")).count("'PUSH'"))
        print("inserted:", node.insert("s", {"a": 1}))
"""
NOT_CAUGHT = """
import headwater
with headwater.start(memory=True) as node:
    node.execute("CREATE STREAM s (a INT) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');")
    print("waiting", flush=True)
    for row in node.query("SELECT * FROM s EMIT CHANGES"):
        pass
"""
START = """
import headwater
print("waiting", flush=True)
while True:
    headwater.start(memory=True).close()
"""


def interrupted(script: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a script that gets Ctrl-C once it says that it waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, out, errors


def test_ctrl_c_ends_the_query_and_the_node_goes_on() -> None:
    assert interrupted(PUSH_QUERY) == (0, "push queries: 0\ninserted: 1\n", "")


@pytest.mark.parametrize("script", [NOT_CAUGHT, START])
def test_ctrl_c_that_nobody_catches_ends_the_process_with_one_traceback(script: str) -> None:
    code, _, errors = interrupted(script)
    assert code == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert errors.count("Traceback") == 1
