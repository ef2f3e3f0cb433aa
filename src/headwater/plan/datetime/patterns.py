"""The elements of a java.time.format.DateTimeFormatter pattern."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from headwater.core.errors import FunctionError

LETTERS = frozenset("GuyYDMLdQqwWEecFaBhHkKmsSAnNVvzOXxZ")
DATE_LETTERS = frozenset("GuyYDMLdQqwWEecF")
TIME_LETTERS = frozenset("aBhHkKmsSAnN")
ZONE_LETTERS = frozenset("VvzOXxZ")

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Element:
    """Base of what a pattern consists of."""


@dataclass(frozen=True)
class Literal(Element):
    text: str


@dataclass(frozen=True)
class FieldLetter(Element):
    """A letter repeated `count` times; padded with blanks to `pad` characters when that is not 0."""

    letter: str
    count: int
    pad: int = 0


@dataclass(frozen=True)
class Optional(Element):
    """What stands in brackets."""

    elements: tuple[Element, ...]


@lru_cache(maxsize=1000)
def parse_pattern(pattern: str) -> tuple[Element, ...]:
    """The elements of a pattern. Raises `FunctionError` naming the letter or place that is wrong."""
    stack: list[list[Element]] = [[]]
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "'":
            text, at = _quoted(pattern, at)
            stack[-1].append(Literal(text))
        elif char.isascii() and char.isalpha():
            at = _letters(pattern, at, stack[-1])
        elif char == "[":
            stack.append([])
            at += 1
        elif char == "]":
            if len(stack) == 1:
                raise FunctionError(f"Pattern '{pattern}' invalid as it contains ] without previous [")
            inner = tuple(stack.pop())
            stack[-1].append(Optional(inner))
            at += 1
        elif char in "{}#":
            raise FunctionError(f"Pattern includes reserved character: '{char}' in '{pattern}'")
        else:
            stack[-1].append(Literal(char))
            at += 1
    while len(stack) > 1:
        inner = tuple(stack.pop())
        stack[-1].append(Optional(inner))
    return tuple(stack[0])


def _quoted(pattern: str, at: int) -> tuple[str, int]:
    """Text in quotes; two quotes are one, outside and inside."""
    text = ""
    at += 1
    start = at
    while at < len(pattern):
        if pattern[at] == "'":
            if pattern[at + 1 : at + 2] != "'":
                return (text or "'") if at == start else text, at + 1
            at += 1
        text += pattern[at]
        at += 1
    raise FunctionError(f"Pattern ends with an incomplete string literal: {pattern}")


def _letters(pattern: str, at: int, into: list[Element]) -> int:
    letter, count = _run(pattern, at)
    at += count
    pad = 0
    if letter == "p":
        pad = count
        if at >= len(pattern) or pattern[at] not in LETTERS:
            raise FunctionError(f"Pad letter 'p' must be followed by valid pad pattern: {pattern}")
        letter, count = _run(pattern, at)
        at += count
    if letter not in LETTERS:
        raise FunctionError(f"Unknown pattern letter: {letter} in '{pattern}'")
    _check_count(letter, count)
    into.append(FieldLetter(letter, count, pad))
    return at


def _run(pattern: str, at: int) -> tuple[str, int]:
    letter = pattern[at]
    end = at
    while end < len(pattern) and pattern[end] == letter:
        end += 1
    return letter, end - at


_MOST = {
    "d": 2, "h": 2, "H": 2, "k": 2, "K": 2, "m": 2, "s": 2, "D": 3, "a": 1, "F": 1, "w": 2, "W": 1, "S": 9, "z": 4,
    "G": 5, "M": 5, "L": 5, "Q": 5, "q": 5, "E": 5, "e": 5, "c": 5, "X": 5, "x": 5, "Z": 5, "u": 19, "y": 19, "Y": 19,
    "A": 19, "n": 19, "N": 19, "B": 5, "v": 4, "O": 4, "V": 2,
}  # fmt: skip
_ONLY = {"V": (2,), "O": (1, 4), "v": (1, 4), "c": (1, 3, 4, 5), "B": (1, 4, 5)}


def _check_count(letter: str, count: int) -> None:
    if count > _MOST[letter] or (letter in _ONLY and count not in _ONLY[letter]):
        raise FunctionError(
            f"Too many pattern letters: {letter}"
            if letter not in _ONLY
            else f"Pattern letter count must be one of {_ONLY[letter]}: {letter}"
        )


def letters_of(elements: tuple[Element, ...]) -> frozenset[str]:
    """The field letters used anywhere."""
    found: set[str] = set()
    for element in elements:
        if isinstance(element, FieldLetter):
            found.add(element.letter)
        elif isinstance(element, Optional):
            found |= letters_of(element.elements)
    return frozenset(found)
