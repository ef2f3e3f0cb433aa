"""Handlers of /connectors: what there is, and what it should do."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from msgspec import Struct

from headwater.connect.errors import UsageError
from headwater.connect.state.configs import TargetState
from headwater.http.connect.call import ConnectCall, set_texts, texts
from headwater.http.door import Answer


class CreateBody(Struct):
    """Of POST /connectors (`initial_state`: KIP-980)."""

    name: str
    config: dict[str, Any]
    initial_state: str | None = None


class OffsetEntry(Struct):
    """One source partition or topic partition, and its offset; null forgets it."""

    partition: dict[str, Any]
    offset: dict[str, Any] | None


class OffsetsBody(Struct):
    """Of PATCH /connectors/{connector}/offsets (KIP-875)."""

    offsets: list[OffsetEntry]


async def listed(call: ConnectCall) -> object:
    """Names, or with `expand` what is known of each (KIP-465)."""
    expand = call.query.get("expand", [])
    if not expand:
        return call.worker.names()
    out: dict[str, Any] = {}
    for name in call.worker.names():
        entry = out.setdefault(name, {})
        if "info" in expand:
            entry["info"] = call.worker.info(name)
        if "status" in expand:
            entry["status"] = call.worker.status(name)
    return out


async def create(call: ConnectCall) -> object:
    body = call.read(CreateBody)
    name, config = body.name.strip(), set_texts(body.config)
    if not name:
        raise UsageError("The connector needs a name", 400)
    if config.get("name", name) != name:
        raise UsageError(
            f"Connector name configuration ({config['name']}) doesn't match connector name in the URL ({name})", 400
        )
    info = await call.worker.create(name, config, _initial(body.initial_state))
    return Answer(201, info, {"Location": f"/connectors/{quote(name, safe='')}"})


def _initial(text: str | None) -> TargetState | None:
    if text is None:
        return None
    states = {"RUNNING": TargetState.STARTED, "PAUSED": TargetState.PAUSED, "STOPPED": TargetState.STOPPED}
    if text.upper() not in states:
        raise UsageError(f"initial_state must be one of {', '.join(states)}, not {text}", 400)
    return states[text.upper()]


async def info(call: ConnectCall) -> object:
    return call.worker.info(call.name)


async def delete(call: ConnectCall) -> object:
    await call.worker.delete(call.name)
    return None


async def config(call: ConnectCall) -> object:
    return call.worker.config(call.name)


async def put_config(call: ConnectCall) -> object:
    created, told = await call.worker.put_config(call.name, set_texts(call.read(dict[str, Any])))
    return Answer(201 if created else 200, told)


async def patch_config(call: ConnectCall) -> object:
    return await call.worker.patch_config(call.name, texts(call.read(dict[str, Any])))


async def status(call: ConnectCall) -> object:
    return call.worker.status(call.name)


async def tasks(call: ConnectCall) -> object:
    return call.worker.tasks(call.name)


async def tasks_config(call: ConnectCall) -> object:
    """The same by the tasks' ids (KIP-661)."""
    return {f"{call.name}-{task['id']['task']}": task["config"] for task in call.worker.tasks(call.name)}


async def task_status(call: ConnectCall) -> object:
    return call.worker.task_status(call.name, call.task)


async def restart_task(call: ConnectCall) -> object:
    await call.worker.restart_task(call.name, call.task)
    return None


async def restart(call: ConnectCall) -> object:
    include, only = call.flag("includeTasks"), call.flag("onlyFailed")
    told = await call.worker.restart(call.name, include_tasks=include, only_failed=only)
    return Answer(202, told) if include or only else None


async def pause(call: ConnectCall) -> object:
    await call.worker.pause(call.name)
    return Answer(202)


async def resume(call: ConnectCall) -> object:
    await call.worker.resume(call.name)
    return Answer(202)


async def stop(call: ConnectCall) -> object:
    await call.worker.stop(call.name)
    return None


async def topics(call: ConnectCall) -> object:
    return {call.name: {"topics": call.worker.topics(call.name)}}


async def reset_topics(call: ConnectCall) -> object:
    call.worker.reset_topics(call.name)
    return Answer(200)


async def offsets(call: ConnectCall) -> object:
    return {"offsets": await call.worker.offsets(call.name)}


async def alter_offsets(call: ConnectCall) -> object:
    body = call.read(OffsetsBody)
    return _message(await call.worker.alter_offsets(call.name, [(e.partition, e.offset) for e in body.offsets]))


async def reset_offsets(call: ConnectCall) -> object:
    return _message(await call.worker.reset_offsets(call.name))


def _message(text: str) -> dict[str, str]:
    return {"message": text}
