"""Where settings come from: defaults, a TOML file, the environment, the command line; later ones win.

Anything that is not understood is a `ConfigError` that names the key, where it was found and what was probably meant:
a misspelt setting must not silently leave the default in force.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_origin

from headwater.core.errors import ConfigError
from headwater.core.settings import ENV_PREFIX, Declared, Settings, declared, parts

CONFIG_ENV = f"{ENV_PREFIX}CONFIG"
"""Names the TOML file where no command line option does."""

_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def load(
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    where: str = "on the command line",
) -> Settings:
    """The settings of a node.

    `environment` is the whole environment, of which `HEADWATER_<PART>_<KEY>` are read; `overrides` are settings by name
    (`kafka.port`), None meaning not given, and `where` says for messages who gave them. Raises `ConfigError`.
    """
    environment = environment or {}
    known = {d.name: d for d in declared()}
    values: dict[str, Any] = {}
    path = file or (Path(environment[CONFIG_ENV]) if environment.get(CONFIG_ENV) else None)
    if path is not None:
        for name, value in _read_file(path, known):
            values[name] = _checked(known[name], value, f"in {path}")
    for name, text in _read_environment(environment, known):
        values[name] = _checked(known[name], _from_text(known[name], text), f"in the environment ({known[name].env})")
    for name, value in (overrides or {}).items():
        if name not in known:
            raise ConfigError(f"unknown setting `{name}` {where}{_nearest(name, known)}")
        if value is not None:
            values[name] = _checked(known[name], value, where)
    return _assemble(values)


def _assemble(values: Mapping[str, Any]) -> Settings:
    made = {}
    for part, cls in parts().items():
        prefix = f"{part}."
        made[part] = cls(**{n.removeprefix(prefix): v for n, v in values.items() if n.startswith(prefix)})
    return Settings(**made)


def _read_file(path: Path, known: Mapping[str, Declared]) -> Iterable[tuple[str, Any]]:
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error}") from error
    for part, table in tables.items():
        if part not in parts():
            raise ConfigError(f"unknown table [{part}] in {path}{_nearest(part, parts())}")
        if not isinstance(table, dict):
            raise ConfigError(f"`{part}` in {path} must be a table: write [{part}] and its settings below")
        for key, value in table.items():
            name = f"{part}.{key}"
            if name not in known:
                raise ConfigError(f"unknown setting `{name}` in {path}{_nearest(name, known)}")
            yield name, value


def _read_environment(environment: Mapping[str, str], known: Mapping[str, Declared]) -> Iterable[tuple[str, str]]:
    by_env = {d.env: d.name for d in known.values()}
    ours = tuple(f"{ENV_PREFIX}{part}_".upper() for part in parts())
    for variable, text in environment.items():
        if variable in by_env:
            yield by_env[variable], text
        elif variable.startswith(ours):
            raise ConfigError(f"unknown setting {variable} in the environment{_nearest(variable, by_env)}")


def _nearest(word: str, candidates: Iterable[str]) -> str:
    near = get_close_matches(word, list(candidates), n=1)
    return f"; did you mean `{near[0]}`?" if near else "; docs/settings.md lists all settings"


def _from_text(item: Declared, text: str) -> Any:
    """An environment variable's text as the setting's type, or as it is for `_checked` to refuse."""
    if item.type is bool:
        return _WORDS.get(text.strip().lower(), text)
    if item.type is int:
        try:
            return int(text)
        except ValueError:
            return text
    if get_origin(item.type) is not None:
        return dict(_pair(item, part) for part in text.split(",") if part.strip())
    return text


def _pair(item: Declared, text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign:
        raise ConfigError(f"{item.env} must be `key=value,key=value`, not `{text}`")
    return key.strip(), value.strip()


def _checked(item: Declared, value: Any, where: str) -> Any:
    """The value as the dataclass holds it; raises `ConfigError` naming the setting, the place and what it takes."""
    shown = "the value given" if item.about.secret else f"`{value}`"
    problem = f"setting `{item.name}` {where} must be {{}}, not {shown}"
    if item.type is bool:
        if not isinstance(value, bool):
            raise ConfigError(problem.format("true or false"))
    elif item.type is int:
        if not _is_int_within(item, value):
            raise ConfigError(problem.format(_bounds_text(item)))
    elif get_origin(item.type) is not None:
        return _checked_map(value, problem)
    elif item.about.many and isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ",".join(value)
    elif not isinstance(value, str | Path):
        raise ConfigError(problem.format("text"))
    elif item.about.choices and value not in item.about.choices:
        raise ConfigError(problem.format("one of " + ", ".join(item.about.choices)))
    return Path(value).expanduser() if item.type is Path else value


def _is_int_within(item: Declared, value: Any) -> bool:
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    about = item.about
    return (about.minimum is None or value >= about.minimum) and (about.maximum is None or value <= about.maximum)


def _bounds_text(item: Declared) -> str:
    low, high = item.about.minimum, item.about.maximum
    if low is not None and high is not None:
        return f"a whole number from {low} to {high}"
    return f"a whole number of at least {low}" if low is not None else "a whole number"


def _checked_map(value: Any, problem: str) -> dict[str, str]:
    """A table of names to plain values; dotted keys, which TOML reads as tables in tables, are joined again."""
    if not isinstance(value, dict):
        raise ConfigError(problem.format("a table of names and values"))
    flat: dict[str, str] = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            flat |= {f"{key}.{rest}": text for rest, text in _checked_map(inner, problem).items()}
        elif isinstance(inner, bool):
            flat[key] = str(inner).lower()
        elif isinstance(inner, str | int | float):
            flat[key] = str(inner)
        else:
            raise ConfigError(problem.format("a table of names and plain values"))
    return flat
