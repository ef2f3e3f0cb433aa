"""`headwater groups`: list and describe consumer groups with their lag, move them, delete them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headwater.cli.cluster import Bootstrap, Config, Output, Yes, ask, confirm

if TYPE_CHECKING:
    from headwater.cluster.admin import ClusterAdmin, GroupDescription

app = typer.Typer(name="groups", help="Consumer groups of a cluster, and how far they are.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The group.")]


@app.command("list")
def list_groups(*, output: Output = "table", bootstrap_servers: Bootstrap = None, config: Config = None) -> None:
    """List groups with their lag in all."""
    from headwater.cli.tables import check_output, show

    check_output(output)

    async def work(admin: ClusterAdmin) -> list[list[object]]:
        rows: list[list[object]] = []
        for info in await admin.groups():
            described = await admin.describe_group(info.name)
            lags = [lag for lag in map(described.lag, described.partitions) if lag is not None]
            rows.append([info.name, info.state, info.kind, len(described.members), sum(lags)])
        return rows

    show(output, ["group", "state", "type", "members", "lag"], ask(bootstrap_servers, config, work))


@app.command()
def describe(
    name: Name, *, output: Output = "table", bootstrap_servers: Bootstrap = None, config: Config = None
) -> None:
    """Show where a group stands in each partition, and who reads it."""
    from headwater.cli.tables import check_output, show

    check_output(output)

    async def work(admin: ClusterAdmin) -> GroupDescription:
        return await admin.describe_group(name)

    found = ask(bootstrap_servers, config, work)
    rows: list[list[object]] = []
    for partition in found.partitions:
        owner = found.owner(partition)
        rows.append(
            [
                partition.topic,
                partition.partition,
                found.committed.get(partition),
                found.ends.get(partition),
                found.lag(partition),
                owner.client_id if owner else None,
                owner.host if owner else None,
                owner.member_id if owner else None,
            ]
        )
    show(output, ["topic", "partition", "committed", "end", "lag", "client", "host", "member"], rows)


@app.command()
def reset(
    name: Name,
    topic: Annotated[str, typer.Argument(help="The topic.")],
    *,
    to: Annotated[
        str, typer.Option(help="earliest, latest, an offset, +N or -N from where it is, or a time: 2026-01-31T12:00Z.")
    ],
    partition: Annotated[list[int] | None, typer.Option(help="Only this one; repeatable.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be.")] = False,
    yes: Yes = False,
    output: Output = "table",
    bootstrap_servers: Bootstrap = None,
    config: Config = None,
) -> None:
    """Move a group that has no members to other offsets of a topic."""
    from headwater.app.group_reset import parse_target, planned_offsets
    from headwater.cli.tables import check_output, show
    from headwater.cluster.api import TopicPartition

    check_output(output)
    target = parse_target(to)

    async def plan(admin: ClusterAdmin) -> dict[TopicPartition, tuple[int | None, int]]:
        return await planned_offsets(admin, name, topic, partition or [], target)

    planned = ask(bootstrap_servers, config, plan)
    rows = [[p.topic, p.partition, before, after] for p, (before, after) in sorted(planned.items())]
    show(output, ["topic", "partition", "from", "to"], rows)
    if dry_run:
        return
    confirm(f"Move group {name} to these offsets", yes=yes)

    async def work(admin: ClusterAdmin) -> None:
        await admin.commit(name, {p: after for p, (_, after) in planned.items()})

    ask(bootstrap_servers, config, work)


@app.command()
def delete(
    names: Annotated[list[str], typer.Argument(help="The groups.")],
    *,
    yes: Yes = False,
    bootstrap_servers: Bootstrap = None,
    config: Config = None,
) -> None:
    """Delete groups and their offsets."""
    confirm(f"Delete {', '.join(names)} with its offsets", yes=yes)

    async def work(admin: ClusterAdmin) -> None:
        for name in names:
            await admin.delete_group(name)

    ask(bootstrap_servers, config, work)
    print(f"Deleted {', '.join(names)}.")
