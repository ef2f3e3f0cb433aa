"""Completion in the shell: keywords, the names of what the server has, and columns of the sources in the statement."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from headwater.cli.sql.client import Client
from headwater.core.errors import HeadwaterError
from headwater.sql.words import KEYWORDS, quote_identifier

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_@]*$")
_NAME = re.compile(r"`[^`]+`|[A-Za-z_][A-Za-z0-9_@]*")
_LISTS = (("SHOW STREAMS;", "streams"), ("SHOW TABLES;", "tables"), ("SHOW FUNCTIONS;", "functions"))


class Names:
    """Sources and functions of the server, as they were last asked for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._names: frozenset[str] = frozenset()
        self._sources: frozenset[str] = frozenset()
        self._columns: dict[str, frozenset[str]] = {}
        self._stale = True

    def forget(self) -> None:
        """Something may have been created or dropped."""
        self._stale = True
        self._columns.clear()

    def columns(self, statement: str) -> frozenset[str]:
        """Columns of the sources that the statement names, as they are written in SQL."""
        self.known()
        words = _NAME.findall(statement)
        named = {word if word.startswith("`") else word.upper() for word in words} & self._sources
        return frozenset().union(*map(self._columns_of, named))

    def _columns_of(self, source: str) -> frozenset[str]:
        if source not in self._columns:
            try:
                (entity,) = self._client.execute(f"DESCRIBE {source};", {}, {})
            except (HeadwaterError, ValueError):
                return frozenset()
            fields = entity.get("sourceDescription", {}).get("fields", ())
            self._columns[source] = frozenset(quote_identifier(field["name"]) for field in fields)
        return self._columns[source]

    def known(self) -> frozenset[str]:
        """Names as they are written in SQL; the last known ones while the server does not answer."""
        if self._stale:
            self._stale = False
            try:
                lists = {member: frozenset(self._load(statement, member)) for statement, member in _LISTS}
            except HeadwaterError:
                return self._names
            self._sources = lists["streams"] | lists["tables"]
            self._names = self._sources | lists["functions"]
        return self._names

    def _load(self, statement: str, member: str) -> Iterator[str]:
        for entity in self._client.execute(statement, {}, {}):
            yield from (quote_identifier(item["name"]) for item in entity.get(member, ()))


class SqlCompleter(Completer):
    """Completes the word before the cursor; keywords take the case in which the word was begun."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        match = _WORD.search(document.text_before_cursor)
        if match is None:
            return
        word = match[0]
        start = -len(word)
        # All of the text counts: in `SELECT …  FROM source` the source comes after the columns.
        columns = self._names.columns(document.text[: document.cursor_position + start] + document.text_after_cursor)
        for name in (*sorted(columns), *sorted(self._names.known() - columns)):
            if name.upper().startswith(word.upper()):
                yield Completion(name, start)
        for keyword in sorted(KEYWORDS):
            if keyword.startswith(word.upper()):
                yield Completion(keyword.lower() if word.islower() else keyword, start)
