"""Text pairs: what goes in and what must come out, in files that read as documentation.

    # title of the pair
    input, any number of lines
    ---
    output, any number of lines

Pairs are separated by a blank line before the next `#`. `HEADWATER_UPDATE_GOLDENS=1` rewrites the outputs; read the
difference before committing it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "pairs"
UPDATE = os.environ.get("HEADWATER_UPDATE_GOLDENS") == "1"


@dataclass(frozen=True)
class Pair:
    title: str
    given: str
    wanted: str


def read_pairs(name: str) -> list[Pair]:
    """The pairs of one file."""
    pairs: list[Pair] = []
    text = "\n" + (FOLDER / name).read_text("utf-8")
    for block in text.split("\n# ")[1:]:
        title, _, rest = block.partition("\n")
        given, _, wanted = rest.partition("\n---\n")
        pairs.append(Pair(title, given, wanted.rstrip("\n")))
    return pairs


def check_pairs(name: str, output: Callable[[str], str]) -> None:
    """Compare every pair of a file with what `output` makes of its input; all differences are shown together."""
    pairs = read_pairs(name)
    made = [Pair(pair.title, pair.given, output(pair.given)) for pair in pairs]
    if UPDATE:
        blocks = [f"# {pair.title}\n{pair.given}\n---\n{pair.wanted}\n" for pair in made]
        (FOLDER / name).write_text("\n".join(blocks), "utf-8")
    wrong = [
        f"# {pair.title}\n{pair.given}\n--- wanted\n{pair.wanted}\n--- got\n{got.wanted}"
        for pair, got in zip(pairs, made, strict=True)
        if pair != got and not UPDATE
    ]
    assert not wrong, "\n\n".join(wrong)
