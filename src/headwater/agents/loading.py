"""Finding an app by `module:name`, as the command line and the settings name it."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from headwater.agents.app import App
from headwater.core.errors import ConfigError


def load_app(target: str, folder: Path | None = None) -> App:
    """The app called `name` in a module that is installed or in `folder` (the working directory); `app` if no name is
    given. Raises `ConfigError`, which names what is missing."""
    module_name, _, name = target.partition(":")
    place = str((folder or Path.cwd()).resolve())
    if place not in sys.path:
        sys.path.insert(0, place)
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise ConfigError(f"cannot import the agents of `{target}`: {error}; looked in {place} too") from error
    except Exception as error:
        raise ConfigError(f"the module of `{target}` failed: {type(error).__name__}: {error}") from error
    found = getattr(module, name or "app", None)
    if not isinstance(found, App):
        apps = ", ".join(f"{module_name}:{key}" for key, value in vars(module).items() if isinstance(value, App))
        raise ConfigError(f"`{target}` is no headwater.App" + (f"; there is {apps}" if apps else ""))
    return found
