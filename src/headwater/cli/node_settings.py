"""The settings of the node that a command is about: those that `headwater up` with the same options would have."""

from __future__ import annotations

import os
from pathlib import Path

from headwater.core.config import load
from headwater.core.settings import Settings


def node_settings(config: Path | None, data: Path | None) -> Settings:
    """From the file, the environment and `--data`. Raises `ConfigError`."""
    return load(config, os.environ, {"node.data": data})
