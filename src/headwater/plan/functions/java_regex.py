"""Regular expressions of java.util.regex, as Python's `re` understands them.

What differs is rewritten: classes of characters, union and intersection inside brackets, flags in the middle, quoting,
`.` and named groups. Classes are ASCII unless a property says otherwise, as in Java.

Engines that know lookahead and backreferences try alternatives one after the other, and some patterns have more of
them than there is time: `^(a|a)*$` never ends on forty a's and a b. Python's engine cannot be stopped, so it gets only
what is known to be quick: patterns with few choices on short text. Everything else goes to the `regex` package, which
is slower but stops at a time limit. A linear-time engine would refuse patterns that run on ksqlDB.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any, TypeVar

import regex as limited_engine

from headwater.core.errors import FunctionError

_DOT = "[^\n\r\u0085\u2028\u2029]"
_ESCAPES = {
    "h": r"[ \t\xA0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000]",
    "H": r"[^ \t\xA0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000]",
    "v": r"[\n\x0B\f\r\x85\u2028\u2029]",
    "V": r"[^\n\x0B\f\r\x85\u2028\u2029]",
    "R": r"(?:\r\n|[\n\x0B\f\r\x85\u2028\u2029])",
    "z": r"\Z",
    "Z": r"(?=(?:\r\n|[\n\r\u0085\u2028\u2029])?\Z)",
    "G": "",
    "e": r"\x1b",
}
_ASCII_CLASSES: dict[str, str] = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7F",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1F\x7F",
    "XDigit": "0-9a-fA-F",
    "Space": r" \t\n\x0B\f\r",
}
_PREDICATES: dict[str, Callable[[str], bool]] = {
    "isalphabetic": str.isalpha,
    "isletter": str.isalpha,
    "isdigit": str.isdecimal,
    "isuppercase": str.isupper,
    "islowercase": str.islower,
    "iswhite_space": str.isspace,
    "ispunctuation": lambda char: unicodedata.category(char).startswith("P"),
    "javalowercase": str.islower,
    "javauppercase": str.isupper,
    "javaletter": str.isalpha,
    "javadigit": str.isdecimal,
    "javaletterordigit": lambda char: char.isalpha() or char.isdecimal(),
    "javawhitespace": str.isspace,
}


QUICK_STEPS = 1_000_000
"""What may go to Python's engine: some 10 ms at worst, and few patterns come near theirs."""
BASE_SECONDS, SECONDS_PER_CHARACTER = 0.02, 1e-6
"""The time limit of one call: a thousand times what harmless patterns take on short text, ten times on long text."""

T = TypeVar("T")


class Regex:
    """A Java pattern, ready to match within bounds. Methods raise `FunctionError` when a text takes too long."""

    def __init__(self, pattern: str, translated: str, choices: int | None) -> None:
        """`choices` are the places in the pattern where there is something to try; None for no bound."""
        self._pattern = pattern
        self.translated = translated
        self._quick = re.compile(translated, re.ASCII)
        # With n characters every choice multiplies the work by n at most, and so does the place where a match begins.
        self._quick_length = -1 if choices is None else int(QUICK_STEPS ** (1 / (choices + 1)))
        self.groups = self._quick.groups

    def search(self, text: str) -> Any:
        """The first match, or None."""
        if len(text) <= self._quick_length:
            return self._quick.search(text)
        return self._in_time(text, lambda limit: self._limited.search(text, timeout=limit))

    def find_all(self, text: str) -> list[Any]:
        """All matches."""
        if len(text) <= self._quick_length:
            return list(self._quick.finditer(text))
        return self._in_time(text, lambda limit: list(self._limited.finditer(text, timeout=limit)))

    def replace(self, new: Callable[[Any], str], text: str) -> str:
        """The text with every match replaced."""
        if len(text) <= self._quick_length:
            return self._quick.sub(new, text)
        return self._in_time(text, lambda limit: str(self._limited.sub(new, text, timeout=limit)))

    @property
    def matches_nothing(self) -> bool:
        """Whether the empty text is a match."""
        return self._quick.fullmatch("") is not None

    @cached_property
    def _limited(self) -> Any:
        try:
            return limited_engine.compile(self.translated, limited_engine.ASCII)
        except limited_engine.error as error:
            raise FunctionError(f"Invalid regular expression pattern: {self._pattern}: {error}") from error

    def _in_time(self, text: str, call: Callable[[float], T]) -> T:
        try:
            return call(BASE_SECONDS + len(text) * SECONDS_PER_CHARACTER)
        except TimeoutError:
            raise FunctionError(
                f"The regular expression '{self._pattern}' takes too long on a text of {len(text)} characters: it tries"
                " too many ways to match. Avoid repetitions inside repetitions, and alternatives that begin alike."
            ) from None


@lru_cache(maxsize=1000)
def compile_regex(pattern: str) -> Regex:
    """A Java pattern as one that Python's engines match. Raises `FunctionError` for a bad one."""
    translator = _Translator(pattern)
    try:
        return Regex(pattern, translator.translate(), translator.choices)
    except (re.error, IndexError, OverflowError, RecursionError) as error:
        raise FunctionError(f"Invalid regular expression pattern: {pattern}: {error}") from error


