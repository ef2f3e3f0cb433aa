"""Values that are looked up when a task starts, so that no configuration holds a secret (KIP-297).

${env:NAME}              variable of the node's environment
${file:PATH:KEY}         key of a properties file
${directory:PATH:FILE}   content of a file in a folder, as Kubernetes mounts secrets
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from headwater.connect.errors import ConnectError

_PLACEHOLDER = re.compile(r"\$\{(env|file|directory):(?:([^}]*):)?([^}:]*)\}")


class Placeholder(NamedTuple):
    """One that stands in a value."""

    text: str
    provider: str
    path: str
    key: str


def placeholders(value: str) -> list[Placeholder]:
    """Those in a value, in order."""
    return [Placeholder(match[0], match[1], match[2] or "", match[3]) for match in _PLACEHOLDER.finditer(value)]


def resolve(config: Mapping[str, str], environment: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The configuration with all values looked up, and what was found: secrets, to be hidden wherever they turn up.

    Raises `ConnectError` for a value that cannot be found; the message names the placeholder.
    """
    found: list[str] = []

    def look_up(match: re.Match[str]) -> str:
        value = _value(match, environment)
        found.append(value)
        return value

    return {key: _PLACEHOLDER.sub(look_up, value) for key, value in config.items()}, found


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    provider, path, key = match[1], match[2] or "", match[3]
    try:
        if provider == "env":
            return environment[key]
        if provider == "file":
            return _properties(Path(path).read_text("utf-8"))[key]
        return (Path(path) / key).read_text("utf-8").rstrip("\n")
    except KeyError:
        where = "the environment has no such variable" if provider == "env" else f"{path} has no such key"
        raise ConnectError(f"Cannot look up {match[0]}: {where}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConnectError(f"Cannot look up {match[0]}: {reason}") from None


def _properties(text: str) -> dict[str, str]:
    """Java's properties, but for its escapes: a key, `=` or `:`, a value; comments begin with `#` or `!`."""
    out: dict[str, str] = {}
    for line in text.splitlines():
        stripped = line.strip()
        if stripped and stripped[0] not in "#!":
            parts = re.split(r"\s*[=:]\s*", stripped, maxsplit=1)
            out[parts[0]] = parts[1] if len(parts) > 1 else ""
    return out
