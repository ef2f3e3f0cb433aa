"""`headwater connect`: connectors of a node, or of any Kafka Connect, over its REST API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from headwater.cli.cluster import Output, Yes, confirm

app = typer.Typer(name="connect", help="Connectors: make, watch, pause and delete them.", no_args_is_help=True)

Server = Annotated[
    str,
    typer.Option(
        envvar="HEADWATER_CONNECT", help="URL of Kafka Connect's REST API, with user:password@ where it asks."
    ),
]
Name = Annotated[str, typer.Argument(help="The connector.")]
Settings = Annotated[
    list[str] | None, typer.Argument(help="key=value; a JSON file with a configuration; or - for one on the input.")
]
_DEFAULT = "http://127.0.0.1:8083"


@app.command("list")
def list_(*, output: Output = "table", server: Server = _DEFAULT) -> None:
    """All connectors with their states."""
    from headwater.cli.tables import show

    found = _door(server).get("/connectors", {"expand": "status"})
    rows = [_row(name, about["status"]) for name, about in sorted(found.items())]
    show(output, ("Name", "Type", "State", "Tasks", "Running", "Failed"), rows)


@app.command()
def status(name: Name, *, output: Output = "table", server: Server = _DEFAULT) -> None:
    """States of a connector and its tasks, with the cause of a failure."""
    from headwater.cli.tables import as_json, check_output, show

    check_output(output)
    found = _door(server).get(_path(name, "/status"), {})
    if output == "json":
        print(as_json(found))
        return
    parts = [("connector", found["connector"]), *((f"task {task['id']}", task) for task in found["tasks"])]
    show(output, ("Part", "State", "Worker"), [(part, about["state"], about["worker_id"]) for part, about in parts])
    for part, about in parts:
        if about.get("trace"):
            print(f"\n{part}: {about['trace']}")


@app.command()
def create(name: Name, settings: Settings = None, *, server: Server = _DEFAULT) -> None:
    """Make a connector: `headwater connect create logs connector.class=… topic=logs`, or from a file."""
    given, config = _config(settings or [])
    config = {"name": name, **config}
    door = _door(server)
    door.send("POST", "/connectors", {**given, "name": name, "config": config})
    _warn(_validated(door, config))
    print(f"Connector {name} is made. `headwater connect status {name}` shows whether it runs.")


@app.command()
def delete(name: Name, *, yes: Yes = False, server: Server = _DEFAULT) -> None:
    """Stop and delete a connector. Its topics and offsets stay."""
    confirm(f"Delete connector {name}", yes=yes)
    _door(server).send("DELETE", _path(name))
    print(f"Connector {name} is deleted.")


@app.command()
def pause(name: Name, *, server: Server = _DEFAULT) -> None:
    """Let the tasks rest; they keep their connections."""
    _door(server).send("PUT", _path(name, "/pause"))
    print(f"Connector {name} rests.")


@app.command()
def resume(name: Name, *, server: Server = _DEFAULT) -> None:
    """Go on after a pause or a stop."""
    _door(server).send("PUT", _path(name, "/resume"))
    print(f"Connector {name} goes on.")


@app.command()
def stop(name: Name, *, server: Server = _DEFAULT) -> None:
    """End the tasks, but keep the connector; its offsets can be changed then."""
    _door(server).send("PUT", _path(name, "/stop"))
    print(f"Connector {name} is stopped.")


@app.command()
def restart(
    name: Name,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Only what has failed.")] = False,
    server: Server = _DEFAULT,
) -> None:
    """Make a connector and its tasks anew."""
    params = {"includeTasks": "true", "onlyFailed": str(failed).lower()}
    _door(server).send("POST", _path(name, "/restart"), params=params)
    print(f"Connector {name} is restarted.")


@app.command()
def offsets(
    name: Name,
    *,
    alter: Annotated[
        str | None, typer.Option(help="A JSON file with offsets to set, as --output json prints them; - is the input.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Forget them all: the connector begins anew.")] = False,
    yes: Yes = False,
    output: Output = "table",
    server: Server = _DEFAULT,
) -> None:
    """Show how far a connector has come, or change that while it is stopped (`headwater connect stop`)."""
    from headwater.cli.tables import as_json, check_output, show
    from headwater.core.errors import ConfigError

    check_output(output)
    door, path = _door(server), _path(name, "/offsets")
    if alter is not None and reset:
        raise ConfigError("give --alter or --reset, not both")
    if alter is not None:
        wanted = _offsets(alter)
        confirm(f"Set {len(wanted)} offsets of connector {name}", yes=yes)
        print(_stopped(name, lambda: door.send("PATCH", path, {"offsets": wanted}))["message"] + ".")
    elif reset:
        confirm(f"Forget how far connector {name} has come", yes=yes)
        print(_stopped(name, lambda: door.send("DELETE", path))["message"] + ".")
    elif output == "json":
        print(as_json(door.get(path, {})))
    else:
        found = [(one["partition"], one["offset"]) for one in door.get(path, {})["offsets"]]
        if found and all("kafka_topic" in partition for partition, _ in found):
            rows = [(p["kafka_topic"], p["kafka_partition"], offset["kafka_offset"]) for p, offset in found]
            show(output, ("Topic", "Partition", "Offset"), rows)
        else:
            show(output, ("Source partition", "Offset"), [(_short(p), _short(offset)) for p, offset in found])


@app.command()
def plugins(
    plugin: Annotated[str | None, typer.Argument(help="Class or short name: show its keys.")] = None,
    *,
    output: Output = "table",
    server: Server = _DEFAULT,
) -> None:
    """Connectors that can be made, or the keys of one."""
    from headwater.cli.tables import show

    if plugin is not None:
        keys = _door(server).get(f"/connector-plugins/{quote(plugin, safe='')}/config", {})
        rows = [(k["name"], k["type"], _needed(k), k["documentation"]) for k in keys]
        show(output, ("Key", "Type", "Default", "Meaning"), rows)
        return
    found = _door(server).get("/connector-plugins", {})
    show(output, ("Class", "Type", "Version"), [(p["class"], p["type"], p["version"]) for p in found])


@app.command()
def validate(settings: Settings = None, *, server: Server = _DEFAULT) -> None:
    """Check a configuration field by field; the exit code is 1 if something is wrong."""
    from headwater.core.errors import ConfigError

    _, config = _config(settings or [])
    if "connector.class" not in config:
        raise ConfigError("a configuration needs connector.class")
    # The name is given when the connector is made, so that none is nothing wrong yet.
    found = _validated(_door(server), {"name": "unnamed", **config})
    for entry in found["configs"]:
        for problem in entry["value"]["errors"]:
            print(f"{entry['value']['name']}: {problem}")
    _warn(found)
    if found["error_count"]:
        raise typer.Exit(1)
    print("The configuration is right.")


def _validated(door: Any, config: dict[str, str]) -> Any:
    """What the server says of a configuration, field by field."""
    plugin = config["connector.class"].rpartition(".")[2]
    return door.send("PUT", f"/connector-plugins/{quote(plugin, safe='')}/config/validate", config)


def _warn(found: Any) -> None:
    """Tell what is not wrong but probably not meant; Apache's Connect has no such list."""
    for warning in found.get("warnings", ()):
        print(f"warning: {warning}")