@lru_cache(maxsize=100)
def _property_class(name: str) -> str:
    """The inside of a bracket expression for `\\p{name}`; characters beyond U+FFFF are left out."""
    if name in _ASCII_CLASSES:
        return _ASCII_CLASSES[name]
    test = _property_test(name)
    ranges: list[list[int]] = []
    for code in range(0x10000):
        if test(chr(code)):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(rf"\u{low:04x}-\u{high:04x}" for low, high in ranges)


def _property_test(name: str) -> Callable[[str], bool]:
    short = name.partition("=")[2] or name
    predicate = _PREDICATES.get(short.lower())
    if predicate is not None:
        return predicate
    for prefix in ("Is", "In"):
        short = short.removeprefix(prefix)
    if re.fullmatch("[CLMNPSZ][a-z]?|L1|LC", short):
        return lambda char: unicodedata.category(char).startswith(short)
    script = short.upper()
    if re.fullmatch("[A-Z_]{3,}", script):
        return lambda char: unicodedata.name(char, "").startswith(script)
    raise re.error(f"Unknown character property name {{{name}}}")


class _Translator:
    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._open_flags = [0]
        self._dotall = [False]
        self.choices: int | None = 0
        """Quantifiers and alternatives met so far; None once a group is repeated, which has no bound."""

    def translate(self) -> str:
        parts = []
        while self._at < len(self._text):
            parts.append(self._item())
        return "".join(parts) + ")" * self._open_flags[0]

    def _take(self, count: int = 1) -> str:
        text = self._text[self._at : self._at + count]
        self._at += count
        return text

    def _item(self) -> str:
        char = self._take()
        if char == "\\":
            return self._escape(inside=False)
        if char == "[":
            return self._brackets()
        if char == ".":
            return r"[\s\S]" if self._dotall[-1] else _DOT
        if char == "(":
            return self._group()
        if char == ")":
            if len(self._open_flags) == 1:
                raise re.error("Unmatched closing ')'")
            self._dotall.pop()
            return ")" * (self._open_flags.pop() + 1)
        if char in "|?*+{":
            self._count_choice(char)
        return char

    def _count_choice(self, char: str) -> None:
        before = self._text[: self._at - 1]
        if before.endswith(")") and char in "*+{":
            self.choices = None
        elif self.choices is not None and not re.match(r"[0-9]+\}", self._text[self._at :] if char == "{" else ""):
            self.choices += 1

    def _group(self) -> str:
        rest = self._text[self._at :]
        named = re.match(r"\?<([A-Za-z][A-Za-z0-9]*)>", rest)
        flags = re.match(r"\?([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])", rest)
        if flags and (flags[1] or flags[2] or flags[3] == ":"):
            return self._flags(flags)
        self._open_flags.append(0)
        self._dotall.append(self._dotall[-1])
        if named:
            self._at += named.end()
            return f"(?P<{named[1]}>"
        prefix = re.match(r"\?(?:[:=!>]|<[=!])", rest)
        if prefix:
            self._at += prefix.end()
            return f"({prefix[0]}"
        return "("

    def _flags(self, found: re.Match[str]) -> str:
        """`(?i)` up to the end of the enclosing group becomes `(?i:...)`."""
        self._at += found.end()
        on = "".join(sorted(set(found[1]) & set("imx")))
        off = "".join(sorted(set(found[2] or "") & set("imx")))
        dotall = "s" in found[1] or (self._dotall[-1] and "s" not in (found[2] or ""))
        text = f"(?{on}{'-' + off if off else ''}:"
        if found[3] == ":":
            self._open_flags.append(0)
            self._dotall.append(dotall)
        else:
            self._open_flags[-1] += 1
            self._dotall[-1] = dotall
        return text

    def _escape(self, *, inside: bool) -> str:
        """What follows a backslash; `inside` brackets classes come without their own."""
        char = self._take()
        if char == "":
            raise re.error("Unexpected internal error: pattern ends with a backslash")
        if char == "Q":
            end = self._text.find("\\E", self._at)
            end = len(self._text) if end < 0 else end
            quoted = self._text[self._at : end]
            self._at = end + 2
            return re.escape(quoted)
        if char in "pP":
            return self._property(char == "P", inside=inside)
        if char == "k":
            name = re.match(r"<([A-Za-z][A-Za-z0-9]*)>", self._text[self._at :])
            if name is None:
                raise re.error(r"\k is not followed by '<' for named capturing group")
            self._at += name.end()
            return f"(?P={name[1]})"
        if char in "x0cu":
            return self._code(char)
        if char in _ESCAPES:
            found = _ESCAPES[char]
            return found[1:-1] if inside and found.startswith("[") and not found.startswith("[^") else found
        if char.isascii() and char.isalpha() and char not in "AbBdDsSwWfnrta":
            raise re.error(f"Illegal/unsupported escape sequence \\{char}")
        return "\\" + char if char.isascii() else char

    def _property(self, negated: bool, *, inside: bool) -> str:
        braced = re.match(r"\{([^}]*)\}", self._text[self._at :])
        name = braced[1] if braced else self._text[self._at : self._at + 1]
        self._at += braced.end() if braced else 1
        if name.startswith("^"):
            negated, name = not negated, name[1:]
        members = _property_class(name)
        if negated and inside:
            return _complement(members)
        return members if inside else f"[{'^' if negated else ''}{members}]"

    def _code(self, kind: str) -> str:
        rest = self._text[self._at :]
        patterns = {"x": r"\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{2})", "0": "([0-3]?[0-7]{1,2})", "u": "([0-9a-fA-F]{4})"}
        if kind == "c":
            return re.escape(chr(ord(self._take().upper()) ^ 64))
        found = re.match(patterns[kind], rest)
        if found is None:
            raise re.error(f"Illegal escape \\{kind}")
        self._at += found.end()
        digits = next(group for group in found.groups() if group is not None)
        return re.escape(chr(int(digits, 8 if kind == "0" else 16)))

    def _brackets(self) -> str:
        """A bracket expression: union is flattened, `&&` becomes a lookahead, nested negation an alternative."""
        negated = self._text[self._at : self._at + 1] == "^"
        self._at += negated
        operands = [self._union()]
        while self._text.startswith("&&", self._at):
            self._at += 2
            operands.append(self._union())
        self._at += 1  # the closing bracket
        if len(operands) == 1:
            members, others = operands[0]
            if not others:
                return f"[{'^' if negated else ''}{members}]" if members else _nothing(negated)
        body = _intersect([_one_of(members, others) for members, others in operands])
        return rf"(?:(?!{body})[\s\S])" if negated else body

    def _union(self) -> tuple[str, list[str]]:
        """Plain members up to `&&` or the closing bracket, and nested expressions that are not plain."""
        members: list[str] = []
        others: list[str] = []
        first = True
        while True:
            if self._at >= len(self._text):
                raise re.error("Unclosed character class")
            if self._text.startswith("&&", self._at) or (self._text[self._at] == "]" and not first):
                return "".join(members), others
            first = False
            char = self._take()
            if char == "[":
                nested = self._brackets()
                plain = nested.startswith("[") and not nested.startswith("[^") and nested.endswith("]")
                (members if plain else others).append(nested[1:-1] if plain else nested)
            elif char == "\\":
                escaped = self._escape(inside=True)
                (others if escaped.startswith("[^") else members).append(escaped)
            elif char in "]^":
                members.append("\\" + char)
            else:
                members.append("\\" + char if char in "&~|" else char)


