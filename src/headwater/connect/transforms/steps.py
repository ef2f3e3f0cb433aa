"""The transforms of one connector in their order, each with the predicate that lets it: what `transforms` names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headwater.connect.chain import Chain, Refused
from headwater.connect.config import Config
from headwater.connect.errors import UsageError
from headwater.connect.transforms.api import R, Transform
from headwater.connect.transforms.predicates import Predicate
from headwater.connect.transforms.registry import predicate, transform
from headwater.core.errors import DataError, HeadwaterError

_BROKEN = (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError, HeadwaterError)


@dataclass(frozen=True)
class Step:
    """One transform; `predicate` None applies it to every record."""

    transform: Transform
    predicate: Predicate | None = None
    negate: bool = False


class Steps(Chain):
    """A chain of transforms."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = tuple(steps)

    def __bool__(self) -> bool:
        return bool(self._steps)

    def apply_all(self, records: Sequence[R]) -> list[R | Refused | None]:
        return [self._apply(record) for record in records]

    def _apply(self, record: R) -> R | Refused | None:
        current: R | None = record
        for step in self._steps:
            assert current is not None
            if step.predicate is not None and step.predicate.test(current) is step.negate:
                continue
            try:
                current = step.transform.apply(current)
            except DataError as error:
                return Refused(step.transform.names[0], error)
            except _BROKEN as error:
                return Refused(step.transform.names[0], DataError(f"{type(error).__name__}: {error}"))
            if current is None:
                return None
        return current


def steps_of(config: Config) -> Steps:
    """What `transforms` and `predicates` describe. Raises `UsageError` whose text names the key."""
    found, problems = _steps(config)
    for key, problem in problems.items():
        raise UsageError(f"{key}: {problem}")
    return Steps(found)


def problems_of(config: Config) -> dict[str, str]:
    """What is wrong with `transforms` and `predicates`, by key."""
    return _steps(config)[1]


def _steps(config: Config) -> tuple[list[Step], dict[str, str]]:
    problems: dict[str, str] = {}
    predicates: dict[str, Predicate] = {}
    for alias in config.texts("predicates"):
        settings = config.starting_with(f"predicates.{alias}.")
        try:
            predicates[alias] = predicate(settings.get("type", ""), settings)
        except HeadwaterError as error:
            problems[f"predicates.{alias}.type"] = str(error)
    steps: list[Step] = []
    for alias in config.texts("transforms"):
        settings = config.starting_with(f"transforms.{alias}.")
        try:
            made = transform(settings.get("type", ""), settings)
        except HeadwaterError as error:
            problems[f"transforms.{alias}.type"] = str(error)
            continue
        asked = settings.get("predicate")
        if asked is not None and asked not in config.texts("predicates"):
            problems[f"transforms.{alias}.predicate"] = f"There is no predicate '{asked}' in predicates"
        steps.append(Step(made, predicates.get(asked or ""), settings.get("negate", "false").lower() == "true"))
    return steps, problems