def _offsets(path: str) -> list[Any]:
    """The offsets in a file: a list, or an object that has it as `offsets`."""
    from headwater.core.errors import ConfigError

    found = _json(path)
    listed = found.get("offsets") if isinstance(found, dict) else found
    if not isinstance(listed, list):
        raise ConfigError(f'{path} must hold {{"offsets": [{{"partition": {{…}}, "offset": {{…}}}}, …]}}')
    return listed


def _stopped(name: str, change: Callable[[], Any]) -> Any:
    """What `change` returns; for a connector that is not stopped, the refusal says which command stops it."""
    from headwater.cli.rest_door import RefusedError

    try:
        return change()
    except RefusedError as error:
        if "STOPPED state" not in str(error):
            raise
        remedy = f"connector {name} is not stopped: `headwater connect stop {name}` first, `resume` afterwards"
        raise RefusedError(remedy, error.status) from None


def _short(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _path(name: str, rest: str = "") -> str:
    return f"/connectors/{quote(name, safe='')}{rest}"


def _door(server: str) -> Any:
    from headwater.cli.rest_door import RestDoor

    return RestDoor(server, "Kafka Connect's REST API")


def _needed(key: dict[str, Any]) -> str | None:
    return "required" if key["required"] else key["default_value"]


def _row(name: str, status: dict[str, Any]) -> tuple[object, ...]:
    states = [task["state"] for task in status["tasks"]]
    running, failed = states.count("RUNNING"), states.count("FAILED")
    return name, status["type"], status["connector"]["state"], len(states), running, failed


def _config(settings: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What a file says besides its `config`, and the configuration: that of a file, changed by what follows it."""
    from headwater.core.errors import ConfigError

    given: dict[str, Any] = {}
    config: dict[str, str] = {}
    for text in settings:
        key, sign, value = text.partition("=")
        if sign:
            config[key.strip()] = value
            continue
        found = _read(text)
        inner = found.pop("config", None)
        if isinstance(inner, dict):
            given |= found
            found = inner
        if not found:
            raise ConfigError(f"{text} holds no configuration")
        config |= found
    return given, config


def _read(path: str) -> dict[str, Any]:
    from headwater.core.errors import ConfigError

    found = _json(path, "; settings are written key=value")
    if not isinstance(found, dict):
        raise ConfigError(f"{path} must hold a JSON object")
    return found


def _json(path: str, hint: str = "") -> Any:
    """What a file, or with - the input, holds. Raises `ConfigError`."""
    import json
    import sys

    from headwater.core.errors import ConfigError

    try:
        return json.loads(sys.stdin.read() if path == "-" else Path(path).read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}{hint}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON: {error}") from error
