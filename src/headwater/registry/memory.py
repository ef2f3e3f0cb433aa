"""What was parsed and compared, remembered by the texts: it stays true whatever becomes of the registry's state."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from headwater.registry.parsing import Parsed
from headwater.registry.workshop import Compared, Done, Text

_CHARS = 8_000_000
"""Of the texts that are remembered. A parsed schema takes some twenty times its text, so 200 MB at the worst."""
_COMPARISONS = 2_000


@dataclass(frozen=True)
class ParsedAfar(Parsed):
    """A large schema that another process has parsed: its texts are here, the rest is not."""

    source: Text
    done: Done

    def canonical(self) -> str:
        return self.done.canonical

    def normalised(self) -> str:
        return self.done.normalised

    def top_level(self) -> frozenset[str]:
        return self.done.top_level

    @property
    def bad_name(self) -> str | None:
        return self.done.bad_name

    @property
    def bad_default(self) -> str | None:
        return self.done.bad_default

    def formatted(self, name: str) -> str:
        return self.done.formats.get(name, self.done.canonical)


class Memory:
    """The parsed schemas asked for last, and the comparisons of large ones."""

    def __init__(self) -> None:
        self._parsed: OrderedDict[Text, Parsed] = OrderedDict()
        self._compared: OrderedDict[tuple[str, Text, Text], Compared] = OrderedDict()
        self._chars = 0

    def parsed(self, text: Text) -> Parsed | None:
        found = self._parsed.get(text)
        if found is not None:
            self._parsed.move_to_end(text)
        return found

    def keep(self, text: Text, parsed: Parsed) -> None:
        """The newest stays, however large it is."""
        if text not in self._parsed:
            self._chars += text.chars
        self._parsed[text] = parsed
        while self._chars > _CHARS and len(self._parsed) > 1:
            self._chars -= self._parsed.popitem(last=False)[0].chars

    def compared(self, level: str, new: Text, old: Text) -> Compared | None:
        return self._compared.get((level, new, old))

    def keep_compared(self, level: str, new: Text, old: Text, found: Compared) -> None:
        self._compared[level, new, old] = found
        if len(self._compared) > _COMPARISONS:
            self._compared.popitem(last=False)
