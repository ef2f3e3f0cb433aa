"""`headwater sql` against a real node: options, pipes, exit codes, and the shell on a terminal."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from headwater.cli.sql.client import Client
from headwater.cli.sql.completion import Names, SqlCompleter
from tests.app.processes import command, environment, headwater_up, run

KEYS_SECONDS = 20.0


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with headwater_up("--memory") as node:
        yield node.endpoints["ksqldb"]


@pytest.fixture
def stream(server: str) -> str:
    """A stream of (id, name) with three rows."""
    name = f"s_{uuid4().hex[:8]}"
    result = run(
        "sql", "--server", server, "-e",
        f"CREATE STREAM {name} (id INT, name STRING) WITH (KAFKA_TOPIC='{name}', PARTITIONS=1, VALUE_FORMAT='JSON');"
        + "".join(f"INSERT INTO {name} VALUES ({n}, 'n{n}');" for n in (1, 2, 3)),
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    return name


def test_statements_of_an_option_run_in_order(server: str, stream: str) -> None:
    text = f"SET 'auto.offset.reset'='earliest'; SELECT id, name FROM {stream} EMIT CHANGES LIMIT 2"
    result = run("sql", "--server", server, "-e", text, "--output", "json")
    assert (result.returncode, result.stderr) == (0, "")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"ID": 1, "NAME": "n1"},
        {"ID": 2, "NAME": "n2"},
    ]


def test_statements_come_from_files_and_pipes_too(server: str, stream: str, tmp_path: Path) -> None:
    script = tmp_path / "script.sql"
    script.write_text(f"-- a comment; with a semicolon\nDESCRIBE {stream};\n", "utf-8")
    from_file = run("sql", "--server", server, "-f", str(script), "--output", "csv")
    from_pipe = run("sql", "--server", server, "--output", "csv", stdin=f"RUN SCRIPT '{script}';")
    assert from_file.stdout == from_pipe.stdout == "Column,Type\nID,INTEGER\nNAME,STRING\n"


def test_a_variable_is_kept_for_the_statements_that_follow(server: str, stream: str) -> None:
    text = f"DEFINE source='{stream}'; DESCRIBE ${{source}};"
    result = run("sql", "--server", server, "-e", text, "--output", "csv")
    assert (result.returncode, result.stdout.splitlines()[1]) == (0, "ID,INTEGER")


def test_output_is_spooled_to_a_file_until_off(server: str, stream: str, tmp_path: Path) -> None:
    file = tmp_path / "spooled.txt"
    text = f"SPOOL '{file}'; DESCRIBE {stream}; SPOOL OFF; SHOW STREAMS;"
    result = run("sql", "--server", server, "-e", text)
    assert (result.returncode, result.stderr) == (0, "")
    spooled = file.read_text("utf-8")
    assert spooled.startswith(f"sql> DESCRIBE {stream};\n")
    assert result.stdout.startswith(spooled.partition("\n")[2])
    assert "Key format" not in spooled


def test_columns_are_completed_once_their_source_is_named(server: str, stream: str) -> None:
    completer = SqlCompleter(Names(Client(server)))

    def offered(text: str, cursor: int) -> list[str]:
        return [c.text for c in completer.get_completions(Document(text, cursor), CompleteEvent())]

    assert offered(f"SELECT na FROM {stream};", len("SELECT na"))[0] == "NAME"
    assert "NAME" not in offered("SELECT na", len("SELECT na"))
    assert offered(f"SELECT * FROM {stream} WHERE i", len(f"SELECT * FROM {stream} WHERE i"))[0] == "ID"


def test_what_the_server_refuses_is_said_in_its_own_words(server: str) -> None:
    result = run(
        "sql", "--server", server, "-e", "SHOW STREAMS; SELECT * FROM nowhere EMIT CHANGES;", "--output", "json"
    )
    assert result.returncode == 1
    assert json.loads(result.stdout)["@type"] == "streams"
    assert "`NOWHERE` does not exist" in result.stderr


def test_no_server_is_said_with_its_address() -> None:
    result = run("sql", "--server", "http://127.0.0.1:1", "-e", "SHOW STREAMS;")
    assert result.returncode == 2
    assert result.stderr.startswith("headwater: no ksqlDB server answers at http://127.0.0.1:1: Connection refused")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--server", "ftp://x"], "--server must be a URL"),
        (["--output", "xml"], "--output must be one of table, json, csv"),
        (["-f", "/no/such/file.sql"], "cannot read the script /no/such/file.sql: No such file or directory"),
    ],
)
def test_a_bad_option_is_named(arguments: list[str], said: str) -> None:
    result = run("sql", "-e", "SHOW STREAMS;", *arguments)
    assert result.returncode == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_closed_pipe_ends_it_quietly(server: str) -> None:
    statement = "SHOW FUNCTIONS;" * 50
    process = subprocess.Popen(
        command("sql", "--server", server, "-e", statement),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(KEYS_SECONDS), errors) == (0, "")


def first_line_of(statement: str, server: str, *more: str) -> tuple[subprocess.Popen[str], str]:
    """A running `headwater sql` that has written a line of JSON, and this line."""
    process = subprocess.Popen(
        command("sql", "--server", server, "--output", "json", "-e", statement, *more),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline()


LOST = "The connection to the server was lost while the query ran"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_node_that_goes_away_is_not_the_end_of_a_query(number: signal.Signals) -> None:
    with headwater_up("--memory") as node:
        server = node.endpoints["ksqldb"]
        text = "CREATE STREAM s (id INT) WITH (KAFKA_TOPIC='s', PARTITIONS=1, VALUE_FORMAT='JSON');"
        run("sql", "--server", server, "-e", f"{text} INSERT INTO s VALUES (7);")
        process, line = first_line_of(
            "SET 'auto.offset.reset'='earliest'; SELECT * FROM s EMIT CHANGES; SHOW STREAMS;", server
        )
        printing, printed = first_line_of("PRINT 's' FROM BEGINNING;", server)
        if line.startswith('{"@type"'):  # the answer to SET
            assert process.stdout is not None
            line = process.stdout.readline()
        assert (line, "Key format" in printed) == ('{"ID":7}\n', True)
        node.stop(number)
        out, errors = process.communicate(timeout=KEYS_SECONDS)
        assert (out, errors.count("\n"), process.returncode) == ("", 1, 1)
        assert errors.startswith(LOST)
        _, errors = printing.communicate(timeout=KEYS_SECONDS)
        assert (errors.startswith(LOST), printing.returncode) == (True, 1)


class Terminal:
    """A shell in a terminal of tmux, 80 cells wide."""

    def __init__(self, tmux: str, server: str, home: Path) -> None:
        self._tmux = [tmux, "-L", f"headwater-{uuid4().hex[:8]}"]
        env = [f"-e{name}={value}" for name, value in (*environment().items(), ("HOME", str(home)))]
        start = ["new-session", "-d", "-x", "80", "-y", "40", *env]
        self._call(*start, *command("sql", "--server", server))

    def _call(self, *arguments: str) -> str:
        done = subprocess.run([*self._tmux, *arguments], capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    def type(self, *keys: str) -> None:
        """Keys by tmux's names, or text. A `;` at an argument's end would end tmux's own command."""
        self._call("send-keys", *(f"{key[:-1]}\\;" if key.endswith(";") else key for key in keys))

    def screen(self) -> str:
        return self._call("capture-pane", "-p")

    def await_screen(self, shows: Callable[[str], bool]) -> str:
        """The screen once it shows something."""
        deadline = time.monotonic() + KEYS_SECONDS
        while not shows(text := self.screen()):
            assert time.monotonic() < deadline, f"the screen shows:\n{text}"
            time.sleep(0.05)  # a terminal tells nobody that it changed
        return text

    def await_end(self) -> None:
        """Return when the shell has ended, and its terminal with it."""
        deadline = time.monotonic() + KEYS_SECONDS
        while (
            subprocess.run([*self._tmux, "has-session"], capture_output=True, timeout=60, check=False).returncode == 0
        ):
            assert time.monotonic() < deadline, "the shell still runs"
            time.sleep(0.05)

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, timeout=60, check=False)


