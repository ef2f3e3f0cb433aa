"""The `headwater` command. Commands are thin, and import what they need when they run: `--help` answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from headwater.cli.acls import app as acls_app
from headwater.cli.connect import app as connect_app
from headwater.cli.groups import app as groups_app
from headwater.cli.keys import app as keys_app
from headwater.cli.lineage import lineage
from headwater.cli.topics import app as topics_app
from headwater.cli.trust import trust
from headwater.cli.worker import worker

app = typer.Typer(
    name="headwater",
    help="An event-streaming platform in one process: a Kafka-compatible log, ksqlDB's SQL, schemas, connectors.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(topics_app)
app.add_typer(groups_app)
app.add_typer(keys_app)
app.add_typer(acls_app)
app.add_typer(connect_app)
app.command()(trust)
app.command()(lineage)
app.command()(worker)

BAD_START = 2
"""Exit code for a setting, option or environment that does not let the command begin."""


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def _everywhere(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """An event-streaming platform in one process: a Kafka-compatible log, ksqlDB's SQL, schemas, connectors."""


@app.command()
def up(
    *,
    data: Annotated[Path | None, typer.Option(help="Folder of the log (default .headwater).")] = None,
    memory: Annotated[bool, typer.Option("--memory", help="Keep the log in memory only.")] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on (default 127.0.0.1).")] = None,
    kafka_port: Annotated[int | None, typer.Option(help="Port of the Kafka protocol (default 9092).")] = None,
    tls_port: Annotated[
        int | None, typer.Option(help="Port of one more Kafka listener, with SASL_SSL; see docs/security.md.")
    ] = None,
    ksql_port: Annotated[int | None, typer.Option(help="Port of ksqlDB's REST API (default 8088).")] = None,
    registry_port: Annotated[
        int | None, typer.Option(help="Port of the schema registry and the catalog (default 8081).")
    ] = None,
    connect_port: Annotated[int | None, typer.Option(help="Port of Kafka Connect's REST API (default 8083).")] = None,
    console_port: Annotated[
        int | None, typer.Option(help="Port of the console and of /metrics (default 9021).")
    ] = None,
    free_ports: Annotated[
        bool, typer.Option("--free-ports", help="Take free ports instead of the default ones.")
    ] = False,
    bootstrap_servers: Annotated[
        str | None, typer.Option(help="An Apache Kafka cluster to use instead of the log inside.")
    ] = None,
    extensions: Annotated[
        Path | None, typer.Option(help="Folder with Python modules that define functions; see docs/extensions.md.")
    ] = None,
    agents: Annotated[
        list[str] | None, typer.Option(help="An app of stream agents, module:name; repeatable; see docs/agents.md.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings; see docs/settings.md.")] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen on other addresses than loopback without a password.")
    ] = False,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning (default) or error.")] = None,
    log_format: Annotated[str | None, typer.Option(help="text (default) or json: an object per line.")] = None,
) -> None:
    """Start a node: Kafka's protocol, SQL and its queries, schema registry, catalog, connectors. Ctrl-C ends it."""
    from headwater.app.command import run_node
    from headwater.core.errors import ConfigError
    from headwater.core.settings import free_ports as all_free

    if bootstrap_servers is not None and (memory or data is not None):
        raise ConfigError(
            f"{'--memory' if memory else '--data'} is for the log inside, which --bootstrap-servers replaces: give one "
            "or the other"
        )
    named = {
        "node.data": data,
        "node.memory": memory or None,
        "node.host": host,
        "node.insecure": insecure or None,
        "node.log_level": log_level,
        "node.log_format": log_format,
        "kafka.port": kafka_port,
        "kafka.tls_port": tls_port,
        "ksql.port": ksql_port,
        "registry.port": registry_port,
        "connect.port": connect_port,
        "console.port": console_port,
        "ksql.extensions": str(extensions) if extensions else None,
        "agents.modules": ",".join(agents) if agents else None,
        "cluster.bootstrap_servers": bootstrap_servers,
    }
    given = {name: value for name, value in named.items() if value is not None}
    run_node(config, {**(all_free() if free_ports else {}), **given})


