"""Names of subjects, and the contexts they are in (`:.context:subject`)."""

from __future__ import annotations

from typing import NamedTuple

from headwater.registry.errors import Code, RegistryError

DEFAULT_CONTEXT = "."
GLOBAL_CONTEXT = ".__GLOBAL"
"""A context whose configuration holds where neither a subject nor its context has its own."""
WILDCARD = ":*:"
"""As a prefix: in all contexts."""
_CONTROL = frozenset(map(chr, [*range(32), *range(127, 160)]))


class Qualified(NamedTuple):
    """A subject's name taken apart."""

    context: str
    subject: str

    @property
    def prefix(self) -> str:
        """What names of subjects in this context begin with."""
        return prefix_of(self.context)

    def __str__(self) -> str:
        return self.prefix + self.subject


def qualified(name: str) -> Qualified:
    """The parts of a name; a name without a context is in the default one."""
    if name.startswith(":.") and ":" in name[2:]:
        context, _, subject = name[1:].partition(":")
        return Qualified(context, subject)
    return Qualified(DEFAULT_CONTEXT, name)


def prefix_of(context: str) -> str:
    return "" if context == DEFAULT_CONTEXT else f":{context}:"


def normalised(name: str) -> str:
    """The name as records have it: without the default context."""
    return str(qualified(name))


def in_context(context: str, name: str) -> str:
    """The name seen from a context: one that names its own context keeps it."""
    return name if name.startswith((":.", WILDCARD)) else prefix_of(context) + name


def context_name(text: str) -> str:
    """A context as a path names it: `ctx`, `.ctx` or `:.ctx:`. Raises `RegistryError`."""
    bare = text.removeprefix(":").removesuffix(":")
    name = bare if bare.startswith(".") else f".{bare}"
    if ":" in name or not _CONTROL.isdisjoint(name):
        raise RegistryError(Code.INVALID_SUBJECT, f"The specified subject '{text}' is not a valid.")
    return name


def is_within(name: str, scope: str | None) -> bool:
    """Whether a name is of the context that a scope is: None is the default one."""
    parts = qualified(scope or "")
    return not parts.subject and qualified(name).context == parts.context


def checked(name: str) -> str:
    """The normalised name for something that is to be written. Raises `RegistryError` for what no subject can be."""
    parts = qualified(name)
    reserved = parts.subject in ("__GLOBAL", "__EMPTY") or parts.context == GLOBAL_CONTEXT
    if not parts.subject or reserved or not _CONTROL.isdisjoint(name):
        raise RegistryError(Code.INVALID_SUBJECT, f"The specified subject '{name}' is not a valid.")
    return str(parts)


def checked_scope(name: str) -> str:
    """The same for configuration and mode, which contexts have too (`:.context:`)."""
    if not name or not _CONTROL.isdisjoint(name):
        raise RegistryError(Code.INVALID_SUBJECT, f"The specified subject '{name}' is not a valid.")
    return normalised(name)


def scopes(name: str | None) -> list[str | None]:
    """Where to look for what holds for a subject, nearest first; None is the whole registry."""
    everywhere = prefix_of(GLOBAL_CONTEXT)
    if name is None:
        return [None, everywhere]
    parts = qualified(name)
    if parts.context == DEFAULT_CONTEXT:
        return [name, everywhere, None]
    return [name, parts.prefix, everywhere, None]
