"""Frozen dataclasses that cost nothing to import: each is made on first use.

The syntax tree has a class for every construct of the language, a script uses a dozen of them, and the standard
`dataclass` decorator compiles half a dozen methods for each. So the decorator here only marks the class; the first
instance turns it and its bases into ordinary frozen dataclasses.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar, dataclass_transform

C = TypeVar("C", bound=type)

_pending: set[type] = set()


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def node(cls: C) -> C:
    """`@dataclass(frozen=True)`, put off until the class is first instantiated or unpickled."""
    _pending.add(cls)
    cls.__init__ = _first_init  # type: ignore[misc]
    cls.__setstate__ = _first_setstate  # type: ignore[attr-defined]
    return cls


def _complete(cls: type) -> None:
    for base in reversed(cls.__mro__):
        if base in _pending:
            _pending.discard(base)
            del base.__init__  # type: ignore[misc]
            del base.__setstate__  # type: ignore[attr-defined]
            dataclasses.dataclass(frozen=True)(base)


def _first_init(self: Any, *args: object, **kwargs: object) -> None:
    _complete(type(self))
    self.__init__(*args, **kwargs)


def _first_setstate(self: Any, state: dict[str, object]) -> None:
    _complete(type(self))
    self.__dict__.update(state)