@app.command()
def sql(
    *,
    execute: Annotated[
        list[str] | None, typer.Option("--execute", "-e", help="Statements to run; may be given more than once.")
    ] = None,
    file: Annotated[list[Path] | None, typer.Option("--file", "-f", help="File with statements to run.")] = None,
    server: Annotated[
        str, typer.Option(envvar="HEADWATER_SERVER", help="The server's URL, with user:password@ where it asks.")
    ] = "http://127.0.0.1:8088",
    ca_file: Annotated[
        str, typer.Option(envvar="HEADWATER_CA_FILE", help="PEM file of the authority to trust, for https.")
    ] = "",
    output: Annotated[str, typer.Option(help="How to write answers: table, json or csv.")] = "table",
) -> None:
    """Run SQL: a shell on a terminal; statements of -e, -f or a pipe otherwise."""
    from headwater.cli.sql.command import run_sql
    from headwater.core.errors import ConfigError

    formats = ("table", "json", "csv")
    if output not in formats:
        raise ConfigError(f"--output must be one of {', '.join(formats)}, not `{output}`")
    raise typer.Exit(run_sql(server, execute or [], file or [], output, ca_file))


@app.command(context_settings={"ignore_unknown_options": True})
def demo(
    name: Annotated[str, typer.Argument(help="The example; without one, all are listed.")] = "",
    options: Annotated[list[str] | None, typer.Argument(help="Options of the example itself.")] = None,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Finite load; compare every result; exit with 0 or 1.")
    ] = False,
    data: Annotated[Path | None, typer.Option(help="Keep the log in this folder (default: in memory).")] = None,
    bootstrap_servers: Annotated[
        str | None, typer.Option(help="Run on this Apache Kafka cluster instead of the log inside.")
    ] = None,
    attach: Annotated[
        bool, typer.Option("--attach", help="Run on the node that is up already (`-- --server …` says where).")
    ] = False,
    tear_down: Annotated[
        bool, typer.Option("--tear-down", help="Take the example away from that node, and nothing else.")
    ] = False,
) -> None:
    """Run an example on a node of its own: live until Ctrl-C, or checked. Or take it away from another node."""
    from headwater.app.demo import example_names, node_options, run_attached, run_demo

    if not name:
        sys.stderr.write(f"Which example? There are: {', '.join(example_names())}.\n")
        raise typer.Exit(BAD_START)
    if attach or tear_down:
        asked = [*(["--check"] if check else []), *(["--tear-down"] if tear_down else [])]
        raise typer.Exit(run_attached(name, [*asked, *(options or [])]))
    raise typer.Exit(run_demo(name, node_options(data, bootstrap_servers), options or [], check=check))


@app.command("test")
def run_cases(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files and folders with test cases.")] = None,
    *,
    sql_file: Annotated[Path | None, typer.Option("--sql-file", "-s", help="A script to test on its own.")] = None,
    input_file: Annotated[Path | None, typer.Option("--input-file", "-i", help="Its input records.")] = None,
    output_file: Annotated[Path | None, typer.Option("--output-file", "-o", help="The records to expect.")] = None,
    case: Annotated[list[str] | None, typer.Option(help="Only the case of this id; repeatable.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only cases with this tag; repeatable.")] = None,
    text: Annotated[str, typer.Option("-k", help="Only runs whose name contains this text.")] = "",
    extensions: Annotated[Path | None, typer.Option(help="Folder with Python modules that define functions.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write one JSON object per run to this file.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Worker processes.")] = 2,
    random_data: Annotated[bool, typer.Option("--random-data", help="Also run cases with random records.")] = False,
) -> None:
    """Run test cases for SQL pipelines, without a server. The exit code is 1 if any failed."""
    from headwater.cases.discovery import Selection
    from headwater.cli.test_command import TestOptions, run_tests

    selection = Selection(frozenset(case or ()), frozenset(tag or ()), text)
    files = (paths or (), sql_file, input_file, output_file)
    options = TestOptions(*files, selection, extensions, json, jobs, random_data)
    raise typer.Exit(run_tests(options))


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    print(installed("headwater"))


def main() -> None:
    """The entry point: expected errors become one line on standard error and exit code 2."""
    from headwater.core.errors import HeadwaterError

    try:
        app()
    except HeadwaterError as error:
        sys.stderr.write(f"headwater: {error}\n")
        sys.exit(BAD_START)


if __name__ == "__main__":
    main()
