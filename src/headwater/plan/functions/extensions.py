"""Users' functions: Python files and installed packages whose decorated functions join the registry.

A file needs no registration code: what it decorates with `@udf`, `@udaf` and `@udtf` is found. A package announces a
module of such functions under the entry point group `headwater.functions`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from headwater.core.errors import AnalysisError, ConfigError
from headwater.plan.functions.registry import FunctionRegistry, builtin_functions

ENTRY_POINTS = "headwater.functions"


def all_functions(*places: str | Path) -> FunctionRegistry:
    """A new registry with the built-in functions, those of installed packages, and those that the files or folders
    declare. Raises `ConfigError`."""
    registry = builtin_functions()
    load_entry_points(registry)
    load(registry, *places)
    return registry


def load(registry: FunctionRegistry, *places: str | Path) -> list[str]:
    """Registers what Python files, and all `*.py` files of folders, declare; returns the names of the files read.

    Raises `ConfigError` naming the file that is missing, cannot be imported, declares nothing or declares a wrong
    signature.
    """
    loaded = []
    for place in map(Path, places):
        if not place.exists():
            raise ConfigError(f"There is no file or folder of functions at {place}.")
        files = sorted(place.glob("*.py")) if place.is_dir() else [place]
        for file in files:
            if not file.name.startswith("_"):
                _register(registry, _import(file), str(file))
                loaded.append(str(file))
    return loaded


def load_entry_points(registry: FunctionRegistry) -> list[str]:
    """Registers the functions of installed packages; returns the names of their entry points."""
    loaded = []
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            module = entry.load()
        except Exception as error:
            raise ConfigError(
                f"The functions of package entry point '{entry.name}' cannot be loaded: {error}"
            ) from error
        _register(registry, module, f"entry point {entry.name}")
        loaded.append(entry.name)
    return loaded


def _import(file: Path) -> ModuleType:
    name = f"headwater_functions_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{file} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    # Annotations are read through the module's entry in sys.modules.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(f"The functions in {file} cannot be loaded: {type(error).__name__}: {error}") from error
    return module


def _register(registry: FunctionRegistry, module: ModuleType, place: str) -> None:
    try:
        count = registry.add_module(module)
        registry.check(module)
    except (AnalysisError, TypeError, NameError) as error:
        raise ConfigError(f"The functions in {place} cannot be registered: {error}") from error
    if count == 0:
        raise ConfigError(f"{place} declares no functions. Decorate them with @udf, @udaf or @udtf.")
