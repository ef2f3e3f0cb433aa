"""What a connector can be told: each key declared once, and everything else read off that declaration.

    config = ConfigDef(
        Key("connection.host", Type.STRING, "Host of the server.", importance=Importance.HIGH),
        Key("connection.password", Type.PASSWORD, "Password.", default=""),
        Key("batch.size", Type.INT, "Records per request.", default=500, minimum=1),
        Key("mode", Type.STRING, "How rows are written.", default="insert", choices=("insert", "upsert")),
        ignored=("confluent.*",),
    )

`ConfigDef.parse` gives typed values with an error per field and a warning per unknown key;
`headwater.connect.config_render` renders the answer of Connect's `config/validate`, the Markdown reference and a form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

HIDDEN = "****************"
"""What is shown instead of a secret, as Confluent Cloud shows it."""

PLACEHOLDER = re.compile(r"\$\{(env|file|directory):[^}]*\}")
"""A value to be looked up when a task starts (KIP-297)."""

_SECRET_NAME = re.compile(
    r"password|secret|passphrase|credential|token|private.?key|api.?key|account.?key|keyfile", re.I
)

_PASSWORD_INSIDE = re.compile(
    r"://[^\s/?#:@]*:(?P<address>[^\s/?#]+)@"
    r"|[?&;](?:password|pwd|token|secret)=(?P<query>[^&;\s]+)"
    r"|\bauthorization\s*:\s*(?P<header>[^|\r\n]+)",
    re.I,
)
"""Secrets that are part of a value: `scheme://user:HERE@host`, `?password=HERE`, `Authorization: HERE`."""


class Type(StrEnum):
    """Types of values, as Connect's REST API names them. A LIST is separated by commas."""

    STRING = "STRING"
    INT = "INT"
    LONG = "LONG"
    DOUBLE = "DOUBLE"
    BOOLEAN = "BOOLEAN"
    LIST = "LIST"
    PASSWORD = "PASSWORD"  # noqa: S105 - the name of a type
    CLASS = "CLASS"


class Importance(StrEnum):
    """How likely somebody has to set the key."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class Width(StrEnum):
    """How wide a form's field is."""

    NONE = "NONE"
    SHORT = "SHORT"
    MEDIUM = "MEDIUM"
    LONG = "LONG"