@pytest.fixture
def terminal(server: str, require_tool: Callable[[str], str], tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(require_tool("tmux"), server, tmp_path)
    try:
        terminal.await_screen(lambda text: "sql>" in text)
        yield terminal
    finally:
        terminal.close()


def prompts(text: str) -> int:
    return sum(line.startswith("sql>") for line in text.splitlines())


def test_the_shell_reads_lines_up_to_a_semicolon(terminal: Terminal, stream: str) -> None:
    terminal.type(f"DESCRIBE {stream}", "Enter")
    terminal.await_screen(lambda text: "   >" in text)
    terminal.type(";", "Enter")
    text = terminal.await_screen(lambda text: "INTEGER" in text and prompts(text) == 2)
    assert max(len(line) for line in text.splitlines()) <= 80


def test_control_c_ends_the_query_and_not_the_shell(terminal: Terminal, stream: str) -> None:
    terminal.type("SET 'auto.offset.reset'='earliest';", "Enter")
    terminal.await_screen(lambda text: prompts(text) == 2)
    terminal.type(f"SELECT * FROM {stream} EMIT CHANGES;", "Enter")
    terminal.await_screen(lambda text: "n3" in text)
    terminal.type("C-c")
    terminal.await_screen(lambda text: "Query terminated" in text and prompts(text) == 3)
    terminal.type("exit", "Enter")
    terminal.await_end()


def test_the_shell_completes_names_and_shows_errors(terminal: Terminal, stream: str) -> None:
    terminal.type("DESCRIBE s_", "Tab")
    terminal.await_screen(lambda text: stream.upper()[:6] in text)
    terminal.type("C-c")
    terminal.type("SELECT FROM;", "Enter")
    terminal.await_screen(lambda text: "line 1" in text)
    terminal.type("Up")
    terminal.await_screen(lambda text: text.rstrip().endswith("sql> SELECT FROM;"))
