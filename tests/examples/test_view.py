"""The live view in a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
BOARD = """
import sys, time
from common.view import show

class Client:
    def query(self, query, properties):
        yield {}
        for row in range(3):
            print("WARNING of another process", file=sys.__stderr__, flush=True)
            time.sleep(0.5)
            yield [row]
        raise ValueError("the query has ended")

rows = []
show(Client(), {"": rows.append}, lambda: "\\n".join(["frame:", *map(str, rows)]))
"""


def test_what_others_log_leaves_no_pieces_of_older_frames() -> None:
    ours, terminal = os.openpty()
    environment = {**os.environ, "PYTHONPATH": os.fspath(EXAMPLES), "TERM": "xterm", "COLUMNS": "60", "LINES": "16"}
    with subprocess.Popen(
        [sys.executable, "-c", BOARD], env=environment, stdin=terminal, stdout=terminal, stderr=terminal
    ) as process:
        os.close(terminal)
        said = b"".join(iter(lambda: _read(ours), b"")).decode()
        assert process.wait() == 1
    os.close(ours)
    _, _, rest = said.partition("\x1b[?1049h")  # to a screen of its own
    live, _, after = rest.partition("\x1b[?1049l")  # and back
    assert "WARNING" in live
    frames = live.split("frame:")
    assert len(frames) > 3
    assert all(frame.endswith("\x1b[H") for frame in frames[:-1]), "each frame begins at the top"
    assert after.count("frame:") == 1
    assert "the query has ended" in after


def _read(terminal: int) -> bytes:
    """What came next; nothing after the end, which Linux tells by an error."""
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""
