"""`headwater keys`: make, list and revoke API keys of a node, whether it runs or not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="keys", help="API keys: who may log in to the node.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option(help="Folder of the node (default .headwater).")]
Config = Annotated[Path | None, typer.Option(help="The node's TOML file with settings.")]
Output = Annotated[str, typer.Option(help="table or json.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The key, which is the user name; made up if not given.")] = "",
    *,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    role: Annotated[
        str, typer.Option(help="admin: everything. read-only: read and describe. user: what ACLs allow.")
    ] = "admin",
    read_only: Annotated[bool, typer.Option("--read-only", help="The same as --role read-only.")] = False,
    secret_stdin: Annotated[
        bool, typer.Option("--secret-stdin", help="Read the secret from standard input instead of making one up.")
    ] = False,
    output: Output = "table",
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a key. Its secret is shown this once; a running node takes the key at once."""
    from headwater.app.keys import key_file
    from headwater.broker.auth import Role
    from headwater.cli.node_settings import node_settings
    from headwater.cli.tables import as_json, check_output
    from headwater.core.clock import SystemClock
    from headwater.core.errors import ConfigError

    wanted = "read-only" if read_only else role
    if wanted not in [known.value for known in Role]:
        raise ConfigError(f"--role must be one of {', '.join(Role)}, not `{wanted}`")
    check_output(output)
    given = sys.stdin.readline().rstrip("\n") if secret_stdin else None
    file = key_file(node_settings(config, data))
    key, secret = file.create(name, Role(wanted), description, SystemClock().now_ms(), given)
    if output == "json":
        print(as_json({"key": key, "secret": secret, "role": wanted}))
        return
    print(f"key     {key}\nsecret  {secret}")
    sys.stderr.write("Keep the secret now: it cannot be shown again.\n")


@app.command("list")
def list_keys(*, output: Output = "table", data: Data = None, config: Config = None) -> None:
    """List the keys: of the settings, and those made here."""
    from headwater.app.keys import key_file
    from headwater.cli.node_settings import node_settings
    from headwater.cli.tables import show, utc

    settings = node_settings(config, data)
    rows: list[list[object]] = [[name, "admin", "in the settings", ""] for name in settings.node.api_keys]
    rows += [
        [key.name, key.role.value, key.description, utc(key.created_ms)] for key in key_file(settings).read().values()
    ]
    show(output, ["key", "role", "description", "created"], rows)


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="The key.")], *, data: Data = None, config: Config = None) -> None:
    """Take a key away: nobody can log in with it, and its connections end within seconds."""
    from headwater.app.keys import key_file
    from headwater.cli.node_settings import node_settings

    key_file(node_settings(config, data)).revoke(name)
    print(f"Revoked {name}.")
