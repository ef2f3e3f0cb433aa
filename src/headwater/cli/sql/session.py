"""What a shell keeps between statements, and how one statement is carried out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from headwater.cli.sql.client import Client, ServerError, Stream
from headwater.cli.sql.outputs import make_output
from headwater.cli.sql.spool import Spool
from headwater.core.errors import ConfigError, ParseError
from headwater.sql import ast
from headwater.sql.parser import Dialect, parse_statement, split_statements
from headwater.sql.tokens import tokenize

MAX_SCRIPT_DEPTH = 20
_SESSION_WORDS = frozenset({"SET", "UNSET", "DEFINE", "UNDEFINE", "RUN", "SPOOL"})


class Session:
    """Runs statements against one server with the properties and variables set so far.

    `on_change` is called after a statement that may have changed what exists.
    """

    def __init__(self, client: Client, output_format: str, on_change: Callable[[], None] | None = None) -> None:
        self.client = client
        self.spool = Spool(sys.stdout)
        self.choose_output(output_format)
        self.properties: dict[str, str] = {}
        self.variables: dict[str, str] = {}
        self._on_change = on_change
        self._depth = 0

    def choose_output(self, name: str) -> None:
        """Write answers in this form, one of `FORMATS`, from now on."""
        self.output = make_output(name, self.spool)

    def run_script(self, text: str) -> None:
        """All statements of a text in order; the last may lack its `;`. Raises at the first that fails."""
        statements, rest = split_statements(text)
        for statement in [*statements, *([f"{rest};"] if rest else [])]:
            self.run(statement)

    def run_file(self, path: Path) -> None:
        """All statements of a file. Raises `ConfigError` when it cannot be read."""
        if self._depth >= MAX_SCRIPT_DEPTH:
            raise ConfigError(f"scripts run scripts {MAX_SCRIPT_DEPTH} deep: does {path} run itself?")
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read the script {path}: {getattr(error, 'strerror', None) or error}") from error
        self._depth += 1
        try:
            self.run_script(text)
        finally:
            self._depth -= 1

    def run(self, statement: str) -> None:
        """One statement with its `;`. Raises `ServerError`, `StartupError` or `ConfigError`.

        Ctrl-C ends a query here, not the shell.
        """
        first = tokenize(statement).texts[0].upper()
        if first != "SPOOL":
            self.spool.record(f"sql> {statement.strip()}")
        if first == "SELECT":
            self._select(statement)
        elif first == "PRINT":
            self._print(statement)
        elif first in _SESSION_WORDS:
            self._change_session(statement)
        elif first != ";":
            self._execute(statement)

    def _execute(self, statement: str) -> None:
        try:
            self.output.entities(self.client.execute(statement, self.properties, self.variables))
        except ServerError as error:
            self.output.entities(error.entities)
            raise
        finally:
            if self._on_change is not None:
                self._on_change()

    def _select(self, statement: str) -> None:
        count = 0
        with closing(self.client.query(statement, self.properties, self.variables)) as rows:
            self.output.head(rows.header)
            try:
                for row in rows:
                    self.output.row(row)
                    count += 1
            except KeyboardInterrupt:
                self.output.end(count)
                self.output.note("Query terminated")
                return
            except BaseException:
                self.output.end(count)
                raise
            self.output.end(count)
            self._require_whole(statement, rows.stream, count)

    def _print(self, statement: str) -> None:
        count = 0
        with closing(self.client.print_topic(statement, self.properties, self.variables)) as lines:
            try:
                for line in lines:
                    self.output.line(line)
                    count += 1
            except KeyboardInterrupt:
                self.output.note("Topic printing ceased")
                return
            self._require_whole(statement, lines.stream, count)

    def _require_whole(self, statement: str, stream: Stream, rows: int) -> None:
        """Raises `ServerError` if the server ended, after so many rows, a query that has no end of its own yet.

        A node that stops ends its streams as HTTP demands, so the transfer's end alone proves nothing.
        """
        try:
            parsed = parse_statement(statement, self.variables, dialect=Dialect.SHELL)
        except ParseError:
            return  # a newer server knows statements that we do not
        if isinstance(parsed, ast.QueryStatement):
            if parsed.query.emit is None:
                return
            limit = parsed.query.limit
        elif isinstance(parsed, ast.PrintTopic):
            limit = parsed.limit
        else:
            return
        if limit is None:
            stream.require_alive()
            raise ServerError("The server ended the query: someone terminated it.")
        if rows < limit:  # deleted rows count, too, and are not shown: this may be the proper end
            stream.require_alive()

    def _change_session(self, statement: str) -> None:
        try:
            parsed = parse_statement(statement, self.variables, dialect=Dialect.SHELL)
        except ParseError as error:
            raise ServerError(str(error)) from error
        if isinstance(parsed, ast.RunScript):
            self.run_file(Path(parsed.path).expanduser())
            return
        if isinstance(parsed, ast.Spool):
            if parsed.path is None:
                self.spool.stop()
            else:
                self.spool.start(Path(parsed.path).expanduser())
            return
        # The server has the last word on names and values; what it accepts is kept for the statements to come.
        self.output.entities(self.client.execute(statement, self.properties, self.variables))
        if isinstance(parsed, ast.SetProperty):
            self.properties[parsed.name] = parsed.value
        elif isinstance(parsed, ast.UnsetProperty):
            self.properties.pop(parsed.name, None)
        elif isinstance(parsed, ast.DefineVariable):
            self.variables[parsed.name] = parsed.value
        elif isinstance(parsed, ast.UndefineVariable):
            self.variables.pop(parsed.name, None)
