"""What one request carries from statement to statement: property overrides and variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from headwater.engine.properties import check_overridable, check_override


@dataclass
class Session:
    """Overrides by canonical name; variables by name as defined. Changed by SET, UNSET, DEFINE and UNDEFINE."""

    properties: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, properties: Mapping[str, object], variables: Mapping[str, str], server: Mapping[str, str]) -> Session:
        """A session from a request's members; `null` overrides count as absent. Raises `PropertyError`."""
        checked = (check_override(name, value, server) for name, value in properties.items() if value is not None)
        return cls(dict(checked), dict(variables))

    def copy(self) -> Session:
        return Session(dict(self.properties), dict(self.variables))

    def set_property(self, name: str, value: str, server: Mapping[str, str]) -> None:
        """SET. Raises `PropertyError`."""
        canonical, text = check_override(name, value, server)
        self.properties[canonical] = text

    def unset_property(self, name: str, server: Mapping[str, str]) -> None:
        """UNSET; nothing happens if there is no override. Raises `PropertyError` for unknown names."""
        self.properties.pop(check_overridable(name, server), None)
