"""Renders `docs/settings.md` from the declarations: `python -m headwater.core.settings_page > docs/settings.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_origin

from headwater.core.settings import Declared, declared, parts

_HEAD = """\
# Settings

<!-- Rendered from src/headwater/core/settings.py by `make docs`; do not edit. -->

Settings come from, later ones winning: the defaults below, a TOML file (`--config FILE` or `HEADWATER_CONFIG`), the
environment, and options of the command line. A name or value that is not understood ends the start with a message.

```toml
[kafka]
port = 9092

[log.topic_defaults]
"retention.ms" = 86400000
```

The same from the environment: `HEADWATER_KAFKA_PORT=9092`, `HEADWATER_LOG_TOPIC_DEFAULTS=retention.ms=86400000`."""


def render() -> str:
    """The whole page, as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    for part, cls in parts().items():
        yield f"\n## [{part}]\n"
        yield f"{cls.__doc__}\n"
        yield "| Key | Type | Default | Environment | Meaning |"
        yield "|---|---|---|---|---|"
        yield from (_row(item) for item in declared() if item.part == part)


def _row(item: Declared) -> str:
    return f"| `{item.key}` | {_type_text(item)} | {_default_text(item.default)} | `{item.env}` | {item.about.doc} |"


def _type_text(item: Declared) -> str:
    if item.about.choices:
        return ", ".join(f"`{c}`" for c in item.about.choices)
    if get_origin(item.type) is not None:
        return "table"
    low, high = item.about.minimum, item.about.maximum
    bounds = f", {low}–{high}" if high is not None else f", ≥ {low}" if low is not None else ""
    names: dict[Any, str] = {bool: "boolean", int: "integer", str: "text", Path: "path"}
    return names[item.type] + bounds + (", secret" if item.about.secret else "")


def _default_text(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value not in ("", {}) else "empty"


if __name__ == "__main__":
    sys.stdout.write(render())