def _nothing(negated: bool) -> str:
    return r"[\s\S]" if negated else "(?!)"


def _one_of(members: str, others: list[str]) -> str:
    options = ([f"[{members}]"] if members else []) + others
    return options[0] if len(options) == 1 else f"(?:{'|'.join(options)})"


def _intersect(operands: list[str]) -> str:
    if len(operands) == 1:
        return operands[0]
    return "(?:" + "".join(f"(?={operand})" for operand in operands[:-1]) + operands[-1] + ")"


def _complement(members: str) -> str:
    """The members that a bracket expression lacks, up to U+FFFF."""
    test = re.compile(f"[{members}]")
    return _ranges([code for code in range(0x10000) if not test.match(chr(code))])


def _ranges(codes: list[int]) -> str:
    parts: list[list[int]] = []
    for code in codes:
        if parts and parts[-1][1] == code - 1:
            parts[-1][1] = code
        else:
            parts.append([code, code])
    return "".join(rf"\u{low:04x}-\u{high:04x}" for low, high in parts)


@lru_cache(maxsize=1000)
def compile_replacement(text: str) -> Callable[[Any], str]:
    """A Java replacement (`$1`, `${name}`, `\\$`) as a function of the match. Raises `FunctionError`."""
    parts: list[str | int] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            if at + 1 >= len(text):
                raise FunctionError("character to be escaped is missing")
            parts.append(text[at + 1])
            at += 2
        elif char == "$":
            found = re.match(r"\$(?:\{([A-Za-z][A-Za-z0-9]*)\}|([0-9]+))", text[at:])
            if found is None:
                raise FunctionError("Illegal group reference")
            parts.append(f"\0{found[1]}" if found[1] else int(found[2]))
            at += found.end()
        else:
            parts.append(char)
            at += 1
    return lambda match: "".join(_part(part, match) for part in parts)


def _part(part: str | int, match: Any) -> str:
    if isinstance(part, int):
        groups = match.re.groups
        digits = str(part)
        # As many digits as make a group that exists; the others are text.
        size = len(digits)
        while size > 1 and int(digits[:size]) > groups:
            size -= 1
        if int(digits[:size]) > groups:
            raise FunctionError(f"No group {digits[:size]}")
        return (match[int(digits[:size])] or "") + digits[size:]
    return (match[part[1:]] or "") if part.startswith("\0") else part
