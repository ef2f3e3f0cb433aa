"""The command `headwater sql`: a shell on a terminal, else statements from options, a file or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from headwater.cli.sql.client import Client, ServerError
from headwater.cli.sql.session import Session

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def run_sql(server: str, texts: Sequence[str], files: Sequence[Path], output_format: str, ca_file: str = "") -> int:
    """Returns the exit code: 1 after a statement failed, whose message is on standard error.

    Raises `StartupError` when the server is not there, `ConfigError` for a file that cannot be read.
    """
    client = Client(server, ca_file)
    if not texts and not files and sys.stdin.isatty():
        from headwater.cli.sql.shell import Shell

        Shell(client, output_format).run()
        return 0
    session = Session(client, output_format)
    try:
        for file in files:
            session.run_file(file)
        for text in texts:
            session.run_script(text)
        if not texts and not files:
            session.run_script(sys.stdin.read())
    except ServerError as error:
        sys.stderr.write(f"{error}\n")
        session.spool.record(str(error))
        return 1
    except BrokenPipeError:
        # Whoever read our output has seen enough, as `head` does. Python must not complain when it flushes at exit.
        sys.stdout = None
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        session.spool.stop()
    return 0
