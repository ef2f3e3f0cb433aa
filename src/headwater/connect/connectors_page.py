"""Renders `docs/connectors.md`, the reference of the connectors that come with Headwater, from their declarations."""

from __future__ import annotations

import inspect
import sys

from headwater.connect.config_render import markdown
from headwater.connect.plugins import Plugins, is_source
from headwater.connect.spi import Connector
from headwater.connect.transforms.predicates import PREDICATES
from headwater.connect.transforms.registry import TRANSFORMS

_HEAD = """\
# Connectors: reference

Made from the code by `make docs`. Keys that every connector has are in [connect.md](connect.md).
"""


def page() -> str:
    """The whole page."""
    built_in = [cls for cls in Plugins().all() if cls.__module__.startswith("headwater.connect.")]
    ordered = sorted(built_in, key=lambda cls: (not is_source(cls), cls.title or cls.__name__))
    contents = "\n".join(f"- [{_title(cls)}](#{_anchor(_title(cls))})" for cls in ordered)
    return "\n".join([_HEAD, contents, "", *map(_section, ordered), _transforms()])


def _title(cls: type[Connector]) -> str:
    return cls.title or cls.__name__


def _anchor(title: str) -> str:
    kept = "".join(char for char in title.lower() if char.isalnum() or char in " -")
    return kept.replace(" ", "-")


def _section(cls: type[Connector]) -> str:
    names = ", ".join(f"`{name}`" for name in cls.names)
    text = inspect.getdoc(cls) or ""
    return f"## {_title(cls)}\n\n{text}\n\n`connector.class`: {names}\n\n{markdown(cls.config)}"


def _transforms() -> str:
    lines = ["## Transformations", "", "Keys stand after `transforms.NAME.`.", ""]
    for cls in sorted(TRANSFORMS, key=lambda cls: cls.names[0]):
        suffix = "`, with `$Key` or `$Value`" if cls.sided else "`"
        lines += [f"### {cls.names[0].rpartition('.')[2]}", "", inspect.getdoc(cls) or "", ""]
        lines += [f"`{cls.names[0]}{suffix}", ""]
        if cls.config.keys:
            lines += [markdown(cls.config)]
    lines += ["## Predicates", "", "Keys stand after `predicates.NAME.`.", ""]
    for predicate in PREDICATES:
        lines += [f"### {predicate.names[0].rpartition('.')[2]}", "", f"`{predicate.names[0]}`", ""]
        if predicate.config.keys:
            lines += [markdown(predicate.config)]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
