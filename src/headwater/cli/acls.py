"""`headwater acls`: who may do what; list, add and remove entries of any Kafka cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headwater.cli.cluster import Bootstrap, Config, Output, Yes, ask, confirm

if TYPE_CHECKING:
    from headwater.cluster.admin import ClusterAdmin

app = typer.Typer(name="acls", help="Access control lists of a cluster.", no_args_is_help=True)

Principal = Annotated[str | None, typer.Option(help="The user: `User:anna`, or just `anna`; `User:*` for everybody.")]
Operations = Annotated[
    list[str] | None, typer.Option(help="read, write, create, delete, alter, describe, all, …; repeatable.")
]
Topic = Annotated[str | None, typer.Option(help="A topic; a prefix with `*` at its end; `*` for all.")]
Group = Annotated[str | None, typer.Option(help="A consumer group; as --topic.")]
Transactional = Annotated[str | None, typer.Option("--transactional-id", help="A transactional id; as --topic.")]
Cluster = Annotated[bool, typer.Option("--cluster", help="The cluster itself.")]
Subject = Annotated[str | None, typer.Option(help="A subject of the schema registry (Headwater only); as --topic.")]
Connector = Annotated[str | None, typer.Option(help="A connector (Headwater only); as --topic.")]
Ksql = Annotated[bool, typer.Option("--ksql", help="The SQL engine (Headwater only).")]
Deny = Annotated[bool, typer.Option("--deny", help="Entries that forbid.")]


@app.command("list")
def list_acls(
    *,
    principal: Principal = None,
    topic: Topic = None,
    group: Group = None,
    transactional_id: Transactional = None,
    cluster: Cluster = False,
    subject: Subject = None,
    connector: Connector = None,
    ksql: Ksql = False,
    output: Output = "table",
    bootstrap_servers: Bootstrap = None,
    config: Config = None,
) -> None:
    """List entries; options select some."""
    from headwater.app.acl_options import Resources, named, rows, selections
    from headwater.cli.tables import check_output, show

    check_output(output)
    wanted = selections(
        Resources(topic, group, transactional_id, cluster, subject, connector, ksql), named(principal), [], deny=None
    )

    async def work(admin: ClusterAdmin) -> list[list[object]]:
        return rows([entry for selection in wanted for entry in await admin.acls(selection)])

    columns = ["resource", "name", "principal", "host", "operation", "permission"]
    show(output, columns, ask(bootstrap_servers, config, work))


@app.command()
def add(
    *,
    principal: Principal = None,
    operation: Operations = None,
    topic: Topic = None,
    group: Group = None,
    transactional_id: Transactional = None,
    cluster: Cluster = False,
    subject: Subject = None,
    connector: Connector = None,
    ksql: Ksql = False,
    host: Annotated[str, typer.Option(help="Address it holds for; `*` for all.")] = "*",
    deny: Deny = False,
    bootstrap_servers: Bootstrap = None,
    config: Config = None,
) -> None:
    """Allow somebody something, or with --deny forbid it."""
    from headwater.app.acl_options import Resources, entries, named

    made = entries(
        Resources(topic, group, transactional_id, cluster, subject, connector, ksql),
        named(principal),
        operation or [],
        host,
        deny=deny,
    )

    async def work(admin: ClusterAdmin) -> None:
        await admin.add_acls(made)

    ask(bootstrap_servers, config, work)
    print(f"Added {len(made)}.")


@app.command()
def remove(
    *,
    principal: Principal = None,
    operation: Operations = None,
    topic: Topic = None,
    group: Group = None,
    transactional_id: Transactional = None,
    cluster: Cluster = False,
    subject: Subject = None,
    connector: Connector = None,
    ksql: Ksql = False,
    deny: Deny = False,
    yes: Yes = False,
    bootstrap_servers: Bootstrap = None,
    config: Config = None,
) -> None:
    """Remove the entries that the options select; --principal or a resource has to be among them."""
    from headwater.app.acl_options import Resources, named, selections
    from headwater.core.errors import ConfigError

    resources = Resources(topic, group, transactional_id, cluster, subject, connector, ksql)
    if principal is None and not resources.named:
        raise ConfigError("this would remove all ACLs: give --principal or a resource, for example --topic")
    wanted = selections(resources, named(principal), operation or [], deny=deny or None)
    confirm("Remove the entries selected", yes=yes)

    async def work(admin: ClusterAdmin) -> int:
        return sum([await admin.remove_acls(selection) for selection in wanted])

    print(f"Removed {ask(bootstrap_servers, config, work)}.")