class Required:
    """The default of a key that has none."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = Required()
Validator = Callable[[Any], str | None]
"""Gets the typed value; says what is wrong with it ("must be a host name"), or None."""
Recommender = Callable[[Mapping[str, str]], Sequence[str]]
"""Gets the configuration as given so far; says which values suit the key."""
Check = Callable[["Config"], Mapping[str, str]]
"""Gets values that are right one by one; says which are wrong together: an error by key."""


@dataclass(frozen=True)
class Key:
    """One key of a configuration.

    `default` is a typed value (None: not set), or REQUIRED. Bounds are inclusive. `choices` are compared without regard
    to case and given as declared. `aliases` are other names that set the same key (a cloud connector's name of it).
    `secret` hides a value that is not a PASSWORD. `path` gives the files of this machine that a typed value
    names, with the folder of embedded services; it raises `ValueError` where that cannot be told. See
    `headwater.connect.allowed`.
    """

    name: str
    type: Type
    doc: str
    default: Any = REQUIRED
    importance: Importance = Importance.MEDIUM
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    validator: Validator | None = None
    group: str = "Connector"
    display_name: str = ""
    width: Width = Width.MEDIUM
    dependents: tuple[str, ...] = ()
    recommender: Recommender | None = None
    aliases: tuple[str, ...] = ()
    secret: bool = False
    path: Callable[[str, Path], Sequence[Path]] | None = None

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def hidden(self) -> bool:
        """Whether the value is never shown."""
        return self.secret or self.type is Type.PASSWORD


class Config(Mapping[str, Any]):
    """Typed values by key. Keys that are not declared are here too, as the text that was given."""

    def __init__(self, values: Mapping[str, Any], raw: Mapping[str, str]) -> None:
        self._values = values
        self.raw = raw
        """As given, before types; placeholders are resolved when this is what a task got."""

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def text(self, key: str, default: str = "") -> str:
        """A STRING, PASSWORD or CLASS; `default` where it is not set."""
        value = self._values.get(key)
        return default if value is None else str(value)

    def integer(self, key: str) -> int:
        """An INT or LONG that is set or has a default."""
        return int(self._values[key])

    def number(self, key: str) -> float:
        """A DOUBLE that is set or has a default."""
        return float(self._values[key])

    def flag(self, key: str) -> bool:
        """A BOOLEAN; False where it is not set."""
        return bool(self._values.get(key))

    def texts(self, key: str) -> list[str]:
        """A LIST; empty where it is not set."""
        return list(self._values.get(key) or ())

    def starting_with(self, prefix: str) -> dict[str, str]:
        """What was given under a prefix, the prefix taken off: `{"type": "Filter"}` of `transforms.x.type`."""
        return {name[len(prefix) :]: value for name, value in self.raw.items() if name.startswith(prefix)}


@dataclass(frozen=True)
class Parsed:
    """What `ConfigDef.parse` makes of a configuration; `config` may be used when `errors` is empty."""

    config: Config
    errors: dict[str, list[str]] = field(default_factory=dict)
    """What is wrong, by key."""
    warnings: list[str] = field(default_factory=list)
    """Keys that nothing reads."""


class ConfigDef:
    """All keys of something, in the order of its reference.

    `ignored` are patterns (`kafka.*`) of keys that an original reads and ours does not need; they cause no warning.
    `check` looks at values together once each is right by itself.
    """

    def __init__(self, *keys: Key, ignored: Iterable[str] = (), check: Check | None = None) -> None:
        self.keys: dict[str, Key] = {key.name: key for key in keys}
        self.ignored = tuple(ignored)
        self.check = check
        self._aliases = {alias: key.name for key in keys for alias in key.aliases}

    def __add__(self, other: ConfigDef) -> ConfigDef:
        """Both; where both have a key, the second one's."""
        merged = ConfigDef(*{**self.keys, **other.keys}.values(), ignored=self.ignored + other.ignored)
        merged.check = _both(self.check, other.check)
        return merged

    def parse(self, given: Mapping[str, str | None]) -> Parsed:
        """Typed values, errors and warnings. Values that are placeholders (`${env:X}`) are taken as they are.

        Never raises for what is in `given`. A null is a key that is not set.
        """
        raw = {self.canonical(name): value for name, value in given.items() if value is not None}
        values: dict[str, Any] = dict(raw)
        errors: dict[str, list[str]] = {}
        for key in self.keys.values():
            values[key.name], problem = _value(key, raw.get(key.name))
            if problem is not None:
                errors[key.name] = [problem]
        config = Config(values, raw)
        if not errors and self.check is not None and not any(map(PLACEHOLDER.search, raw.values())):
            errors = {name: [problem] for name, problem in self.check(config).items()}
        return Parsed(config, errors, [self._unknown(name) for name in raw if not self.knows(name)])

    def canonical(self, name: str) -> str:
        """The declared name that an alias stands for; any other name as it is."""
        return self._aliases.get(name, name)

    def knows(self, name: str) -> bool:
        """Whether a key is declared, an alias, or one to be ignored."""
        return name in self.keys or name in self._aliases or any(fnmatchcase(name, p) for p in self.ignored)

    def is_secret(self, name: str) -> bool:
        """Whether the value of a key is never shown: by declaration, else by what its name looks like."""
        key = self.keys.get(self.canonical(name))
        return key.hidden if key is not None else looks_secret(name)

    def masked(self, given: Mapping[str, str]) -> dict[str, str]:
        """The configuration as it may be shown. Placeholders are shown: they are no secrets."""
        return {name: HIDDEN if self._hides(name, value) else without_secrets(value) for name, value in given.items()}

    def secrets(self, given: Mapping[str, str]) -> list[str]:
        """What must not be shown of a configuration: whole values, and passwords within others."""
        whole = [value for name, value in given.items() if value and self.is_secret(name)]
        return whole + [value[start:end] for value in given.values() if value for start, end in _secret_parts(value)]

    def _hides(self, name: str, value: str) -> bool:
        return bool(value) and self.is_secret(name) and PLACEHOLDER.fullmatch(value) is None

    def _unknown(self, name: str) -> str:
        near = get_close_matches(name, [*self.keys, *self._aliases], n=1, cutoff=0.75)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return f"The configuration '{name}' is not known and has no effect{hint}"


def looks_secret(name: str) -> bool:
    """Whether a key that nobody declared is probably a secret."""
    return _SECRET_NAME.search(name) is not None


def without_secrets(value: str) -> str:
    """A value with stars for the passwords within it; placeholders stay."""
    for start, end in reversed(_secret_parts(value)):
        value = value[:start] + HIDDEN + value[end:]
    return value


def _secret_parts(value: str) -> list[tuple[int, int]]:
    found = [match.span(match.lastgroup or 0) for match in _PASSWORD_INSIDE.finditer(value)]
    return [(start, end) for start, end in found if PLACEHOLDER.search(value, start, end) is None]


def _both(first: Check | None, second: Check | None) -> Check | None:
    if first is None or second is None:
        return first or second

    def check(config: Config) -> Mapping[str, str]:
        return {**first(config), **second(config)}

    return check


def _value(key: Key, text: str | None) -> tuple[Any, str | None]:
    """The typed value and what is wrong with it, in the words of Kafka's ConfigDef."""
    if text is None:
        if key.required:
            return None, f'Missing required configuration "{key.name}" which has no default value.'
        return key.default, None
    if PLACEHOLDER.search(text):
        return text, None
    try:
        value = _typed(key, text)
        _check_bounds(key, value)
    except ValueError as error:
        shown = HIDDEN if key.hidden else without_secrets(text)
        return None, f"Invalid value {shown} for configuration {key.name}: {error}"
    return value, None


def _typed(key: Key, text: str) -> Any:
    trimmed = text.strip()
    match key.type:
        case Type.INT | Type.LONG:
            return _integer(trimmed, 31 if key.type is Type.INT else 63, key.type)
        case Type.DOUBLE:
            try:
                return float(trimmed)
            except ValueError:
                raise ValueError("Not a number of type DOUBLE") from None
        case Type.BOOLEAN:
            if trimmed.lower() not in ("true", "false"):
                raise ValueError("Expected value to be either true or false")
            return trimmed.lower() == "true"
        case Type.LIST:
            return [part.strip() for part in text.split(",") if part.strip()]
        case Type.PASSWORD:
            return text
        case _:
            return _chosen(key, trimmed)


def _integer(text: str, bits: int, kind: Type) -> int:
    if re.fullmatch(r"[+-]?\d{1,19}", text) is None or not -(1 << bits) <= int(text) < 1 << bits:
        raise ValueError(f"Not a number of type {kind}")
    return int(text)


def _chosen(key: Key, text: str) -> str:
    if not key.choices:
        return text
    for choice in key.choices:
        if choice.lower() == text.lower():
            return choice
    raise ValueError(f"String must be one of: {', '.join(key.choices)}")


def _check_bounds(key: Key, value: Any) -> None:
    if key.minimum is not None and value < key.minimum:
        raise ValueError(f"Value must be at least {key.minimum:g}")
    if key.maximum is not None and value > key.maximum:
        raise ValueError(f"Value must be no more than {key.maximum:g}")
    if key.required and value in ("", []):
        raise ValueError("must not be empty")
    problem = None if key.validator is None else key.validator(value)
    if problem is not None:
        raise ValueError(problem)
