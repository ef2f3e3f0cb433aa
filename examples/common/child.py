"""Runs a Python program that ends with its parent: `child.py PROGRAM ARGUMENT...` or `child.py -m MODULE ARGUMENT...`.

Standard input is a pipe that the parent alone holds and nobody writes to: it ends with the parent, however that ends.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

PATIENCE_SECONDS = 20


def main() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    del sys.argv[0]
    # The program finds its own modules beside it, not this file's.
    if sys.argv[0] == "-m":
        del sys.argv[0]
        sys.path[0] = os.getcwd()
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
        runpy.run_path(sys.argv[0], run_name="__main__")


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
