"""Whether a configuration would work: field by field, its transformations and converters, and what the connector can
ask the outside world."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headwater.connect.allowed import Allowed
from headwater.connect.common import full_definition
from headwater.connect.config import PLACEHOLDER, ConfigDef
from headwater.connect.errors import UsageError
from headwater.connect.plugins import is_source
from headwater.connect.spi import Connector
from headwater.connect.tasks.failures import hide
from headwater.connect.tasks.topic_creation import problems as topic_problems
from headwater.core.errors import HeadwaterError

_ASK_SECONDS = 15.0
"""How long a connector may ask outside. A REST client waits meanwhile; Kafka Connect's own limit is 90 s."""
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verdict:
    """What is wrong by key, what is odd, and the declaration that was held against it."""

    definition: ConfigDef
    errors: dict[str, list[str]]
    warnings: list[str]

    def check(self) -> None:
        """Raises `UsageError` (400) with all errors, in the words of Kafka Connect, each with its key."""
        lines = [
            problem
            if key in problem or key not in self.definition.keys or key == "connector.class"
            else f"{key}: {problem}"
            for key, found in self.errors.items()
            for problem in found
        ]
        if lines:
            raise UsageError(
                f"Connector configuration is invalid and contains the following {len(lines)} error(s):\n"
                + "\n".join(lines)
                + "\nYou can also find the above list of errors at the endpoint "
                "`/connector-plugins/{connectorType}/config/validate`"
            )


async def validate(connector: Connector, given: Mapping[str, str], allowed: Allowed, services: Path) -> Verdict:
    """Never raises for what is in `given`. `services` is the folder of embedded services."""
    from headwater.connect.building import pipeline_problems  # late: see `RunningConnector`

    definition = full_definition(connector)
    parsed = definition.parse(given)
    errors = dict(parsed.errors)
    _merge(errors, allowed.problems(definition, given, services))
    if not errors:
        _merge(errors, pipeline_problems(parsed.config))
        if is_source(connector):
            _merge(errors, topic_problems(parsed.config))
    if not errors and not any(PLACEHOLDER.search(value) for value in given.values()):
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                found = await connector.validate(parsed.config)
        except TimeoutError:
            found = {"connector.class": [f"No answer in {_ASK_SECONDS:g} s: is the address right?"]}
        except (HeadwaterError, OSError) as error:
            found = {"connector.class": [str(error)]}
        except Exception as error:  # a client library's own error is as good a reason as any
            _LOGGER.exception("The check of a configuration failed")
            found = {"connector.class": [f"{type(error).__name__}: {error}"]}
        secrets = definition.secrets(given)
        errors = {key: [hide(text, secrets) for text in texts] for key, texts in found.items() if texts}
    return Verdict(definition, errors, parsed.warnings)


def _merge(errors: dict[str, list[str]], found: Mapping[str, str]) -> None:
    for key, problem in found.items():
        errors.setdefault(key, []).append(problem)
