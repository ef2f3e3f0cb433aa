"""`headwater topics`: list, describe, create, alter and delete topics of any Kafka cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headwater.cli.cluster import Bootstrap, Config, Output, Yes, ask, confirm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headwater.cluster.admin import ClusterAdmin

app = typer.Typer(name="topics", help="Topics of a cluster: this node's, or any Kafka's.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The topic.")]
Configs = Annotated[list[str] | None, typer.Option("--set", help="A topic config as name=value; repeatable.")]


@app.command("list")
def list_topics(
    *,
    internal: Annotated[bool, typer.Option("--all", help="Internal topics too.")] = False,
    output: Output = "table",
    bootstrap_servers: Bootstrap = None,
    config: Config = None,
) -> None:
    """List topics."""
    from headwater.cli.tables import check_output, show

    check_output(output)

    async def work(admin: ClusterAdmin) -> list[list[object]]:
        return [
            [info.name, info.partitions, info.replication]
            for info in admin.topics()
            if internal or not (info.internal or info.name.startswith("_"))
        ]

    show(output, ["topic", "partitions", "replicas"], ask(bootstrap_servers, config, work))


@app.command()
def describe(
    name: Name, *, output: Output = "table", bootstrap_servers: Bootstrap = None, config: Config = None
) -> None:
    """Show a topic's partitions with their offsets, and what was configured for it."""
    from headwater.cli.tables import as_json, check_output, show

    check_output(output)

    async def work(admin: ClusterAdmin) -> tuple[list[list[object]], Mapping[str, str]]:
        rows: list[list[object]] = [
            [p.partition, p.start, p.end, p.end - p.start, p.leader, _numbers(p.replicas), _numbers(p.in_sync)]
            for p in await admin.partitions(name)
        ]
        return rows, await admin.configs(name)

    rows, configs = ask(bootstrap_servers, config, work)
    columns = ["partition", "start", "end", "offsets", "leader", "replicas", "in sync"]
    if output == "json":
        names = [column.replace(" ", "_") for column in columns]
        partitions = [dict(zip(names, row, strict=True)) for row in rows]
        print(as_json({"topic": name, "partitions": partitions, "configs": dict(configs)}))
        return
    show(output, columns, rows)
    for key, value in sorted(configs.items()):
        print(f"{key}={value}")


@app.command()
def create(
    name: Name,
    *,
    partitions: Annotated[int | None, typer.Option("--partitions", "-p", min=1, help="Default: the cluster's.")] = None,
    replicas: Annotated[int | None, typer.Option("--replicas", "-r", min=1, help="Default: the cluster's.")] = None,
    settings: Configs = None,
    bootstrap_servers: Bootstrap = None,
    config: Config = None,
) -> None:
    """Create a topic."""
    wanted = _pairs(settings or [])

    async def work(admin: ClusterAdmin) -> None:
        await admin.create_topic(name, partitions or -1, replicas or -1, wanted)

    ask(bootstrap_servers, config, work)
    print(f"Created topic {name}.")


@app.command()
def alter(
    name: Name,
    *,
    partitions: Annotated[int | None, typer.Option("--partitions", "-p", min=1, help="As many in all.")] = None,
    settings: Configs = None,
    unset: Annotated[list[str] | None, typer.Option(help="A topic config to give its default back.")] = None,
    bootstrap_servers: Bootstrap = None,
    config: Config = None,
) -> None:
    """Add partitions, change configs."""
    from headwater.core.errors import ConfigError

    wanted = _pairs(settings or [])
    if partitions is None and not wanted and not unset:
        raise ConfigError("nothing to alter: give --partitions, --set name=value or --unset name")

    async def work(admin: ClusterAdmin) -> None:
        if wanted or unset:
            await admin.alter_configs(name, wanted, unset or [])
        if partitions is not None:
            await admin.add_partitions(name, partitions)

    ask(bootstrap_servers, config, work)
    print(f"Altered topic {name}.")


@app.command()
def delete(
    names: Annotated[list[str], typer.Argument(help="The topics.")],
    *,
    yes: Yes = False,
    bootstrap_servers: Bootstrap = None,
    config: Config = None,
) -> None:
    """Delete topics and all their records."""
    confirm(f"Delete {', '.join(names)} and all records in it", yes=yes)

    async def work(admin: ClusterAdmin) -> None:
        await admin.delete_topics(names)

    ask(bootstrap_servers, config, work)
    print(f"Deleted {', '.join(names)}.")


def _pairs(texts: list[str]) -> dict[str, str]:
    from headwater.core.errors import ConfigError

    found = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise ConfigError(f"--set takes name=value, not `{text}`")
        found[name] = value
    return found


def _numbers(numbers: tuple[int, ...]) -> str:
    return ",".join(map(str, numbers))
