"""Secrets of a configuration that comes back as it was shown, with stars for them: they stay what they were, where they
were. Whoever may change a connector must not learn its secrets by sending them somewhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping

from headwater.connect.config import HIDDEN, ConfigDef, without_secrets
from headwater.connect.errors import UsageError

_ADDRESS_WORDS = frozenset(
    "host hosts hostname hostnames url urls uri uris endpoint endpoints server servers address addresses port proxy "
    "broker brokers account project".split()
)


def with_kept_secrets(definition: ConfigDef, config: Mapping[str, str], old: Mapping[str, str]) -> dict[str, str]:
    """The configuration with the secrets of the `old` one in the place of stars.

    Raises `UsageError` (400) if a key that says where they are sent is not what it was.
    """

    def kept(key: str, value: str) -> str:
        was = old.get(key)
        if was is None or HIDDEN not in value or value not in (HIDDEN, without_secrets(was)):
            return value
        if moved:
            raise UsageError(
                f"{key} is given as stars, but {moved[0]} has changed: a secret goes to another place only if it is "
                "given anew",
                400,
            )
        return was

    moved = _changed_addresses(definition, config, old)
    return {key: kept(key, value) for key, value in config.items()}


def _changed_addresses(definition: ConfigDef, config: Mapping[str, str], old: Mapping[str, str]) -> list[str]:
    """Keys that say where the connector goes, and are not what they were. One that is shown with stars inside is."""
    now, before = (
        {definition.canonical(key): value for key, value in one.items() if says_where(definition.canonical(key))}
        for one in (config, old)
    )
    return sorted(
        key for key in now.keys() | before.keys()
        if now.get(key) not in (before.get(key), HIDDEN, without_secrets(before.get(key, "")))
    )  # fmt: skip


def says_where(key: str) -> bool:
    """Whether a key says, by its name, where a connector goes: what it is, or an address."""
    return key == "connector.class" or not _ADDRESS_WORDS.isdisjoint(re.split(r"[._-]", key.lower()))
