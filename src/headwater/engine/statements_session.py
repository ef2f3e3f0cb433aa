"""Statements that change what the rest of the request sees, and nothing else (statements 36 to 39)."""

from __future__ import annotations

from headwater.engine.session import Session
from headwater.engine.settings import EngineSettings
from headwater.sql import ast
from headwater.sql.variables import lookup


def set_property(statement: ast.SetProperty, session: Session, settings: EngineSettings) -> str | None:
    """(36) SET. Returns a warning, as all functions here do; raises `PropertyError`."""
    session.set_property(statement.name, statement.value, settings.server)
    return None


def unset_property(statement: ast.UnsetProperty, session: Session, settings: EngineSettings) -> str | None:
    """(37) UNSET."""
    session.unset_property(statement.name, settings.server)
    return None


def define_variable(statement: ast.DefineVariable, session: Session, settings: EngineSettings) -> str | None:
    """(38) DEFINE: the parser has substituted already; this is what SHOW VARIABLES lists."""
    _forget(statement.name, session)
    session.variables[statement.name] = statement.value
    return None


def undefine_variable(statement: ast.UndefineVariable, session: Session, settings: EngineSettings) -> str | None:
    """(39) UNDEFINE."""
    if lookup(session.variables, statement.name) is None:
        return f"Cannot undefine variable '{statement.name}' which was never defined"
    _forget(statement.name, session)
    return None


def _forget(name: str, session: Session) -> None:
    folded = name.lower()
    for known in [known for known in session.variables if known.lower() == folded]:
        del session.variables[known]
