"""Completion in the shell: keywords, and the names of what the server has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from headwater.cli.sql.client import Client
from headwater.core.errors import HeadwaterError
from headwater.sql.words import KEYWORDS, quote_identifier

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_@]*$")
_LISTS = (("SHOW STREAMS;", "streams"), ("SHOW TABLES;", "tables"), ("SHOW FUNCTIONS;", "functions"))


class Names:
    """Sources and functions of the server, as they were last asked for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._names: frozenset[str] = frozenset()
        self._stale = True

    def forget(self) -> None:
        """Something may have been created or dropped."""
        self._stale = True

    def known(self) -> frozenset[str]:
        """Names as they are written in SQL; the last known ones while the server does not answer."""
        if self._stale:
            self._stale = False
            try:
                self._names = frozenset(self._load())
            except HeadwaterError:
                return self._names
        return self._names

    def _load(self) -> Iterator[str]:
        for statement, member in _LISTS:
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
        for name in sorted(self._names.known()):
            if name.upper().startswith(word.upper()):
                yield Completion(name, start)
        for keyword in sorted(KEYWORDS):
            if keyword.startswith(word.upper()):
                yield Completion(keyword.lower() if word.islower() else keyword, start)
