"""The transformations of one connector, one after the other, each where its predicate lets it (KIP-66, KIP-585)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from headwater.connect.config import Config
from headwater.connect.errors import UsageError
from headwater.connect.record import SinkRecord, SourceRecord
from headwater.connect.transforms.api import Transform
from headwater.connect.transforms.predicates import Predicate
from headwater.connect.transforms.registry import predicate, transform
from headwater.core.errors import HeadwaterError

R = TypeVar("R", SourceRecord, SinkRecord)


class Refused(NamedTuple):
    """A transformation failed over a record."""

    class_name: str
    error: Exception


class Step(NamedTuple):
    """One transformation; without a predicate it is applied to every record."""

    class_name: str
    transform: Transform
    predicate: Predicate | None = None
    negate: bool = False


class Chain:
    """False where there are no transformations."""

    def __init__(self, steps: Sequence[Step] = ()) -> None:
        self._steps = tuple(steps)

    @classmethod
    def of(cls, config: Config) -> Chain:
        """From `transforms`, `predicates` and what is configured under their names. Raises `UsageError`."""
        return cls([_step(name, config) for name in config.texts("transforms")])

    def __bool__(self) -> bool:
        return bool(self._steps)

    def apply_all(self, records: Sequence[R]) -> list[R | Refused | None]:
        """Each record changed, None where it was left out, or why a transformation refused it."""
        return [self._apply(record) for record in records]

    def _apply(self, record: R) -> R | Refused | None:
        current: R = record
        for step in self._steps:
            try:
                if step.predicate is not None and step.predicate.test(current) == step.negate:
                    continue
                changed = step.transform.apply(current)
            except (HeadwaterError, TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
                return Refused(step.class_name, error)
            if changed is None:
                return None
            current = changed
        return current


def problems(config: Config) -> dict[str, str]:
    """What is wrong with the transformations and predicates, by key."""
    out: dict[str, str] = {}
    for name in config.texts("transforms"):
        try:
            _step(name, config)
        except _StepError as error:
            out[error.key] = str(error)
    for name in config.texts("predicates"):
        try:
            _predicate(name, config)
        except _StepError as error:
            out[error.key] = str(error)
    return out


class _StepError(UsageError):
    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def _step(name: str, config: Config) -> Step:
    settings = config.starting_with(f"transforms.{name}.")
    asked, negate = settings.pop("predicate", None), settings.pop("negate", "false").strip().lower() == "true"
    key = f"transforms.{name}.type"
    class_name = settings.pop("type", None)
    if class_name is None:
        raise _StepError(key, f'Missing required configuration "{key}" which has no default value.')
    try:
        made = transform(class_name, settings)
    except UsageError as error:
        raise _StepError(key, f"Invalid value {class_name} for configuration {key}: {error}") from None
    if asked is None:
        return Step(class_name, made)
    if asked not in config.texts("predicates"):
        key = f"transforms.{name}.predicate"
        raise _StepError(key, f"Invalid value {asked} for configuration {key}: it is not listed in 'predicates'")
    return Step(class_name, made, _predicate(asked, config), negate)


def _predicate(name: str, config: Config) -> Predicate:
    key = f"predicates.{name}.type"
    settings = config.starting_with(f"predicates.{name}.")
    class_name = settings.pop("type", None)
    if class_name is None:
        raise _StepError(key, f'Missing required configuration "{key}" which has no default value.')
    try:
        return predicate(class_name, settings)
    except UsageError as error:
        raise _StepError(key, f"Invalid value {class_name} for configuration {key}: {error}") from None
