"""The interactive shell: history, several lines up to a `;`, completion, and Ctrl-C that ends a query only."""

from __future__ import annotations

import os
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.patch_stdout import patch_stdout
from rich.console import Console

from headwater.cli.sql.client import Client
from headwater.cli.sql.completion import Names, SqlCompleter
from headwater.cli.sql.outputs import FORMATS
from headwater.cli.sql.session import Session
from headwater.core.errors import HeadwaterError
from headwater.sql.parser import split_statements

PROMPT = "sql> "
CONTINUATION = "   > "
HELP = """\
Statements end with `;` and may span lines. Ctrl-C ends a running query, Ctrl-D leaves.

  SHOW STREAMS;  SHOW TABLES;  SHOW TOPICS;  SHOW QUERIES;  DESCRIBE name;
  PRINT 'topic' FROM BEGINNING;
  SELECT ... EMIT CHANGES;
  SET 'auto.offset.reset'='earliest';
  SPOOL 'file';  SPOOL OFF;

  help                     this page
  output table|json|csv    how answers are written
  server                   which server this is
  clear                    clear the screen
  exit                     leave"""


class Shell:
    """Reads statements from a terminal until the end of input."""

    def __init__(self, client: Client, output_format: str) -> None:
        self._client = client
        self._names = Names(client)
        self._session = Session(client, output_format, self._names.forget)
        self._errors = Console(highlight=False, markup=False)
        self._prompt: PromptSession[str] = PromptSession(
            history=_history(),
            multiline=Condition(self._is_unfinished),
            prompt_continuation=CONTINUATION,
            completer=SqlCompleter(self._names),
            complete_while_typing=False,
            enable_history_search=True,
        )

    def run(self) -> None:
        """The loop; returns when the person leaves. Raises `StartupError` when the server is not there at first."""
        info = self._client.info()
        print(f"Connected to {self._client.server} (version {info.get('version', '?')}). `help` lists what there is.")
        while True:
            try:
                with patch_stdout():
                    text = self._prompt.prompt(PROMPT).strip()
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            if text and not self._obey(text):
                return

    def _obey(self, text: str) -> bool:
        """Carry out what was entered; False to leave."""
        command, _, argument = text.rstrip("; \n").partition(" ")
        match command.lower():
            case "exit" | "quit":
                return False
            case "help" | "?":
                print(HELP)
            case "clear":
                self._errors.clear()
            case "server":
                print(self._client.server)
            case "output":
                self._choose_output(argument.strip().lower())
            case _:
                self._run(text)
        return True

    def _choose_output(self, name: str) -> None:
        if name in FORMATS:
            self._session.choose_output(name)
        else:
            self._errors.print(f"output takes one of {', '.join(FORMATS)}", style="red")

    def _run(self, text: str) -> None:
        try:
            self._session.run_script(text)
        except HeadwaterError as error:
            self._errors.print(str(error), style="red", soft_wrap=True)
            self._session.spool.record(str(error))
        except KeyboardInterrupt:
            print("Interrupted")

    def _is_unfinished(self) -> bool:
        """Whether Enter makes a new line: a statement has been begun and lacks its `;`."""
        text = self._prompt.default_buffer.text.strip()
        if not text or is_command(text):
            return False
        return bool(split_statements(text)[1])


def is_command(text: str) -> bool:
    """Whether the line is one of the shell's own, which need no `;`."""
    words = text.rstrip(";").lower().split()
    alone = {"exit", "quit", "help", "?", "clear", "server"}
    return (len(words) == 1 and words[0] in alone) or words[:1] == ["output"]


def _history() -> History:
    """In the user's state folder; only in memory where that cannot be written."""
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "headwater"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "sql_history"
        file.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(file))
