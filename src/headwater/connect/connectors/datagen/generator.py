"""Makes values for an Avro schema, as `arg.properties` in it say (options, range, iteration, regex, length, odds)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from headwater.connect.errors import ConnectError

Make = Callable[[], Any]
Json = Mapping[str, Any]
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_RANGES = {"int": (-(1 << 31), 1 << 31), "long": (-(1 << 63), 1 << 63)}


def generator(schema: Any, random: Random) -> Make:
    """A function that makes the next value. Raises `ConnectError` for a schema that says nothing sensible."""
    return _Generators(random).of(schema)


class _Generators:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._named: dict[str, Make] = {}

    def of(self, schema: Any) -> Make:
        if isinstance(schema, str):
            return self._named[schema] if schema in self._named else self._scalar(schema, {})
        if isinstance(schema, list):
            branches = [self.of(branch) for branch in schema]
            return lambda: self._random.choice(branches)()
        kind, properties = schema["type"], schema.get("arg.properties", {})
        if isinstance(kind, dict | list):
            return self.of(kind)
        if kind == "record":
            return self._record(schema)
        if "options" in properties:
            options = properties["options"]
            return lambda: self._random.choice(options)
        if kind == "array":
            item, size = self.of(schema["items"]), self._length(properties)
            return lambda: [item() for _ in range(size())]
        if kind == "map":
            return self._map(schema, properties)
        if kind == "enum":
            symbols = schema["symbols"]
            return lambda: self._random.choice(symbols)
        if kind == "fixed":
            return lambda: self._random.randbytes(schema["size"])
        return self._scalar(kind, properties)

    def _record(self, schema: Json) -> Make:
        fields = [(field["name"], self.of(field["type"])) for field in schema["fields"]]

        def make() -> dict[str, Any]:
            return {name: value() for name, value in fields}

        self._named[schema["name"]] = make
        return make

    def _map(self, schema: Json, properties: Json) -> Make:
        keys = self._scalar("string", properties.get("keys", {}))
        value, size = self.of(schema["values"]), self._length(properties)

        def make() -> dict[str, Any]:
            return {keys(): value() for _ in range(size())}

        return make

    def _scalar(self, kind: str, properties: Json) -> Make:
        if "options" in properties:
            options = properties["options"]
            return lambda: self._random.choice(options)
        if "iteration" in properties:
            return _iteration(kind, properties["iteration"])
        if "regex" in properties and kind == "string":
            return _matching(properties["regex"], self._random)
        random = self._random
        match kind:
            case "null":
                return lambda: None
            case "boolean":
                odds = float(properties.get("odds", 0.5))
                return lambda: random.random() < odds
            case "int" | "long":
                low, high = _bounds(properties, *_RANGES[kind])
                return lambda: random.randrange(int(low), int(high))
            case "float" | "double":
                low, high = _bounds(properties, 0.0, 1.0)
                return lambda: random.uniform(low, high)
            case "string":
                size = self._length(properties)
                return lambda: "".join(random.choices(_LETTERS, k=size()))
            case "bytes":
                size = self._length(properties)
                return lambda: random.randbytes(size())
        raise ConnectError(f"Values of type {kind} cannot be generated")

    def _length(self, properties: Json) -> Callable[[], int]:
        length = properties.get("length", {"min": 8, "max": 17})
        if isinstance(length, int):
            return lambda: length
        low, high = int(length.get("min", 0)), int(length.get("max", 17))
        return lambda: self._random.randrange(low, max(high, low + 1))


def _bounds(properties: Json, low: float, high: float) -> tuple[float, float]:
    found = properties.get("range", {})
    return found.get("min", low), found.get("max", high)


def _iteration(kind: str, properties: Json) -> Make:
    """From `start` on by `step`, and again from there at `restart`."""
    start, step = properties.get("start", 0), properties.get("step", 1)
    restart = properties.get("restart")
    state = [start]

    def make() -> Any:
        found = state[0]
        state[0] = start if restart is not None and found + step >= restart else found + step
        return str(found) if kind == "string" else found

    return make


def _matching(pattern: str, random: Random) -> Make:
    """Texts that match a regular expression of literals, classes, groups, alternatives and counts."""
    from re import _parser  # type: ignore[attr-defined]

    try:
        parsed = _parser.parse(pattern)
    except re.error as error:
        raise ConnectError(f"'{pattern}' is not a regular expression: {error}") from None
    return lambda: _text_of(parsed, random)


def _text_of(parsed: Any, random: Random) -> str:
    return "".join(_piece(str(op), argument, random) for op, argument in parsed)


def _piece(op: str, argument: Any, random: Random) -> str:
    match op:
        case "LITERAL":
            return chr(argument)
        case "IN":
            return random.choice(_class_of(argument))
        case "ANY":
            return random.choice(_LETTERS)
        case "BRANCH":
            return _text_of(random.choice(argument[1]), random)
        case "SUBPATTERN":
            return _text_of(argument[3], random)
        case "MAX_REPEAT" | "MIN_REPEAT":
            low, high, inner = argument
            return "".join(_text_of(inner, random) for _ in range(random.randint(low, min(int(high), low + 10))))
        case "AT":
            return ""
    raise ConnectError(f"Texts cannot be generated for a regular expression with {op}")


_CLASSES = {"CATEGORY_DIGIT": "0123456789", "CATEGORY_WORD": _LETTERS + "0123456789_", "CATEGORY_SPACE": " "}


def _class_of(parts: Any) -> str:
    found = ""
    for op, argument in parts:
        if str(op) == "LITERAL":
            found += chr(argument)
        elif str(op) == "RANGE":
            found += "".join(map(chr, range(argument[0], argument[1] + 1)))
        else:
            found += _CLASSES.get(str(argument), _LETTERS)
    return found
