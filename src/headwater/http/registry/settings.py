"""/config, /mode and /contexts."""

from __future__ import annotations

from typing import Any

import msgspec

from headwater.http.registry.bodies import ConfigBody, ModeBody
from headwater.http.registry.call import RegistryCall
from headwater.registry import configuring
from headwater.registry.errors import Code, RegistryError
from headwater.registry.records import ConfigValue
from headwater.registry.subjects import DEFAULT_CONTEXT, context_name


def _shown(config: ConfigValue) -> dict[str, Any]:
    members: dict[str, Any] = msgspec.to_builtins(config)
    members.pop("subject", None)
    return members


def get_config(call: RegistryCall) -> dict[str, Any]:
    """What is configured; with `defaultToGlobal` what is in force."""
    scope = call.scope
    config = call.state.config(scope) if call.flag("defaultToGlobal") else call.state.own_config(scope)
    if config is None:
        message = f"Subject '{scope}' does not have subject-level compatibility configured"
        raise RegistryError(Code.NO_SUBJECT_COMPATIBILITY, message)
    return _shown(config)


async def put_config(call: RegistryCall) -> dict[str, Any]:
    """What is configured now; the level as it was said, and members that were taken back as null."""
    scope, body = call.scope, call.read(ConfigBody)
    if not body.given:
        configuring.checked_level("")
    change = await call.registry.carry_out(
        lambda state: configuring.configure(state, scope, body.value(), body.cleared)
    )
    answer: dict[str, Any] = {**_shown(change), **msgspec.to_builtins(body)}
    if "compatibilityLevel" in answer:
        answer.setdefault("compatibility", answer.pop("compatibilityLevel"))
    return answer


async def delete_config(call: RegistryCall) -> dict[str, Any]:
    """What was configured."""
    scope = call.scope
    return _shown(await call.registry.carry_out(lambda state: configuring.forget_config(state, scope)))


def get_mode(call: RegistryCall) -> dict[str, str]:
    """The mode that was set; with `defaultToGlobal` the one in force."""
    scope = call.scope
    mode = call.state.mode(scope) if call.flag("defaultToGlobal") else call.state.own_mode(scope)
    if mode is None:
        message = f"Subject '{scope}' does not have subject-level mode configured"
        raise RegistryError(Code.NO_SUBJECT_MODE, message)
    return {"mode": mode}


async def put_mode(call: RegistryCall) -> dict[str, str | None]:
    """The request; a mode of null is taken back."""
    scope, body, force = call.scope, call.read(ModeBody), call.flag("force")
    mode = None if body.mode is None else configuring.checked_mode(body.mode or None)
    await call.registry.carry_out(lambda state: configuring.set_mode(state, scope, mode, force))
    return {"mode": None if mode is None else str(body.mode)}


async def delete_mode(call: RegistryCall) -> dict[str, str | None]:
    """The mode that was set."""
    scope, recursive = call.scope, call.flag("recursive")
    return {"mode": await call.registry.carry_out(lambda state: configuring.forget_mode(state, scope, recursive))}


def list_contexts(call: RegistryCall) -> list[str]:
    """Names of contexts; the default one comes first."""
    names, prefix = [DEFAULT_CONTEXT, *sorted(call.state.contexts)], call.text("contextPrefix").strip(":")
    return call.page([name for name in names if name.startswith(prefix)])


async def delete_context(call: RegistryCall) -> None:
    """Nothing: the context is gone."""
    context = context_name(call.parameters["context"])
    await call.registry.carry_out(lambda state: configuring.delete_context(state, context))
